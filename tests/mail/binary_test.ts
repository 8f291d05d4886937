import { equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { BinaryEncoder, partDepthMax, partHeaderLengthMax } from "../../lib/mail/binary.ts";

/** Content given in pieces, made text; null when it was given up. */
function encode(pieces: readonly string[]): string | null {
  const encoder = new BinaryEncoder();
  const out: Buffer[] = [];
  for (const piece of pieces) out.push(encoder.push(Buffer.from(piece, "latin1")));
  out.push(encoder.finish());
  return encoder.isBroken ? null : Buffer.concat(out).toString("latin1");
}

const binary = "Content-Transfer-Encoding: binary\r\n";
const base64 = "Content-Transfer-Encoding: base64\r\n";
const mixed = 'Content-Type: multipart/mixed; boundary="b"\r\n';
const octets = "\0\xff\r\n.\r\n\r\r\n\n--\r\n--bb\r\n";
const encoded = Buffer.from(octets, "latin1").toString("base64");
const nested = (depth: number) =>
  [...Array(depth).keys()].map((i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`).join("");

const table: readonly [name: string, content: string, want: string | null][] = [
  ["nothing", "", ""],
  ["text", "A: b\r\n\r\nhi\r\n", "A: b\r\n\r\nhi\r\n"],
  ["text without a last line end", "A: b\r\n\r\nhi", "A: b\r\n\r\nhi\r\n"],
  ["a header section alone", "A: b\r\n", "A: b\r\n"],
  ["a header section without a last line end", "A: b", "A: b\r\n"],
  ["a body alone", "\r\nhi\r\n", "\r\nhi\r\n"],
  ["a binary body", `${binary}\r\n${octets}`, `${base64}\r\n${encoded}\r\n`],
  ["an empty binary body", `${binary}\r\n`, `${base64}\r\n`],
  [
    "a folded field in any case",
    `content-transfer-ENCODING :\r\n (x) Binary (y)\r\nA: b\r\n\r\n\0`,
    `${base64}A: b\r\n\r\nAA==\r\n`,
  ],
  ["57 octets", `${binary}\r\n${"\0".repeat(57)}`, `${base64}\r\n${"A".repeat(76)}\r\n`],
  ["58 octets", `${binary}\r\n${"\0".repeat(58)}`, `${base64}\r\n${"A".repeat(76)}\r\nAA==\r\n`],
  [
    "a binary part",
    `${mixed}${binary}\r\nhi\r\n--b\r\n${binary}\r\n${octets}\r\n--b\r\n\r\nho\r\n--b--\r\nend\r\n`,
    `${mixed}Content-Transfer-Encoding: 8bit\r\n\r\nhi\r\n--b\r\n${base64}\r\n${encoded}\r\n--b\r\n\r\nho\r\n--b--\r\nend\r\n`,
  ],
  ["an empty part", `${mixed}\r\n--b\r\n${binary}\r\n\r\n--b--`, `${mixed}\r\n--b\r\n${base64}\r\n\r\n--b--\r\n`],
  ["a part without any line", `${mixed}\r\n--b\r\n${binary}\r\n--b--`, `${mixed}\r\n--b\r\n${base64}\r\n--b--\r\n`],
  [
    "a part that ends in its header section",
    `${mixed}\r\n--b\r\n${binary}--b--\r\n`,
    `${mixed}\r\n--b\r\n${binary}--b--\r\n`,
  ],
  ["delimiters side by side", `${mixed}\r\n--b\r\n--b\r\n\r\n--b--\r\n`, `${mixed}\r\n--b\r\n--b\r\n\r\n--b--\r\n`],
  [
    "blanks behind a boundary",
    `${mixed}\r\n--b \t\r\n${binary}\r\n\0\r\n--b-- \r\n`,
    `${mixed}\r\n--b \t\r\n${base64}\r\nAA==\r\n--b-- \r\n`,
  ],
  ["a part that does not end", `${mixed}\r\n--b\r\n${binary}\r\n\0`, `${mixed}\r\n--b\r\n${base64}\r\nAA==\r\n`],
  [
    "parts in parts, the outer one ended first",
    `${mixed}\r\n--b\r\nContent-Type: multipart/x;boundary=c\r\n\r\n--c\r\n${binary}\r\n\0\r\n--b\r\n${binary}\r\n\x01\r\n--c\r\n--b--\r\n`,
    `${mixed}\r\n--b\r\nContent-Type: multipart/x;boundary=c\r\n\r\n--c\r\n${base64}\r\nAA==\r\n--b\r\n${base64}\r\n` +
    `${Buffer.from("\x01\r\n--c").toString("base64")}\r\n--b--\r\n`,
  ],
  [
    "a message in a message",
    `Content-Type: message/rfc822\r\n${binary}\r\nSubject: s\r\n${binary}\r\n\0`,
    `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: s\r\n${base64}\r\nAA==\r\n`,
  ],
  [
    "a digest, whose parts are messages",
    `Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n${binary}\r\n\0\r\n--b--\r\n`,
    `Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nA: b\r\n${base64}\r\nAA==\r\n--b--\r\n`,
  ],
  [
    "a boundary with quoted characters",
    `Content-Type: multipart/x; boundary="a\\"b"\r\n\r\n--a"b\r\n${binary}\r\n\0\r\n--a"b--\r\n`,
    `Content-Type: multipart/x; boundary="a\\"b"\r\n\r\n--a"b\r\n${base64}\r\nAA==\r\n--a"b--\r\n`,
  ],
  [
    "another encoding",
    "Content-Transfer-Encoding: 8bit\r\n\r\n\xff\r\n",
    "Content-Transfer-Encoding: 8bit\r\n\r\n\xff\r\n",
  ],
  ["octets in text", "A: b\r\n\r\n\0\r\n", null],
  ["a bare LF in text", "A: b\r\n\r\nhi\nho\r\n", null],
  ["a CR that ends text", "A: b\r\n\r\nhi\r", null],
  ["a CR before a delimiter", `${mixed}\r\n--b\r\n\r\nhi\r\r\n--b--\r\n`, null],
  ["octets in a part of text", `${mixed}\r\n--b\r\n\r\n\0\r\n--b--\r\n`, null],
  ["octets before the first part", `${mixed}${binary}\r\n\0\r\n--b--\r\n`, null],
  ["octets behind the last part", `${mixed}\r\n--b--\r\n\n`, null],
  ["octets in a part's header section", `${mixed}\r\n--b\r\nA: \0\r\n\r\nhi\r\n--b--\r\n`, null],
  ["a binary multipart without a boundary", `Content-Type: multipart/mixed\r\n${binary}\r\nhi\r\n`, null],
  ["a binary message of another kind", `Content-Type: message/partial\r\n${binary}\r\n\0\r\n`, null],
  ["too long a line of text", `A: b\r\n\r\n${"x".repeat(65534)}\r\n`, null],
  ["the longest line of text", `A: b\r\n\r\n${"x".repeat(65533)}\r\n`, `A: b\r\n\r\n${"x".repeat(65533)}\r\n`],
  ["the deepest parts", nested(partDepthMax), nested(partDepthMax)],
  ["deeper parts", nested(partDepthMax + 1), null],
  ["too long a header section of a part", `${mixed}\r\n--b\r\n${"A: b\r\n".repeat(partHeaderLengthMax / 6 + 1)}`, null],
  [
    "a header section of blanks",
    `Content-Type:${" ".repeat(200_000)}x\r\n\r\n`,
    `Content-Type:${" ".repeat(200_000)}x\r\n\r\n`,
  ],
];

for (const [name, content, want] of table) {
  Deno.test(`BinaryEncoder ${want === null ? "refuses" : want === content ? "leaves" : "makes text of"} ${name}`, () => {
    for (const length of [content.length + 1, 1, 7, 1000]) {
      if (content.length / length > 3000) continue;
      const pieces: string[] = [];
      for (let at = 0; at < content.length; at += length) pieces.push(content.slice(at, at + length));
      ok(encode(pieces) === want, JSON.stringify(encode(pieces)?.slice(0, 500)));
    }
  });
}

/** A message whose leaves are binary, and the same in base64. */
interface Pair {
  readonly binary: string;
  readonly text: string;
}

const leaf: fc.Arbitrary<Pair> = fc.array(
  fc.constantFrom("\0", "\r", "\n", "\r\n", "--", "--x", "a", "\xff", "y".repeat(60)),
  { maxLength: 20 },
)
  .map((parts) => {
    const content = parts.join("");
    const lines = Buffer.from(content, "latin1").toString("base64").match(/.{1,76}/g) ?? [];
    return { binary: `${binary}\r\n${content}`, text: `${base64}\r\n${lines.join("\r\n")}` };
  });

function multipart(parts: readonly Pair[], depth: number): Pair {
  const boundary = `=_${depth}_bound`;
  const head = `Content-Type: multipart/mixed;\r\n boundary="${boundary}"\r\n\r\n`;
  const join = (bodies: readonly string[]) =>
    `${head}preamble\r\n${bodies.map((body) => `--${boundary}\r\n${body}\r\n`).join("")}--${boundary}--\r\nepilogue`;
  return { binary: join(parts.map((part) => part.binary)), text: join(parts.map((part) => part.text)) };
}

const tree: fc.Arbitrary<Pair> = fc.oneof(
  leaf,
  fc.array(fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }).map((parts) => multipart(parts, 2))), {
    minLength: 1,
    maxLength: 4,
  })
    .map((parts) => multipart(parts, 1)),
);

Deno.test("BinaryEncoder keeps each octet of each binary part, however it is cut", () => {
  fc.assert(
    fc.property(tree, fc.integer({ min: 1, max: 50 }), (pair, length) => {
      const pieces = pair.binary.match(new RegExp(`[^]{1,${length}}`, "g")) ?? [];
      const want = pair.text.endsWith("\n") ? pair.text : `${pair.text}\r\n`;
      equal(encode(pieces), want);
      equal(encode([pair.binary]), want);
      // What is text already stays.
      equal(encode([want]), want);
    }),
    { numRuns: 500 },
  );
});

Deno.test("BinaryEncoder gives out text or nothing, and the same however it is cut", () => {
  const part = fc.constantFrom(
    mixed,
    binary,
    "\r\n",
    "--b",
    "--b--",
    "\0",
    "\r",
    "\n",
    "A: b",
    "-",
    "Content-Type: message/rfc822\r\n",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 15 }), fc.integer({ min: 1, max: 9 }), (parts, length) => {
      const content = parts.join("");
      const whole = encode([content]);
      equal(encode(content.match(new RegExp(`[^]{1,${length}}`, "g")) ?? []), whole);
      ok(whole === null || (!/\0|\r(?!\n)|(?<!\r)\n/.test(whole) && (whole === "" || whole.endsWith("\r\n"))));
    }),
    { numRuns: 2000 },
  );
});

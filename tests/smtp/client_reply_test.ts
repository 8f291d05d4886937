import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { replyLinesMax, ReplyReader } from "../../lib/smtp/client_reply.ts";

/** All that a reader makes of a text: replies as `code enhanced lines`, and how it ends. */
function read(text: string, encoding: "latin1" | "utf8" = "utf8"): string[] {
  const reader = new ReplyReader();
  reader.push(Buffer.from(text, encoding));
  return drain(reader);
}

function drain(reader: ReplyReader): string[] {
  const out: string[] = [];
  for (;;) {
    const item = reader.next();
    if (item.kind === "none") return reader.pending ? [...out, "pending"] : out;
    if (item.kind === "bad") return [...out, `bad: ${item.why}`];
    const { code, enhanced, lines } = item.reply;
    out.push(`${code} ${enhanced ?? "-"} ${lines.join("|")}`);
  }
}

const noCode = "bad: a line of the reply has no code";
const differ = "bad: the codes of a reply differ";
const long = "bad: a line of the reply is too long";

const cases: readonly (readonly [string, readonly string[]])[] = [
  ["250 Ok\r\n", ["250 - Ok"]],
  ["250\r\n", ["250 - "]],
  ["250 \r\n", ["250 - "]],
  ["250-a\r\n250-b\r\n250 c\r\n", ["250 - a|b|c"]],
  ["250-a\r\n250\r\n", ["250 - a|"]],
  ["250 2.1.0 Ok\r\n354 Go\r\n", ["250 2.1.0 Ok", "354 - Go"]],
  ["550-5.1.1 No\r\n550-5.1.1 such\r\n550 5.1.1 user\r\n", ["550 5.1.1 No|such|user"]],
  ["550 5.1.1\r\n", ["550 5.1.1 "]],
  ["550 4.1.1 class differs\r\n", ["550 - 4.1.1 class differs"]],
  ["550 5.1.1no blank\r\n", ["550 - 5.1.1no blank"]],
  ["550 5.1 short\r\n", ["550 - 5.1 short"]],
  ["250 Ok", ["pending"]],
  ["250-Ok\r\n", ["pending"]],
  ["250 Ok\r", ["pending"]],
  ["250 a\n", ["250 - a"]],
  ["250 a\rb\r\n", ["250 - a?b"]],
  ["250 a\u0000\u001b\u007f\r\n", ["250 - a???"]],
  ["250 gr\u00fc\u00df\r\n", ["250 - gr\u00fc\u00df"]],
  ["250 a\u202eb\r\n", ["250 - a?b"]],
  ["", []],
  ["\r\n", [noCode]],
  ["25\r\n", [noCode]],
  ["250x\r\n", [noCode]],
  ["250\tx\r\n", [noCode]],
  ["150 wait\r\n", [noCode]],
  ["600 what\r\n", [noCode]],
  ["2 0 x\r\n", [noCode]],
  [" 250 x\r\n", [noCode]],
  ["HTTP/1.1 400 Bad Request\r\n", [noCode]],
  ["250-a\r\n251 b\r\n", [differ]],
  ["250-a\r\n550 b\r\n", [differ]],
  [`250 ${"x".repeat(2042)}\r\n`, [`250 - ${"x".repeat(2042)}`]],
  [`250 ${"x".repeat(2043)}\r\n`, [long]],
  [`250 ${"x".repeat(2045)}`, [long]],
  ["250-x\r\n".repeat(replyLinesMax - 1) + "250 x\r\n", [`250 - ${Array(replyLinesMax).fill("x").join("|")}`]],
  ["250-x\r\n".repeat(replyLinesMax) + "250 x\r\n", ["bad: the reply has too many lines"]],
];

for (const [text, want] of cases) {
  Deno.test(`ReplyReader reads ${JSON.stringify(text.slice(0, 40))} (${text.length})`, () =>
    deepEqual(read(text), want));
}

Deno.test("ReplyReader takes octets that are not UTF-8", () => {
  deepEqual(read("250 gr\u00fcn\r\n", "latin1"), ["250 - gr\ufffdn"]);
});

Deno.test("ReplyReader reads the same however the octets are divided", () => {
  const line = fc.constantFrom("250 Ok\r\n", "250-a\r\n250 b\r\n", "354 Go\n", "550 5.1.1 \u00e9\r\n", "4x1\r\n");
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), fc.integer({ min: 1, max: 9 }), (lines, step) => {
      const octets = Buffer.from(lines.join(""));
      const whole = read(lines.join(""));
      const reader = new ReplyReader();
      const out: string[] = [];
      for (let at = 0; at < octets.length && !out.at(-1)?.startsWith("bad"); at += step) {
        if (out.at(-1) === "pending") out.pop();
        reader.push(octets.subarray(at, at + step));
        out.push(...drain(reader));
      }
      deepEqual(out, whole);
    }),
    { numRuns: 200 },
  );
});

Deno.test("ReplyReader knows what it has not used up", () => {
  const reader = new ReplyReader();
  equal(reader.pending, false);
  reader.push(Buffer.from("250-a\r\n"));
  reader.next();
  equal(reader.pending, true);
  reader.push(Buffer.from("250 b\r\n"));
  reader.next();
  equal(reader.pending, false);
});

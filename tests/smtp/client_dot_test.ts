import { equal, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { DotStuffer } from "../../lib/smtp/client_dot.ts";

/** What a server reads: it takes the first CRLF.CRLF (or a dot at the very start) for the end. RFC 5321 §4.5.2. */
function receive(wire: string): { readonly content: string; readonly rest: string } {
  const end = wire.startsWith(".\r\n") ? 0 : wire.indexOf("\r\n.\r\n") + 2;
  const content = wire.slice(0, end).replace(/(^|\r\n)\./g, "$1");
  return { content, rest: wire.slice(end + 3) };
}

function send(pieces: readonly string[]): string {
  const stuffer = new DotStuffer();
  const wire = pieces.map((piece) => Buffer.from(stuffer.push(Buffer.from(piece, "latin1"))).toString("latin1"));
  return wire.join("") + Buffer.concat(stuffer.last(new Uint8Array(0))).toString("latin1");
}

const cases: readonly (readonly [readonly string[], string])[] = [
  [[], ".\r\n"],
  [[""], ".\r\n"],
  [["a\r\n"], "a\r\n.\r\n"],
  [["a"], "a\r\n.\r\n"],
  [["a\r"], "a\r\n.\r\n"],
  [[".\r\n"], "..\r\n.\r\n"],
  [["."], "..\r\n.\r\n"],
  [["a\r\n.\r\nb\r\n"], "a\r\n..\r\nb\r\n.\r\n"],
  [["\r\n.\r\n.\r\n"], "\r\n..\r\n..\r\n.\r\n"],
  [["a.\r\n"], "a.\r\n.\r\n"],
  [["a\r\n", ".b\r\n"], "a\r\n..b\r\n.\r\n"],
  [["a\r", "\n.b\r\n"], "a\r\n..b\r\n.\r\n"],
  [["a\r\n", "", "."], "a\r\n..\r\n.\r\n"],
  [["a\r", "", "\n", ".b"], "a\r\n..b\r\n.\r\n"],
  [["\r", "\n", ".", "\r", "\n", "."], "\r\n..\r\n..\r\n.\r\n"],
  [["a", ".b"], "a.b\r\n.\r\n"],
  [["a\r", ".b"], "a\r.b\r\n.\r\n"],
];

for (const [pieces, want] of cases) {
  Deno.test(`DotStuffer sends ${JSON.stringify(pieces)}`, () => equal(send(pieces), want));
}

Deno.test("DotStuffer hands on a piece that needs no dot as it is", () => {
  const piece = Buffer.from("Subject: x\r\n\r\n a.b\r\n");
  strictEqual(new DotStuffer().push(piece), piece);
});

Deno.test("DotStuffer joins a short last piece with its end, and does not copy a long one", () => {
  for (const [octets, writes] of [[0, 1], [64 * 1024, 1], [64 * 1024 + 1, 2]] as const) {
    const piece = Buffer.alloc(octets, "a");
    const out = new DotStuffer().last(piece);
    equal(out.length, writes);
    equal(out[0] === piece, writes === 2);
    equal(Buffer.concat(out).length, octets + (octets === 0 ? 3 : 5));
  }
});

Deno.test("DotStuffer keeps every octet", () => {
  const piece = Buffer.from([...Array(256).keys()].filter((octet) => octet !== 13).concat([13, 10, 46, 255]));
  const stuffed = new DotStuffer().push(piece);
  equal(Buffer.compare(stuffed, Buffer.concat([piece.subarray(0, -1), Buffer.from([46, 255])])), 0);
});

Deno.test("DotStuffer: a server reads what was sent, and nothing more", () => {
  const part = fc.constantFrom(".", "\r\n", "\r\n.", "a", "\r\n.\r\n", "..", "x.y", "\u00ff");
  fc.assert(
    fc.property(fc.array(fc.array(part, { maxLength: 5 }), { maxLength: 6 }), (pieces) => {
      const texts = pieces.map((piece) => piece.join(""));
      const content = texts.join("");
      const { content: received, rest } = receive(send(texts) + "QUIT\r\n");
      equal(received, content === "" || content.endsWith("\r\n") ? content : content + "\r\n");
      equal(rest, "QUIT\r\n");
    }),
    { numRuns: 500 },
  );
});

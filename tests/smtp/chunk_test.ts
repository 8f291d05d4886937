import { Buffer } from "node:buffer";
import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { type Chunk, ChunkDecoder, parseChunk } from "../../lib/smtp/chunk.ts";
import { BodyDecoder, type BodyFlaw, bodyLineLengthMax } from "../../lib/smtp/framing.ts";

const argumentTable: readonly [argument: string, want: Chunk | null][] = [
  ["0", { length: 0, isLast: false }],
  ["0 LAST", { length: 0, isLast: true }],
  ["86 last", { length: 86, isLast: true }],
  ["86   Last", { length: 86, isLast: true }],
  ["007", { length: 7, isLast: false }],
  ["999999999999999", { length: 999_999_999_999_999, isLast: false }],
  ["1000000000000000", null],
  ["18446744073709551617", null],
  ["", null],
  ["LAST", null],
  ["-1", null],
  ["+1", null],
  ["1.5", null],
  ["1e3", null],
  ["0x10", null],
  ["1,2", null],
  ["1 FIRST", null],
  ["1 LAST LAST", null],
  ["1LAST", null],
  ["LAST 1", null],
  ["\u0661", null],
];

for (const [argument, want] of argumentTable) {
  Deno.test(`parseChunk() ${want === null ? "refuses" : "reads"} '${argument}'`, () => {
    deepEqual(parseChunk(argument), want);
  });
}

interface Decoded {
  readonly content: string;
  readonly flaw: BodyFlaw | null;
  readonly isOpenLine: boolean;
}

function decode(pieces: readonly string[], isBinary: boolean): Decoded {
  const decoder = new ChunkDecoder(isBinary);
  const out: Buffer[] = [];
  for (const piece of pieces) decoder.decode(Buffer.from(piece, "latin1"), { take: (bytes) => out.push(bytes) });
  const { isOpenLine } = decoder;
  decoder.finish();
  const { flaw } = decoder;
  return { content: flaw === "stray" ? "" : Buffer.concat(out).toString("latin1"), flaw, isOpenLine };
}

const long = "x".repeat(bodyLineLengthMax);
const contentTable: readonly [name: string, content: string, text: BodyFlaw | null, binary: BodyFlaw | null][] = [
  ["nothing", "", null, null],
  ["lines", "A: b\r\n\r\nhi\r\n", null, null],
  ["a line without end", "A: b\r\n\r\nhi", null, null],
  ["dots", "A: b\r\n\r\n.\r\n..\r\n.hi\r\n", null, null],
  ["a bare LF", "A: b\r\n\r\nhi\nho\r\n", "stray", null],
  ["a bare CR", "A: b\r\n\r\nhi\rho\r\n", "stray", null],
  ["a CR at the end", "A: b\r\n\r\nhi\r", "stray", null],
  ["CR CR LF", "A: b\r\n\r\nhi\r\r\n", "stray", null],
  ["a NUL", "A: b\r\n\r\nhi\0\r\n", "stray", null],
  ["a body of bare LF alone", "\r\n\n", "stray", null],
  ["a bare LF in the header section", "A: b\nC: d\r\n\r\nhi\r\n", "stray", "stray"],
  ["a bare CR in the header section", "A: b\rC: d\r\n\r\nhi\r\n", "stray", "stray"],
  ["a NUL in the header section", "A: b\0\r\n\r\nhi\r\n", "stray", "stray"],
  ["a NUL in a header section that does not end", "A: b\0\r\n", "stray", "stray"],
  ["a CR that ends the header section", "A: b\r\n\r", "stray", "stray"],
  ["a bare LF first", "\nA: b\r\n\r\nhi\r\n", "stray", "stray"],
  ["the longest line", `A: b\r\n\r\n${long.slice(2)}\r\n`, null, null],
  ["a longer line", `A: b\r\n\r\n${long.slice(1)}\r\n`, "lineTooLong", null],
  ["a longer line without end", `A: b\r\n\r\n${long}x`, "lineTooLong", null],
  ["a longer line of the header section", `A: ${long}\r\n\r\nhi\r\n`, "lineTooLong", "lineTooLong"],
];

for (const [name, content, text, binary] of contentTable) {
  for (const [isBinary, want] of [[false, text], [true, binary]] as const) {
    Deno.test(`ChunkDecoder ${want === null ? "takes" : "refuses"} ${name} in ${isBinary ? "binary" : "text"}`, () => {
      const pieces = [[content], content.length < 99 ? [...content] : content.match(/[^]{1,997}/g) ?? []];
      for (const cut of pieces) {
        const found = decode(cut, isBinary);
        equal(found.flaw, want);
        if (want !== "stray") equal(found.content, content);
        if (!isBinary && want !== "stray") equal(found.isOpenLine, content !== "" && !content.endsWith("\r\n"));
      }
    });
  }
}

const text = fc.array(fc.constantFrom("A: b", "\r\n", "\r", "\n", "\0", ".", "x", "\xff"), { maxLength: 14 })
  .map((parts) => parts.join(""));

Deno.test("ChunkDecoder finds the same in pieces of any size", () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 5 }), fc.boolean(), (content, length, isBinary) => {
      const pieces: string[] = [];
      for (let at = 0; at < content.length; at += length) pieces.push(content.slice(at, at + length));
      deepEqual(decode(pieces, isBinary), decode([content], isBinary));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("ChunkDecoder is as strict as DATA", () => {
  fc.assert(
    fc.property(text, (content) => {
      const whole = `${content}\r\n`;
      const body = new BodyDecoder();
      const out: Buffer[] = [];
      const stuffed = whole.replace(/(^|\r\n)\./g, "$1..");
      body.decode(Buffer.from(`${stuffed}.\r\n`, "latin1"), { take: (bytes) => out.push(Buffer.from(bytes)) });
      const found = decode([whole], false);
      equal(found.flaw, body.flaw);
      if (found.flaw === null) equal(found.content, Buffer.concat(out).toString("latin1"));
    }),
    { numRuns: 2000 },
  );
});

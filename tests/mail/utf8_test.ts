import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { decodeUtf8, encodeUtf8, isAscii, isFitForAddress, utf8Length } from "../../lib/mail/utf8.ts";

const sequences: readonly [name: string, octets: readonly number[], want: string | null][] = [
  ["nothing", [], ""],
  ["ASCII", [0x61, 0x00, 0x7f], "a\0\u007f"],
  ["two octets", [0xc3, 0xbc], "ü"],
  ["three octets", [0xe2, 0x82, 0xac], "€"],
  ["four octets", [0xf0, 0x9f, 0x91, 0x8b], "👋"],
  ["a byte order mark, as a character", [0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
  ["an octet of latin1", [0x62, 0xfc], null],
  ["an overlong slash", [0xc0, 0xaf], null],
  ["an overlong NUL", [0xe0, 0x80, 0x80], null],
  ["a surrogate", [0xed, 0xa0, 0x80], null],
  ["a code over U+10FFFF", [0xf4, 0x90, 0x80, 0x80], null],
  ["a sequence cut short", [0x61, 0xe2, 0x82], null],
  ["a tail without a head", [0x80], null],
];

for (const [name, octets, want] of sequences) {
  Deno.test(`decodeUtf8() ${want === null ? "refuses" : "reads"} ${name}`, () => {
    assert.equal(decodeUtf8(Buffer.from(octets).toString("latin1")), want);
  });
}

Deno.test("encodeUtf8() writes what decodeUtf8() reads, and utf8Length() is its length", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    assert.equal(decodeUtf8(encodeUtf8(text)), text);
    assert.equal(encodeUtf8(text).length, utf8Length(text));
    assert.equal(isAscii(text), text.length === utf8Length(text));
  }));
});

const unfit = ["\u0085", "\u200f", "\u2028", "\u2029", "\u202e", "\u2066", "\ufeff", "\uffff", "\ud800", "\udc00x"];
for (const char of unfit) {
  Deno.test(`isFitForAddress() refuses U+${char.charCodeAt(0).toString(16)}`, () => {
    assert.equal(isFitForAddress(`a${char}b`), false);
  });
}

Deno.test("isFitForAddress() lets letters, marks and symbols pass", () => {
  for (const text of ["", "a\n", "bücher", "u\u0308", "用户", "👋", "पोस्ट"]) assert.equal(isFitForAddress(text), true);
});

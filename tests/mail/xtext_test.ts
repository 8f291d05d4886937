import { equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { decodeUtf8Address, decodeXtext, encodeUtf8Address, encodeXtext } from "../../lib/mail/xtext.ts";
import { isFitForAddress } from "../../lib/mail/utf8.ts";

const xtextCases: readonly (readonly [string, string | null])[] = [
  ["", ""],
  ["abc", "abc"],
  ["a+20b", "a b"],
  ["+2B+3D", "+="],
  ["+", null],
  ["+2", null],
  ["+2b", null],
  ["+GG", null],
  ["a=b", null],
  ["a b", null],
  ["+00", null],
  ["+0A", null],
  ["+FF", null],
  ["\xe9", null],
];

for (const [text, want] of xtextCases) {
  Deno.test(`decodeXtext() reads ${JSON.stringify(text)}`, () => equal(decodeXtext(text), want));
}

Deno.test("encodeXtext() and decodeXtext() are inverse for printable ASCII", () => {
  const text = fc.string({ unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(text, (plain) => {
      const encoded = encodeXtext(plain);
      equal(/^[!-~]*$/.test(encoded) && !encoded.includes("="), true);
      equal(decodeXtext(encoded), plain);
    }),
    { numRuns: 300 },
  );
});

const addressCases: readonly (readonly [text: string, unicode: boolean, want: string | null])[] = [
  ["bob@x.test", false, "bob@x.test"],
  ["", false, null],
  ["j\\x{FC}rgen@x.test", false, "jürgen@x.test"],
  ["\\x{1F44B}@x.test", false, "👋@x.test"],
  ["a\\x{2B}b\\x{3D}\\x{5C}\\x{20}", false, "a+b=\\ "],
  ["jürgen", true, "jürgen"],
  ["jürgen", false, null],
  ["👋", true, "👋"],
  ["a+b", true, null],
  ["a=b", true, null],
  ["a b", true, null],
  ["a\\b", true, null],
  ["\\x{fc}", false, null],
  ["\\x{0FC}", false, null],
  ["\\x{61}", false, null],
  ["\\x{0A}", false, null],
  ["\\x{7F}", false, null],
  ["\\x{85}", false, null],
  ["\\x{D800}", false, null],
  ["\\x{110000}", false, null],
  ["\\x{202E}", false, null],
  ["\\x{FC", false, null],
  ["\u202e", true, null],
];

for (const [text, unicode, want] of addressCases) {
  Deno.test(`decodeUtf8Address() reads ${JSON.stringify(text)}${unicode ? " with SMTPUTF8" : ""}`, () => {
    equal(decodeUtf8Address(text, unicode), want);
  });
}

Deno.test("encodeUtf8Address() writes what decodeUtf8Address() reads, in ASCII and beyond", () => {
  const address = fc.string({ unit: "grapheme", minLength: 1 })
    // deno-lint-ignore no-control-regex -- an address has none
    .filter((text) => isFitForAddress(text) && !/[\x00-\x1f\x7f]/.test(text));
  fc.assert(
    fc.property(address, fc.boolean(), (plain, unicode) => {
      const encoded = encodeUtf8Address(plain, unicode);
      equal(decodeUtf8Address(encoded, unicode), plain);
      if (!unicode) equal(/^[!-*,-<>-~]+$/.test(encoded), true);
    }),
    { numRuns: 500 },
  );
});

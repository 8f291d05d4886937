import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { encodePhrase, encodeQuotedPrintable, octetsOf } from "../../lib/mail/codec.ts";

/** The other direction, by the letter of RFC 2045 §6.7. */
function decodeQuotedPrintable(text: string): string {
  return text.replace(/=\n/g, "").replace(
    /=([0-9A-F]{2})/g,
    (_, hex: string) => String.fromCharCode(parseInt(hex, 16)),
  );
}

const quoted: readonly [name: string, input: string, want: string][] = [
  ["nothing", "", ""],
  ["plain text", "Hello, world.\nBye\n", "Hello, world.\nBye\n"],
  ["an equals sign", "a=b\n", "a=3Db\n"],
  ["8-bit octets", "caf\xe9\n", "caf=E9\n"],
  ["CR, NUL and DEL", "a\rb\0c\x7f\n", "a=0Db=00c=7F\n"],
  ["blanks inside and at the end of lines", "a b \nc\td\t\n \n", "a b=20\nc\td=09\n=20\n"],
  ["a blank at the very end", "a ", "a=20"],
  ["a line of 76", `${"x".repeat(76)}\n`, `${"x".repeat(76)}\n`],
  ["a line of 77", `${"x".repeat(77)}\n`, `${"x".repeat(75)}=\nxx\n`],
  ["an escape at the edge", `${"x".repeat(74)}=yyy\n`, `${"x".repeat(74)}=\n=3Dyyy\n`],
  ["an escape that just fits", `${"x".repeat(72)}=yyy\n`, `${"x".repeat(72)}=3D=\nyyy\n`],
];

for (const [name, input, want] of quoted) {
  Deno.test(`encodeQuotedPrintable() writes ${name}`, () => assert.equal(encodeQuotedPrintable(input), want));
}

Deno.test("encodeQuotedPrintable() loses nothing, and no line is longer than 76", () => {
  const octet = fc.oneof(
    fc.constantFrom("=", " ", "\t", "\n", "\r", "x"),
    fc.nat(255).map((n) => String.fromCharCode(n)),
  );
  fc.assert(
    fc.property(fc.string({ unit: octet, maxLength: 400 }), (text) => {
      const encoded = encodeQuotedPrintable(text);
      assert.equal(decodeQuotedPrintable(encoded), text);
      assert.match(encoded, /^[\t\n -~]*$/);
      for (const line of encoded.split("\n")) {
        assert.ok(line.length <= 76, line);
        assert.doesNotMatch(line, /[ \t]$/);
      }
    }),
    { numRuns: 500 },
  );
});

const phrases: readonly [name: string, input: string, want: string][] = [
  ["nothing", "", ""],
  ["atoms", "Ann Other", "Ann Other"],
  ["a dot", "J. Other", '"J. Other"'],
  ["quotes and a backslash", 'A "B" \\', '"A \\"B\\" \\\\"'],
  ["what would be another address", "Ann <x@y>, Bob", '"Ann <x@y>, Bob"'],
  ["what would be another field", "Ann\r\nBcc: x@y", '"Ann Bcc: x@y"'],
  ["what looks like an encoded word", "=?x?Q?y?=", '"=?x?Q?y?="'],
  ["more than ASCII", "Jürgen", "=?utf-8?B?SsO8cmdlbg==?="],
];

for (const [name, input, want] of phrases) {
  Deno.test(`encodePhrase() writes ${name}`, () => assert.equal(encodePhrase(input), want));
}

Deno.test("encodePhrase() cuts long names into encoded words that decode to the name", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("ä", "€", "😀", "a", " "), maxLength: 80 }), (name) => {
      const phrase = encodePhrase(`é${name}é`);
      const words = phrase.split(" ");
      assert.ok(words.every((word) => word.length <= 75));
      const decoded = words.map((word) => {
        const base64 = /^=\?utf-8\?B\?(.*)\?=$/.exec(word)?.[1] ?? assert.fail(word);
        return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
      });
      assert.equal(decoded.join(""), `é${name}é`);
    }),
    { numRuns: 200 },
  );
});

Deno.test("octetsOf() gives one character per octet of UTF-8", () => {
  assert.equal(octetsOf("aé€"), "a\xc3\xa9\xe2\x82\xac");
});

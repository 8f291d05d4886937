import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { parseDomain } from "../../lib/mail/domain.ts";
import { toAsciiKey, toAsciiName, toUnicodeKey } from "../../lib/mail/idna.ts";

const names: readonly [name: string, input: string, want: string | null][] = [
  ["leaves ASCII alone", "Mail.Test", "Mail.Test"],
  ["leaves A-labels alone", "xn--bcher-kva.test", "xn--bcher-kva.test"],
  ["leaves what is no name to others", "a b..%", "a b..%"],
  ["converts one label", "bücher.test", "xn--bcher-kva.test"],
  ["converts each label", "bücher.ü", "xn--bcher-kva.xn--tda"],
  ["folds case", "BÜCHER.Test", "xn--bcher-kva.Test"],
  ["folds composition", "bu\u0308cher.test", "xn--bcher-kva.test"],
  ["keeps the sharp s", "faß.test", "xn--fa-hia.test"],
  ["converts from right to left", "אב.test", "xn--4dbc.test"],
  ["leaves no number of IPv4 behind", "１２７.0.0.1", "127.0.0.1"],
  ["refuses a full stop of another script", "a\u3002ü.test", null],
  ["refuses what folds to a slash", "ü／x.test", null],
  ["refuses what folds to an at sign", "ü＠x.test", null],
  ["refuses what folds to a percent sign", "ü％41.test", null],
  ["refuses an escape", "ü%2e.test", null],
  ["refuses a port", "ü:25", null],
  ["refuses a path", "ü/x", null],
  ["refuses a tab, which URLs would drop", "ü\tx.test", null],
  ["refuses what has no A-label", "\u00ad.test", null],
  ["refuses a label of joiners", "\u200d.test", null],
];

for (const [name, input, want] of names) {
  Deno.test(`toAsciiName() ${name}`, () => assert.equal(toAsciiName(input), want));
}

Deno.test("toAsciiName() of its own answer is that answer, and what it makes of text is ASCII", () => {
  const label = fc.string({
    unit: fc.oneof(fc.constantFrom(..."abcxyzäöüßéñ用户例え-"), fc.string({ unit: "grapheme" })),
  });
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 4 }), (labels) => {
      const ascii = toAsciiName(labels.join("."));
      if (ascii === null) return;
      assert.equal(toAsciiName(ascii), ascii);
      // deno-lint-ignore no-control-regex -- ASCII is what is looked for
      assert.match(ascii, /^[\x00-\x7f]*$/);
      assert.equal(ascii.split(".").length, labels.join(".").split(".").length);
      const domain = parseDomain(ascii);
      if (domain !== null) assert.equal(parseDomain(toAsciiName(domain) ?? ""), domain);
    }),
    { numRuns: 1000 },
  );
});

const keys: readonly [key: string, bare: boolean, want: string][] = [
  ["bücher.test", true, "xn--bcher-kva.test"],
  ["bücher.test", false, "bücher.test"],
  ["*.bücher.test", true, "*.xn--bcher-kva.test"],
  ["@bücher.test", false, "@xn--bcher-kva.test"],
  ["jürgen@bücher.test", false, "jürgen@xn--bcher-kva.test"],
  ['"a@b"@ü', false, '"a@b"@xn--tda'],
  ["jürgen@x.test", true, "jürgen@x.test"],
  ["ü%.test", true, "ü%.test"],
  ["plain.test", true, "plain.test"],
];

for (const [key, bare, want] of keys) {
  Deno.test(`toAsciiKey() makes ${want} of ${key}${bare ? ", a domain" : ""}`, () =>
    assert.equal(toAsciiKey(key, bare), want));
}

const unicodeKeys: readonly [key: string, want: string | null][] = [
  ["xn--bcher-kva.test", "bücher.test"],
  ["XN--Bcher-KVA.Test", "bücher.test"],
  ["*.xn--bcher-kva.test", "*.bücher.test"],
  ["Info+x@xn--bcher-kva.test", "Info+x@bücher.test"],
  ["jürgen@xn--tda", "jürgen@ü"],
  ["@xn--fsqu00a.xn--0zwm56d", "@例子.测试"],
  ["xn--fa-hia.test", "faß.test"],
  ["plain.test", null],
  ["xn--bcher-kva@plain.test", null],
  ["xn--a.test", null],
  ["xn--.test", null],
  ["xn--bcher-kv.test", null],
  ["xn--bcher-kva-.test", null],
  ["xn--99999999999999.test", null],
  ["", null],
];

for (const [key, want] of unicodeKeys) {
  Deno.test(`toUnicodeKey() makes ${want} of ${key}`, () => assert.equal(toUnicodeKey(key), want));
}

Deno.test("toUnicodeKey() turns around what toAsciiKey() did, and never throws", () => {
  const unit = fc.oneof(fc.constantFrom(..."abcäöüßéñ用户例え-"), fc.string({ unit: "grapheme", maxLength: 1 }));
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 20 }), (label) => {
      const ascii = toAsciiKey(`@${label}`, false);
      const back = ascii === `@${label}` ? null : toUnicodeKey(ascii);
      if (back !== null) assert.equal(toAsciiKey(back, false), ascii);
    }),
    { numRuns: 1000 },
  );
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."abyz019-."), maxLength: 60 }), (text) => {
    const back = toUnicodeKey(`xn--${text}`);
    if (back !== null) assert.equal(toAsciiName(back), `xn--${text}`);
  }));
});

import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { formatMailbox, type Mailbox, parseMailbox } from "../../lib/mail/address.ts";
import { completeAddressList, parseAddressList, qualify } from "../../lib/mail/address_list.ts";
import { parseDomain } from "../../lib/mail/domain.ts";

const home = parseDomain("home.test") ?? assert.fail();

/** Mailboxes in our form, separated by blanks; null for no list. */
function read(text: string): string | null {
  return parseAddressList(text)?.map((one) => formatMailbox(qualify(one, home))).join(" ") ?? null;
}

const table: readonly [name: string, text: string, want: string | null][] = [
  ["nothing", "", ""],
  ["blanks and commas", " , ,\n\t,", ""],
  ["an address", "ann@x.test", "ann@x.test"],
  ["a local part alone", "ann", "ann@home.test"],
  ["several", "ann@x.test, bob , carl@Y.TEST", "ann@x.test bob@home.test carl@y.test"],
  ["a display name", "Ann Other <ann@x.test>", "ann@x.test"],
  ["a quoted display name", '"Other, Ann" <ann@x.test>, bob', "ann@x.test bob@home.test"],
  ["a display name with a dot", "Ann B. Other <ann@x.test>", "ann@x.test"],
  ["an 8-bit display name", "J\xfcrgen <j@x.test>", "j@x.test"],
  ["an encoded display name", "=?utf-8?Q?J=C3=BCrgen?= <j@x.test>", "j@x.test"],
  ["a display name that is an address", "ann@x.test <ann@y.test>", "ann@y.test"],
  ["brackets alone", "<ann@x.test>", "ann@x.test"],
  ["brackets around a local part", "Ann <ann>", "ann@home.test"],
  ["empty brackets", "Ann <>, bob", "bob@home.test"],
  ["comments everywhere", "(a)ann(b)@(c)x.test(d), (e (f) \\) g) bob (h)", "ann@x.test bob@home.test"],
  ["a comment between the dots", "ann . (c) other @ x . test", "ann.other@x.test"],
  ["a folded list", "ann@x.test,\n bob@x.test,\r\n\tcarl@x.test", "ann@x.test bob@x.test carl@x.test"],
  ["a quoted local part", '"ann other"@x.test', '"ann other"@x.test'],
  ["a needlessly quoted local part", '"ann"."other"@x.test', "ann.other@x.test"],
  ["a quoted local part with escapes", '"a\\"b\\\\"@x.test', '"a\\"b\\\\"@x.test'],
  ["an address literal", "ann@[192.0.2.1], bob@[IPv6:2001:db8::1]", "ann@[192.0.2.1] bob@[IPv6:2001:db8::1]"],
  ["a source route", "Ann <@a.test,@b.test:ann@x.test>", "ann@x.test"],
  ["a group", "Team: ann@x.test, Bob <bob@x.test>;", "ann@x.test bob@x.test"],
  ["an empty group", "undisclosed-recipients:;", ""],
  ["a group among others", "ann, Team: bob, carl;, dora", "ann@home.test bob@home.test carl@home.test dora@home.test"],
  ["a group followed by no comma", "Team: bob; dora", "bob@home.test dora@home.test"],
  ["a group with a quoted name", '"My Team": bob;', "bob@home.test"],
  ["all atext", "!#$%&'*/?^`{|}~=-_+@x.test", "!#$%&'*/?^`{|}~=-_+@x.test"],
  ["an open quote", '"ann <ann@x.test>', null],
  ["an open bracket", "Ann <ann@x.test", null],
  ["an open bracket before a comma", "Ann <ann@x.test, bob", null],
  ["a closing bracket alone", "ann@x.test>", null],
  ["an open comment", "ann (other", null],
  ["a closing parenthesis alone", "ann) other", null],
  ["an open literal", "ann@[192.0.2.1", null],
  ["an open group", "Team: ann", null],
  ["a group without a name", ": ann;", null],
  ["a group in a group", "A: B: ann;;", null],
  ["a semicolon alone", "ann;", null],
  ["words side by side", "Ann Other", null],
  ["addresses side by side", "ann@x.test bob@x.test", null],
  ["words after brackets", "<ann@x.test> Ann", null],
  ["two at signs", "ann@x@y.test", null],
  ["no local part", "@x.test", null],
  ["no domain", "ann@", null],
  ["a domain in quotes", 'ann@"x".test', null],
  ["a bad domain", "ann@x..test", null],
  ["a final dot", "ann@x.test.", null],
  ["a literal that is no address", "ann@[x]", null],
  ["a first dot", ".ann@x.test", null],
  ["two dots", "ann..other@x.test", null],
  ["an empty quoted string", '""@x.test', null],
  ["a local part of latin1", "j\u00fcrgen@x.test", "jürgen@x.test"],
  ["a local part of UTF-8 octets", "j\u00c3\u00bcrgen@x.test", "jürgen@x.test"],
  ["a quoted local part of Unicode", '"用 户"@x.test', '"用 户"@x.test'],
  ["a domain of UTF-8 octets", "a@b\u00c3\u00bccher.test", "a@xn--bcher-kva.test"],
  ["a local part with a control character of C1", "j\u0085@x.test", null],
  ["a quoted control character", '"a\x01b"@x.test', null],
  ["a NUL", "ann\0@x.test", null],
  ["a backslash", "ann\\@x.test", null],
  ["two brackets", "<<ann@x.test>>", null],
  ["a local part that is too long", `${"a".repeat(256)}@x.test`, null],
];

for (const [name, text, want] of table) {
  Deno.test(`parseAddressList() ${want === null ? "refuses" : "reads"} ${name}`, () => assert.equal(read(text), want));
}

const completed: readonly [text: string, want: string][] = [
  ["ann", "ann@home.test"],
  [" Ann Other <ann>, bob@x.test", " Ann Other <ann@home.test>, bob@x.test"],
  ["ann (Ann Other),\n bob", "ann@home.test (Ann Other),\n bob@home.test"],
  ['"ann other" , <>', '"ann other"@home.test , <>'],
  ["Team: ann, bob@x.test;", "Team: ann@home.test, bob@x.test;"],
  ["ann@x.test", "ann@x.test"],
  ["Ann Other", "Ann Other"],
  ["ann, bob <", "ann, bob <"],
  ["", ""],
];

for (const [text, want] of completed) {
  Deno.test(`completeAddressList() makes ${JSON.stringify(want)} of ${JSON.stringify(text)}`, () => {
    assert.equal(completeAddressList(text, home), want);
  });
}

const printable = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 12,
});
const mailboxes: fc.Arbitrary<Mailbox> = fc.record({
  localPart: printable,
  domain: fc.constantFrom("x.test", "[192.0.2.1]", "a-b.c").map((text) => parseDomain(text) ?? home),
}, { noNullPrototype: true });

Deno.test("parseAddressList() reads back every mailbox, dressed up in any way", () => {
  const dress = fc.constantFrom<(address: string) => string>(
    (address) => address,
    (address) => `<${address}>`,
    (address) => `Ann "B, C" Other <${address}>`,
    (address) => `(x) ${address} (y\\) z)`,
    (address) => `Team: ${address};`,
    (address) => `,\n\t${address} ,`,
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(mailboxes, dress), { maxLength: 5 }), (entries) => {
      const text = entries.map(([mailbox, wrap]) => wrap(formatMailbox(mailbox))).join(",");
      const found = parseAddressList(text)?.map(({ localPart, domain }) => ({ localPart, domain }));
      assert.deepEqual(found, entries.map(([mailbox]) => mailbox), text);
    }),
    { numRuns: 500 },
  );
});

Deno.test("parseAddressList() is total, and what it accepts can be written as a mailbox", () => {
  const noise = fc.string({ unit: fc.constantFrom(...'ab.@<>,;:()[]"\\ 1\n\xe9'), maxLength: 20 });
  fc.assert(
    fc.property(noise, (text) => {
      for (const one of parseAddressList(text) ?? []) {
        const mailbox = qualify(one, home);
        assert.deepEqual(parseMailbox(formatMailbox(mailbox), null), mailbox);
      }
      const whole = completeAddressList(text, home);
      assert.equal(completeAddressList(whole, home), whole);
      assert.equal(read(whole), read(text));
    }),
    { numRuns: 3000 },
  );
});

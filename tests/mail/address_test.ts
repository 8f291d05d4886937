import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  equalsIgnoringCase,
  formatLocalPart,
  formatMailbox,
  formatPath,
  isDotAtom,
  isLocalPart,
  localPartLengthMax,
  type Mailbox,
  needsSmtpUtf8,
  parseForwardPath,
  parseMailbox,
  parseReversePath,
} from "../../lib/mail/address.ts";
import { parseDomain, parseUnicodeDomain } from "../../lib/mail/domain.ts";

const home = parseDomain("home.test") ?? assert.fail();

/** `local|domain|rest`, so that a decoded local part is seen apart from its domain. */
function show(result: ReturnType<typeof parseReversePath>): string | null {
  if (result === null) return null;
  return result.path === null ? `<>|${result.rest}` : `${result.path.localPart}|${result.path.domain}|${result.rest}`;
}

const local255 = "l".repeat(localPartLengthMax);

const paths: readonly [name: string, input: string, want: string | null][] = [
  ["a plain path", "<bob@x.test>", "bob|x.test|"],
  ["parameters", "<bob@x.test> SIZE=1 BODY=8BITMIME", "bob|x.test| SIZE=1 BODY=8BITMIME"],
  ["a dotted local part", "<a.b@x>", "a.b|x|"],
  ["an underscore, a plus and a hyphen", "<a_b+c@host-1.test>", "a_b+c|host-1.test|"],
  ["all special atext", "<!#$%&'*/?^`{|}~=@x.test>", "!#$%&'*/?^`{|}~=|x.test|"],
  ["the case of the local part", "<BoB@X.Test>", "BoB|x.test|"],
  ["a local part alone", "<user>", "user|home.test|"],
  ["a quoted local part alone", '<"a b"> X', "a b|home.test| X"],
  ["an IPv4 literal", "<u@[192.0.2.1]>", "u|[192.0.2.1]|"],
  ["an IPv6 literal", "<u@[IPv6:2001:db8::1]>", "u|[IPv6:2001:db8::1]|"],
  ["a source route", "<@relay.test:u@x.test>", "u|x.test|"],
  ["a long source route", "<@a.test,@[IPv6:::1],@b.test:u@x.test> P", "u|x.test| P"],
  ["an underscore in the domain", "<u@under_score.test>", "u|under_score.test|"],
  ["a quoted string", '<"a b"@x.test>', "a b|x.test|"],
  ["quoted brackets and at signs", '<"a@b<c>"@x.test> Z', "a@b<c>|x.test| Z"],
  ["escapes", '<"a\\"\\\\b\\c"@x.test>', 'a"\\bc|x.test|'],
  ["needless quotes", '<"bob"@x.test>', "bob|x.test|"],
  ["the longest local part", `<${local255}@x>`, `${local255}|x|`],
  ["a UTF-8 local part", "<bücher@x.test>", "bücher|x.test|"],
  ["a quoted UTF-8 local part", '<"der bücher"@x.test>', "der bücher|x.test|"],
  ["UTF-8 beyond the basic plane", "<𝒷.👋@x.test>", "𝒷.👋|x.test|"],
  ["the longest UTF-8 local part", `<l${"ü".repeat(127)}@x>`, `l${"ü".repeat(127)}|x|`],
  ["a U-label, as an A-label", "<u@bücher.test>", "u|xn--bcher-kva.test|"],
  ["a U-label in capitals", "<u@BÜCHER.Test>", "u|xn--bcher-kva.test|"],
  ["a source route of U-labels", "<@bücher.test:u@x.test>", "u|x.test|"],
  ["nothing", "", null],
  ["no brackets", "u@x.test", null],
  ["no closing bracket", "<u@x.test", null],
  ["a local part that never ends", "<u", null],
  ["an opening bracket alone", "<", null],
  ["a first blank", " <u@x.test>", null],
  ["a blank inside", "< u@x.test>", null],
  ["a first dot", "<.a@x.test>", null],
  ["a last dot", "<a.@x.test>", null],
  ["a last dot alone", "<a.>", null],
  ["two dots", "<a..b@x>", null],
  ["a final dot of the domain", "<u@x.test.>", null],
  ["a first hyphen of the domain", "<u@-x.test>", null],
  ["a bad literal", "<u@[300.1.1.1]>", null],
  ["no local part", "<@x.test>", null],
  ["no domain after the at sign", "<u@>", null],
  ["two at signs", "<u@x@y>", null],
  ["an empty quoted string", '<""@x.test>', null],
  ["an open quoted string", '<"a@x.test>', null],
  ["an open escape", '<"a\\', null],
  ["text after the quoted string", '<"a"b@x.test>', null],
  ["a quoted control character", '<"a\tb"@x.test>', null],
  ["an escaped control character", '<"a\\\u0000b"@x.test>', null],
  ["a control character of C1", "<b\u0085cher@x.test>", null],
  ["a quoted control character of C1", '<"b\u009bcher"@x.test>', null],
  ["a character that turns the text", "<b\u202echer@x.test>", null],
  ["a line separator", "<b\u2028cher@x.test>", null],
  ["a lone surrogate", "<b\ud800cher@x.test>", null],
  ["an escaped non-ASCII character", '<"b\\ücher"@x.test>', null],
  ["a UTF-8 local part that is too long", `<${"ü".repeat(128)}@x>`, null],
  ["a domain label without an A-label", "<u@xn--.ü%.test>", null],
  ["a domain label that holds a dot of another script", "<u@ü\u3002test>", null],
  ["a local part that is too long", `<${local255}l@x>`, null],
  ["a quoted local part that is too long", `<"${local255}l"@x>`, null],
  ["a route without an end", "<@a.test>", null],
  ["a route with a bad host", "<@a..test:u@x.test>", null],
  ["a route without at signs", "<@a.test,b.test:u@x.test>", null],
  ["a route without a mailbox", "<@a.test:>", null],
  ["a comment", "<u(x)@x.test>", null],
  ["a display name", "Bob <u@x.test>", null],
];

for (const [name, input, want] of paths) {
  Deno.test(`parseForwardPath() ${want === null ? "refuses" : "reads"} ${name}`, () => {
    assert.equal(show(parseForwardPath(input, home)), want);
  });
  Deno.test(`parseReversePath() ${want === null ? "refuses" : "reads"} ${name}`, () => {
    assert.equal(show(parseReversePath(input, home)), want);
  });
}

Deno.test("parseReversePath() reads the null path, parseForwardPath() refuses it", () => {
  assert.equal(show(parseReversePath("<> SIZE=3", home)), "<>| SIZE=3");
  assert.equal(parseForwardPath("<>", home), null);
});

const mailboxes: readonly [input: string, want: string | null][] = [
  ["bob@x.test", "bob@x.test"],
  ['"a b"@X.test', '"a b"@x.test'],
  ['"bob"@x.test', "bob@x.test"],
  ["bob", "bob@home.test"],
  ["bob@x.test ", null],
  ["bob@x.test>", null],
  ["<bob@x.test>", null],
  ["@x.test", null],
  ["bob@", null],
  ["", null],
];

for (const [input, want] of mailboxes) {
  Deno.test(`parseMailbox() reads "${input}" as ${want ?? "nothing"}`, () => {
    const mailbox = parseMailbox(input, home);
    assert.equal(mailbox === null ? null : formatMailbox(mailbox), want);
  });
}

Deno.test("parseMailbox() without a default domain wants one", () => {
  assert.equal(parseMailbox("bob", null), null);
  assert.deepEqual(parseMailbox("bob@x.test", null), { localPart: "bob", domain: "x.test" });
});

const printable = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
  ),
}).filter((text) => isLocalPart(text) && ![...text].some((char) => char < " " || char === "\x7f"));
const mailboxArbitrary: fc.Arbitrary<Mailbox> = fc.record({
  localPart: printable,
  domain: fc.oneof(fc.domain(), fc.ipV4().map((ip) => `[${ip}]`), fc.constant("bücher.test"))
    .map((text) => parseUnicodeDomain(text) ?? home),
}, { noNullPrototype: true });

Deno.test("parseMailbox() and the path parsers read back what is formatted", () => {
  fc.assert(
    fc.property(mailboxArbitrary, fc.constantFrom("", " SIZE=1"), (mailbox, rest) => {
      assert.deepEqual(parseMailbox(formatMailbox(mailbox), null), mailbox);
      assert.deepEqual(parseForwardPath(formatPath(mailbox) + rest, home), { path: mailbox, rest });
      assert.deepEqual(parseReversePath(formatPath(mailbox) + rest, home), { path: mailbox, rest });
    }),
    { numRuns: 500 },
  );
});

Deno.test("the parsers are total, and what they accept is stable", () => {
  const noise = fc.string({ unit: fc.constantFrom(...'<>@.,:"\\ ab[]1é\u0000'), maxLength: 16 });
  fc.assert(
    fc.property(noise, (text) => {
      const result = parseReversePath(`<${text}`, home);
      if (result === null || result.path === null) return;
      assert.deepEqual(parseReversePath(formatPath(result.path) + result.rest, home), result);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("formatPath() writes the null path as brackets", () => assert.equal(formatPath(null), "<>"));

const localParts: readonly [input: string, quoted: string][] = [
  ["bob", "bob"],
  ["a.b", "a.b"],
  [".a", '".a"'],
  ["a..b", '"a..b"'],
  ["a b", '"a b"'],
  ['a"\\b', '"a\\"\\\\b"'],
  ["", '""'],
];

for (const [input, quoted] of localParts) {
  Deno.test(`formatLocalPart() writes ${JSON.stringify(input)} as ${quoted}`, () => {
    assert.equal(formatLocalPart(input), quoted);
    assert.equal(isDotAtom(input), input === quoted);
  });
}

Deno.test("equalsIgnoringCase() compares both parts and nothing but case is ignored", () => {
  const a = parseMailbox("Bob@X.test", null) ?? assert.fail();
  const read = (text: string) => parseMailbox(text, null) ?? assert.fail();
  assert.ok(equalsIgnoringCase(a, read("bOB@x.TEST")));
  assert.ok(!equalsIgnoringCase(a, read("bob2@x.test")));
  assert.ok(!equalsIgnoringCase(a, read("bob@y.test")));
});

Deno.test("needsSmtpUtf8() asks of the local part alone", () => {
  const of = (text: string) => needsSmtpUtf8(parseMailbox(text, home));
  assert.deepEqual([of("ü@x.test"), of("u@bücher.test"), of('"a b"@x.test'), needsSmtpUtf8(null)], [
    true,
    false,
    false,
    false,
  ]);
});

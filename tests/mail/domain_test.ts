import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  addressOfLiteral,
  domainLengthMax,
  isAddressLiteral,
  labelLengthMax,
  literalOfAddress,
  parseDomain,
  parseUnicodeDomain,
} from "../../lib/mail/domain.ts";

const label63 = "a".repeat(labelLengthMax);
const longest = `${label63}.${label63}.${label63}.${label63}`;

const domains: readonly [name: string, input: string, want: string | null][] = [
  ["a name", "example.org", "example.org"],
  ["upper case", "EXAMPLE.Org", "example.org"],
  ["a single label", "x", "x"],
  ["hyphens and digits", "host-1.test", "host-1.test"],
  ["an underscore inside", "under_score.test", "under_score.test"],
  ["a punycode label", "XN--bcher-kva.example", "xn--bcher-kva.example"],
  ["the longest label", `${label63}.test`, `${label63}.test`],
  ["the longest name", longest, longest],
  ["an IPv4 literal", "[192.0.2.1]", "[192.0.2.1]"],
  ["an IPv6 literal", "[IPv6:2001:DB8::1]", "[IPv6:2001:db8::1]"],
  ["an IPv6 literal with a lower-case tag", "[ipv6:2001:db8:0::1]", "[IPv6:2001:db8::1]"],
  ["an IPv6 literal without its tag", "[2001:db8::1]", "[IPv6:2001:db8::1]"],
  ["nothing", "", null],
  ["a final dot", "x.test.", null],
  ["a first dot", ".x.test", null],
  ["an empty label", "x..test", null],
  ["a lone dot", ".", null],
  ["a first hyphen", "-x.test", null],
  ["a last hyphen", "x-.test", null],
  ["a first underscore", "_dmarc.test", null],
  ["a label that is too long", `a${label63}.test`, null],
  ["a name that is too long", `${longest}a`, null],
  ["a blank", "a b.test", null],
  ["a control character", "a\u0000.test", null],
  ["non-ASCII", "bücher.example", null],
  ["a letter that lower case makes ASCII", "\u212Aelvin.test", null],
  ["a bad IPv4 literal", "[300.1.1.1]", null],
  ["an open bracket", "[192.0.2.1", null],
  ["text after a literal", "[192.0.2.1]x", null],
  ["empty brackets", "[]", null],
  ["a scope", "[IPv6:fe80::1%eth0]", null],
  ["an unknown tag", "[x400:a]", null],
  ["a name in brackets", "[example.org]", null],
];

for (const [name, input, want] of domains) {
  Deno.test(`parseDomain() ${want === null ? "refuses" : "reads"} ${name}`, () => {
    assert.equal(parseDomain(input), want);
  });
}

Deno.test("parseDomain() reads its own result as itself", () => {
  const noise = fc.string({ unit: fc.constantFrom(..."aB0-_.[]:IPv6"), maxLength: 20 });
  const inputs = fc.oneof(fc.domain(), fc.ipV4().map((ip) => `[${ip}]`), fc.ipV6().map((ip) => `[IPv6:${ip}]`), noise);
  fc.assert(
    fc.property(inputs, (input) => {
      const domain = parseDomain(input);
      if (domain !== null) assert.equal(parseDomain(domain), domain);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("parseDomain() accepts every name of fast-check's domain()", () => {
  fc.assert(fc.property(fc.domain(), (name) => assert.equal(parseDomain(name), name.toLowerCase())), { numRuns: 300 });
});

Deno.test("parseDomain() accepts nothing longer than domainLengthMax", () => {
  for (let length = domainLengthMax - 3; length <= domainLengthMax + 3; length++) {
    const name = "a.".repeat(Math.floor(length / 2)).slice(0, length - 1) + "b";
    const text = length % 2 === 0 ? name.slice(0, -1) + "b" : name;
    const isLegal = text.length <= domainLengthMax && !text.includes("..") && !text.startsWith(".");
    assert.equal(parseDomain(text) !== null, isLegal, text.length.toString());
  }
});

const literals: readonly [input: string, address: string | null][] = [
  ["[192.0.2.1]", "192.0.2.1"],
  ["[IPv6:2001:db8::1]", "2001:db8::1"],
  ["[2001:db8::1]", "2001:db8::1"],
  ["example.org", null],
];

for (const [input, address] of literals) {
  Deno.test(`addressOfLiteral() of ${input} is ${address}`, () => {
    const domain = parseDomain(input);
    assert.ok(domain !== null);
    assert.equal(addressOfLiteral(domain), address);
    assert.equal(isAddressLiteral(domain), address !== null);
  });
}

Deno.test("literalOfAddress() makes the literal that parseDomain() reads, and refuses what is no address", () => {
  assert.equal(literalOfAddress("192.0.2.1"), "[192.0.2.1]");
  assert.equal(literalOfAddress("[2001:db8::1]"), "[IPv6:2001:db8::1]");
  assert.equal(literalOfAddress("local"), null);
});

Deno.test("parseUnicodeDomain() reads U-labels as A-labels, within the limits of both", () => {
  assert.equal(parseUnicodeDomain("Bücher.Test"), "xn--bcher-kva.test");
  assert.equal(parseUnicodeDomain("XN--BCHER-KVA.test"), "xn--bcher-kva.test");
  assert.equal(parseUnicodeDomain("plain.test"), "plain.test");
  assert.equal(parseUnicodeDomain("[192.0.2.1]"), "[192.0.2.1]");
  assert.equal(parseUnicodeDomain("ü".repeat(60) + ".test"), null);
  assert.equal(parseUnicodeDomain("bücher..test"), null);
  assert.equal(parseDomain("bücher.test"), null);
});

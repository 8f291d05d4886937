import { equal, match } from "node:assert/strict";
import { lintDomain, lintFingerprint, lintMailaddr, lintSenders, lintSource } from "../../lib/policy/entry_lint.ts";

const told = (judge: (text: string) => { readonly message: string; readonly hint: string } | null, text: string) => {
  const found = judge(text);
  return found === null ? null : `${found.message}; ${found.hint}`;
};

for (
  const [text, want] of [
    ["example.com", null],
    ["*.example.com", null],
    ["*", null],
    [".", null],
    ["@example.com", /no domain.*; write example\.com$/],
    ["ann@example.com.", /no domain.*; write example\.com$/],
    ["@", /no domain.*; write the domain alone/],
    ["example.com.", /ends in a dot.*; write example\.com$/],
  ] as const
) {
  Deno.test(`lintDomain() judges ${text}`, () => {
    const found = told(lintDomain, text);
    return want === null ? equal(found, null) : match(found ?? "nothing", want);
  });
}

for (
  const [text, want] of [
    ["@example.com", null],
    ["ann@example.com", null],
    ["ann", null],
    ["john.doe", null],
    ["@", null],
    ["", null],
    ["a..com", null],
    ["example.com", /has no @.*; .*"@example\.com"$/],
    ["mail.Example.DE", /has no @/],
    ["localhost", null],
    ["ann@example.com.", /ends in a dot.*; write ann@example\.com$/],
  ] as const
) {
  Deno.test(`lintMailaddr() judges ${JSON.stringify(text)}`, () => {
    const found = told(lintMailaddr, text);
    return want === null ? equal(found, null) : match(found ?? "nothing", want);
  });
}

for (
  const [text, own, want] of [
    ["192.0.2.1", ["192.0.2.1"], null],
    ["2001:DB8:0::1", ["192.0.2.1", "2001:db8::1"], null],
    ["192.0.2.1", [], null],
    ["192.0.2.1", ["local"], null],
    ["host", ["192.0.2.1"], null],
    ["192.0.2.1", ["local", "192.0.2.2"], /192\.0\.2\.1 is no address of this machine now.*; it has 192\.0\.2\.2$/],
    ["192.0.2.1", Array.from({ length: 9 }, (_, n) => `192.0.2.${n + 2}`), /192\.0\.2\.7 and others$/],
  ] as const
) {
  Deno.test(`lintSource() judges ${text} where there is ${own.join(" ")}`, () => {
    const found = told((one) => lintSource(one, own), text);
    return want === null ? equal(found, null) : match(found ?? "nothing", want);
  });
}

for (
  const [text, want] of [
    ["ann@example.com", null],
    ["ann@example.com, @example.org ,info+x@*.example.net", null],
    ["@", null],
    ["ann", null],
    ['"ann smith"@example.com', null],
    ["ann@[192.0.2.1]", null],
    ["jürgen@bücher.example", null],
    ["", /may send as nobody/],
    [" , ", /may send as nobody/],
    ["a@example.com b@example.com", /"a@example.com b@example.com" is no address.*commas between them/],
    ["a@example.com;b@example.com", /no address/],
    ["Ann <ann@example.com>", /no address/],
    ["<ann@example.com>", /no address/],
    ["ann@exa mple.com", /no address/],
    ["ann@example.com, example.org", /"example.org" has no @.*"@example\.org"$/],
    ["ann@example.com.", /ends in a dot/],
  ] as const
) {
  Deno.test(`lintSenders() judges ${text}`, () => {
    const found = told(lintSenders, text);
    return want === null ? equal(found, null) : match(found ?? "nothing", want);
  });
}

Deno.test("lintFingerprint() takes the digits of SHA-256 alone", () => {
  const digits = "0f".repeat(32);
  for (const text of [digits, digits.toUpperCase()]) equal(told(lintFingerprint, text), null, text);
  for (const text of ["", "0f", `${digits}0`, `g${digits.slice(1)}`, digits.replace(/..(?=.)/g, "$&:")]) {
    match(told(lintFingerprint, text) ?? "nothing", /no SHA-256 fingerprint: it never matches.*without colons/, text);
  }
});

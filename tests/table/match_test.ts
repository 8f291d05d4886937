import assert from "node:assert/strict";
import { domainMatches, mailaddrMatches, splitMailaddr, withoutTag } from "../../lib/table/match.ts";

Deno.test("domainMatches() keeps the truth table of wildcards", () => {
  const table: readonly (readonly [name: string, pattern: string, want: boolean])[] = [
    ["example.org", "*", true],
    ["", "*", false],
    ["", "", true],
    ["a.example.org", "*.example.org", true],
    ["a.b.example.org", "*.example.org", false],
    ["example.org", "*.example.org", false],
    ["example.org", "*example.org", true],
    ["myexample.org", "*example.org", true],
    ["mail.example.org", "mail.*", true],
    ["mail.example.org", "*.org", false],
    ["example.org", "*.org", true],
    ["foo", "foo*", false],
    ["foobar", "foo*", true],
    ["MAIL.Example.org", "mail.example.ORG", true],
    ["example.org", "example.or", false],
    ["example.or", "example.org", false],
    ["a.example.org", "**.example.org", true],
    ["a.b.c", "*.*.*", true],
    ["a.b", "*.*.*", false],
    ["[192.0.2.1]", "[192.0.2.*", true],
  ];
  for (const [name, pattern, want] of table) assert.equal(domainMatches(name, pattern), want, `${name} ~ ${pattern}`);
});

Deno.test("domainMatches() ends in time on many wildcards", () => {
  assert.equal(domainMatches("a".repeat(1023), "*a".repeat(500) + "b"), false);
});

Deno.test("mailaddrMatches() keeps the table of addresses", () => {
  const table: readonly (readonly [address: string, entry: string, want: boolean])[] = [
    ["bob+x@a.test", "bob", true],
    ["bob+x@a.test", "bob+x", true],
    ["bob@a.test", "bob+x", false],
    ["bob+y@a.test", "bob+x@a.test", false],
    ["bob+x@a.test", "bob+x@a.test", true],
    ["bob+x@a.test", "bob@a.test", true],
    ["bob@a.test", "@a.test", true],
    ["bob@a.test", "@b.test", false],
    ["bob@a.test", "a.test", false],
    ["bob@m.a.test", "bob@*.a.test", true],
    ["bob@m.a.test", "@*.a.test", true],
    ["@", "@", true],
    ["@", "@*", false],
    ["@", "", true],
    ["@", "bob", false],
    ["bob@a.test", "", true],
    ["bob@a.test", "@", true],
    ["BOB@A.test", "bob@a.TEST", true],
    ['"a@b"@c.test', "@c.test", true],
    ["a@b@c.test", "a@b", false],
    ["bob@a.test", "bob@", true],
  ];
  for (const [address, entry, want] of table) {
    assert.equal(mailaddrMatches(address, entry, "+"), want, `${address} ~ ${entry}`);
  }
  assert.equal(mailaddrMatches("bob-x@a.test", "bob", "-"), true);
  assert.equal(mailaddrMatches("bob+x@a.test", "bob", "-"), false);
  assert.equal(mailaddrMatches("bob+x@a.test", "bob", ""), false);
});

Deno.test("splitMailaddr() and withoutTag() take addresses apart", () => {
  assert.deepEqual(splitMailaddr("a@b@c"), { user: "a@b", domain: "c" });
  assert.deepEqual(splitMailaddr("a"), { user: "a", domain: "" });
  assert.deepEqual(splitMailaddr("@"), { user: "", domain: "" });
  assert.equal(withoutTag("bob+x+y", "+"), "bob");
  assert.equal(withoutTag("+x", "+"), "");
  assert.equal(withoutTag("bob", "+"), "bob");
});

import assert from "node:assert/strict";
import { domainMatches, mailaddrMatches, netaddrMatches, splitMailaddr, withoutTag } from "../../lib/table/match.ts";

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

Deno.test("netaddrMatches() compares text first, then networks", () => {
  const table: readonly (readonly [address: string, entry: string, want: boolean])[] = [
    ["local", "local", true],
    ["local", "LOCAL", true],
    ["192.0.2.1", "192.0.2.1", true],
    ["192.0.2.1", "192.0.2.0/24", true],
    ["192.0.3.1", "192.0.2.0/24", false],
    ["192.0.2.129", "192.0.2.128/25", true],
    ["192.0.2.127", "192.0.2.128/25", false],
    ["10.9.8.7", "10", true],
    ["192.168.7.7", "192.168", false],
    ["192.168.0.7", "192.168", true],
    ["8.8.8.8", "0.0.0.0/0", true],
    ["2001:db8::1", "2001:db8::/32", true],
    ["[2001:DB8::1]", "[2001:db8::/32]", true],
    ["[IPv6:2001:db8::1]", "2001:db8:0::1", true],
    ["2001:db9::1", "2001:db8::/32", false],
    ["192.0.2.1", "::/0", false],
    ["::ffff:192.0.2.1", "192.0.2.0/24", false],
    ["192.0.2.1", "no address", false],
    ["local", "0.0.0.0/0", false],
  ];
  for (const [address, entry, want] of table) {
    assert.equal(netaddrMatches(address, entry), want, `${address} ~ ${entry}`);
  }
});

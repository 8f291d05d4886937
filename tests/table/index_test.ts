import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { KeyIndex, type KeyStore, sortKeys } from "../../lib/table/index.ts";
import { netContains, parseIp, parseNet } from "../../lib/mail/ip.ts";
import { domainMatches, mailaddrMatches } from "../../lib/table/match.ts";
import { lowerAscii } from "../../lib/table/service.ts";
import { exactServices } from "../contract/table.ts";

/** Counts what is asked of it. */
class CountingStore implements KeyStore {
  readonly #keys: ReadonlySet<string>;
  gets = 0;
  scans = 0;

  constructor(keys: Iterable<string>) {
    this.#keys = new Set(keys);
  }

  get(key: string): string | undefined {
    this.gets++;
    return this.#keys.has(key) ? `of ${key}` : undefined;
  }

  keys(): Iterable<string> {
    this.scans++;
    return this.#keys;
  }
}

/** Does an address match an entry: the same text (this is how `local` works), or an address in the entry's network?
 * An entry that is no network matches nothing but its own text. */
function netaddrMatches(address: string, entry: string): boolean {
  if (lowerAscii(address) === lowerAscii(entry)) return true;
  const net = parseNet(entry);
  const ip = parseIp(address);
  return net !== null && ip !== null && netContains(net, ip);
}

const rounds = { numRuns: 1000 };
const label = fc.constantFrom("a", "b", "ab", "*", "a*");
const domain = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
const user = fc.constantFrom("", "bob", "bob+x", "eve", "bob+", "+x", "*");

Deno.test("find() domain agrees with trying every key", () => {
  fc.assert(
    fc.property(fc.array(domain, { maxLength: 8 }), domain, (keys, name) => {
      const want = keys.some((key) => domainMatches(name, key));
      assert.equal(new KeyIndex(new CountingStore(keys), "+").find("domain", name) !== null, want);
    }),
    rounds,
  );
});

Deno.test("find() mailaddr agrees with trying every key", () => {
  const at = fc.tuple(user, domain).map(([one, other]) => `${one}@${other}`);
  const entry = fc.oneof(at, user, domain, fc.constantFrom("@", "bob@", "a@b"));
  const address = fc.oneof(at, fc.constantFrom("@", "a@b@a", "bob"));
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 6 }), address, (keys, text) => {
      const want = keys.find((key) => mailaddrMatches(text, key, "+"));
      const found = new KeyIndex(new CountingStore(keys), "+").find("mailaddr", text);
      assert.equal(found !== null, want !== undefined, `${text} ~ ${keys}: ${found?.key} ${want}`);
      if (found !== null) assert.equal(mailaddrMatches(text, found.key, "+"), true);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("find() netaddr agrees with trying every key", () => {
  const quad = fc.tuple(fc.constantFrom(10, 192), fc.constantFrom(0, 1, 129), fc.constantFrom(0, 255))
    .map(([a, b, c]) => `${a}.${b}.0.${c}`);
  const group = fc.constantFrom("2001:db8::", "2001:db8::1", "2001:db9::", "::1", "::");
  const v4 = fc.tuple(quad, fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`);
  const v6 = fc.tuple(group, fc.integer({ min: 0, max: 128 })).map(([ip, bits]) => `${ip}/${bits}`);
  const key = fc.oneof(
    v4,
    v6,
    quad,
    group,
    group.map((ip) => `[${ip}]`),
    fc.constantFrom("local", "junk", "10", "192.1"),
  );
  const address = fc.oneof(quad, group, group.map((ip) => `[IPv6:${ip}]`), fc.constant("local"));
  fc.assert(
    fc.property(fc.array(key, { maxLength: 6 }), address, (keys, text) => {
      const found = new KeyIndex(new CountingStore(keys), "+").find("netaddr", text.toLowerCase());
      assert.equal(found !== null, keys.some((one) => netaddrMatches(text, one)), `${text} ~ ${keys}`);
      if (found !== null) assert.equal(netaddrMatches(text, found.key), true);
    }),
    rounds,
  );
});

Deno.test("find() of an address compares text first, then networks", () => {
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
    const index = new KeyIndex(new CountingStore([lowerAscii(entry)]), "+");
    assert.equal(index.find("netaddr", lowerAscii(address)) !== null, want, `${address} ~ ${entry}`);
    assert.equal(netaddrMatches(address, entry), want, `${address} ~ ${entry}`);
  }
});

Deno.test("find() goes through all keys once, and tries only those with patterns afterwards", () => {
  const keys = Array.from({ length: 1000 }, (_, i) => `host${i}.example.org`);
  for (const service of ["domain", "mailaddr", "netaddr", "regex"] as const) {
    const store = new CountingStore(keys);
    const index = new KeyIndex(store, "+");
    for (let i = 0; i < 50; i++) index.find(service, "nobody@elsewhere.test");
    assert.equal(store.scans, service === "netaddr" ? 0 : 1, service);
    assert.ok(store.gets <= 50 * 8, `${service}: ${store.gets}`);
  }
});

Deno.test("find() of an exact key looks at no other", () => {
  for (const service of ["string", "domain", "mailaddr", "netaddr", "alias"] as const) {
    const store = new CountingStore(["x@a.test", "y"]);
    assert.deepEqual(new KeyIndex(store, "+").find(service, "x@a.test"), { key: "x@a.test", value: "of x@a.test" });
    assert.equal(store.scans, 0);
    assert.equal(store.gets, 1);
  }
});

Deno.test("sortKeys() sorts without regard to case", () => {
  assert.deepEqual(sortKeys(["b", "C", "a", "B"]), ["a", "B", "b", "C"]);
});

Deno.test("KeyIndex goes through no keys for exact services, so that opening and first use cost the same for any length", () => {
  const index = new KeyIndex({ get: (key) => (key === "a" ? "b" : undefined), keys: () => assert.fail("a walk") }, "+");
  for (const service of exactServices) {
    assert.deepEqual(index.find(service, "a"), { key: "a", value: "b" });
    assert.equal(index.find(service, "c"), null);
  }
  // A name that stands there as it is needs no pattern either.
  for (const service of ["domain", "mailaddr", "netaddr"] as const) assert.equal(index.find(service, "a")?.value, "b");
});

Deno.test("KeyIndex has nothing to hold a password against", () => {
  const index = new KeyIndex({ get: () => "b", keys: () => [] }, "+");
  assert.throws(() => index.find("auth", "a:b"), /only helpers do/);
});

import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  domainsOfMailaddrs,
  entriesCover,
  entriesExclude,
  entriesMatchAll,
  type EntryKind,
  readEntries,
} from "../../lib/policy/check_entry.ts";
import { StaticTable } from "../../lib/table/static.ts";

const covers: readonly (readonly [EntryKind, outer: readonly string[], inner: readonly string[], boolean])[] = [
  ["string", ["a", "b"], ["B"], true],
  ["string", ["a"], ["a", "b"], false],
  ["domain", ["*"], ["a.test", "*.b.test"], true],
  ["domain", ["*.a.test"], ["x.a.test"], true],
  ["domain", ["*.a.test"], ["x.y.a.test"], false],
  ["domain", ["*.a.test"], ["*.A.test"], true],
  ["domain", ["*a.test"], ["*.a.test"], false],
  ["domain", ["a.test"], ["*.a.test"], false],
  ["netaddr", ["10.0.0.0/8"], ["10.1.2.0/24", "10.9.9.9"], true],
  ["netaddr", ["10.1.2.0/24"], ["10.0.0.0/8"], false],
  ["netaddr", ["10"], ["10.1.2.3"], true],
  ["netaddr", ["::/0"], ["10.1.2.3"], false],
  ["netaddr", ["[2001:db8::/32]"], ["2001:db8:1::1"], true],
  ["netaddr", ["0.0.0.0/0", "::/0"], ["local"], false],
  ["netaddr", ["local"], ["LOCAL"], true],
  ["mailaddr", ["@"], ["bob", "bob@a.test", "@*"], true],
  ["mailaddr", ["@a.test"], ["bob@a.test", "bob+x@a.test"], true],
  ["mailaddr", ["bob"], ["bob@a.test", "bob+x@a.test"], true],
  ["mailaddr", ["bob+x"], ["bob"], false],
  ["mailaddr", ["bob@a.test"], ["@a.test"], false],
  ["mailaddr", ["@*"], ["bob@a.test", "@*.b.test"], true],
  ["mailaddr", ["@*"], ["bob"], false],
  ["mailaddr", ["a.test"], ["@a.test"], false],
  ["regex", ["^a"], ["^a"], true],
  ["regex", ["a"], ["^a"], false],
  ["username", ["ann"], ["Ann"], true],
];

const excludes: readonly (readonly [EntryKind, a: readonly string[], b: readonly string[], boolean])[] = [
  ["string", ["a"], ["b"], true],
  ["domain", ["a.test", "*.c.test"], ["b.test"], true],
  ["domain", ["*.test"], ["b.test"], false],
  ["domain", ["*.a.test"], ["*.b.test"], false],
  ["netaddr", ["10.0.0.0/8"], ["192.168.0.0/16", "::1", "local"], true],
  ["netaddr", ["10.0.0.0/8"], ["10.1.0.0/16"], false],
  ["mailaddr", ["@a.test"], ["bob@b.test"], true],
  ["mailaddr", ["bob"], ["carl@a.test"], true],
  ["mailaddr", ["bob+x"], ["bob+y"], true],
  ["mailaddr", ["bob+x"], ["bob"], false],
  ["mailaddr", ["@"], ["bob"], false],
  ["regex", ["a"], ["b"], false],
];

Deno.test("entriesCover() claims what is so for every key, and nothing else", () => {
  for (const [kind, outer, inner, want] of covers) {
    assert.equal(
      entriesCover(readEntries(kind, outer), readEntries(kind, inner), "+"),
      want,
      `${kind} ${outer} covers ${inner}`,
    );
  }
});

Deno.test("entriesExclude() claims what is so for every key, from both sides", () => {
  for (const [kind, a, b, want] of excludes) {
    assert.equal(entriesExclude(readEntries(kind, a), readEntries(kind, b), "+"), want, `${kind} ${a} excludes ${b}`);
    assert.equal(entriesExclude(readEntries(kind, b), readEntries(kind, a), "+"), want, `${kind} ${b} excludes ${a}`);
  }
});

Deno.test("entriesMatchAll() knows entries that match every key", () => {
  assert.equal(entriesMatchAll("domain", ["a.test", "*"]), true);
  assert.equal(entriesMatchAll("domain", ["*.test"]), false);
  assert.equal(entriesMatchAll("mailaddr", ["@"]), true);
  assert.equal(entriesMatchAll("mailaddr", ["@*"]), false);
  assert.equal(entriesMatchAll("netaddr", ["local", "0.0.0.0/0", "::/0"]), true);
  assert.equal(entriesMatchAll("netaddr", ["0.0.0.0/0", "::/0"]), false);
  assert.equal(entriesMatchAll("regex", [".*"]), true);
  assert.equal(entriesMatchAll("string", ["*"]), false);
});

Deno.test("domainsOfMailaddrs() gives domains when every entry has one", () => {
  assert.deepEqual(domainsOfMailaddrs(["bob@a.test", "@*.b.test"]), ["a.test", "*.b.test"]);
  assert.equal(domainsOfMailaddrs(["bob@a.test", "bob"]), null);
});

const entries: Readonly<Record<Exclude<EntryKind, "username">, readonly string[]>> = {
  string: ["a", "b", "A"],
  domain: ["*", "*.test", "a.test", "b.test", "*.a.test", "x.a.test", "*a.test", "a*", "**", "a.*"],
  netaddr: ["local", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10", "0.0.0.0/0", "::/0", "[2001:db8::/32]", "junk"],
  mailaddr: ["@", "@*", "@a.test", "bob", "bob@", "bob+x", "bob@a.test", "bob+x@a.test", "@*.test", "carl@*", "carl"],
  regex: ["a", "^a", ".*", "b$", "("],
};
const keys: Readonly<Record<Exclude<EntryKind, "username">, readonly string[]>> = {
  string: ["a", "b", ""],
  domain: ["a.test", "b.test", "x.a.test", "y.x.a.test", "a", "test", "aa.test", "xa.test", "A.TEST"],
  netaddr: ["local", "10.1.2.3", "10.2.3.4", "192.0.2.1", "[2001:db8::1]", "[::1]"],
  mailaddr: ["@", "bob@a.test", "bob+x@a.test", "bob+y@b.test", "carl@a.test", "bob@x.test", "eve+x@test"],
  regex: ["a", "b", "ab", ""],
};

Deno.test("entriesCover() and entriesExclude() hold for what tables answer", async () => {
  const kinds = ["string", "domain", "netaddr", "mailaddr", "regex"] as const;
  const some = fc.constantFrom(...kinds).chain((kind) =>
    fc.tuple(
      fc.constant(kind),
      fc.uniqueArray(fc.constantFrom(...entries[kind]), { minLength: 1, maxLength: 4 }),
      fc.uniqueArray(fc.constantFrom(...entries[kind]), { minLength: 1, maxLength: 4 }),
    )
  );
  await fc.assert(
    fc.asyncProperty(some, async ([kind, a, b]) => {
      const [one, other] = [a, b].map((list) => new StaticTable("t", "list", list.map((key) => [key, null]), "+"));
      const isCover = entriesCover(readEntries(kind, a), readEntries(kind, b), "+");
      const isApart = entriesExclude(readEntries(kind, a), readEntries(kind, b), "+");
      const isAll = entriesMatchAll(kind, a);
      for (const key of keys[kind]) {
        const inA = await one!.check(kind, key);
        const inB = await other!.check(kind, key);
        if (isCover) assert.ok(inA || !inB, `${a} does not cover ${b}: ${key}`);
        if (isApart) assert.ok(!inA || !inB, `${a} does not exclude ${b}: ${key}`);
        if (isAll) assert.ok(inA, `${a} does not match ${key}`);
      }
    }),
    { numRuns: 1000 },
  );
});

/** What every table must do, whatever holds its entries. */

import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { keyLengthMax } from "../../lib/table/service.ts";
import type { Service, Table } from "../../lib/table/table.ts";

/** Entries to make a table of; value is null in a list. */
export type ContractEntry = readonly [key: string, value: string | null];

/** Makes a table of entries, lets `run` use it, closes it and removes what it left behind. */
export type WithTable = (entries: readonly ContractEntry[], run: (table: Table) => Promise<void>) => Promise<void>;

/** What a backend can hold. */
export interface TableKind {
  readonly name: string;
  /** Keys alone: a map lacks this, a list lacks values. */
  readonly shape: "list" | "map";
  /** Regular expressions keep their case. */
  readonly keepsCase: boolean;
}

const keys = (...names: string[]): ContractEntry[] => names.map((name) => [name, null]);

/** Declares the tests of the contract for one backend. */
export function testTable(kind: TableKind, withTable: WithTable): void {
  const fill = (entries: readonly ContractEntry[]): ContractEntry[] =>
    entries.map(([key, value]) => [key, kind.shape === "list" ? null : value ?? `value of ${key}`]);
  const test = (name: string, entries: readonly ContractEntry[], run: (table: Table) => Promise<void>) =>
    Deno.test(`${kind.name}: ${name}`, () => withTable(fill(entries), run));
  const matches = (
    name: string,
    service: Service,
    entries: readonly string[],
    cases: Readonly<Record<string, boolean>>,
  ) =>
    test(name, keys(...entries), async (table) => {
      for (const [key, want] of Object.entries(cases)) assert.equal(await table.check(service, key), want, key);
    });

  matches("check() of an exact service compares in lower case", "string", ["bob", "Carl", "*", "10.0.0.0/8"], {
    bob: true,
    BOB: true,
    carl: true,
    dave: false,
    "": false,
    "10.1.2.3": false,
    "*": true,
  });
  matches("check() domain matches wildcards", "domain", ["example.org", "*.example.net", "foo*"], {
    "example.org": true,
    "EXAMPLE.org": true,
    "a.example.org": false,
    "a.example.net": true,
    "a.b.example.net": false,
    "example.net": false,
    foo: false,
    foobar: true,
    "": false,
  });
  matches("check() netaddr matches networks of any length", "netaddr", [
    "192.0.2.0/24",
    "192.0.2.128/25",
    "10",
    "[2001:db8::/32]",
    "[::1]",
    "local",
    "junk",
  ], {
    "192.0.2.1": true,
    "192.0.3.1": false,
    "10.200.0.1": true,
    "2001:db8:1::1": true,
    "[IPv6:2001:db8::1]": true,
    "::1": true,
    "2001:db9::1": false,
    local: true,
    LOCAL: true,
    junk: true,
    other: false,
  });
  matches("check() mailaddr matches users, domains and tags", "mailaddr", [
    "bob",
    "carl+x@a.test",
    "@b.test",
    "dave@*.c.test",
    "@*.d.test",
  ], {
    "bob@any.test": true,
    "BOB+tag@any.test": true,
    "carl@a.test": false,
    "carl+x@a.test": true,
    "carl+y@a.test": false,
    "eve@b.test": true,
    "dave@m.c.test": true,
    "dave+t@m.c.test": true,
    "eve@m.c.test": false,
    "eve@m.d.test": true,
    "@": false,
  });
  matches("check() mailaddr takes `@` for every address", "mailaddr", ["@"], {
    "@": true,
    "bob@a.test": true,
  });
  matches("check() regex matches anywhere, in either case", "regex", ["^bob@", "@(a|b)\\.test$", "(", "x{3}"], {
    "bob@c.test": true,
    "BOB@c.test": true,
    "eve@A.test": true,
    "eve@c.test": false,
    "xxx": true,
    "xx(": false,
  });
  if (kind.keepsCase) {
    matches("check() regex keeps the case of a pattern", "regex", ["^\\S+$"], { "a": true, " ": false });
  }
  test("check() and lookup() fault on a key that is too long", keys("a"), async (table) => {
    const key = "a".repeat(keyLengthMax + 1);
    const isMalformed = (error: unknown) => error instanceof Fault && error.kind === "malformed";
    await assert.rejects(table.check("string", key), isMalformed);
    await assert.rejects(table.lookup("string", key), isMalformed);
  });
  test("fetch() goes round", keys("relay-a", "relay-b", "relay-c"), async (table) => {
    const round =
      async () => [await table.fetch("relayhost"), await table.fetch("relayhost"), await table.fetch("relayhost")];
    const first = await round();
    assert.deepEqual([...first].sort(), ["relay-a", "relay-b", "relay-c"]);
    assert.deepEqual(await round(), first);
  });
  test("update() keeps the entries of what did not change", keys("a"), async (table) => {
    await table.update();
    assert.equal(await table.check("string", "a"), true);
  });
  Deno.test(`${kind.name}: an empty table matches and fetches nothing`, () =>
    withTable([], async (table) => {
      for (const service of ["string", "domain", "netaddr", "mailaddr", "regex"] as const) {
        assert.equal(await table.check(service, "a@b"), false);
        assert.equal(await table.lookup(service, "a@b"), null);
      }
      assert.equal(await table.fetch("relayhost"), null);
    }));
  if (kind.shape === "map") testValues(test);
}

function testValues(
  test: (name: string, entries: readonly ContractEntry[], run: (table: Table) => Promise<void>) => void,
): void {
  const expect = (service: Service, name: string, entries: readonly ContractEntry[], cases: readonly ContractEntry[]) =>
    test(name, entries, async (table) => {
      for (const [key, want] of cases) assert.equal(await table.lookup(service, key), want, key);
    });
  expect("alias", "lookup() keeps the case of values", [["Root", "Ann, Bob@X.test"]], [
    ["root", "Ann, Bob@X.test"],
    ["ROOT", "Ann, Bob@X.test"],
    ["roo", null],
  ]);
  expect("alias", "lookup() keeps values that are not ASCII", [["büro", "grüße"]], [["büro", "grüße"], [
    "BüRO",
    "grüße",
  ]]);
  expect("domain", "lookup() domain prefers the exact key", [["*.a.test", "pattern"], ["m.a.test", "exact"]], [
    ["m.a.test", "exact"],
    ["n.a.test", "pattern"],
    ["a.test", null],
  ]);
  expect("domain", "lookup() domain tries patterns in byte order", [["m*", "second"], ["*t", "first"]], [[
    "mt",
    "first",
  ], ["mx", "second"]]);
  expect(
    "mailaddr",
    "lookup() mailaddr prefers the most specific key",
    [["@", "any"], ["@*.test", "pattern"], ["@a.test", "domain"], ["bob", "user"], ["bob@a.test", "plain"], [
      "bob+x@a.test",
      "tagged",
    ]],
    [
      ["bob+x@a.test", "tagged"],
      ["bob+y@a.test", "plain"],
      ["bob@b.test", "user"],
      ["eve@a.test", "domain"],
      ["eve@b.test", "pattern"],
      ["eve@b.example", "any"],
      ["@", "any"],
    ],
  );
  expect("netaddr", "lookup() netaddr gives the value of the network", [["10.0.0.0/8", "ten"], ["10.0.0.1", "one"]], [
    ["10.0.0.1", "one"],
    ["10.0.0.2", "ten"],
    ["11.0.0.1", null],
  ]);
  expect("userinfo", "lookup() userinfo", [["bob", "1:2:/home/bob"]], [["bob", "1:2:/home/bob"], ["eve", null]]);
}

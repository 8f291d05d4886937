/** What every table must do, whatever holds its entries: `testTable` for those that match keys themselves,
 * `testAskedTable` for those whose backend does it, `testFailingTable` for all whose backend can fail. The vectors are
 * those of the specification's appendices B.2 and B.3. */

import assert from "node:assert/strict";
import { Fault, type FaultKind } from "../../lib/fault.ts";
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
  for (const [service, entry, key] of unicodeVectors) {
    matches(`${service} "${entry}" is found as "${key}"`, service, [entry], { [key]: true });
  }
  testVectors(matches);
  if (kind.shape === "map") {
    testValues(test);
    testServices(test);
  }
}

type Test = (name: string, entries: readonly ContractEntry[], run: (table: Table) => Promise<void>) => void;

/** A service whose keys are compared as they are. */
export const exactServices = [
  "alias",
  "credentials",
  "userinfo",
  "mailaddrmap",
  "addrname",
  "relayhost",
  "source",
  "string",
] as const;

/** Pattern against name, one pair a table. */
const domainVectors: readonly (readonly [name: string, pattern: string, want: boolean])[] = [
  ["example.org", "*", true],
  ["", "*", false],
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
];

const unicodeVectors: readonly (readonly [Service, entry: string, key: string])[] = [
  ["alias", "info@bücher.test", "info@xn--bcher-kva.test"],
  ["alias", "@bücher.test", "@xn--bcher-kva.test"],
  ["domain", "bücher.test", "xn--bcher-kva.test"],
  ["domain", "*.bücher.test", "m.xn--bcher-kva.test"],
  ["mailaddr", "@bücher.test", "bob@xn--bcher-kva.test"],
  ["mailaddr", "bob@*.bücher.test", "bob+x@m.xn--bcher-kva.test"],
  ["relayhost", "bücher.test", "xn--bcher-kva.test"],
];

const mailaddrVectors: readonly (readonly [address: string, entry: string, want: boolean])[] = [
  ["bob+x@a.test", "bob", true],
  ["bob+x@a.test", "bob+x", true],
  ["bob@a.test", "bob+x", false],
  ["bob@a.test", "@a.test", true],
  ["bob@a.test", "a.test", false],
  ["bob@m.a.test", "bob@*.a.test", true],
  ["@", "@", true],
  ["@", "@*", false],
  ["BOB@A.test", "bob@a.TEST", true],
];

function testVectors(
  matches: (
    name: string,
    service: Service,
    entries: readonly string[],
    cases: Readonly<Record<string, boolean>>,
  ) => void,
): void {
  for (const [name, pattern, want] of domainVectors) {
    matches(`domain "${name}" and pattern "${pattern}"`, "domain", [pattern], { [name]: want });
  }
  for (const [address, entry, want] of mailaddrVectors) {
    matches(`mailaddr "${address}" and entry "${entry}"`, "mailaddr", [entry], { [address]: want });
  }
}

/** Each exact service by itself: no wildcard, no tag, no network; lower case; values as they are. */
function testServices(test: Test): void {
  const entries: readonly ContractEntry[] = [
    ["Bob", 'Some: Value, "quoted"'],
    ["*.a.test", "wild"],
    ["@a.test", "domain"],
    ["10.0.0.0/8", "net"],
    ["[2001:db8::1]", "mx6.a.test"],
  ];
  for (const service of exactServices) {
    test(`${service} is exact`, entries, async (table) => {
      for (
        const [key, want] of [
          ["bob", 'Some: Value, "quoted"'],
          ["BOB", 'Some: Value, "quoted"'],
          ["bob+x", null],
          ["m.a.test", null],
          ["*.a.test", "wild"],
          ["eve@a.test", null],
          ["10.1.2.3", null],
          ["[2001:DB8::1]", "mx6.a.test"],
          ["", null],
        ] as const
      ) {
        assert.equal(await table.lookup(service, key), want, key);
        assert.equal(await table.check(service, key), want !== null, key);
      }
    });
  }
}

/** Declares the tests of a table whose backend matches keys itself: by queries of an administrator, or as a program.
 * It holds `value` for `bob` and nothing else, under each service of `services`. */
export function testAskedTable(
  name: string,
  services: readonly (readonly [service: Service, value: string])[],
  withTable: (run: (table: Table) => Promise<void>) => Promise<void>,
): void {
  const test = (what: string, run: (table: Table) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, () => withTable(run));
  for (const [service, value] of services) {
    test(`${service} is found in lower case, and absent`, async (table) => {
      assert.equal(await table.lookup(service, "bob"), value);
      assert.equal(await table.lookup(service, "BOB"), value);
      assert.equal(await table.check(service, "Bob"), true);
      assert.equal(await table.lookup(service, "eve"), null);
      assert.equal(await table.check(service, "eve"), false);
      assert.equal(await table.check(service, ""), false);
    });
    test(`${service} faults on a key that is too long`, async (table) => {
      const key = "a".repeat(keyLengthMax + 1);
      await assert.rejects(table.check(service, key), isFault(["malformed"]));
      await assert.rejects(table.lookup(service, key), isFault(["malformed"]));
    });
  }
  test('a service that it does not have is a Fault, not "not found"', async (table) => {
    await assert.rejects(table.lookup("regex", "bob"), isFault(["unavailable", "unsupported"]));
    await assert.rejects(table.check("regex", "bob"), isFault(["unavailable", "unsupported"]));
  });
  test("update() keeps it of use", async (table) => {
    const [first] = services;
    assert.ok(first !== undefined);
    await table.update();
    assert.equal(await table.lookup(first[0], "bob"), first[1]);
  });
}

/** Declares the test that a failing backend is a Fault and that the table is of use again afterwards. `broken` runs its
 * argument while the backend fails; `service` has the key `bob`. */
export function testFailingTable(
  name: string,
  service: Service,
  withTable: (
    run: (table: Table, broken: (run: () => Promise<void>) => Promise<void>) => Promise<void>,
  ) => Promise<void>,
): void {
  Deno.test(`${name}: a failing backend is a Fault, never "not found"`, () =>
    withTable(async (table, broken) => {
      assert.equal(await table.check(service, "bob"), true);
      await broken(async () => {
        const kinds = ["unavailable", "malformed", "timeout", "closed", "io", "denied", "refused", "reset"] as const;
        for (const key of ["bob", "eve"]) {
          await assert.rejects(table.check(service, key), isFault(kinds), key);
          await assert.rejects(table.lookup(service, key), isFault(kinds), key);
        }
      });
      assert.equal(await table.check(service, "bob"), true);
      assert.equal(await table.check(service, "eve"), false);
    }));
}

function isFault(kinds: readonly FaultKind[]): (error: unknown) => boolean {
  return (error) => error instanceof Fault && kinds.includes(error.kind);
}

function testValues(test: Test): void {
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

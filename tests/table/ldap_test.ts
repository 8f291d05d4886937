/** Tables in directories: filters, and what entries make. */

import assert from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import type { DirectoryEntry, DirectorySearch } from "../../lib/port_database.ts";
import { escapeFilter, fillFilter, LdapTable } from "../../lib/table/ldap.ts";
import { FakeClock } from "../sim/clock.ts";
import { fakeDrivers, FakeServer } from "../sim/database.ts";

function openTable(entries: readonly DirectoryEntry[]) {
  const server = new FakeServer<DirectorySearch, readonly DirectoryEntry[]>(() => entries);
  const ports = { drivers: fakeDrivers({ ldap: () => server }), clock: new FakeClock() };
  const settings = [
    ["url", "ldap+tls://l.test"],
    ["username", "cn=x"],
    ["password", "p"],
    ["basedn", "dc=t"],
    ["alias_filter", "(&(a=%u)(t=%h)(p=100%%))"],
    ["alias_attributes", "mail"],
    ["userinfo_filter", "(uid=%s)"],
    ["userinfo_attributes", "uidNumber, gidNumber,home"],
    ["source_filter", "(t=%h)"],
    ["source_attributes", "ip"],
  ] as const;
  return { server, ports, table: new LdapTable({ kind: "ldap", name: "t(1)", path: "/t.conf", settings }, ports) };
}

Deno.test("escapeFilter() leaves no way out of a value", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["bob+x@a-b.test", "bob+x@a-b.test"],
    ["*", "\\2a"],
    ["a)(b=c", "a\\29\\28b\\3dc"],
    ["\\", "\\5c"],
    ["\0 \n", "\\00\\20\\0a"],
    ["bücher", "bücher"],
    ["%u", "\\25u"],
  ];
  for (const [value, want] of cases) assert.equal(escapeFilter(value), want, value);
  fc.assert(fc.property(anyText(), (value) => {
    const escaped = escapeFilter(value);
    assert.ok(!/[()*\0]/.test(escaped));
    const read = escaped.replace(/\\([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
    assert.equal(read, value);
  }));
});

Deno.test("fillFilter() reads a value once", () => {
  assert.equal(fillFilter("(&(a=%u)(b=%s)(c=%h)(d=%%u))", "%h*", "t"), "(&(a=\\25h\\2a)(b=\\25h\\2a)(c=t)(d=%u))");
  assert.equal(fillFilter("(a=%u)", "$&", "t"), "(a=\\24\\26)");
});

Deno.test("a search has the base, the filled filter and the attributes of the settings", async () => {
  const { server, table, ports } = openTable([]);
  assert.equal(await table.lookup("userinfo", "BOB*"), null);
  assert.equal(await table.check("alias", "bob"), false);
  assert.deepEqual(server.asked, [
    { base: "dc=t", filter: "(uid=bob\\2a)", attributes: ["uidNumber", "gidNumber", "home"] },
    { base: "dc=t", filter: "(&(a=bob)(t=t\\281\\29)(p=100%))", attributes: ["mail"] },
  ]);
  assert.deepEqual(ports.drivers.logins, [{
    address: { kind: "host", host: "l.test", port: 389, name: "l.test" },
    tls: { mode: "verify", ca: null },
    user: "cn=x",
    password: "p",
    database: null,
    startTls: true,
  }]);
});

Deno.test("entries make a value", async () => {
  const alias = (entries: readonly DirectoryEntry[]) => openTable(entries).table.lookup("alias", "bob");
  const user = (entries: readonly DirectoryEntry[]) => openTable(entries).table.lookup("userinfo", "bob");
  assert.equal(await alias([[["ann", "carl"]], [["eve"]]]), "ann, carl, eve");
  assert.equal(await alias([[[]], [["eve"]]]), "eve");
  assert.equal(await alias([[[]]]), null);
  assert.equal(await user([[["1", "9"], ["2"], ["/h"]]]), "1:2:/h");
  assert.equal(await user([[["1"], [], ["/h"]], [["3"], ["4"], ["/g"]]]), "3:4:/g");
  assert.equal(await user([[["1"], [], ["/h"]]]), null);
  assert.equal(await openTable([[[]]]).table.check("alias", "bob"), true);
});

Deno.test("fetch() goes round the values of a filter without a key", async () => {
  const { server, table } = openTable([[["192.0.2.1"]], [["192.0.2.2"]]]);
  const values = [];
  for (let i = 0; i < 3; i++) values.push(await table.fetch("source"));
  assert.deepEqual(values, ["192.0.2.1", "192.0.2.2", "192.0.2.1"]);
  assert.equal(server.asked.length, 1);
  await assert.rejects(table.fetch("userinfo"), /userinfo_filter asks for a key/);
  await assert.rejects(
    table.fetch("relayhost"),
    /Cannot fetch relayhost in table t\(1\): its settings have no `relayhost_filter`/,
  );
});

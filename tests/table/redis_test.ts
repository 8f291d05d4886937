/** Tables in Redis: commands, and what replies mean. */

import assert from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import { Fault } from "../../lib/fault.ts";
import type { RedisReply } from "../../lib/port_database.ts";
import { commandWords, RedisTable } from "../../lib/table/redis.ts";
import type { Service } from "../../lib/table/table.ts";
import { FakeClock } from "../sim/clock.ts";
import { fakeDrivers, FakeServer } from "../sim/database.ts";

function openTable(settings: readonly (readonly [string, string])[], reply: RedisReply) {
  const server = new FakeServer<readonly string[], RedisReply>(() => reply);
  const ports = { drivers: fakeDrivers({ redis: () => server }), clock: new FakeClock() };
  return { server, table: new RedisTable({ kind: "redis", name: "t", path: "/t.conf", settings }, ports) };
}

Deno.test("commandWords() puts the key into the words of a command", () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ["GET alias:%s", "bob", ["GET", "alias:bob"]],
    ["HMGET  user:%s uid\tgid", "b", ["HMGET", "user:b", "uid", "gid"]],
    ["EVAL x 1 %s %s", "k", ["EVAL", "x", "1", "k", "k"]],
    ["GET 100%%:%s", "%s", ["GET", "100%:%s"]],
    ["GET %s", "a b\r\nDEL c", ["GET", "a b\r\nDEL c"]],
    ["GET %s", "$&$1", ["GET", "$&$1"]],
  ];
  for (const [query, key, want] of cases) assert.deepEqual(commandWords(query, key), want, query);
});

Deno.test("no key changes the number of words, or another word", () => {
  fc.assert(fc.property(anyText(), (key) => {
    assert.deepEqual(commandWords("HMGET user:%s uid gid", key), ["HMGET", `user:${key}`, "uid", "gid"]);
  }));
});

Deno.test("each service has a query of its own, unless the settings have another", async () => {
  const { server, table } = openTable([["query_alias", "LRANGE a:%s 0 -1"]], "v");
  await table.lookup("alias", "BOB");
  await table.lookup("credentials", "bob");
  await table.check("mailaddrmap", "bob");
  assert.deepEqual(server.asked, [["LRANGE", "a:bob", "0", "-1"], ["GET", "credentials:bob"], [
    "GET",
    "mailaddrmap:bob",
  ]]);
  await assert.rejects(table.check("regex", "bob"), /its settings have no `query_regex`/);
  await assert.rejects(table.check("auth", "bob"), /its settings have no `query_auth`/);
});

Deno.test("check() and lookup() read each reply", async () => {
  const cases: readonly (readonly [Service, RedisReply, boolean, string | null | RegExp])[] = [
    ["alias", "ann", true, "ann"],
    ["alias", "", true, ""],
    ["alias", null, false, null],
    ["alias", [], false, null],
    ["alias", ["ann", "carl"], true, "ann, carl"],
    ["mailaddrmap", ["@a.test", "@b.test"], true, "@a.test, @b.test"],
    ["credentials", ["bob", "$6$x"], true, "bob:$6$x"],
    ["credentials", ["bob"], true, /has to give 2 values, not 1/],
    ["credentials", [null, null], false, null],
    ["userinfo", ["1", "2", "/h"], true, "1:2:/h"],
    ["userinfo", [1, 2, "/h"], true, "1:2:/h"],
    ["userinfo", ["1", null, "/h"], true, /gives something else than text/],
    ["userinfo", "1:2:/h", true, "1:2:/h"],
    ["domain", 1, true, "bob"],
    ["domain", 0, false, null],
    ["domain", 7, true, /gives the number 7/],
    ["domain", ["x", "y"], true, "x"],
  ];
  for (const [service, reply, isThere, value] of cases) {
    const { table } = openTable([], reply);
    const name = `${service}: ${JSON.stringify(reply)}`;
    assert.equal(await table.check(service, "Bob"), isThere, name);
    if (value instanceof RegExp) {
      await assert.rejects(table.lookup(service, "Bob"), (error) => {
        assert.match(String(error), value);
        return error instanceof Fault && error.kind === "malformed";
      }, name);
    } else assert.equal(await table.lookup(service, "Bob"), value, name);
  }
});

Deno.test("fetch() goes round what its command gives", async () => {
  const { server, table } = openTable([["fetch_source", "SMEMBERS sources"]], ["192.0.2.1", "192.0.2.2"]);
  const values = [];
  for (let i = 0; i < 3; i++) values.push(await table.fetch("source"));
  assert.deepEqual(values, ["192.0.2.1", "192.0.2.2", "192.0.2.1"]);
  assert.deepEqual(server.asked, [["SMEMBERS", "sources"]]);
  await assert.rejects(table.fetch("relayhost"), /its settings have no `fetch_relayhost`/);
  await assert.rejects(openTable([["fetch_source", "X"]], [1]).table.fetch("source"), /something else than text/);
  assert.equal(await openTable([["fetch_source", "X"]], null).table.fetch("source"), null);
});

import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import type { SqlValue } from "../../lib/port.ts";
import {
  countParameters,
  FetchCycle,
  FetchCycles,
  fetchedOfRows,
  fetchExpireMs,
  fetchRefresh,
  queryOf,
  queryRowsMax,
  readQueries,
  valueOfRows,
} from "../../lib/table/query.ts";
import type { Service } from "../../lib/table/table.ts";

Deno.test("readQueries() takes queries and limits, and leaves the rest to the driver", () => {
  const queries = readQueries("t", [
    ["dbpath", "/x"],
    ["query_alias", "A"],
    ["query_userinfo", "U"],
    ["fetch_source", "F"],
    ["fetch_source_expire", "5s"],
    ["fetch_source_refresh", "7"],
  ]);
  assert.deepEqual([...queries.lookups], [["alias", "A"], ["userinfo", "U"]]);
  assert.deepEqual([...queries.fetches], [["source", "F"]]);
  assert.deepEqual([queries.fetchExpireMs, queries.fetchRefresh], [5000, 7]);
  const few = readQueries("t", [["query_alias", "A"]]);
  assert.deepEqual([few.fetchExpireMs, few.fetchRefresh], [fetchExpireMs, fetchRefresh]);
});

Deno.test("readQueries() says what is wrong", () => {
  const table: readonly (readonly [settings: readonly (readonly [string, string])[], message: RegExp])[] = [
    [[], /hold no query/],
    [[["dbpath", "/x"]], /hold no query/],
    [[["query_alias", "A"], ["query_alias", "B"]], /`query_alias` stands twice/],
    [[["query_alias", "A"], ["fetch_source_expire", "soon"]], /`fetch_source_expire soon` is no number/],
  ];
  for (const [settings, message] of table) {
    assert.throws(() => readQueries("t", settings), (error) => {
      assert.ok(error instanceof Fault && error.kind === "malformed");
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("queryOf() faults for a service without a query, and names the keyword", () => {
  const queries = new Map<Service, string>([["alias", "A"]]);
  assert.equal(queryOf("t", queries, "look up", "alias"), "A");
  assert.throws(() => queryOf("t", queries, "look up", "domain"), /no `query_domain`/);
  assert.throws(() => queryOf("t", queries, "fetch", "source"), /no `fetch_source`/);
});

Deno.test("valueOfRows() makes the value of each service", () => {
  const table: readonly (readonly [Service, readonly (readonly SqlValue[])[], string | null])[] = [
    ["alias", [], null],
    ["alias", [["ann"]], "ann"],
    ["alias", [["ann"], ["bob@x.test"]], "ann, bob@x.test"],
    ["mailaddrmap", [["a@x.test"], ["@y.test"]], "a@x.test, @y.test"],
    ["credentials", [["ann", "$6$h"]], "ann:$6$h"],
    ["userinfo", [[1000, 100, "/home/ann"]], "1000:100:/home/ann"],
    ["userinfo", [["1000", "100", "/home/ann", "more"]], "1000:100:/home/ann"],
    ["domain", [["x.test"], ["y.test"]], "x.test"],
    ["addrname", [[new TextEncoder().encode("büro.test")]], "büro.test"],
  ];
  for (const [service, rows, want] of table) assert.equal(valueOfRows("t", service, rows), want, service);
});

Deno.test("valueOfRows() and fetchedOfRows() fault on rows that make no value", () => {
  const isMalformed = (text: RegExp) => (error: unknown) =>
    error instanceof Fault && error.kind === "malformed" && text.test(error.message);
  assert.throws(() => valueOfRows("t", "userinfo", [[1, 2]]), isMalformed(/give 3 columns, not 2/));
  assert.throws(() => valueOfRows("t", "credentials", [["a", null]]), isMalformed(/gives NULL/));
  assert.throws(() => valueOfRows("t", "alias", [["a"], [null]]), isMalformed(/gives NULL/));
  assert.throws(() => valueOfRows("t", "alias", new Array(queryRowsMax + 1).fill(["a"])), isMalformed(/rows/));
  assert.throws(() => valueOfRows("t", "alias", [["a".repeat(2 ** 20 + 1)]]), isMalformed(/characters/));
  assert.throws(() => fetchedOfRows("t", "source", [[null]]), isMalformed(/gives NULL/));
  assert.deepEqual(fetchedOfRows("t", "source", [["a"], ["b"]]), ["a", "b"]);
});

Deno.test("FetchCycle goes round and asks again after its time and its count", async () => {
  let now = 0;
  let loads = 0;
  const load = () => Promise.resolve(["a", "b", String(++loads)]);
  const cycle = new FetchCycle(load, () => now, { fetchExpireMs: 1000, fetchRefresh: 4 });
  const round = async (count: number) => {
    const got = [];
    for (let i = 0; i < count; i++) got.push(await cycle.next());
    return got.join(" ");
  };
  assert.equal(await round(4), "a b 1 a");
  assert.equal(loads, 1);
  assert.equal(await round(2), "b 2");
  now += 1000;
  assert.equal(await round(3), "a b 3");
  cycle.expire();
  assert.equal(await round(3), "a b 4");
});

Deno.test("FetchCycle: nothing to go round, and a backend that fails", async () => {
  const empty = new FetchCycle(() => Promise.resolve([]), () => 0, { fetchExpireMs, fetchRefresh });
  assert.equal(await empty.next(), null);
  const failing = new FetchCycle(() => Promise.reject(new Fault("io", "no")), () => 0, { fetchExpireMs, fetchRefresh });
  await assert.rejects(failing.next(), /no/);
});

Deno.test("FetchCycles begins each service once, and asks again for all of them", async () => {
  const cycles = new FetchCycles(() => 0);
  const asked: string[] = [];
  const next = (service: "source" | "relayhost") =>
    cycles.next(service, () => {
      asked.push(`begin ${service}`);
      const load = () => Promise.resolve([`${service} ${asked.push(service)}`]);
      return { load, fetchExpireMs, fetchRefresh };
    });
  assert.equal(await next("source"), "source 2");
  assert.equal(await next("relayhost"), "relayhost 4");
  assert.equal(await next("source"), "source 2");
  cycles.expire();
  assert.equal(await next("source"), "source 5");
  assert.equal(await next("relayhost"), "relayhost 6");
  const refuses = () => {
    throw new Fault("unavailable", "no query");
  };
  await assert.rejects(new FetchCycles(() => 0).next("source", refuses), /no query/);
});

Deno.test("countParameters() counts what is bound", () => {
  const table: readonly (readonly [sql: string, count: number])[] = [
    ["SELECT 1", 0],
    ["SELECT a FROM t WHERE b = ?", 1],
    ["SELECT a FROM t WHERE b = ? OR c = ?", 2],
    ["SELECT a FROM t WHERE b = ?1 OR c = ?1", 1],
    ["SELECT a FROM t WHERE b = ?2", 2],
    ["SELECT '?', \"?\", `?`, [?] FROM t WHERE b = ?", 1],
    ["SELECT 'it''s ?' FROM t WHERE b = ? -- why?", 1],
    ["SELECT /* ? */ a FROM t WHERE b = ?", 1],
    ["SELECT 'open ?", 0],
  ];
  for (const [sql, count] of table) assert.equal(countParameters(sql), count, sql);
});

/** Tables in SQL databases behind a server: what is asked, and what the rows make. */

import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import type { SqlRequest, SqlRows } from "../../lib/port_database.ts";
import { openMysqlTable } from "../../lib/table/mysql.ts";
import { openPostgresTable } from "../../lib/table/postgres.ts";
import type { DatabaseSpec } from "../../lib/table/spec.ts";
import { FakeClock } from "../sim/clock.ts";
import { fakeDrivers, FakeServer } from "../sim/database.ts";

const settings: DatabaseSpec["settings"] = [
  ["conninfo", "host=db user=m password=p dbname=d target_session_attrs=prefer-standby"],
  ["host", "db"],
  ["username", "m"],
  ["password", "p"],
  ["database", "d"],
  ["timeout", "2"],
  ["query_alias", "SELECT a WHERE b = ? AND '?' <> ?"],
  ["query_string", "SELECT $1"],
  ["fetch_source", "SELECT s"],
];

function openTables() {
  const server = new FakeServer<SqlRequest, SqlRows>(({ sql }) =>
    sql.includes("SELECT s") ? [["192.0.2.1"], ["192.0.2.2"]] : [["ann"], ["carl"]]
  );
  const drivers = fakeDrivers({ postgres: () => server, mysql: () => server });
  const clock = new FakeClock();
  const ports = { drivers, clock };
  const spec = { name: "t", path: "/t.conf", settings };
  return {
    server,
    drivers,
    clock,
    postgres: openPostgresTable({ ...spec, kind: "postgres" }, ports),
    mysql: openMysqlTable({ ...spec, kind: "mysql" }, ports),
  };
}

Deno.test("the key is a parameter, in lower case, once for each place", async () => {
  const { server, postgres, mysql } = openTables();
  assert.equal(await mysql.lookup("alias", "O'Brien"), "ann, carl");
  assert.equal(await postgres.lookup("string", "X"), "ann");
  assert.deepEqual(server.asked, [
    { sql: "SELECT a WHERE b = ? AND '?' <> ?", parameters: ["o'brien", "o'brien"] },
    { sql: "SELECT $1", parameters: ["x"] },
  ]);
});

Deno.test("logins come from the settings", () => {
  const { drivers } = openTables();
  const login = {
    address: { kind: "host", host: "db", name: "db" },
    user: "m",
    password: "p",
    database: "d",
  };
  const [standby, any, mysql] = drivers.logins;
  const postgres = {
    ...login,
    address: { ...login.address, port: 5432 },
    tls: { mode: "prefer", ca: null },
    parameters: [],
  };
  assert.deepEqual(standby, { ...postgres, target: "standby" });
  assert.deepEqual(any, { ...postgres, target: "any" });
  assert.deepEqual(mysql, { ...login, address: { ...login.address, port: 3306 }, tls: null });
});

Deno.test("a table is opened while its server is away; the Fault names the table and scrubs the server's words", async () => {
  const { server, postgres } = openTables();
  server.answer = () => {
    throw new Fault("unavailable", `bad key \x1b[31m${"x".repeat(1000)}`);
  };
  await assert.rejects(postgres.check("string", "a"), (error) => {
    assert.ok(error instanceof Fault);
    assert.match(error.message, /^Cannot check string in table t: bad key /);
    assert.ok(!error.message.includes("\x1b"));
    return error.kind === "unavailable" && error.message.length < 400;
  });
});

Deno.test("fetch() asks once and goes round; update() asks anew", async () => {
  const { server, postgres } = openTables();
  const values = [];
  for (let i = 0; i < 3; i++) values.push(await postgres.fetch("source"));
  assert.deepEqual(values, ["192.0.2.1", "192.0.2.2", "192.0.2.1"]);
  assert.equal(server.asked.length, 1);
  await postgres.update();
  await postgres.fetch("source");
  assert.equal(server.asked.length, 2);
  await assert.rejects(
    postgres.fetch("relayhost"),
    /Cannot fetch relayhost in table t: its settings have no `fetch_relayhost`/,
  );
});

Deno.test("update() says that the server is away", async () => {
  const { server, postgres } = openTables();
  server.state = "refuses";
  await assert.rejects(postgres.update(), /Cannot update table t: cannot reach db/);
});

Deno.test("the table's timeout counts", async () => {
  const { server, clock, postgres } = openTables();
  server.state = "silent";
  const late = assert.rejects(postgres.check("string", "a"), /within 2 s/);
  await clock.advance(2000);
  await late;
});

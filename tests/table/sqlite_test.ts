import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import { openSqlReader } from "../../lib/host/sqlite.ts";
import { lowerAscii } from "../../lib/table/service.ts";
import type { DatabaseSpec } from "../../lib/table/spec.ts";
import { sqliteMapSchema, SqliteTable } from "../../lib/table/sqlite.ts";
import { watchIntervalMs } from "../../lib/table/watch.ts";
import { UnicodeTable } from "../../lib/table/unicode.ts";
import { type ContractEntry, testAskedTable, testFailingTable, testTable } from "../contract/table.ts";
import { inFolder } from "../support/folder.ts";
import { quoted, runSql, whileLocked } from "../support/sqlite.ts";

async function open(path: string, settings: DatabaseSpec["settings"] = []) {
  const clock = { now: 0 };
  const reports: Fault[] = [];
  const table = await SqliteTable.open({ kind: "sqlite", name: "t", path, settings }, hostDisk, {
    openSql: openSqlReader,
    delimiter: "+",
    clock: { monotonic: () => clock.now, now: () => Date.now() + clock.now },
    report: (fault) => reports.push(fault),
  });
  return { table, clock, reports };
}

function makeMap(path: string, entries: readonly ContractEntry[]): void {
  const rows = entries.map(([key, value]) => `INSERT INTO map VALUES (${quoted(lowerAscii(key))}, ${quoted(value!)})`);
  runSql(path, [sqliteMapSchema, ...rows].join(";"));
}

const queries: DatabaseSpec["settings"] = [
  ["query_alias", "SELECT destination FROM aliases WHERE name = ? ORDER BY rowid"],
  ["query_credentials", "SELECT name, hash FROM users WHERE name = ?"],
  ["query_userinfo", "SELECT uid, gid, home FROM users WHERE name = ?"],
  ["query_string", "SELECT name FROM users WHERE name = ?1 OR home = ?1"],
  ["fetch_source", "SELECT address FROM sources ORDER BY address"],
];
const site = `
  CREATE TABLE aliases (name TEXT, destination TEXT);
  INSERT INTO aliases VALUES ('bob', 'ann'), ('bob', 'carl@x.test');
  CREATE TABLE users (name TEXT, hash TEXT, uid INTEGER, gid INTEGER, home TEXT);
  INSERT INTO users VALUES ('bob', '$6$x', 1000, 100, '/home/bob');
  CREATE TABLE sources (address TEXT);
  INSERT INTO sources VALUES ('192.0.2.1'), ('192.0.2.2');
`;

/** Makes the database and opens a table of it. */
async function openSite(folder: string) {
  const path = `${folder}/site.db`;
  runSql(path, site);
  return { path, ...await open(`${folder}/sqlite.conf`, [["dbpath", path], ...queries]) };
}

testTable({ name: "sqlite map", shape: "map", keepsCase: false }, (entries, run) =>
  inFolder(async (folder) => {
    makeMap(`${folder}/t.sqlite`, entries);
    const { table } = await open(`${folder}/t.sqlite`);
    assert.equal(table.shape, "dynamic");
    await run(new UnicodeTable(table));
    table.close();
  }));

testAskedTable(
  "sqlite queries",
  [
    ["alias", "ann, carl@x.test"],
    ["credentials", "bob:$6$x"],
    ["userinfo", "1000:100:/home/bob"],
    ["string", "bob"],
  ],
  (run) =>
    inFolder(async (folder) => {
      const { table } = await openSite(folder);
      await run(table);
      table.close();
    }),
);

testFailingTable("sqlite queries, the database locked", "userinfo", (run) =>
  inFolder(async (folder) => {
    const { table, path } = await openSite(folder);
    await run(table, (whileBroken) => whileLocked(path, whileBroken));
    table.close();
  }));

testFailingTable("sqlite queries, a table of the database gone", "userinfo", (run) =>
  inFolder(async (folder) => {
    const { table, path } = await openSite(folder);
    await run(table, async (whileBroken) => {
      runSql(path, "ALTER TABLE users RENAME TO gone");
      await whileBroken();
      runSql(path, "ALTER TABLE gone RENAME TO users");
    });
    table.close();
  }));

testFailingTable("sqlite map, the database locked", "alias", (run) =>
  inFolder(async (folder) => {
    makeMap(`${folder}/t.db`, [["bob", "ann"]]);
    const { table } = await open(`${folder}/t.db`);
    await run(table, (whileBroken) => whileLocked(`${folder}/t.db`, whileBroken));
    table.close();
  }));

Deno.test("SqliteTable: fetch() goes round the rows, and asks again after update()", () =>
  inFolder(async (folder) => {
    const { table, path } = await openSite(folder);
    assert.equal(await table.fetch("source"), "192.0.2.1");
    assert.equal(await table.fetch("source"), "192.0.2.2");
    assert.equal(await table.fetch("source"), "192.0.2.1");
    runSql(path, "DELETE FROM sources WHERE address = '192.0.2.1'");
    await table.update();
    assert.equal(await table.fetch("source"), "192.0.2.2");
    assert.equal(await table.fetch("source"), "192.0.2.2");
    await assert.rejects(table.fetch("relayhost"), /no `fetch_relayhost`/);
    table.close();
  }));

Deno.test("SqliteTable: what others write is seen at once, also through a write-ahead log", () =>
  inFolder(async (folder) => {
    const { table, path } = await openSite(folder);
    runSql(path, "INSERT INTO aliases VALUES ('eve', 'ann')");
    assert.equal(await table.lookup("alias", "eve"), "ann");
    runSql(path, "PRAGMA journal_mode = WAL; UPDATE aliases SET destination = 'bob' WHERE name = 'eve'");
    assert.equal(await table.lookup("alias", "eve"), "bob");
    table.close();
  }));

Deno.test("SqliteTable: a map follows its patterns and a replaced file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t.db`;
    makeMap(path, [["*.a.test", "one"]]);
    const { table, clock, reports } = await open(path);
    assert.equal(await table.lookup("domain", "m.a.test"), "one");
    runSql(path, "INSERT INTO map VALUES ('*.b.test', 'two')");
    assert.equal(await table.lookup("domain", "m.b.test"), "two");
    makeMap(`${folder}/new`, [["*.c.test", "three"]]);
    await Deno.rename(`${folder}/new`, path);
    assert.equal(await table.lookup("domain", "m.a.test"), "one");
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("domain", "m.a.test"), null);
    assert.equal(await table.lookup("domain", "m.c.test"), "three");
    assert.deepEqual(reports, []);
    table.close();
  }));

Deno.test("SqliteTable: a bad new file is reported once and the old one stays in use", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t.db`;
    makeMap(path, [["a", "one"]]);
    const { table, clock, reports } = await open(path);
    await Deno.writeTextFile(
      `${folder}/new`,
      "no database at all, just text that is long enough to be read as a header",
    );
    await Deno.rename(`${folder}/new`, path);
    for (let i = 0; i < 3; i++) {
      clock.now += watchIntervalMs;
      assert.equal(await table.lookup("alias", "a"), "one");
    }
    assert.deepEqual(reports.map((fault) => fault.kind), ["malformed"]);
    table.close();
  }));

Deno.test("SqliteTable: open() says what is wrong", () =>
  inFolder(async (folder) => {
    const path = `${folder}/site.db`;
    runSql(path, site);
    await Deno.writeTextFile(
      `${folder}/text`,
      "root: ann, and so on, and so on, until there is enough of it to read\n",
    );
    const table: readonly (readonly [path: string, settings: DatabaseSpec["settings"], message: RegExp])[] = [
      [`${folder}/none`, [], /Cannot open .*none/],
      [`${folder}/text`, [], /file is not a database/],
      [path, [], /no map that makemap made: no such table: map/],
      [
        path,
        [["dbpath", path], ["query_alias", "SELECT x FROM aliases WHERE name = ?"]],
        /query_alias: no such column: x/,
      ],
      [path, [["dbpath", path], ["query_alias", "SELEKT"]], /query_alias: .*syntax error/],
      [path, [["dbpath", path]], /hold no query/],
    ];
    for (const [file, settings, message] of table) {
      await assert.rejects(open(file, settings), (error) => {
        assert.ok(error instanceof Fault, String(error));
        assert.match(error.message, message);
        return true;
      });
    }
  }));

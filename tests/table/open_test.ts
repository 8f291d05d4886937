import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import type { Disk } from "../../lib/port.ts";
import { openSqlReader } from "../../lib/host/sqlite.ts";
import { openTable, passwdPath, remember } from "../../lib/table/open.ts";
import type { ProcLink } from "../../lib/table/proc.ts";
import { sqliteMapSchema } from "../../lib/table/sqlite.ts";
import { StaticTable } from "../../lib/table/static.ts";
import type { TableSpec } from "../../lib/table/table.ts";
import { writeCdb } from "../support/cdb.ts";
import { noBackends } from "../support/backends.ts";
import { inFolder } from "../support/folder.ts";
import { runSql } from "../support/sqlite.ts";
import { type ProcSpec, programSpec } from "../../lib/table/spec.ts";

const helper: ProcLink = {
  ask: (ask) =>
    Promise.resolve(ask.kind === "lookup" ? { kind: "found", value: `${ask.key} one` } : { kind: "absent" }),
  close() {},
};
const options = {
  subAddressDelimiter: "-",
  clock: { monotonic: () => 0, now: () => 0 },
  report: () => {},
  openSql: openSqlReader,
  connectProc: () => helper,
  servers: noBackends.servers,
};

Deno.test("openTable() opens each kind", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "bob one\n");
    await writeCdb(`${folder}/cdb`, [["bob", "one"]]);
    await Deno.writeTextFile(`${folder}/passwd`, "bob:x:1:2::/home/bob:/bin/sh\n");
    runSql(`${folder}/map.sqlite`, `${sqliteMapSchema}; INSERT INTO map VALUES ('bob', 'one')`);
    const disk: Disk = {
      ...hostDisk,
      open: (path, how) => hostDisk.open(path === passwdPath ? `${folder}/passwd` : path, how),
    };
    const specs: readonly TableSpec[] = [
      { kind: "static", name: "t", shape: "map", entries: [["bob", "one"]] },
      { kind: "file", name: "t", path: `${folder}/file` },
      { kind: "cdb", name: "t", path: `${folder}/cdb` },
      { kind: "sqlite", name: "t", path: `${folder}/map.sqlite`, settings: [] },
    ];
    for (const spec of specs) {
      const table = await openTable(spec, disk, options);
      assert.equal(table.name, "t");
      assert.equal(await table.lookup("alias", "bob"), "one", spec.kind);
      assert.equal(await table.check("mailaddr", "bob-tag@a.test"), true, spec.kind);
      assert.equal(await table.check("mailaddr", "bob+tag@a.test"), false, spec.kind);
      table.close();
    }
    const users = await openTable({ kind: "getpwnam", name: "<getpwnam>" }, disk, options);
    assert.equal(await users.lookup("userinfo", "bob"), "1:2:/home/bob");
    users.close();
    const others: readonly TableSpec[] = [
      { kind: "passwd", name: "t", path: `${folder}/passwd` },
      {
        kind: "sqlite",
        name: "t",
        path: `${folder}/conf`,
        settings: [["dbpath", `${folder}/map.sqlite`], [
          "query_userinfo",
          "SELECT 1, 2, '/home/' || key FROM map WHERE key = ?",
        ]],
      },
    ];
    for (const spec of others) {
      const table = await openTable(spec, disk, options);
      assert.equal(await table.lookup("userinfo", "bob"), "1:2:/home/bob", spec.kind);
      table.close();
    }
    const asked = await openTable(programSpec("t", "/none", null), disk, options);
    assert.equal(await asked.lookup("alias", "Bob"), "bob one");
    asked.close();
  }));

Deno.test("openTable() faults when the file is not there", () =>
  inFolder(async (folder) => {
    for (const kind of ["file", "cdb"] as const) {
      await assert.rejects(
        openTable({ kind, name: "t", path: `${folder}/none` }, hostDisk, options),
        (error) => error instanceof Fault && error.kind === "notFound",
      );
    }
  }));

Deno.test("a program is asked again when the time of its line is over, and at once for a time of 0", async () => {
  const clock = { monotonic: () => now, now: () => now };
  let now = 0;
  let asked = 0;
  const link: ProcLink = {
    ask(ask) {
      asked++;
      return helper.ask(ask);
    },
    close() {},
  };
  /** How often the program is asked for what is there, and for what is not, when both are wanted at these times. */
  const counted = async (times: Pick<ProcSpec, "cacheTtlMs" | "cacheNegativeTtlMs">, at: readonly number[]) => {
    const spec = { ...programSpec("t", "/none", null), ...times };
    const table = await openTable(spec, hostDisk, { ...options, clock, connectProc: () => link });
    const counts: number[] = [];
    for (const question of [() => table.lookup("alias", "bob"), () => table.check("alias", "bob")]) {
      asked = 0;
      for (now of at) await question();
      counts.push(asked);
    }
    return counts;
  };
  const every10 = Array.from({ length: 13 }, (_, at) => at * 10_000);
  assert.deepEqual(await counted({ cacheTtlMs: null, cacheNegativeTtlMs: null }, every10), [4, 13]);
  assert.deepEqual(await counted({ cacheTtlMs: 60_000, cacheNegativeTtlMs: 30_000 }, every10), [2, 4]);
  assert.deepEqual(await counted({ cacheTtlMs: 0, cacheNegativeTtlMs: 86_400_000 }, every10), [13, 1]);
  assert.deepEqual(await counted({ cacheTtlMs: 1000, cacheNegativeTtlMs: 0 }, [0, 0, 1000, 1001]), [2, 4]);
});

Deno.test("remember() gives a table a memory, unless its specification wants none", async () => {
  const table = new StaticTable("t", "list", [], "+");
  const database = { kind: "redis", name: "t", path: "/c", settings: [] } as const;
  assert.notEqual(await remember(table, database, () => 0), table);
  assert.equal(await remember(table, { ...database, settings: [["cache_size", "0"]] }, () => 0), table);
});

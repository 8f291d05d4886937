import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import { CdbTable } from "../../lib/table/cdb_table.ts";
import { watchIntervalMs } from "../../lib/table/watch.ts";
import { lowerAscii } from "../../lib/table/service.ts";
import { UnicodeTable } from "../../lib/table/unicode.ts";
import { testTable } from "../contract/table.ts";
import { writeCdb } from "../support/cdb.ts";
import { inFolder } from "../support/folder.ts";

async function openTable(path: string) {
  const clock = { now: 0 };
  const reports: Fault[] = [];
  const options = {
    delimiter: "+",
    clock: { monotonic: () => clock.now, now: () => Date.now() + clock.now },
    report: (fault: Fault) => void reports.push(fault),
  };
  return { table: await CdbTable.open(hostDisk, "t", path, options), clock, reports };
}

for (const nul of ["", "\0"]) {
  testTable(
    { name: nul === "" ? "cdb" : "cdb with NULs", shape: "map", keepsCase: false },
    (entries, run) =>
      inFolder(async (folder) => {
        const records = entries.map(([key, value]) => [lowerAscii(key) + nul, `${value}${nul}`] as const);
        await writeCdb(`${folder}/t`, records);
        const { table } = await openTable(`${folder}/t`);
        assert.equal(table.shape, "dynamic");
        await run(new UnicodeTable(table));
        table.close();
      }),
  );
}

Deno.test("CdbTable follows a replaced file within its interval, patterns included", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t`;
    await writeCdb(path, [["a.test", "one"], ["*.b.test", "one"]]);
    const { table, clock, reports } = await openTable(path);
    assert.equal(await table.lookup("domain", "x.b.test"), "one");
    await writeCdb(`${folder}/new`, [["a.test", "two"], ["*.c.test", "two"]]);
    await Deno.rename(`${folder}/new`, path);
    assert.equal(await table.lookup("domain", "a.test"), "one");
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("domain", "a.test"), "two");
    assert.equal(await table.lookup("domain", "x.b.test"), null);
    assert.equal(await table.lookup("domain", "x.c.test"), "two");
    assert.deepEqual(reports, []);
    table.close();
  }));

Deno.test("CdbTable reports a bad new file and keeps the old one in use", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t`;
    await writeCdb(path, [["a", "one"]]);
    const { table, clock, reports } = await openTable(path);
    await Deno.writeTextFile(`${folder}/new`, "no cdb");
    await Deno.rename(`${folder}/new`, path);
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("alias", "a"), "one");
    assert.equal(reports[0]?.kind, "malformed");
    await assert.rejects(table.update(), (error) => error instanceof Fault && error.kind === "malformed");
    assert.equal(await table.lookup("alias", "a"), "one");
    table.close();
  }));

Deno.test("CdbTable: update() reads at once", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t`;
    await writeCdb(path, [["a", "one"]]);
    const { table } = await openTable(path);
    await writeCdb(`${folder}/new`, [["a", "two"]]);
    await Deno.rename(`${folder}/new`, path);
    await table.update();
    assert.equal(await table.lookup("alias", "a"), "two");
    table.close();
  }));

Deno.test("CdbTable: open() faults on what is no cdb", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/t`, "root: ann\n");
    await assert.rejects(openTable(`${folder}/t`), (error) => error instanceof Fault && error.kind === "malformed");
  }));

import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import type { Disk } from "../../lib/port.ts";
import { FileTable } from "../../lib/table/file.ts";
import { testTable } from "../contract/table.ts";
import { watchIntervalMs } from "../../lib/table/watch.ts";
import { inFolder, replaceFile } from "../support/folder.ts";

const clock = { now: 0 };
const reports: Fault[] = [];
const optionsOf = () => {
  reports.length = 0;
  return {
    delimiter: "+",
    clock: { monotonic: () => clock.now, now: () => Date.now() + clock.now },
    report: (fault: Fault) => void reports.push(fault),
  };
};
const open = (path: string) => FileTable.open(hostDisk, "t", path, optionsOf());

for (const shape of ["list", "map"] as const) {
  testTable({ name: `file ${shape}`, shape, keepsCase: true }, (entries, run) =>
    inFolder(async (folder) => {
      const lines = entries.map(([key, value]) => value === null ? key : `${key}\t${value}`);
      if (shape === "list") lines.unshift("# @list");
      await Deno.writeTextFile(`${folder}/t`, lines.join("\n"));
      const table = await open(`${folder}/t`);
      await run(table);
      table.close();
    }));
}

Deno.test("FileTable: update() reads the file anew", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/t`, "a one\n");
    const table = await open(`${folder}/t`);
    await Deno.writeTextFile(`${folder}/t`, "a two\n");
    assert.equal(await table.lookup("alias", "a"), "one");
    await table.update();
    assert.equal(await table.lookup("alias", "a"), "two");
    assert.equal(table.name, "t");
  }));

Deno.test("FileTable: a failed update() keeps the old content", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t`;
    await Deno.writeTextFile(path, "a one\n");
    const table = await open(path);
    await Deno.writeTextFile(path, "a two\nbad\n");
    await assert.rejects(table.update(), new RegExp(`${path}:2: invalid map entry`));
    assert.equal(await table.lookup("alias", "a"), "one");
    await Deno.remove(path);
    await assert.rejects(table.update(), (error) => error instanceof Fault && error.kind === "notFound");
    assert.equal(await table.lookup("alias", "a"), "one");
  }));

Deno.test("FileTable: update() refuses a map that became a list, but not from or to nothing", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t`;
    await Deno.writeTextFile(path, "a one\n");
    const table = await open(path);
    await Deno.writeTextFile(path, "a\n");
    await assert.rejects(table.update(), /was a map and is a list now/);
    assert.equal(table.shape, "map");
    await Deno.writeTextFile(path, "");
    await table.update();
    await Deno.writeTextFile(path, "a\n");
    await table.update();
    assert.equal(table.shape, "list");
    assert.equal(await table.check("string", "a"), true);
  }));

Deno.test("FileTable: open() faults when there is no file", () =>
  inFolder(async (folder) => {
    await assert.rejects(open(`${folder}/none`), (error) => error instanceof Fault && error.kind === "notFound");
  }));

Deno.test("FileTable: a changed file is read once it is a second old", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t`;
    await Deno.writeTextFile(path, "a one\n");
    const table = await open(path);
    await replaceFile(path, "a two\n");
    assert.equal(await table.lookup("alias", "a"), "one");
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("alias", "a"), "two");
    await Deno.writeTextFile(path, "a three\nb four\n");
    clock.now += watchIntervalMs;
    assert.equal(await table.check("string", "b"), true);
    assert.deepEqual(reports, []);
  }));

Deno.test("FileTable: a broken new content keeps the old one, is reported once, and heals", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t`;
    await Deno.writeTextFile(path, "a one\n");
    const table = await open(path);
    await replaceFile(path, "a two\nbad\n");
    for (let i = 0; i < 3; i++) {
      clock.now += watchIntervalMs;
      assert.equal(await table.lookup("alias", "a"), "one");
    }
    assert.deepEqual(reports.map((fault) => fault.message), [`${path}:2: invalid map entry`]);
    await replaceFile(path, "a two\n");
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("alias", "a"), "two");
    assert.equal(reports.length, 1);
  }));

Deno.test("FileTable: a file that is emptied and filled again is never taken half, a malformed end changes nothing", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t`;
    await Deno.writeTextFile(path, "a one\n");
    const table = await open(path);
    /** Writes it a moment before the next look. */
    const rewrite = async (text: string) => {
      await Deno.writeTextFile(path, text);
      clock.now += watchIntervalMs;
      const now = (Date.now() + clock.now - 100) / 1000;
      await Deno.utime(path, now, now);
    };
    for (const text of ["", "b two\n", "b two\nc th"]) {
      await rewrite(text);
      assert.equal(await table.lookup("alias", "a"), "one", text);
    }
    await rewrite("b two\nc three\na four\n");
    assert.equal(await table.lookup("alias", "a"), "one");
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("alias", "a"), "four");
    assert.deepEqual(reports, []);
    await rewrite("");
    assert.equal(await table.lookup("alias", "a"), "four");
    await rewrite("a two\nbad\n");
    for (let i = 0; i < 3; i++) {
      assert.equal(await table.lookup("alias", "a"), "four");
      clock.now += watchIntervalMs;
    }
    assert.equal(reports.length, 1);
  }));

Deno.test("FileTable: what is written between the look and the reading waits for its turn", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t`;
    await Deno.writeTextFile(path, "a one\n");
    let meanwhile: string | null = null;
    const disk: Disk = {
      ...hostDisk,
      open: async (path, options) => {
        if (meanwhile !== null) await Deno.writeTextFile(path, meanwhile);
        meanwhile = null;
        return await hostDisk.open(path, options);
      },
    };
    const table = await FileTable.open(disk, "t", path, optionsOf());
    await replaceFile(path, "a two\nb\n");
    meanwhile = "";
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("alias", "a"), "one");
    assert.equal(meanwhile, null);
    await replaceFile(path, "a three\n");
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("alias", "a"), "three");
    assert.deepEqual(reports, []);
  }));

import assert from "node:assert/strict";
import { makeMap, type MapFormat, type MapType } from "../../cli/makemap_build.ts";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import { CdbFile } from "../../lib/table/cdb.ts";
import { inFolder } from "../support/folder.ts";

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
const isFault = (kind: FaultKind) => (error: unknown) => error instanceof Fault && error.kind === kind;

async function make(folder: string, text: string, type: MapType, format: MapFormat = "cdb") {
  await Deno.writeTextFile(`${folder}/m`, text);
  return await makeMap({ source: `${folder}/m`, target: `${folder}/m.db`, type, format });
}

Deno.test("makeMap() puts the map in its place and leaves nothing beside it", () =>
  inFolder(async (folder) => {
    assert.deepEqual(await make(folder, "a: b\n", "aliases"), { kind: "made", entries: 1, converted: 0 });
    assert.deepEqual(namesIn(folder), ["m", "m.db"]);
    const cdb = await CdbFile.open(hostDisk, `${folder}/m.db`);
    assert.deepEqual(cdb.get(new TextEncoder().encode("a")), new TextEncoder().encode("b"));
    cdb.close();
  }));

Deno.test("makeMap() makes SQLite maps the same way, with nothing left beside them", () =>
  inFolder(async (folder) => {
    assert.deepEqual(await make(folder, "A: b\n", "aliases", "sqlite"), { kind: "made", entries: 1, converted: 0 });
    assert.deepEqual(namesIn(folder), ["m", "m.db"]);
    const before = await Deno.readFile(`${folder}/m.db`);
    assert.equal((await make(folder, "a: b\na: c\n", "plain", "sqlite")).kind, "invalid");
    assert.deepEqual(await Deno.readFile(`${folder}/m.db`), before);
    assert.deepEqual(namesIn(folder), ["m", "m.db"]);
  }));

Deno.test("makeMap() checks values of type aliases only", () =>
  inFolder(async (folder) => {
    const text = "a: b c\n";
    assert.equal((await make(folder, text, "plain")).kind, "made");
    assert.equal((await make(folder, text, "set")).kind, "made");
    const before = await Deno.readFile(`${folder}/m.db`);
    assert.equal((await make(folder, text, "aliases")).kind, "invalid");
    assert.deepEqual(await Deno.readFile(`${folder}/m.db`), before);
    assert.deepEqual(namesIn(folder), ["m", "m.db"]);
  }));

Deno.test("makeMap() leaves nothing behind when it fails", () =>
  inFolder(async (folder) => {
    // No file can take the name of a directory.
    await Deno.mkdir(`${folder}/m.db`);
    await assert.rejects(make(folder, "a: b\n", "plain"), isFault("io"));
    assert.deepEqual(namesIn(folder), ["m", "m.db"]);
    const request = { source: `${folder}/none`, target: `${folder}/t`, type: "plain", format: "cdb" } as const;
    await assert.rejects(makeMap(request), isFault("notFound"));
    await Deno.writeTextFile(`${folder}/m`, "x".repeat(17 * 1024 * 1024));
    await assert.rejects(makeMap({ ...request, source: `${folder}/m` }), isFault("malformed"));
    assert.deepEqual(namesIn(folder), ["m", "m.db"]);
  }));

Deno.test("makeMap() closes the text when it is done", () =>
  inFolder(async (folder) => {
    await make(folder, "a: b\n", "plain");
    using file = await Deno.open(`${folder}/m`, { read: true, write: true });
    assert.equal(file.tryLockSync(true), true);
  }));

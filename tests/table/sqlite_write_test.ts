import assert from "node:assert/strict";
import { hostDisk } from "../../lib/host/disk.ts";
import { createSqlDatabase, openSqlReader } from "../../lib/host/sqlite.ts";
import { sqliteMapEntries } from "../../lib/table/sqlite.ts";
import { SqliteWriter } from "../../lib/table/sqlite_write.ts";
import { inFolder } from "../support/folder.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function add(writer: SqliteWriter, key: string, value: string): void {
  const bytes = encode(`##${key}${value}`);
  const end = 2 + encode(key).length;
  writer.add(bytes.subarray(1), 1, end - 1, end - 1, bytes.length - 1);
}

Deno.test("SqliteWriter writes entries in their order, and an index that finds them", () =>
  inFolder(async (folder) => {
    const path = `${folder}/m`;
    const writer = new SqliteWriter(createSqlDatabase(path, 0o600), hostDisk, path);
    add(writer, "zoe", "ä, b");
    add(writer, "büro", "c");
    assert.equal(writer.count, 2);
    await writer.writeTables(() => assert.fail("no duplicates"));
    await writer.seal(() => Promise.resolve());
    const db = openSqlReader(path);
    assert.deepEqual([...sqliteMapEntries(db)], [["zoe", "ä, b"], ["büro", "c"]]);
    const plan = db.prepare("EXPLAIN QUERY PLAN SELECT value FROM map WHERE key = ?").all("zoe");
    assert.match(JSON.stringify(plan), /USING INDEX map_key/);
    db.close();
  }));

Deno.test("SqliteWriter tells each entry whose key an earlier one has, with the first", () =>
  inFolder(async (folder) => {
    const path = `${folder}/m`;
    const writer = new SqliteWriter(createSqlDatabase(path, 0o600), hostDisk, path);
    for (const key of ["a", "b", "a", "c", "b", "a"]) add(writer, key, "v");
    const told: string[] = [];
    await writer.writeTables((first, again, key) => told.push(`${first} ${again} ${new TextDecoder().decode(key)}`));
    assert.deepEqual(told, ["0 2 a", "1 4 b", "0 5 a"]);
    writer.abandon();
    writer.abandon();
  }));

Deno.test("createSqlDatabase() refuses a name that is taken", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/m`, "old");
    assert.throws(() => createSqlDatabase(`${folder}/m`, 0o600), /it is there already/);
    assert.equal(await Deno.readTextFile(`${folder}/m`), "old");
  }));

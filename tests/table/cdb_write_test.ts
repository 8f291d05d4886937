import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import { CdbFile, cdbHash, cdbKeyMax } from "../../lib/table/cdb.ts";
import { CdbWriter } from "../../lib/table/cdb_write.ts";
import { writeCdb } from "../support/cdb.ts";
import { inFolder } from "../support/folder.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("CdbWriter writes what CdbFile reads, the first of equal keys", () =>
  inFolder(async (folder) => {
    const text = fc.string({ unit: fc.constantFrom(..."abé\0 "), maxLength: 5 });
    let file = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text), { maxLength: 60 }), async (records) => {
        const path = `${folder}/${file++}`;
        const first = new Map<string, string>();
        for (const [key, value] of records) if (!first.has(key)) first.set(key, value);
        assert.equal(await writeCdb(path, records), records.length - first.size);
        const cdb = await CdbFile.open(hostDisk, path);
        for (const [key, value] of first) assert.deepEqual(cdb.get(encode(key)), encode(value));
        assert.equal([...cdb.records()].length, records.length);
        cdb.close();
      }),
      { numRuns: 50 },
    );
  }));

Deno.test("CdbWriter reports duplicates by the order of addition", () =>
  inFolder(async (folder) => {
    const writer = await CdbWriter.create(hostDisk, `${folder}/t`, 0o600);
    for (const key of ["a", "b", "a", "c", "b", "a"]) writer.add(encode(key), 0, 1, 0, 0);
    const seen: [number, number, string][] = [];
    await writer.writeTables((first, again, key) => seen.push([first, again, new TextDecoder().decode(key)]));
    writer.abandon();
    assert.deepEqual(seen.sort((a, b) => a[1] - b[1]), [[0, 2, "a"], [1, 4, "b"], [0, 5, "a"]]);
  }));

Deno.test("CdbWriter tells equal hashes of different keys apart", () =>
  inFolder(async (folder) => {
    const hashes = new Map<string, string>();
    const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const pairs: string[] = [];
    for (const a of letters) {
      for (const b of letters) {
        const hash = String(cdbHash(encode(a + b), 0, 2));
        const other = hashes.get(hash);
        if (other === undefined) hashes.set(hash, a + b);
        else pairs.push(other, a + b);
      }
    }
    assert.ok(pairs.length > 0);
    const records = [...new Set(pairs)].map((key) => [key, `of ${key}`] as const);
    assert.equal(await writeCdb(`${folder}/t`, records), 0);
    const cdb = await CdbFile.open(hostDisk, `${folder}/t`);
    for (const [key, value] of records) assert.deepEqual(cdb.get(encode(key)), encode(value));
    cdb.close();
  }));

Deno.test("CdbWriter keeps long keys apart that begin alike", () =>
  inFolder(async (folder) => {
    const long = "x".repeat(500);
    assert.equal(await writeCdb(`${folder}/t`, [[long, "1"], [long, "2"], [`${long}y`, "3"]]), 1);
  }));

Deno.test("CdbWriter flushes in pieces and needs no more memory for more records", () =>
  inFolder(async (folder) => {
    const writer = await CdbWriter.create(hostDisk, `${folder}/t`, 0o640);
    const value = new Uint8Array(100_000).fill(0x76);
    let flushes = 0;
    for (let i = 0; i < 50; i++) {
      value.set(encode(`k${String(i).padStart(3, "0")}`));
      writer.add(value, 0, 4, 0, value.length);
      if (!writer.isFull) continue;
      flushes++;
      await writer.flush();
      assert.equal(writer.isFull, false);
    }
    assert.ok(flushes >= 3);
    assert.equal(writer.count, 50);
    await writer.writeTables(() => assert.fail());
    let prepared = 0;
    await writer.seal(() => Promise.resolve(void prepared++));
    assert.equal(prepared, 1);
    const cdb = await CdbFile.open(hostDisk, `${folder}/t`);
    for (let i = 0; i < 50; i++) {
      assert.equal(cdb.get(encode(`k${String(i).padStart(3, "0")}`))?.length, value.length);
    }
    assert.equal(cdb.stat.mode, 0o640);
    cdb.close();
  }));

Deno.test("create() does not touch a file that is there", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/t`, "mine");
    await assert.rejects(
      CdbWriter.create(hostDisk, `${folder}/t`, 0o600),
      (error) => error instanceof Fault && error.kind === "exists",
    );
    assert.equal(await Deno.readTextFile(`${folder}/t`), "mine");
  }));

Deno.test("add() refuses a key that no reader takes", () =>
  inFolder(async (folder) => {
    const writer = await CdbWriter.create(hostDisk, `${folder}/t`, 0o600);
    const bytes = new Uint8Array(cdbKeyMax + 1);
    assert.throws(
      () => writer.add(bytes, 0, bytes.length, 0, 0),
      (error) => error instanceof Fault && error.kind === "malformed",
    );
    writer.abandon();
  }));

Deno.test("add() refuses to grow a map past 4 GiB", async () => {
  const sink = {
    readAt: () => 0,
    write: () => Promise.resolve(),
    sync: () => Promise.resolve(),
    stat: () => Promise.reject(new Error("not asked for")),
    close: () => {},
  };
  const writer = await CdbWriter.create({ ...hostDisk, open: () => Promise.resolve(sink) }, "/t", 0o600);
  const bytes = new Uint8Array(16 * 1024 * 1024);
  let count = 0;
  try {
    for (; count < 300; count++) {
      writer.add(bytes, 0, 4, 0, bytes.length);
      await writer.flush();
    }
    assert.fail("more than 4 GiB was taken");
  } catch (error) {
    assert.ok(error instanceof Fault && error.kind === "noSpace" && error.message.includes("4 GiB"), String(error));
    assert.equal(count, 255);
  }
});

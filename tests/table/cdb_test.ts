import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import type { Disk, DiskFile } from "../../lib/port.ts";
import { CdbFile, cdbHash, cdbHeadSize } from "../../lib/table/cdb.ts";
import { writeCdb } from "../support/cdb.ts";
import { inFolder } from "../support/folder.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes);
const isMalformed = (error: unknown) => error instanceof Fault && error.kind === "malformed";

/** A disk with one file of these bytes. */
function diskOf(bytes: Uint8Array): Disk {
  const file: DiskFile = {
    readAt: (offset, into) => {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
    write: () => Promise.reject(new Error("read only")),
    sync: () => Promise.resolve(),
    stat: () =>
      Promise.resolve({
        kind: "file",
        size: bytes.length,
        mode: 0o600,
        uid: 0,
        gid: 0,
        links: 1,
        modifiedAt: 0,
        inode: 1,
      }),
    close: () => {},
  };
  return { ...hostDisk, open: () => Promise.resolve(file) };
}

async function bytesOf(records: readonly (readonly [string, string])[]): Promise<Uint8Array> {
  return await inFolder(async (folder) => {
    await writeCdb(`${folder}/t`, records);
    return await Deno.readFile(`${folder}/t`);
  });
}

Deno.test("cdbHash() is Bernstein's", () => {
  // h = 5381; h = (h * 33) ^ byte, in 32 bits.
  for (const text of ["", "a", "bob", "user000001", "\xff\xfe", "a".repeat(300)]) {
    let want = 5381n;
    for (const byte of encode(text)) want = (want * 33n & 0xffffffffn) ^ BigInt(byte);
    assert.equal(BigInt(cdbHash(encode(text), 0, encode(text).length)), want, text);
  }
  assert.equal(cdbHash(encode(""), 0, 0), 5381);
  assert.equal(cdbHash(encode("xax"), 1, 2), 177604);
});

Deno.test("get() finds each record and nothing else", () =>
  inFolder(async (folder) => {
    const records = Array.from({ length: 3000 }, (_, i) => [`key${i}`, `value ${i} ${"x".repeat(i % 50)}`] as const);
    await writeCdb(`${folder}/t`, records);
    const cdb = await CdbFile.open(hostDisk, `${folder}/t`);
    for (const [key, value] of records) assert.equal(decode(cdb.get(encode(key))), value);
    for (let i = 0; i < 3000; i++) assert.equal(cdb.get(encode(`other${i}`)), null);
    assert.deepEqual([...cdb.records()].map(({ key, value }) => [decode(key), decode(value)]), records);
    cdb.close();
  }));

Deno.test("get() reads values longer than a block, and empty ones", () =>
  inFolder(async (folder) => {
    const long = "long ".repeat(50_000);
    await writeCdb(`${folder}/t`, [["long", long], ["empty", ""], ["", "no key"]]);
    const cdb = await CdbFile.open(hostDisk, `${folder}/t`);
    assert.equal(decode(cdb.get(encode("long"))), long);
    assert.equal(decode(cdb.get(encode("empty"))), "");
    assert.equal(decode(cdb.get(encode(""))), "no key");
    cdb.close();
  }));

Deno.test("get() of an empty map finds nothing", () =>
  inFolder(async (folder) => {
    await writeCdb(`${folder}/t`, []);
    const cdb = await CdbFile.open(hostDisk, `${folder}/t`);
    assert.equal(cdb.get(encode("a")), null);
    assert.deepEqual([...cdb.records()], []);
    cdb.close();
  }));

Deno.test("CdbFile stays readable when the name is given to another file", () =>
  inFolder(async (folder) => {
    await writeCdb(`${folder}/t`, [["a", "one"]]);
    const cdb = await CdbFile.open(hostDisk, `${folder}/t`);
    await writeCdb(`${folder}/new`, [["a", "two"]]);
    await Deno.rename(`${folder}/new`, `${folder}/t`);
    assert.equal(decode(cdb.get(encode("a"))), "one");
    cdb.close();
  }));

Deno.test("open() refuses what is no cdb, and says what it is", async () => {
  const berkeley = new Uint8Array(8192);
  new DataView(berkeley.buffer).setUint32(12, 0x61561, true);
  const old = new Uint8Array(8192).fill(0xff);
  new DataView(old.buffer).setUint32(0, 0x61561, false);
  const table: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(0), /too short/],
    [encode("root: ann\nann: ann@example.org\n"), /makes no sense/],
    [encode("root: ann\n".repeat(1000)), /makes no sense/],
    [new Uint8Array(4096), /makes no sense/],
    [berkeley, /Berkeley DB file; make it again with makemap/],
    [old, /Berkeley DB/],
  ];
  for (const [bytes, message] of table) {
    await assert.rejects(
      CdbFile.open(diskOf(bytes), "/t"),
      (error) => isMalformed(error) && message.test(String(error)),
    );
  }
});

Deno.test("a file that is cut short faults and never gives a wrong value", async () => {
  const records = Array.from({ length: 40 }, (_, i) => [`key${i}`, `value${i}`] as const);
  const whole = await bytesOf(records);
  for (let size = 0; size < whole.length; size += 7) {
    // The head says more than there is: refused at once.
    await assert.rejects(CdbFile.open(diskOf(whole.slice(0, size)), "/t"), isMalformed);
  }
  // Cut after it was opened, as by `> map.db`.
  const file = { bytes: whole };
  const disk = diskOf(whole);
  const open = await disk.open("/t", {});
  const shrinking: Disk = {
    ...disk,
    open: () => Promise.resolve({ ...open, readAt: (at, into) => at < file.bytes.length ? open.readAt(at, into) : 0 }),
  };
  const cdb = await CdbFile.open(shrinking, "/t");
  file.bytes = new Uint8Array(0);
  for (const [key, value] of records) {
    try {
      assert.equal(decode(cdb.get(encode(key))), value);
    } catch (error) {
      assert.ok(isMalformed(error));
    }
  }
});

Deno.test("hostile files fault or answer, and end", async () => {
  const records = Array.from({ length: 60 }, (_, i) => [`key${i}`, `value${i}`] as const);
  const whole = await bytesOf(records);
  const places = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(places, async (changes) => {
      const bytes = whole.slice();
      for (const [at, value] of changes) bytes[at] = value;
      try {
        const cdb = await CdbFile.open(diskOf(bytes), "/t");
        for (const [key] of records) {
          try {
            cdb.get(encode(key));
          } catch (error) {
            assert.ok(isMalformed(error));
          }
        }
        for (const { key } of cdb.records()) assert.ok(key.length <= bytes.length);
      } catch (error) {
        assert.ok(isMalformed(error), String(error));
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("a table without an empty slot does not make get() go round for ever", async () => {
  // One record; its table has one slot, taken by another hash.
  const bytes = new Uint8Array(cdbHeadSize + 8 + 2 + 8 * 256);
  const view = new DataView(bytes.buffer);
  const end = cdbHeadSize + 10;
  for (let table = 0; table < 256; table++) {
    view.setUint32(table * 8, end + table * 8, true);
    view.setUint32(table * 8 + 4, 1, true);
    view.setUint32(end + table * 8, 12345, true);
    view.setUint32(end + table * 8 + 4, cdbHeadSize, true);
  }
  view.setUint32(cdbHeadSize, 1, true);
  view.setUint32(cdbHeadSize + 4, 1, true);
  const cdb = await CdbFile.open(diskOf(bytes), "/t");
  for (let i = 0; i < 300; i++) assert.equal(cdb.get(encode(`k${i}`)), null);
});

/** What every `Disk` does alike: the machine's, and the fake one that stands in for it. */

import { deepEqual, equal, rejects } from "node:assert/strict";
import { hostDisk } from "../../lib/host/disk.ts";
import type { Disk } from "../../lib/port.ts";
import { FakeDisk } from "../sim/disk.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const fault = (kind: string) => ({ name: "Fault", kind });

/** Runs `check` with each disk and an empty directory on it. */
function contract(name: string, check: (disk: Disk, dir: string) => Promise<void>): void {
  Deno.test(`a disk of this machine ${name}`, async () => {
    const dir = await Deno.makeTempDir();
    try {
      await check(hostDisk, dir);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
  Deno.test(`a fake disk ${name}`, async () => {
    const disk = new FakeDisk();
    disk.plantDir("/dir");
    await check(disk, "/dir");
  });
}

async function put(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, { write: true, createNew: true, mode: 0o600 });
  await file.write(bytes(text));
  await file.sync();
  file.close();
}

contract("appends what is written, and reads it", async (disk, dir) => {
  const file = await disk.open(`${dir}/a`, { read: true, write: true, createNew: true, mode: 0o600 });
  await file.write(bytes("hello "));
  await file.write(bytes("world"));
  const into = new Uint8Array(4);
  equal(file.readAt(9, into), 2);
  deepEqual(into.subarray(0, 2), bytes("ld"));
  equal(file.readAt(11, into), 0);
  await file.write(bytes("!"));
  equal((await file.stat()).size, 12);
  file.close();
  file.close();
  deepEqual(await disk.readFile(`${dir}/a`), bytes("hello world!"));
  await rejects(file.write(bytes("x")), fault("closed"));
});

contract("tells the kinds of failure apart", async (disk, dir) => {
  await put(disk, `${dir}/a`, "x");
  await disk.makeDir(`${dir}/d`, { parents: false, mode: 0o700 });
  await put(disk, `${dir}/d/x`, "x");
  await rejects(disk.open(`${dir}/a`, { write: true, createNew: true }), fault("exists"));
  await rejects(disk.open(`${dir}/none`, { read: true }), fault("notFound"));
  await rejects(disk.open(`${dir}/none/a`, { write: true, createNew: true }), fault("notFound"));
  await rejects(disk.open(`${dir}/a/b`, { write: true, createNew: true }), fault("notFound"));
  await rejects(disk.readFile(`${dir}/none`), fault("notFound"));
  await rejects(disk.rename(`${dir}/none`, `${dir}/b`), fault("notFound"));
  await rejects(disk.rename(`${dir}/a`, `${dir}/none/b`), fault("notFound"));
  await rejects(disk.remove(`${dir}/none`), fault("notFound"));
  await rejects(disk.remove(`${dir}/d`), fault("io"));
  await rejects(disk.syncDir(`${dir}/none`), fault("notFound"));
  await rejects(disk.makeDir(`${dir}/d`, { parents: false, mode: 0o700 }), fault("exists"));
  await rejects(disk.makeDir(`${dir}/none/d`, { parents: false, mode: 0o700 }), fault("notFound"));
});

contract("makes directories with their parents, and minds none that is there", async (disk, dir) => {
  await disk.makeDir(`${dir}/x/y/z`, { parents: true, mode: 0o700 });
  await disk.makeDir(`${dir}/x/y/z`, { parents: true, mode: 0o700 });
  for (const path of ["x", "x/y", "x/y/z"]) {
    const stat = await disk.stat(`${dir}/${path}`);
    equal(stat?.kind, "directory");
    equal(stat?.mode, 0o700);
  }
  await disk.syncDir(`${dir}/x/y`);
});

contract("renames over what is there, and removes", async (disk, dir) => {
  await put(disk, `${dir}/a`, "new");
  await put(disk, `${dir}/b`, "old");
  const inode = (await disk.stat(`${dir}/a`))?.inode;
  await disk.rename(`${dir}/a`, `${dir}/b`);
  deepEqual(await disk.readFile(`${dir}/b`), bytes("new"));
  equal((await disk.stat(`${dir}/b`))?.inode, inode);
  equal(await disk.stat(`${dir}/a`), null);
  await disk.remove(`${dir}/b`);
  equal(await disk.stat(`${dir}/b`), null);
});

contract("opens files for what it is asked", async (disk, dir) => {
  await put(disk, `${dir}/a`, "abc");
  const begun = await disk.open(`${dir}/a`, { write: true });
  await begun.write(bytes("X"));
  await begun.write(bytes("Y"));
  begun.close();
  deepEqual(await disk.readFile(`${dir}/a`), bytes("XYc"));
  const made = await disk.open(`${dir}/b`, { write: true, create: true, mode: 0o600 });
  made.close();
  equal((await disk.stat(`${dir}/b`))?.mode, 0o600);
  const reader = await disk.open(`${dir}/a`, { read: true });
  await rejects(reader.write(bytes("x")), (error: unknown) => error instanceof Error && error.name === "Fault");
  reader.close();
  equal(await disk.stat(`${dir}/none`), null);
});

contract("appends at the end of a file, and cuts it off again", async (disk, dir) => {
  await put(disk, `${dir}/old`, "one\n");
  const file = await disk.openAppend(`${dir}/old`, { mode: 0o600 });
  deepEqual([await file.size(), await file.lastOctet()], [4, 0x0a]);
  await file.write(bytes("two"));
  await file.sync();
  deepEqual([await file.size(), await file.lastOctet()], [7, 0x6f]);
  await file.truncate(4);
  await file.write(bytes("three"));
  file.close();
  deepEqual(await disk.readFile(`${dir}/old`), bytes("one\nthree"));
  const fresh = await disk.openAppend(`${dir}/new`, { mode: 0o600 });
  deepEqual([await fresh.size(), await fresh.lastOctet()], [0, null]);
  fresh.close();
  equal((await disk.stat(`${dir}/new`))?.mode, 0o600);
});

contract("appends to regular files only", async (disk, dir) => {
  await disk.makeDir(`${dir}/d`, { parents: false, mode: 0o700 });
  await rejects(disk.openAppend(`${dir}/d`, { mode: 0o600 }), fault("denied"));
  await rejects(disk.openAppend(`${dir}/none/x`, { mode: 0o600 }), fault("notFound"));
});

contract("locks a file for one who appends at a time", async (disk, dir) => {
  const one = await disk.openAppend(`${dir}/a`, { mode: 0o600 });
  const two = await disk.openAppend(`${dir}/a`, { mode: 0o600 });
  deepEqual([await one.tryLock(), await two.tryLock()], [true, false]);
  one.close();
  equal(await two.tryLock(), true);
  two.close();
});

Deno.test("a fake disk loses at a crash what was not synced, and keeps the rest", async () => {
  const disk = new FakeDisk();
  disk.plantDir("/d");
  const file = await disk.open("/d/a", { write: true, createNew: true });
  await file.write(bytes("synced"));
  await file.sync();
  await disk.syncDir("/d");
  await file.write(bytes(" lost"));
  await put(disk, "/d/b", "a name that was not synced");
  disk.crash();
  deepEqual(disk.namesIn("/d"), ["a"]);
  equal(disk.textOf("/d/a"), "synced");
  await rejects(file.write(bytes("x")), fault("closed"));
});

Deno.test("a fake disk that is full takes what fits and fails", async () => {
  const disk = new FakeDisk();
  disk.plant("/d/old", "1234");
  disk.capacity = 6;
  const file = await disk.open("/d/new", { write: true, createNew: true });
  await rejects(file.write(bytes("5678")), fault("noSpace"));
  equal(disk.textOf("/d/new"), "56");
});

import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import type { Disk, DiskStat } from "../../lib/port.ts";
import { FileWatch, readStamped, type WatchClock, watchIntervalMs } from "../../lib/table/watch.ts";
import { inFolder, replaceFile } from "../support/folder.ts";

/** Files are as old as what has passed on the clock since they were written. */
const times = (clock: { readonly now: number }): WatchClock => ({
  monotonic: () => clock.now,
  now: () => Date.now() + clock.now,
});

/** A watch of a file that has been seen, and its clock. */
async function watchOf(path: string, disk: Disk = hostDisk) {
  const clock = { now: 0 };
  const watch = new FileWatch(disk, path, times(clock));
  const file = await hostDisk.open(path, { read: true });
  watch.seen(await file.stat());
  file.close();
  return { watch, clock };
}

Deno.test("findChange() sees a replaced file, and forgets it once it is seen", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    const { watch, clock } = await watchOf(path);
    clock.now += watchIntervalMs;
    assert.equal(await watch.findChange(), null);
    await replaceFile(path, "two");
    clock.now += watchIntervalMs;
    assert.notEqual(await watch.findChange(), null);
    const stat = await hostDisk.stat(path);
    assert.ok(stat !== null);
    watch.seen(stat);
    clock.now += watchIntervalMs;
    assert.equal(await watch.findChange(), null);
  }));

Deno.test("findChange() looks at most once in its interval", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    let looks = 0;
    const disk: Disk = {
      ...hostDisk,
      stat: (path) => {
        looks++;
        return hostDisk.stat(path);
      },
    };
    const { watch, clock } = await watchOf(path, disk);
    for (let i = 0; i < 10; i++) {
      clock.now += watchIntervalMs / 5;
      await watch.findChange();
    }
    assert.equal(looks, 2);
  }));

Deno.test("findChange() sees through a symlink", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    // A link that stays as it is while what it points to changes.
    const link = { ...await hostDisk.stat(path), kind: "symlink" } as DiskStat;
    const { watch, clock } = await watchOf(path, { ...hostDisk, stat: () => Promise.resolve(link) });
    clock.now += watchIntervalMs;
    assert.equal(await watch.findChange(), null);
    await replaceFile(path, "two");
    clock.now += watchIntervalMs;
    assert.notEqual(await watch.findChange(), null);
  }));

Deno.test("findChange() takes a file that is gone for no new content", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    const { watch, clock } = await watchOf(path);
    await Deno.remove(path);
    clock.now += watchIntervalMs;
    assert.equal(await watch.findChange(), null);
  }));

Deno.test("refresh() reads a new content once, and a bad one once until it changes again", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    const { watch, clock } = await watchOf(path);
    const reports: string[] = [];
    let reads = 0;
    let fault: Fault | null = null;
    const refresh = async () => {
      clock.now += watchIntervalMs;
      await watch.refresh(async () => {
        reads++;
        if (fault !== null) throw fault;
        watch.seen((await readStamped(hostDisk, path)).stamp);
      }, ({ message }) => reports.push(message));
    };
    await refresh();
    assert.equal(reads, 0);
    await replaceFile(path, "two");
    await refresh();
    await refresh();
    assert.equal(reads, 1);
    fault = new Fault("malformed", "bad line");
    await replaceFile(path, "three");
    await refresh();
    await refresh();
    assert.deepEqual([reads, reports], [2, ["bad line"]]);
    await replaceFile(path, "three!");
    fault = new Fault("denied", "not yours");
    await refresh();
    await refresh();
    assert.deepEqual([reads, reports], [4, ["bad line", "not yours"]]);
    fault = null;
    await refresh();
    await refresh();
    assert.deepEqual([reads, reports.length], [5, 2]);
  }));

Deno.test("refresh() tells once that a file is gone, not of one that is just being replaced", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    const { watch, clock } = await watchOf(path);
    const told: Fault[] = [];
    const look = async () => {
      clock.now += watchIntervalMs;
      await watch.refresh(() => Promise.resolve(), (fault) => void told.push(fault));
    };
    await Deno.remove(path);
    await look();
    await Deno.writeTextFile(path, "two");
    await look();
    assert.deepEqual(told, []);
    await Deno.remove(path);
    for (let n = 0; n < 4; n++) await look();
    assert.deepEqual(told.map(({ kind, message }) => [kind, message]), [
      ["notFound", `Cannot read ${path} any more: what it held stays in use`],
    ]);
  }));

Deno.test("a watch of the file alone does not mind what is written to it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    const clock = { now: 0 };
    const watch = new FileWatch(hostDisk, path, times(clock), "file");
    watch.seen((await readStamped(hostDisk, path)).stamp);
    await Deno.writeTextFile(path, "longer");
    clock.now += watchIntervalMs;
    assert.equal(await watch.findChange(), null);
    await replaceFile(path, "longer");
    clock.now += watchIntervalMs;
    assert.notEqual(await watch.findChange(), null);
  }));

/** What a look sees: `[ms since the start, size, when it was written, or null for no file, is it taken]`. */
const looks: readonly (readonly [string, readonly (readonly [number, number, number | null, boolean])[]])[] = [
  ["emptied and filled", [[1000, 0, 900, false], [2000, 30, 1100, false], [3000, 30, 1100, true]]],
  ["filled slowly", [[1000, 0, 950, false], [2000, 10, 1950, false], [3000, 20, 2950, false], [5000, 30, 3500, true]]],
  ["changed long before the first look", [[60_000, 30, 5000, true]]],
  ["written on a machine whose clock is ahead", [[1000, 30, 90_000, false], [2000, 30, 90_000, true]]],
  ["still growing there", [[1000, 10, 90_000, false], [2000, 20, 91_000, false], [3000, 20, 91_000, true]]],
  ["gone between", [[1000, 10, 90_000, false], [2000, 0, null, false], [3000, 10, 90_000, false]]],
  ["back to what is in use", [[1000, 0, 900, false], [2000, 5, 0, false]]],
];

Deno.test("findChange() gives a changed file only once it has settled", async () => {
  for (const [name, steps] of looks) {
    const clock = { now: 0 };
    const base: DiskStat = { kind: "file", size: 5, mode: 0, uid: 0, gid: 0, links: 1, modifiedAt: 0, inode: 1 };
    let seen: DiskStat | null = base;
    const world = { monotonic: () => clock.now, now: () => clock.now };
    const watch = new FileWatch({ ...hostDisk, stat: () => Promise.resolve(seen) }, "/f", world);
    watch.seen(base);
    for (const [at, size, modifiedAt, isTaken] of steps) {
      clock.now = at;
      seen = modifiedAt === null ? null : { ...base, size, modifiedAt };
      assert.equal(await watch.findChange(), isTaken ? seen : null, `${name} at ${at}`);
    }
  }
});

/** A disk whose file changes behind each of the first reads. */
function restlessDisk(changes: number): Disk {
  let left = changes;
  return {
    ...hostDisk,
    open: async (path, options) => {
      const file = await hostDisk.open(path, options);
      return {
        readAt: (offset, into) => {
          const count = file.readAt(offset, into);
          if (left-- > 0) Deno.writeTextFileSync(path, "+", { append: true });
          return count;
        },
        stat: () => file.stat(),
        write: (bytes) => file.write(bytes),
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
  };
}

Deno.test("readStamped() reads again what changed while it was read, and not for ever", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    const { bytes, stamp } = await readStamped(restlessDisk(2), path);
    assert.equal(new TextDecoder().decode(bytes), "one++");
    assert.equal(stamp.size, 5);
    await assert.rejects(
      readStamped(restlessDisk(99), path),
      (error) => error instanceof Fault && error.kind === "unavailable" && error.message.includes("being written"),
    );
  }));

import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import type { Disk, DiskStat } from "../../lib/port.ts";
import { FileWatch, readStamped, watchIntervalMs } from "../../lib/table/watch.ts";
import { inFolder, replaceFile } from "../support/folder.ts";

/** A watch of a file that has been seen, and its clock. */
async function watchOf(path: string, disk: Disk = hostDisk) {
  const clock = { now: 0 };
  const watch = new FileWatch(disk, path, () => clock.now);
  const file = await hostDisk.open(path, { read: true });
  watch.seen(await file.stat());
  file.close();
  return { watch, clock };
}

Deno.test("isChanged() sees a replaced file, and forgets it once it is seen", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    const { watch, clock } = await watchOf(path);
    clock.now += watchIntervalMs;
    assert.equal(await watch.isChanged(), false);
    await replaceFile(path, "two");
    clock.now += watchIntervalMs;
    assert.equal(await watch.isChanged(), true);
    const stat = await hostDisk.stat(path);
    assert.ok(stat !== null);
    watch.seen(stat);
    clock.now += watchIntervalMs;
    assert.equal(await watch.isChanged(), false);
  }));

Deno.test("isChanged() looks at most once in its interval", () =>
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
      await watch.isChanged();
    }
    assert.equal(looks, 2);
  }));

Deno.test("isChanged() sees through a symlink", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    // A link that stays as it is while what it points to changes.
    const link = { ...await hostDisk.stat(path), kind: "symlink" } as DiskStat;
    const { watch, clock } = await watchOf(path, { ...hostDisk, stat: () => Promise.resolve(link) });
    clock.now += watchIntervalMs;
    assert.equal(await watch.isChanged(), false);
    await replaceFile(path, "two");
    clock.now += watchIntervalMs;
    assert.equal(await watch.isChanged(), true);
  }));

Deno.test("isChanged() takes a file that is gone for no new content", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    const { watch, clock } = await watchOf(path);
    await Deno.remove(path);
    clock.now += watchIntervalMs;
    assert.equal(await watch.isChanged(), false);
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

Deno.test("a watch of the file alone does not mind what is written to it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "one");
    const clock = { now: 0 };
    const watch = new FileWatch(hostDisk, path, () => clock.now, "file");
    watch.seen((await readStamped(hostDisk, path)).stamp);
    await Deno.writeTextFile(path, "longer");
    clock.now += watchIntervalMs;
    assert.equal(await watch.isChanged(), false);
    await replaceFile(path, "longer");
    clock.now += watchIntervalMs;
    assert.equal(await watch.isChanged(), true);
  }));

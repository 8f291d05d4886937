import assert from "node:assert/strict";
import { hostDisk } from "../../lib/host/disk.ts";
import type { Disk, DiskStat } from "../../lib/port.ts";
import { FileWatch, watchIntervalMs } from "../../lib/table/watch.ts";
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

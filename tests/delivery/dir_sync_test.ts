import { deepEqual, equal, rejects } from "node:assert/strict";
import { DirSync } from "../../lib/delivery/dir_sync.ts";
import { Fault } from "../../lib/fault.ts";

/** Syncs that end when told to. */
class SlowDisk {
  readonly started: string[] = [];
  readonly #ends: ((fault?: Fault) => void)[] = [];

  syncDir(path: string): Promise<void> {
    this.started.push(path);
    return new Promise((resolve, reject) => this.#ends.push((fault) => fault ? reject(fault) : resolve()));
  }

  /** Ends the oldest sync that runs. */
  async end(fault?: Fault): Promise<void> {
    this.#ends.shift()?.(fault);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

/** Notes in which order promises settle. */
function watch(settled: string[], name: string, promise: Promise<void>): void {
  promise.then(() => settled.push(name), () => settled.push(`${name} failed`));
}

Deno.test("DirSync serves all who ask during one sync with the next", async () => {
  const disk = new SlowDisk();
  const dirs = new DirSync(disk);
  const settled: string[] = [];
  for (const name of ["a", "b", "c"]) watch(settled, name, dirs.sync("/m/new"));
  deepEqual(disk.started, ["/m/new"]);
  await disk.end();
  deepEqual(settled, ["a"], "b came after the first began");
  equal(disk.started.length, 2);
  watch(settled, "d", dirs.sync("/m/new"));
  await disk.end();
  deepEqual(settled, ["a", "b", "c"]);
  equal(disk.started.length, 3);
  await disk.end();
  deepEqual(settled, ["a", "b", "c", "d"]);
  watch(settled, "e", dirs.sync("/m/new"));
  equal(disk.started.length, 4);
});

Deno.test("DirSync keeps directories apart", () => {
  const disk = new SlowDisk();
  const dirs = new DirSync(disk);
  void dirs.sync("/a");
  void dirs.sync("/b");
  deepEqual(disk.started, ["/a", "/b"]);
});

Deno.test("DirSync tells a failure to those it concerns and goes on", async () => {
  const disk = new SlowDisk();
  const dirs = new DirSync(disk);
  const settled: string[] = [];
  for (const name of ["a", "b", "c"]) watch(settled, name, dirs.sync("/m"));
  await disk.end(new Fault("io", "x"));
  await disk.end(new Fault("io", "x"));
  deepEqual(settled, ["a failed", "b failed", "c failed"]);
  const again = dirs.sync("/m");
  await disk.end();
  await again;
  const last = dirs.sync("/m");
  const failed = rejects(last, { kind: "io" });
  await disk.end(new Fault("io", "x"));
  await failed;
});

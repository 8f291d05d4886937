import { equal, ok } from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { spaceWatch } from "../../lib/host/space.ts";

Deno.test("spaceWatch() gives null while the reserve is free, and a Fault when it is not", () => {
  const folder = Deno.makeTempDirSync();
  equal(spaceWatch(folder, 1, () => 0, () => 0)(), null);
  const fault = spaceWatch(folder, Number.MAX_SAFE_INTEGER, () => 0, () => 0)();
  ok(fault instanceof Fault);
  equal(fault.kind, "noSpace");
  Deno.removeSync(folder);
});

Deno.test("spaceWatch() asks again when its answer is old, and takes a folder that is gone for room", () => {
  const folder = Deno.makeTempDirSync();
  let now = 0;
  const watch = spaceWatch(folder, Number.MAX_SAFE_INTEGER, () => now, () => 0);
  ok(watch() !== null);
  Deno.removeSync(folder);
  now = 99;
  ok(watch() !== null);
  now = 100;
  equal(watch(), null);
});

Deno.test("spaceWatch() counts what the files there can take without growing", () => {
  const folder = Deno.makeTempDirSync();
  equal(spaceWatch(folder, Number.MAX_SAFE_INTEGER, () => 0, () => Number.MAX_SAFE_INTEGER)(), null);
  Deno.removeSync(folder);
});

import { deepEqual, equal } from "node:assert/strict";
import { AfterRush, quietMs, rushMin } from "../../lib/daemon/after_rush.ts";
import { FakeClock } from "../sim/clock.ts";

function rig() {
  const clock = new FakeClock();
  const runs: number[] = [];
  const rush = new AfterRush(clock, () => void runs.push(clock.monotonic()));
  const come = (count: number) => {
    for (let i = 0; i < count; i++) rush.note();
  };
  return { clock, runs, come };
}

Deno.test("AfterRush runs once when a rush is over, and again after the next one", async () => {
  const { clock, runs, come } = rig();
  come(rushMin);
  await clock.advance(quietMs - 1);
  deepEqual(runs, []);
  await clock.advance(1);
  deepEqual(runs, [quietMs]);
  equal(clock.pending, 0);
  come(rushMin - 1);
  await clock.advance(10 * quietMs);
  equal(runs.length, 1);
  come(1);
  await clock.advance(quietMs);
  equal(runs.length, 2);
});

Deno.test("AfterRush waits as long as connections come, with one timer", async () => {
  const { clock, runs, come } = rig();
  for (let i = 0; i < 10; i++) {
    come(rushMin);
    await clock.advance(quietMs - 1);
  }
  deepEqual([runs.length, clock.pending], [0, 1]);
  await clock.advance(1);
  equal(runs.length, 1);
});

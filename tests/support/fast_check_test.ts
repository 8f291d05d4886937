import { deepEqual, equal, notDeepEqual } from "node:assert/strict";
import fc, { seedOf, usualSeed } from "./fast_check.ts";

Deno.test("properties see the same values in each run", () => {
  const draw = () => {
    const seen: number[] = [];
    fc.assert(fc.property(fc.integer(), (n) => void seen.push(n)), { numRuns: 20 });
    return seen;
  };
  const first = draw();
  deepEqual(draw(), first);
  const others: number[] = [];
  fc.assert(fc.property(fc.integer(), (n) => void others.push(n)), { numRuns: 20, seed: 1 });
  notDeepEqual(others, first);
});

Deno.test("seedOf() reads a seed, and takes the usual one for anything else", () => {
  equal(seedOf("42"), 42);
  equal(seedOf("-7"), -7);
  for (const text of ["", "x", "1.5", "99999999999"]) equal(seedOf(text), usualSeed);
});

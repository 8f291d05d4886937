import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  authDelayMaxMs,
  authDelayMinMs,
  AuthFailures,
  authSourceOf,
  authSourcesHandedMax,
  authSourcesMax,
} from "../../lib/trust/auth_limit.ts";

const limits = { maxAuthFailures: 3, authFailureWindowMs: 30_000 };

Deno.test("AuthFailures shuts a source out after so many failures, and lets it in again one by one", () => {
  const failures = new AuthFailures(limits);
  for (const want of [true, true, true, false]) equal(failures.begin("a", 0), want);
  equal(failures.begin("b", 0), true, "another source");
  equal(failures.begin("a", 9_999), false);
  equal(failures.begin("a", 10_000), true);
  equal(failures.begin("a", 10_001), false);
});

Deno.test("AuthFailures forgets what was none", () => {
  const failures = new AuthFailures(limits);
  for (let i = 0; i < 100; i++) {
    equal(failures.begin("a", i), true);
    failures.forgive("a", i);
  }
  equal(failures.size, 0);
});

Deno.test("AuthFailures counts attempts under way", () => {
  const failures = new AuthFailures(limits);
  for (let i = 0; i < 3; i++) failures.begin("a", 0);
  equal(failures.begin("a", 0), false);
  failures.forgive("a", 0);
  equal(failures.begin("a", 0), true);
});

Deno.test("AuthFailures never allows more than the limit and what time gives back", () => {
  const waits = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 60 });
  fc.assert(fc.property(waits, (steps) => {
    const failures = new AuthFailures(limits);
    let at = 0;
    let allowed = 0;
    for (const step of steps) {
      at += step;
      if (failures.begin("a", at)) allowed++;
    }
    return allowed <= limits.maxAuthFailures + at * limits.maxAuthFailures / limits.authFailureWindowMs;
  }));
});

Deno.test("AuthFailures: each further failure is answered later, up to a limit", () => {
  const failures = new AuthFailures({ maxAuthFailures: 100, authFailureWindowMs: 1e9 });
  let last = 0;
  for (let i = 0; i < 20; i++) {
    failures.begin("a", 0);
    const delay = failures.delayMs("a", 0, 0);
    ok(delay >= last && delay >= authDelayMinMs && delay <= authDelayMaxMs);
    last = delay;
  }
  equal(last, authDelayMaxMs);
  ok(failures.delayMs("a", 0, 1) > last, "chance adds");
});

Deno.test("AuthFailures remembers a bounded number of sources", () => {
  const failures = new AuthFailures(limits);
  for (let i = 0; i < authSourcesMax + 10; i++) failures.begin(`s${i}`, i / 1000);
  equal(failures.size, authSourcesMax);
});

Deno.test("authSourceOf() counts an IPv6 customer by his /64, and nobody who is exempt", () => {
  const source = (address: string) => authSourceOf(address, ["192.0.2.0/24", "2001:db8:ffff::/48"]);
  equal(source("198.51.100.1"), "198.51.100.1");
  equal(source("[2001:db8:0:1::1]"), "2001:db8:0:1::/64");
  equal(source("[2001:db8::1:ffff:0:0:2]"), "2001:db8:0:1::/64");
  for (const address of ["local", "127.0.0.1", "127.9.9.9", "[::1]", "192.0.2.7", "[2001:db8:ffff::7]"]) {
    equal(source(address), null, address);
  }
});

Deno.test("AuthFailures: another one goes on with what was counted, on its own clock", () => {
  const [former, next] = [new AuthFailures(limits), new AuthFailures(limits)];
  for (let i = 0; i < 3; i++) former.begin("a", 0);
  former.begin("b", 0);
  deepEqual(former.levels(5_000), [["a", 2.5], ["b", 0.5]]);
  deepEqual(former.levels(30_000), []);
  next.begin("b", 100);
  next.inherit(former.levels(5_000), 100);
  equal(next.begin("a", 100), false);
  equal(next.begin("a", 5_101), true, "one has sunk");
  deepEqual([next.begin("b", 100), next.begin("b", 100)], [true, false]);
});

Deno.test("AuthFailures hands on the worst sources when there are many, and no more than the limit of each", () => {
  const former = new AuthFailures(limits);
  for (let i = 0; i <= authSourcesHandedMax; i++) former.begin(`${i}`, 0);
  former.begin("worst", 0);
  former.begin("worst", 0);
  const levels = former.levels(0);
  deepEqual([levels.length, levels[0]], [authSourcesHandedMax, ["worst", 2]]);
  const next = new AuthFailures(limits);
  for (let i = 0; i < 9; i++) next.inherit(levels, 0);
  equal(next.begin("worst", 10_001), true, "as if it had just been shut out");
});

import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { isExpired, nextAttempt, warningDue } from "../../lib/spool/backoff.ts";

const created = 1_700_000_000_000;
const hour = 3_600_000;

function retriesOf(kind: "mda" | "mta" | "bounce", ttl: number): number[] {
  const seconds = [0];
  for (let attempts = 1, now = created;; attempts++) {
    now = nextAttempt(kind, created, attempts, now);
    if (now >= created + ttl) return seconds;
    seconds.push((now - created) / 1000);
  }
}

Deno.test("nextAttempt() tries a relay that fails at once 30 times in four days", () => {
  const seconds = retriesOf("mta", 96 * hour);
  assert.deepEqual(seconds.slice(0, 9), [0, 400, 1600, 3600, 6400, 10000, 14400, 19600, 25600]);
  assert.equal(seconds.length, 30);
  assert.equal(seconds[29], 336_400);
});

Deno.test("nextAttempt() tries a local delivery or a notice 186 times in four days", () => {
  for (const kind of ["mda", "bounce"] as const) {
    const seconds = retriesOf(kind, 96 * hour);
    assert.deepEqual(seconds.slice(0, 9), [0, 10, 40, 90, 160, 250, 360, 490, 640]);
    assert.equal(seconds.length, 186);
  }
});

Deno.test("nextAttempt() does not make up for times that have passed", () => {
  const table: [number, number, number][] = [
    // attempts, seconds since creation, seconds of the next attempt
    [1, 0, 400],
    [1, 399.999, 400],
    [1, 400, 1600],
    [1, 86_400, 90_000],
    [5, 1, 10_000],
    [0, 0, 400],
    [3, -7200, 3600],
  ];
  for (const [attempts, since, want] of table) {
    const next = nextAttempt("mta", created, attempts, created + since * 1000);
    assert.equal((next - created) / 1000, want, `${attempts} ${since}`);
  }
});

Deno.test("nextAttempt() gives the first time of the series that is later than now", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("mda" as const, "mta" as const),
      fc.nat(300),
      fc.integer({ min: -hour, max: 2000 * hour }),
      (kind, attempts, since) => {
        const unit = kind === "mta" ? 400_000 : 10_000;
        const next = nextAttempt(kind, created, attempts, created + since) - created;
        const n = Math.round(Math.sqrt(next / unit));
        assert.equal(next, unit * n * n);
        assert.ok(next > since && n >= attempts);
        assert.ok(n === attempts || unit * (n - 1) * (n - 1) <= since, "no earlier one would do");
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("isExpired() begins at the very millisecond", () => {
  assert.equal(isExpired({ expiresAt: created }, created - 1), false);
  assert.equal(isExpired({ expiresAt: created }, created), true);
});

Deno.test("warningDue() warns once per interval, when the next attempt reaches it", () => {
  const table: [string, number, number, number[], number | null][] = [
    // what, hours to the next attempt, hours of the last warning (0: none), intervals, hours of the warning
    ["before the interval", 3.9, 0, [4], null],
    ["at the interval", 4, 0, [4], 4],
    ["after it", 9, 0, [4], 4],
    ["warned already", 9, 4, [4], null],
    ["second interval", 25, 4, [4, 24], 24],
    ["both passed, in the order given", 30, 0, [24, 4], 24],
    ["a later warning covers the earlier interval", 30, 24, [24, 4], null],
    ["none wanted", 90, 0, [], null],
  ];
  for (const [what, next, warned, intervals, want] of table) {
    const lastWarnAt = warned === 0 ? 0 : created + warned * hour;
    const envelope = { createdAt: created, nextAt: created + next * hour, lastWarnAt };
    const at = warningDue(envelope, intervals.map((interval) => interval * hour));
    assert.equal(at === null ? null : (at - created) / hour, want, what);
  }
});

import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { defaultMtaLimits } from "../../lib/policy/limit.ts";
import { mtaLimits, mtaLimitsOf, routePenaltyMs, wantsConnection } from "../../lib/delivery/limits.ts";

Deno.test("routePenaltyMs() is 15 s times the square of the failures, at most an hour", () => {
  for (const [failures, seconds] of [[1, 15], [2, 60], [3, 135], [15, 3375], [16, 3600], [1000, 3600]] as const) {
    equal(routePenaltyMs(failures, mtaLimits), seconds * 1000, String(failures));
  }
});

const rows: readonly (readonly [waiting: number, opening: number, open: number, want: boolean])[] = [
  [0, 0, 0, false],
  [1, 0, 0, true],
  [1, 1, 1, false],
  [2, 1, 1, true],
  [1, 0, 1, true],
  [1, 0, 2, true],
  [1, 0, 3, false],
  [6, 0, 3, false],
  [7, 0, 3, true],
  [7, 3, 3, true],
  [20, 9, 9, true],
  [20, 10, 10, false],
  [21, 10, 10, true],
];

for (const [waiting, opening, open, want] of rows) {
  Deno.test(`wantsConnection() with ${waiting} waiting, ${opening} opening of ${open}: ${want}`, () => {
    equal(wantsConnection(waiting, opening, open), want);
  });
}

Deno.test("wantsConnection() never leaves mail waiting without any connection, nor opens more than there is mail", () => {
  fc.assert(
    fc.property(fc.nat(100), fc.nat(100), (waiting, open) => {
      equal(wantsConnection(waiting, 0, 0), waiting > 0);
      ok(!wantsConnection(waiting, open, open) || open < waiting);
    }),
    { numRuns: 300 },
  );
});

Deno.test("mtaLimitsOf() keeps the limits that nothing sets", () =>
  deepEqual(mtaLimitsOf(defaultMtaLimits), mtaLimits));

Deno.test("mtaLimitsOf() takes what is set", () => {
  const { family, connectionsPerHostMax, keepaliveMs, session } = mtaLimitsOf({
    ...defaultMtaLimits,
    family: 6,
    maxConnPerHost: 3,
    sessionKeepaliveMs: 1,
    sessionMailMax: 7,
  });
  deepEqual([family, connectionsPerHostMax, keepaliveMs, session.messagesMax], [6, 3, 1, 7]);
});

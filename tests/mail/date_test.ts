import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { formatDate } from "../../lib/mail/date.ts";

const table: readonly [name: string, iso: string, offsetMinutes: number, zone: string | null, want: string][] = [
  ["a zone ahead", "2026-03-03T09:04:05Z", 60, "CET", "Tue, 3 Mar 2026 10:04:05 +0100 (CET)"],
  ["UTC", "2026-03-03T09:04:05Z", 0, "UTC", "Tue, 3 Mar 2026 09:04:05 +0000 (UTC)"],
  ["no zone name", "2026-12-31T23:59:59Z", 0, null, "Thu, 31 Dec 2026 23:59:59 +0000"],
  ["a zone behind", "2026-01-01T02:00:00Z", -210, "NST", "Wed, 31 Dec 2025 22:30:00 -0330 (NST)"],
  ["half an hour behind", "2026-01-01T02:00:00Z", -30, null, "Thu, 1 Jan 2026 01:30:00 -0030"],
  ["a numeric zone name", "2026-07-04T00:00:00Z", 345, "+0545", "Sat, 4 Jul 2026 05:45:00 +0545 (+0545)"],
  ["a zone name that would break the comment", "2026-07-04T00:00:00Z", 0, "a)b", "Sat, 4 Jul 2026 00:00:00 +0000"],
  ["an empty zone name", "2026-07-04T00:00:00Z", 0, "", "Sat, 4 Jul 2026 00:00:00 +0000"],
  ["a leap day", "2028-02-29T12:00:00Z", 0, null, "Tue, 29 Feb 2028 12:00:00 +0000"],
];

for (const [name, iso, offsetMinutes, zone, want] of table) {
  Deno.test(`formatDate() writes ${name}`, () => {
    assert.equal(formatDate(Date.parse(iso), { offsetMinutes, name: zone }), want);
  });
}

Deno.test("formatDate() names the instant it was given, in every zone", () => {
  const times = fc.integer({ min: 0, max: 4_102_444_800 });
  fc.assert(
    fc.property(times, fc.integer({ min: -840, max: 840 }), (seconds, offsetMinutes) => {
      assert.equal(Date.parse(formatDate(seconds * 1000, { offsetMinutes, name: null })), seconds * 1000);
    }),
    { numRuns: 500 },
  );
});

import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { Admission, countedSourcesMax, shareOf } from "../../lib/smtp/admission.ts";

const limits = { maxSessionPerSource: 2, maxConnPerMinute: 5 };
const minute = 60_000;

/** Sessions that begin and end at once, at a time; what each was told. */
function visits(admission: Admission, address: string, at: number, count: number): readonly (string | null)[] {
  return Array.from({ length: count }, () => {
    const refusal = admission.enter(address, at);
    if (refusal === null) admission.leave(address);
    return refusal;
  });
}

Deno.test("Admission lets a source have so many sessions at once", () => {
  const admission = new Admission(limits, []);
  deepEqual([1, 2, 3].map(() => admission.enter("192.0.2.1", 0)), [null, null, "max-session-per-source"]);
  equal(admission.enter("192.0.2.2", 0), null);
  admission.leave("192.0.2.1");
  equal(admission.enter("192.0.2.1", 0), null);
  equal(admission.enter("192.0.2.1", 0), "max-session-per-source");
});

Deno.test("Admission takes a /64 network of IPv6 for one source, and no more", () => {
  const admission = new Admission(limits, []);
  equal(admission.enter("2001:db8:0:1::1", 0), null);
  equal(admission.enter("2001:db8:0:1:ffff::2", 0), null);
  equal(admission.enter("2001:db8:0:1:2:3:4:5", 0), "max-session-per-source");
  equal(admission.enter("2001:db8:0:2::1", 0), null);
  admission.leave("2001:db8:0:1::9");
  equal(admission.enter("2001:db8:0:1::1", 0), null);
});

Deno.test("Admission lets a source begin so many sessions within a minute", () => {
  const admission = new Admission(limits, []);
  deepEqual(visits(admission, "192.0.2.1", 0, 6), [null, null, null, null, null, "max-conn-per-minute"]);
  deepEqual(visits(admission, "192.0.2.1", minute - 1, 1), ["max-conn-per-minute"]);
  // Refused ones do not count. The minute before fades: 5 * 0.4 are left.
  deepEqual(visits(admission, "192.0.2.1", 1.6 * minute, 4), [null, null, null, "max-conn-per-minute"]);
  deepEqual(visits(admission, "192.0.2.1", 5 * minute, 6).filter((one) => one !== null).length, 1);
});

Deno.test("Admission holds nothing against this machine and networks that are named", () => {
  const admission = new Admission({ maxSessionPerSource: 1, maxConnPerMinute: 1 }, [
    "198.51.100.0/24",
    "2001:db8::/32",
  ]);
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "", "198.51.100.7", "2001:db8::7"]) {
    deepEqual(visits(admission, address, 0, 4), [null, null, null, null], address);
  }
  equal(admission.size, 0);
  equal(visits(admission, "192.0.2.1", 0, 2)[1], "max-conn-per-minute");
});

Deno.test("Admission forgets sources, and remembers only so many", () => {
  const admission = new Admission(limits, []);
  const address = (n: number) => `10.${n >> 16 & 255}.${n >> 8 & 255}.${n & 255}`;
  for (let n = 0; n < 3 * countedSourcesMax; n++) visits(admission, address(n), n / 100, 1);
  ok(admission.size <= 2 * countedSourcesMax, `${admission.size}`);
  visits(admission, "192.0.2.1", 10 * minute, 1);
  equal(admission.size, 1);
});

Deno.test("Admission never has more sessions of a source than allowed, nor more beginnings in a minute than twice", () => {
  const step = fc.record({ source: fc.nat(2), wait: fc.nat(20_000), ends: fc.nat(2) });
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const admission = new Admission(limits, []);
    const open = [0, 0, 0];
    const begun: number[][] = [[], [], []];
    let at = 0;
    for (const { source, wait, ends } of steps) {
      at += wait;
      for (let n = 0; n < ends && open[source]! > 0; n++) {
        open[source]!--;
        admission.leave(`192.0.2.${source}`);
      }
      if (admission.enter(`192.0.2.${source}`, at) !== null) continue;
      open[source]!++;
      begun[source]!.push(at);
      ok(open[source]! <= limits.maxSessionPerSource);
      ok(begun[source]!.filter((one) => one > at - minute).length <= 2 * limits.maxConnPerMinute);
    }
  }));
});

Deno.test("shareOf() gives out the whole limit and little more", () => {
  const cases: readonly (readonly [number, number, number])[] = [[100, 1, 100], [100, 3, 34], [1, 4, 1], [
    20_000,
    4,
    5000,
  ]];
  for (const [limit, processes, share] of cases) equal(shareOf(limit, processes), share);
  equal(shareOf(5, 0), 5);
});

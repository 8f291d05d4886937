import { deepEqual } from "node:assert/strict";
import { RoleCounts } from "../../lib/daemon/queue_counts.ts";

const stats = (sessions: number, counters: Record<string, number>) => ({
  gauges: { "smtp.session": sessions },
  counters,
});

const sumOf = (counts: RoleCounts) => Object.fromEntries(counts.sum());

Deno.test("RoleCounts adds up gauges and counters, and takes the last word of each role", () => {
  const counts = new RoleCounts();
  deepEqual(sumOf(counts), {});
  counts.set("a", stats(9, { "smtp.auth.ok": 1 }));
  counts.set("a", stats(2, { "smtp.auth.ok": 4 }));
  counts.set("b", stats(3, { "smtp.auth.ok": 1, "smtp.limit.max-rcpt": 2 }));
  deepEqual(sumOf(counts), { "smtp.session": 5, "smtp.auth.ok": 5, "smtp.limit.max-rcpt": 2 });
});

Deno.test("RoleCounts keeps every counter of who is gone, whatever its name, and no gauge", () => {
  const counts = new RoleCounts();
  const all = { "smtp.session.total": 10, "smtp.limit.max-rcpt": 4, "smtp.auth.ok": 3, "smtp.lenient.bare-lf": 2 };
  counts.set("a", stats(2, all));
  counts.leave("a");
  counts.leave("a");
  counts.leave("nobody");
  deepEqual(sumOf(counts), all);
  // Another of its name begins anew.
  counts.set("a", stats(1, { "smtp.auth.ok": 1 }));
  deepEqual(sumOf(counts), { "smtp.session": 1, ...all, "smtp.auth.ok": 4 });
});

import assert from "node:assert/strict";
import type { Envelope } from "../../lib/spool/envelope.ts";
import type { EvpId } from "../../lib/spool/id.ts";
import { Schedule, type Settlement } from "../../lib/spool/schedule.ts";
import { sampleEnvelope } from "../contract/store.ts";
import { delayed, delivered, failed, judge } from "./schedule_rig.ts";

const limits = { window: 4, inFlight: 6, batch: 3 };

const at = (message: number, low: number, changes: Partial<Envelope> = {}) =>
  sampleEnvelope(message, low, { nextAt: 0, ...changes });
const idsOf = (envelopes: readonly Envelope[]) => envelopes.map(({ id }) => id);

/** A schedule that has read an empty store. */
function idleSchedule(): Schedule {
  const schedule = new Schedule(judge, limits);
  while (schedule.refill(0) !== null) schedule.refilled([], null, 0);
  return schedule;
}

function isSettlement(wish: unknown): wish is Settlement {
  return typeof wish === "object" && wish !== null;
}

Deno.test("Schedule takes a fresh envelope at once, in batches, up to the room there is", () => {
  const schedule = idleSchedule();
  schedule.committed([at(1, 1), at(1, 2), at(1, 3), at(1, 4)], 10);
  assert.equal(schedule.ready, 4);
  const { batches } = schedule.take(10, 99);
  assert.deepEqual(batches.map(({ envelopes }) => envelopes.length), [3, 1]);
  assert.equal(schedule.inFlight, 4);
  schedule.committed([at(2, 1), at(2, 2), at(2, 3), at(2, 4)], 10);
  assert.deepEqual(schedule.take(10, 1).batches.map(({ envelopes }) => idsOf(envelopes)), [[at(2, 1).id]]);
  assert.deepEqual(schedule.take(10, 99).batches.map(({ envelopes }) => idsOf(envelopes)), [[at(2, 2).id]]);
  assert.deepEqual([schedule.inFlight, schedule.take(10, 99).batches], [6, []]);
});

Deno.test("Schedule gives each kind its turn, however long the others wait", () => {
  const schedule = new Schedule(judge, { window: 100, inFlight: 100, batch: 3 });
  for (let n = 1; n <= 50; n++) schedule.committed([at(n, 1)], 10);
  schedule.committed([at(60, 1, { kind: "mda" }), at(61, 1, { kind: "bounce" }), at(62, 1, { kind: "mda" })], 10);
  const kinds = schedule.take(10, 5).batches.map(({ kind }) => kind).sort();
  assert.deepEqual(kinds, ["bounce", "mda", "mda", "mta", "mta"]);
  // Also when there is room for one at a time.
  const turns = idleSchedule();
  turns.committed([at(1, 1), at(2, 1), at(3, 1, { kind: "mda" }), at(4, 1, { kind: "mda" })], 10);
  const order = [1, 2, 3, 4].flatMap(() => turns.take(10, 1).batches.map(({ kind }) => kind));
  assert.notEqual(order[0], order[1]);
  assert.notEqual(order[2], order[3]);
});

Deno.test("Schedule keeps a paused kind waiting and the others going", () => {
  const schedule = idleSchedule();
  schedule.pause("mta");
  schedule.committed([at(1, 1), at(2, 1, { kind: "mda" })], 10);
  assert.deepEqual(schedule.take(10, 9).batches.map(({ kind }) => kind), ["mda"]);
  assert.equal(schedule.isPaused("mta"), true);
  schedule.resume("mta");
  assert.deepEqual(schedule.take(10, 9).batches.map(({ kind }) => kind), ["mta"]);
});

Deno.test("Schedule leaves in the store what it has no room for, and reads it when there is", () => {
  const schedule = idleSchedule();
  assert.equal(schedule.nextWake(), null);
  const envelopes = [1, 2, 3, 4, 5, 6].map((n) => at(n, 1));
  schedule.committed(envelopes, 10);
  assert.deepEqual([schedule.ready, schedule.nextWake()], [4, null]);
  schedule.take(10, 2);
  assert.equal(schedule.nextWake(), 0);
  const refill = schedule.refill(10);
  assert.deepEqual([refill?.kind, refill?.limit, refill?.until], ["mta", 2, 10]);
  assert.equal(schedule.refill(10), null, "one page at a time");
  schedule.refilled(envelopes.slice(0, 2), null, 10);
  assert.equal(schedule.ready, 2, "both are under way");
  const more = schedule.refill(10);
  assert.equal(more?.after?.id, envelopes[1]?.id);
  schedule.refilled(envelopes.slice(2, 4), null, 10);
  schedule.refill(10);
  schedule.refilled(envelopes.slice(4), null, 10);
  assert.deepEqual([schedule.ready, schedule.nextWake()], [4, null]);
});

Deno.test("Schedule wakes when the next stored envelope is due", () => {
  const schedule = new Schedule(judge, limits);
  for (let refill = schedule.refill(5); refill !== null; refill = schedule.refill(5)) {
    schedule.refilled([], refill.kind === "mda" ? 70 : 90, 5);
  }
  assert.equal(schedule.nextWake(), 70);
  assert.equal(schedule.refill(69), null);
  assert.equal(schedule.refill(70)?.kind, "mda");
});

Deno.test("Schedule asks again for a page that could not be read", () => {
  const schedule = idleSchedule();
  schedule.committed([at(1, 1, { nextAt: 50 })], 10);
  assert.notEqual(schedule.refill(50), null);
  schedule.refillFailed(500);
  assert.equal(schedule.refill(499), null);
  assert.equal(schedule.refill(500)?.until, 500);
  schedule.refilled([at(1, 1, { nextAt: 50 })], null, 500);
  assert.equal(schedule.ready, 1);
});

Deno.test("Schedule does not take back an envelope from a page that was read before its change was durable", () => {
  const schedule = idleSchedule();
  const [done, other] = [at(1, 1), at(2, 1)];
  schedule.committed([done], 10);
  schedule.take(10, 9);
  schedule.committed([at(9, 1, { nextAt: 20 })], 10);
  assert.notEqual(schedule.refill(20), null);
  const settlement = schedule.outcome(done.id, delivered, 20);
  assert.ok(settlement);
  assert.deepEqual(settlement.changes, [{ kind: "delete", envelope: done.id }]);
  assert.equal(schedule.outcome(done.id, delivered, 20), null, "an outcome counts once");
  schedule.settled(settlement, 20);
  schedule.refilled([done, other], null, 20);
  assert.deepEqual(schedule.take(20, 9).batches.map(({ message }) => message), [other.message]);
});

Deno.test("Schedule counts an envelope as under way until its change is durable", () => {
  const schedule = idleSchedule();
  schedule.committed([at(1, 1)], 10);
  schedule.take(10, 9);
  const settlement = schedule.outcome(at(1, 1).id, delayed, 15);
  assert.ok(settlement);
  assert.deepEqual(settlement.changes, [{ kind: "update", envelope: at(1, 1, { attempts: 1, nextAt: 115 }) }]);
  assert.equal(schedule.inFlight, 1);
  schedule.settled(settlement, 16);
  assert.deepEqual([schedule.inFlight, schedule.nextWake()], [0, 115]);
});

Deno.test("Schedule turns an expired envelope into a failure instead of an attempt", () => {
  const schedule = idleSchedule();
  const [old, fresh] = [at(1, 1, { expiresAt: 50, last: delayed }), at(1, 2, { expiresAt: 51 })];
  schedule.committed([old, fresh], 10);
  const { batches, settlements } = schedule.take(50, 9);
  assert.deepEqual(batches.map(({ envelopes }) => idsOf(envelopes)), [[fresh.id]]);
  const [settlement] = settlements;
  assert.equal(settlements.length, 1);
  const [change] = settlement?.changes ?? [];
  assert.ok(change?.kind === "update" && change.envelope.kind === "bounce");
  assert.deepEqual(change.envelope.last, {
    kind: "failed",
    enhanced: "5.4.7",
    text: "Envelope expired: later",
    by: "",
  });
});

Deno.test("Schedule gives notices about one message the same time, and later ones their own", () => {
  const schedule = idleSchedule();
  schedule.committed([at(1, 1), at(1, 2), at(1, 3), at(2, 1)], 0);
  schedule.take(0, 9);
  const timeOf = (id: EvpId, now: number): number => {
    const [change] = schedule.outcome(id, failed, now)?.changes ?? [];
    return change?.kind === "update" ? change.envelope.nextAt : -1;
  };
  assert.equal(timeOf(at(1, 1).id, 100), 1100);
  assert.equal(timeOf(at(2, 1).id, 300), 1300);
  assert.equal(timeOf(at(1, 2).id, 900), 1100);
  assert.equal(timeOf(at(1, 3).id, 1100), 2100);
});

Deno.test("Schedule stores a notice beside an envelope, before the envelope goes", () => {
  const notice = at(1, 9, { kind: "bounce", nextAt: 1100 });
  const schedule = new Schedule(() => ({ next: null, notice, log: [] }), limits);
  schedule.committed([at(1, 1)], 0);
  schedule.take(0, 9);
  const settlement = schedule.outcome(at(1, 1).id, delayed, 100);
  assert.ok(settlement);
  assert.deepEqual(settlement.changes.map(({ kind }) => kind), ["add", "delete"]);
  schedule.settled(settlement, 100);
  for (let refill = schedule.refill(1100); refill !== null; refill = schedule.refill(1100)) {
    schedule.refilled(refill.kind === "bounce" ? [notice] : [], null, 1100);
  }
  const [batch] = schedule.take(1100, 9).batches;
  assert.deepEqual([batch?.kind, batch?.message], ["bounce", notice.message]);
  schedule.finished([notice.id]);
  assert.equal(schedule.inFlight, 0);
});

Deno.test("Schedule attempts again what was under way when the delivery role ended, but not notices", () => {
  const schedule = idleSchedule();
  schedule.committed([at(1, 1), at(2, 1, { kind: "mda" }), at(3, 1, { kind: "bounce" }), at(4, 1)], 0);
  schedule.take(0, 9);
  const settlement = schedule.outcome(at(4, 1).id, delivered, 5);
  assert.ok(settlement);
  assert.deepEqual(schedule.flushInFlight(10, () => true), []);
  assert.deepEqual([schedule.ready, schedule.inFlight], [2, 2]);
  assert.equal(schedule.outcome(at(1, 1).id, delivered, 11), null, "an answer of the old role");
  assert.deepEqual(schedule.take(12, 9).batches.map(({ message }) => message).sort(), [
    at(1, 1).message,
    at(2, 1).message,
  ]);
});

Deno.test("Schedule attempts an envelope now when asked, unless it is under way or suspended", () => {
  const schedule = idleSchedule();
  const later = at(1, 1, { nextAt: 5000 });
  schedule.committed([later], 10);
  const wish = schedule.wishNow(later, 20);
  assert.ok(isSettlement(wish));
  assert.deepEqual(wish.changes, [{ kind: "update", envelope: { ...later, nextAt: 20 } }]);
  assert.equal(schedule.wishNow(later, 20), "refused");
  schedule.settled(wish, 21);
  assert.equal(schedule.wishNow({ ...later, nextAt: 20 }, 21), "done");
  assert.equal(schedule.take(21, 9).batches.length, 1);
  assert.equal(schedule.wishNow({ ...later, nextAt: 20 }, 22), "refused");
  assert.equal(schedule.wishNow(at(2, 1, { suspended: true }), 22), "refused");
});

Deno.test("Schedule removes an envelope: at once, or when its attempt ends, without a notice", () => {
  const schedule = idleSchedule();
  const [pending, ready, under] = [at(1, 1, { nextAt: 5000 }), at(2, 1), at(3, 1)];
  schedule.committed([under], 10);
  schedule.take(10, 9);
  schedule.committed([pending, ready], 10);
  for (const envelope of [pending, ready]) {
    const wish = schedule.wishRemoved(envelope, 11);
    assert.ok(isSettlement(wish));
    assert.deepEqual(wish.changes, [{ kind: "delete", envelope: envelope.id }]);
    assert.equal(wish.log[0]?.what, "remove");
    assert.equal(schedule.wishRemoved(envelope, 11), "refused");
    schedule.settled(wish, 12);
  }
  assert.deepEqual(schedule.take(12, 9).batches, []);
  assert.equal(schedule.wishRemoved(under, 12), "later");
  const settlement = schedule.outcome(under.id, failed, 13);
  assert.deepEqual(settlement?.changes, [{ kind: "delete", envelope: under.id }]);
});

Deno.test("Schedule holds an envelope back and lets it go on", () => {
  const schedule = idleSchedule();
  const [ready, under] = [at(2, 1), at(3, 1)];
  schedule.committed([under], 10);
  schedule.take(10, 9);
  schedule.committed([ready], 10);
  const wish = schedule.wishSuspended(ready, 11);
  assert.ok(isSettlement(wish));
  const held = { ...ready, suspended: true };
  assert.deepEqual(wish.changes, [{ kind: "update", envelope: held }]);
  schedule.settled(wish, 11);
  assert.deepEqual(schedule.take(12, 9).batches, []);
  assert.equal(schedule.wishSuspended(held, 12), "done");
  assert.deepEqual(schedule.standingOf(held, 12), { kind: "suspended" });
  const resumed = schedule.wishResumed(held, 13);
  assert.ok(isSettlement(resumed));
  schedule.settled(resumed, 13);
  assert.equal(schedule.take(13, 9).batches.length, 1);
  assert.equal(schedule.wishSuspended(under, 13), "later");
  assert.equal(schedule.wishResumed(under, 13), "done");
  assert.equal(schedule.wishSuspended(under, 13), "later");
  const [change] = schedule.outcome(under.id, delayed, 14)?.changes ?? [];
  assert.ok(change?.kind === "update" && change.envelope.suspended && change.envelope.attempts === 1);
});

Deno.test("Schedule finds an envelope again when an administrator's change could not be stored", () => {
  const schedule = idleSchedule();
  const later = at(1, 1, { nextAt: 30 });
  schedule.committed([later], 10);
  const wish = schedule.wishRemoved(later, 20);
  assert.ok(isSettlement(wish));
  schedule.abandoned(wish);
  assert.equal(schedule.inFlight, 0);
  assert.equal(schedule.nextWake(), 30);
});

Deno.test("Schedule carries out at a role's end what was to be done when attempts end", () => {
  const schedule = idleSchedule();
  schedule.committed([at(1, 1), at(2, 1)], 0);
  schedule.take(0, 9);
  schedule.wishRemoved(at(1, 1), 1);
  schedule.wishSuspended(at(2, 1), 1);
  const changes = schedule.flushInFlight(2, () => true).flatMap((settlement) => settlement.changes);
  assert.deepEqual(changes, [
    { kind: "delete", envelope: at(1, 1).id },
    { kind: "update", envelope: at(2, 1, { suspended: true }) },
  ]);
});

Deno.test("Schedule says where an envelope stands", () => {
  const schedule = idleSchedule();
  schedule.committed([at(1, 1)], 10);
  assert.deepEqual(schedule.standingOf(at(1, 1), 30), { kind: "pending", inMs: -30 });
  schedule.take(40, 9);
  assert.deepEqual(schedule.standingOf(at(1, 1), 45), { kind: "inflight", sinceMs: 5 });
  assert.deepEqual(schedule.standingOf(at(2, 1, { nextAt: 99 }), 45), { kind: "pending", inMs: 54 });
});

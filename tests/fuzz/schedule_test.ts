/** A schedule under a queue whose writes and reads end at any time: nothing is attempted twice at once, nothing is
 * forgotten, no limit is passed. */

import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import type { Envelope, LastStatus } from "../../lib/spool/envelope.ts";
import type { EvpId } from "../../lib/spool/id.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import { Schedule, type Settlement } from "../../lib/spool/schedule.ts";
import { sampleEnvelope, sampleMessage } from "../contract/store.ts";
import { delayed, delivered, failed, judge } from "../spool/schedule_rig.ts";

const limits = { window: 2, inFlight: 5, batch: 2 };

/** A queue around a schedule: a store whose writes and reads end when told to. */
class World {
  now = 0;
  readonly store = new MemoryStore();
  readonly schedule = new Schedule(judge, limits);
  readonly underWay = new Map<EvpId, Envelope>();
  #writing: Settlement[] = [];
  #page: { envelopes: readonly Envelope[]; next: number | null } | null = null;
  #messages = 0;
  readonly ended = new Set<EvpId>();

  async commit(kind: Envelope["kind"], count: number, delay: number): Promise<void> {
    const message = ++this.#messages;
    const envelopes = Array.from({ length: count }, (_, index) => {
      return sampleEnvelope(message, index + 1, { kind, nextAt: this.now + delay, expiresAt: this.now + 3000 });
    });
    await this.store.apply(sampleMessage(message, envelopes, 1));
    this.schedule.committed(envelopes, this.now);
  }

  take(room: number): void {
    const { batches, settlements } = this.schedule.take(this.now, room);
    for (const { kind, message, envelopes } of batches) {
      assert.ok(envelopes.length > 0 && envelopes.length <= limits.batch);
      for (const envelope of envelopes) {
        assert.ok(!this.underWay.has(envelope.id), "never under way twice");
        assert.ok(!this.ended.has(envelope.id), "never after its end");
        assert.deepEqual([envelope.kind, envelope.message, envelope.suspended], [kind, message, false]);
        assert.ok(envelope.nextAt <= this.now && envelope.expiresAt > this.now);
        this.underWay.set(envelope.id, envelope);
      }
    }
    this.#writing.push(...settlements);
    assert.ok(this.underWay.size <= limits.inFlight);
  }

  end(index: number, status: LastStatus): void {
    const id = [...this.underWay.keys()][index % Math.max(1, this.underWay.size)];
    if (id === undefined) return;
    this.underWay.delete(id);
    const settlement = this.schedule.outcome(id, status, this.now);
    assert.ok(settlement, "an outcome is awaited");
    this.#writing.push(settlement);
  }

  async write(): Promise<void> {
    for (const settlement of this.#writing.splice(0)) {
      await this.store.apply(settlement.changes);
      if (settlement.changes.some(({ kind }) => kind === "delete")) this.ended.add(settlement.id);
      this.schedule.settled(settlement, this.now);
    }
  }

  async beginPage(): Promise<void> {
    const refill = this.schedule.refill(this.now);
    if (refill === null) return;
    const envelopes = await this.store.due(refill.kind, refill.until, refill.after, refill.limit);
    const isFull = envelopes.length === refill.limit;
    this.#page = { envelopes, next: isFull ? null : await this.store.nextDueAfter(refill.kind, refill.until) };
  }

  endPage(): void {
    if (this.#page === null) return;
    this.schedule.refilled(this.#page.envelopes, this.#page.next, this.now);
    this.#page = null;
  }

  roleEnds(): void {
    for (const [id, envelope] of this.underWay) if (envelope.kind !== "bounce") this.underWay.delete(id);
    this.#writing.push(...this.schedule.flushInFlight(this.now, () => true));
  }

  async wish(what: "wishNow" | "wishRemoved" | "wishSuspended" | "wishResumed", index: number): Promise<void> {
    const all = await this.store.list({}, null, 100);
    const envelope = all[index % Math.max(1, all.length)];
    if (envelope === undefined) return;
    const wish = this.schedule[what](envelope, this.now);
    if (typeof wish === "object") this.#writing.push(wish);
  }

  /** Goes on without further trouble until nothing is left that can be done. */
  async finish(): Promise<void> {
    for (let round = 0; round < 300; round++) {
      await this.write();
      this.endPage();
      await this.beginPage();
      this.endPage();
      this.take(99);
      while (this.underWay.size > 0) this.end(0, delivered);
      await this.write();
      const wake = this.schedule.nextWake();
      this.now = Math.max(this.now, wake ?? 0);
      if (wake !== null || this.schedule.ready > 0) continue;
      const left = await this.store.list({}, null, 1000);
      if (!left.some(({ suspended }) => suspended)) break;
      for (const index of left.keys()) await this.wish("wishResumed", index);
    }
  }
}

Deno.test("Schedule attempts every envelope until it ends, each in one place at a time, whatever happens", async () => {
  const steps = [
    "commit",
    "take",
    "take",
    "end",
    "end",
    "write",
    "beginPage",
    "endPage",
    "pass",
    "roleEnds",
    "wish",
  ] as const;
  const step = fc.record({
    what: fc.constantFrom(...steps),
    n: fc.nat(7),
    kind: fc.constantFrom("mda", "mta", "bounce"),
    wish: fc.constantFrom("wishNow", "wishRemoved", "wishSuspended", "wishResumed"),
    status: fc.constantFrom(delivered, delayed, failed),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 150, size: "max" }), async (list) => {
      const world = new World();
      for (const { what, n, kind, wish, status } of list) {
        if (what === "commit") await world.commit(kind, 1 + n % 4, n > 5 ? 50 : 0);
        else if (what === "take") world.take(1 + n);
        else if (what === "end") world.end(n, status);
        else if (what === "pass") world.now += n * 40;
        else if (what === "wish") await world.wish(wish, n);
        else await world[what]();
      }
      await world.finish();
      assert.deepEqual(await world.store.list({}, null, 99), []);
      assert.equal(world.schedule.inFlight + world.schedule.ready, 0);
    }),
    { numRuns: 300 },
  );
});

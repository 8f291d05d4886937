/** What is attempted when. Holds in memory what is due and what is under way; the rest stays in the store and is read
 * page by page. No clock, no store: times come as arguments, changes go out as `Settlement`s.
 *
 *   stored --refill--> ready --take--> in flight --outcome--> settling --settled--> stored again, or gone
 *
 * An envelope stays known until its change is durable, so that a page read meanwhile cannot bring it back. */

import { assert } from "../fault.ts";
import type { LogEvent } from "../event_log.ts";
import { isExpired } from "./backoff.ts";
import type { Envelope, LastStatus } from "./envelope.ts";
import type { EvpId, MsgId } from "./id.ts";
import { Lane, type Refill } from "./lane.ts";
import { type ScheduleLimits, scheduleLimits } from "./schedule_limit.ts";
import type { SpoolChange } from "./store.ts";

type Kind = Envelope["kind"];

/** Order of turns when each kind has something to do. */
const kinds: readonly Kind[] = ["bounce", "mda", "mta"];

/** From the first thing to tell the sender to the notice: what else happens to the message goes into the same one. */
export const noticeDelayMs = 1000;

/** What becomes of an envelope after an attempt. */
export interface Verdict {
  /** The envelope as it is to be stored; null when it is done with. */
  readonly next: Envelope | null;
  /** A notice to the sender beside it. */
  readonly notice: Envelope | null;
  /** What to log at once. */
  readonly log: readonly LogEvent[];
}

/** Judges an attempt. Pure. */
export type Judge = (envelope: Envelope, status: LastStatus, now: number) => Verdict;

/** Changes to make durable for one envelope. Then call `settled`. Log what it says at once. */
export interface Settlement {
  /** Whose changes they are. */
  readonly id: EvpId;
  /** To be applied in one transaction, in this order. */
  readonly changes: readonly SpoolChange[];
  /** What to log at once. */
  readonly log: readonly LogEvent[];
}

/** Envelopes of one message and action to attempt; of one message when the kind is `bounce`. */
export interface Batch {
  /** Of all its envelopes. */
  readonly kind: Envelope["kind"];
  /** Of all its envelopes. */
  readonly message: MsgId;
  /** At least one. */
  readonly envelopes: readonly Envelope[];
}

/** What came of an administrator's wish: changes to make durable; nothing to do; it happens when the attempt under
 * way ends; not possible now. */
export type Wish = Settlement | "done" | "later" | "refused";

/** Where an envelope stands. Times in ms. */
export type Standing =
  | { readonly kind: "pending"; readonly inMs: number }
  | { readonly kind: "inflight"; readonly sinceMs: number }
  | { readonly kind: "suspended" };

interface Entry {
  readonly envelope: Envelope;
  state: "ready" | "inFlight" | "settling";
  since: number;
  isRemoved: boolean;
  isSuspended: boolean;
  /** In state `settling`: what the store will hold. */
  stored: readonly Envelope[];
}

/** See the head of this file. Bounded by `ScheduleLimits`. */
export class Schedule {
  readonly #judge: Judge;
  readonly #limits: ScheduleLimits;
  readonly #known = new Map<EvpId, Entry>();
  readonly #lanes: Readonly<Record<Kind, Lane>>;
  readonly #noticeAt = new Map<MsgId, number>();
  readonly #settledSinceRefill = new Set<EvpId>();
  #refill: Refill | null = null;
  #inFlight = 0;
  #turn = 0;

  /** Begins with nothing in memory: the first `refill` reads what is due. */
  constructor(judge: Judge, limits: ScheduleLimits = scheduleLimits) {
    this.#judge = judge;
    this.#limits = limits;
    const lane = (kind: Kind) => new Lane(kind, limits.window);
    this.#lanes = { bounce: lane("bounce"), mda: lane("mda"), mta: lane("mta") };
  }

  /** Envelopes under way or with a change that is not durable yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Due envelopes held in memory. */
  get ready(): number {
    return kinds.reduce((sum, kind) => sum + this.#lanes[kind].ready.length, 0);
  }

  /** Takes in envelopes that have just become durable. Those for which there is no room are read later. */
  committed(envelopes: readonly Envelope[], now: number): void {
    for (const envelope of envelopes) {
      if (envelope.suspended || this.#known.has(envelope.id)) continue;
      const lane = this.#lanes[envelope.kind];
      if (envelope.nextAt <= now && lane.hasRoom) this.#makeReady(envelope, now);
      else lane.note(envelope.nextAt);
    }
  }

  /** Takes up to `room` envelopes, a batch of each kind in turn. Those found expired come as settlements instead. */
  take(
    now: number,
    room: number = this.#limits.inFlight,
  ): { readonly batches: Batch[]; readonly settlements: Settlement[] } {
    const batches: Batch[] = [];
    const settlements: Settlement[] = [];
    let free = Math.min(room, this.#limits.inFlight - this.#inFlight);
    for (let idle = 0; free > 0 && idle < kinds.length; this.#turn = (this.#turn + 1) % kinds.length) {
      const kind = kinds[this.#turn] ?? "mta";
      const lane = this.#lanes[kind];
      const taken = lane.isPaused ? [] : lane.ready.take(Math.min(free, this.#limits.batch));
      idle = taken.length === 0 ? idle + 1 : 0;
      free -= taken.length;
      for (const { id } of taken) this.#launch(id, now);
      const live = taken.filter((envelope) => !isExpired(envelope, now));
      if (live.length < taken.length) settlements.push(...this.#expire(taken, now));
      const message = live[0]?.message;
      if (message !== undefined) batches.push({ kind, message, envelopes: live });
    }
    return { batches, settlements };
  }

  /** An attempt ended. Null when the envelope is not under way: the outcome came twice, or late. */
  outcome(id: EvpId, status: LastStatus, now: number): Settlement | null {
    const entry = this.#known.get(id);
    if (entry?.state !== "inFlight") return null;
    if (entry.isRemoved) return this.#drop(entry, now);
    const verdict = this.#judge(entry.envelope, status, now);
    const changes: SpoolChange[] = [];
    const stored: Envelope[] = [];
    // The notice first: deleting the last envelope would take the message with it.
    if (verdict.notice !== null) {
      const notice = this.#gather(verdict.notice, now);
      changes.push({ kind: "add", envelope: notice });
      stored.push(notice);
    }
    if (verdict.next === null) changes.push({ kind: "delete", envelope: id });
    else {
      const isNotice = verdict.next.kind === "bounce" && entry.envelope.kind !== "bounce";
      const next = isNotice ? this.#gather(verdict.next, now) : verdict.next;
      stored.push(entry.isSuspended ? { ...next, suspended: true } : next);
      changes.push({ kind: "update", envelope: stored[stored.length - 1] ?? next });
    }
    return this.#settle(entry, stored, changes, verdict.log, now);
  }

  /** The changes of a settlement are durable. */
  settled(settlement: Settlement, now: number): void {
    const entry = this.#known.get(settlement.id);
    assert(entry?.state === "settling", "what is settled was settling");
    this.#forget(settlement.id);
    this.committed(entry.stored, now);
  }

  /** The changes of a settlement that an administrator asked for could not be stored: the envelope is as before.
   * The changes of an outcome are to be submitted again instead, until they are durable. */
  abandoned(settlement: Settlement): void {
    const entry = this.#known.get(settlement.id);
    if (entry?.state !== "settling") return;
    this.#forget(settlement.id);
    if (!entry.envelope.suspended) this.#lanes[entry.envelope.kind].note(entry.envelope.nextAt);
  }

  /** These envelopes, under way until now, are deleted for good: their notice has become a message. */
  finished(ids: readonly EvpId[]): void {
    for (const id of ids) if (this.#known.has(id)) this.#forget(id);
  }

  /** The next page to read, if any. Read it, ask `store.nextDueAfter(kind, until)` when it is not full, and call
   * `refilled`, or `refillFailed`; until then this gives null. */
  refill(now: number): Refill | null {
    if (this.#refill !== null) return null;
    const lane = kinds.map((kind) => this.#lanes[kind]).find((lane) => lane.wakeAt <= now);
    return this.#refill = lane?.page(now) ?? null;
  }

  /** A page has been read. `next`: when the first envelope after a page that was not full is due, null for never. */
  refilled(envelopes: readonly Envelope[], next: number | null, now: number): void {
    assert(this.#refill !== null, "a page was asked for");
    const { kind, limit, until } = this.#refill;
    for (const envelope of envelopes) {
      if (this.#known.has(envelope.id) || this.#settledSinceRefill.has(envelope.id)) continue;
      this.#makeReady(envelope, now);
    }
    const last = envelopes[envelopes.length - 1] ?? null;
    this.#lanes[kind].paged(last, envelopes.length >= limit ? until : next ?? Infinity);
    this.#endRefill();
  }

  /** A page could not be read: it is asked for again from `again` on. */
  refillFailed(again: number): void {
    if (this.#refill === null) return;
    this.#lanes[this.#refill.kind].paged(null, again);
    this.#endRefill();
  }

  /** When `refill` is worth a call: may be past; null for never unless something else happens. */
  nextWake(): number | null {
    if (this.#refill !== null) return null;
    const at = Math.min(...kinds.map((kind) => this.#lanes[kind].wakeAt));
    return at === Infinity ? null : at;
  }

  /** A delivery role is gone, and with it the attempts that `isLost` tells of: they are made again. Notices under way
   * stay so. Returns the settlements of envelopes that were to be removed or suspended when they came back. */
  flushInFlight(now: number, isLost: (envelope: EvpId) => boolean): Settlement[] {
    const settlements: Settlement[] = [];
    for (const entry of [...this.#known.values()]) {
      if (entry.state !== "inFlight" || entry.envelope.kind === "bounce" || !isLost(entry.envelope.id)) continue;
      if (entry.isRemoved) settlements.push(this.#drop(entry, now));
      else if (entry.isSuspended) settlements.push(this.#replace(entry, { ...entry.envelope, suspended: true }, now));
      else {
        this.#forget(entry.envelope.id);
        this.#makeReady(entry.envelope, now);
      }
    }
    return settlements;
  }

  /** Stops and restarts attempts of a kind. */
  pause(kind: "mda" | "mta"): void {
    this.#lanes[kind].isPaused = true;
  }

  /** Restarts attempts of a kind. */
  resume(kind: "mda" | "mta"): void {
    this.#lanes[kind].isPaused = false;
  }

  /** True between `pause` and `resume`. */
  isPaused(kind: "mda" | "mta"): boolean {
    return this.#lanes[kind].isPaused;
  }

  /** Attempt it now. `envelope` is as the store has it, here and below. */
  wishNow(envelope: Envelope, now: number): Wish {
    const known = this.#known.get(envelope.id);
    if (known?.state === "ready") return "done";
    if (known !== undefined || envelope.suspended) return "refused";
    return this.#replace(this.#enter(envelope, now), { ...envelope, nextAt: now }, now);
  }

  /** Take it out of the queue. No notice. */
  wishRemoved(envelope: Envelope, now: number): Wish {
    const known = this.#known.get(envelope.id);
    if (known?.state === "settling") return "refused";
    if (known?.state !== "inFlight") return this.#drop(known ?? this.#enter(envelope, now), now);
    known.isRemoved = true;
    return "later";
  }

  /** Hold it back until `wishResumed`. */
  wishSuspended(envelope: Envelope, now: number): Wish {
    const known = this.#known.get(envelope.id);
    if (known?.state === "settling") return "refused";
    if (known?.state === "inFlight") {
      known.isSuspended = true;
      return "later";
    }
    if (envelope.suspended) return "done";
    return this.#replace(known ?? this.#enter(envelope, now), { ...envelope, suspended: true }, now);
  }

  /** Hold it back no longer. */
  wishResumed(envelope: Envelope, now: number): Wish {
    const known = this.#known.get(envelope.id);
    if (known?.state === "settling") return "refused";
    if (known !== undefined) known.isSuspended = false;
    if (known !== undefined || !envelope.suspended) return "done";
    return this.#replace(this.#enter(envelope, now), { ...envelope, suspended: false }, now);
  }

  /** Where an envelope of the store stands. */
  standingOf(envelope: Envelope, now: number): Standing {
    const known = this.#known.get(envelope.id);
    if (known !== undefined && known.state !== "ready") return { kind: "inflight", sinceMs: now - known.since };
    return envelope.suspended ? { kind: "suspended" } : { kind: "pending", inMs: envelope.nextAt - now };
  }

  #endRefill(): void {
    this.#refill = null;
    this.#settledSinceRefill.clear();
  }

  #makeReady(envelope: Envelope, now: number): void {
    this.#known.set(envelope.id, newEntry(envelope, now));
    this.#lanes[envelope.kind].ready.add(envelope);
  }

  #launch(id: EvpId, now: number): void {
    const entry = this.#known.get(id);
    assert(entry?.state === "ready", "what is taken was ready");
    entry.state = "inFlight";
    entry.since = now;
    this.#inFlight++;
  }

  #enter(envelope: Envelope, now: number): Entry {
    const entry = newEntry(envelope, now);
    this.#known.set(envelope.id, entry);
    return entry;
  }

  #expire(envelopes: readonly Envelope[], now: number): Settlement[] {
    const gone = envelopes.filter((envelope) => isExpired(envelope, now));
    return gone.map(({ id, last }) => this.outcome(id, expiredAfter(last), now)).filter((done) => done !== null);
  }

  #drop(entry: Entry, now: number): Settlement {
    const { envelope } = entry;
    const log: LogEvent = {
      priority: "info",
      session: "",
      from: "queue",
      what: "remove",
      fields: { evpid: envelope.id, message: envelope.message, attempts: envelope.attempts },
    };
    return this.#settle(entry, [], [{ kind: "delete", envelope: envelope.id }], [log], now);
  }

  #replace(entry: Entry, next: Envelope, now: number): Settlement {
    return this.#settle(entry, [next], [{ kind: "update", envelope: next }], [], now);
  }

  #settle(
    entry: Entry,
    stored: readonly Envelope[],
    changes: readonly SpoolChange[],
    log: readonly LogEvent[],
    now: number,
  ): Settlement {
    if (entry.state === "ready") this.#lanes[entry.envelope.kind].ready.remove(entry.envelope);
    if (entry.state !== "inFlight") {
      entry.since = now;
      this.#inFlight++;
    }
    entry.state = "settling";
    entry.stored = stored;
    return { id: entry.envelope.id, changes, log };
  }

  #forget(id: EvpId): void {
    const entry = this.#known.get(id);
    if (entry !== undefined && entry.state !== "ready") this.#inFlight--;
    this.#known.delete(id);
    if (this.#refill !== null) this.#settledSinceRefill.add(id);
  }

  /** Gives a new notice the time of the first one about its message that is still to come. */
  #gather(notice: Envelope, now: number): Envelope {
    for (const [message, at] of this.#noticeAt) {
      if (at > now) break;
      this.#noticeAt.delete(message);
    }
    const nextAt = this.#noticeAt.get(notice.message) ?? notice.nextAt;
    this.#noticeAt.set(notice.message, nextAt);
    return { ...notice, nextAt };
  }
}

/** RFC 3463 §3.5: delivery time expired. What the last attempt met is what the sender can do something about. */
function expiredAfter(last: LastStatus | null): LastStatus {
  const text = last === null ? "Envelope expired" : `Envelope expired: ${last.text}`;
  return { kind: "failed", enhanced: "5.4.7", text, by: last?.by ?? "" };
}

function newEntry(envelope: Envelope, now: number): Entry {
  return { envelope, state: "ready", since: now, isRemoved: false, isSuspended: false, stored: [] };
}

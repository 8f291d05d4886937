/** One kind of envelopes in the schedule: those in memory that are ready, and how far the stored ones have been read. */

import type { Envelope } from "./envelope.ts";
import type { EvpId } from "./id.ts";
import { ReadyList } from "./ready.ts";
import type { DueMark } from "./store.ts";

/** A page to read: `store.due(kind, until, after, limit)`. */
export interface Refill {
  /** Of which envelopes. */
  readonly kind: Envelope["kind"];
  /** The latest due time wanted, ms since the epoch. */
  readonly until: number;
  /** Where the page before ended; null at the beginning. */
  readonly after: DueMark | null;
  /** How many envelopes at most. */
  readonly limit: number;
}

/** Reads the due envelopes of a kind in order of time, in pages, each once; goes back when one is stored behind it. */
export class Lane {
  /** Of which envelopes. */
  readonly kind: Envelope["kind"];
  /** Those in memory, not under way. */
  readonly ready = new ReadyList();
  /** No attempts are made, nothing is read. */
  isPaused = false;
  readonly #window: number;
  /** Stored envelopes up to here have been read. Null: none. */
  #mark: DueMark | null = null;
  /** No stored envelope after the mark is due before this. */
  #wakeAt = 0;
  /** Earliest due time of those noted since the page under way was asked for; Infinity for none. */
  #notedAt = Infinity;

  /** `window`: envelopes to hold ready. Reading begins when half of them are used up. */
  constructor(kind: Envelope["kind"], window: number) {
    this.kind = kind;
    this.#window = window;
  }

  /** True when another envelope may be made ready without being read from the store. */
  get hasRoom(): boolean {
    return this.ready.length < this.#window;
  }

  /** When a page is worth reading; Infinity for never, or not before some are taken. */
  get wakeAt(): number {
    return this.isPaused || this.ready.length > this.#window / 2 ? Infinity : this.#wakeAt;
  }

  /** Says that an envelope due at `nextAt` is in the store and not in memory. */
  note(nextAt: number): void {
    this.#wakeAt = Math.min(this.#wakeAt, nextAt);
    this.#notedAt = Math.min(this.#notedAt, nextAt);
    this.#rewind(nextAt);
  }

  /** The page to read, to be answered by `paged` or `failed`. Call it when `wakeAt` has come. */
  page(now: number): Refill {
    this.#wakeAt = this.#notedAt = Infinity;
    return { kind: this.kind, until: now, after: this.#mark, limit: this.#window - this.ready.length };
  }

  /** A page has been read up to `last`. `next`: when to read on. */
  paged(last: DueMark | null, next: number): void {
    if (last !== null) this.#mark = { nextAt: last.nextAt, id: last.id };
    this.#wakeAt = Math.min(this.#wakeAt, next);
    // What was noted meanwhile may stand before the end of the page and not in it.
    if (this.#notedAt < Infinity) this.#rewind(this.#notedAt);
  }

  /** Moves the mark before everything that is due at `nextAt`. */
  #rewind(nextAt: number): void {
    if (this.#mark === null || this.#mark.nextAt < nextAt) return;
    this.#mark = { nextAt: nextAt - 1, id: "ffffffffffffffff" as EvpId };
  }
}

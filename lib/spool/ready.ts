/** Envelopes that can be attempted now: those of higher priority first, else first come first served, in batches of one
 * message and action. */

import type { Envelope } from "./envelope.ts";

/** Envelopes of one message and action. */
interface Batch {
  readonly key: string;
  envelopes: Envelope[];
}

/** Batches of one priority (RFC 6710) in order of arrival, from `head`; those found empty are passed over. */
interface Level {
  readonly priority: number;
  order: Batch[];
  head: number;
}

/** A queue of envelopes of one kind. Taking and adding cost the same whatever its length. */
export class ReadyList {
  /** The highest priority first; few are in use. */
  readonly #levels: Level[] = [];
  /** The batch that an envelope of this key joins. */
  readonly #open = new Map<string, Batch>();
  #length = 0;

  /** Envelopes in the list. */
  get length(): number {
    return this.#length;
  }

  /** Adds an envelope to the batch of its message and action, or as a new batch at the end of its priority. */
  add(envelope: Envelope): void {
    const key = keyOf(envelope);
    let batch = this.#open.get(key);
    if (batch === undefined) {
      batch = { key, envelopes: [] };
      this.#open.set(key, batch);
      this.#level(envelope.handling.priority).order.push(batch);
    }
    batch.envelopes.push(envelope);
    this.#length++;
  }

  /** Takes an envelope out, wherever it stands. */
  remove(envelope: Envelope): void {
    const batch = this.#open.get(keyOf(envelope));
    const index = batch?.envelopes.findIndex(({ id }) => id === envelope.id) ?? -1;
    if (batch === undefined || index < 0) return;
    batch.envelopes.splice(index, 1);
    this.#length--;
    if (batch.envelopes.length === 0) this.#open.delete(batch.key);
  }

  /** Takes the first batch, or `limit` (>= 1) envelopes of it. Empty when the list is. */
  take(limit: number): readonly Envelope[] {
    for (const level of this.#levels) {
      const taken = this.#takeOf(level, limit);
      if (taken.length > 0) return taken;
    }
    return [];
  }

  #takeOf(level: Level, limit: number): readonly Envelope[] {
    let taken: readonly Envelope[] = [];
    for (; taken.length === 0 && level.head < level.order.length; level.head++) {
      const batch = level.order[level.head];
      if (batch === undefined || batch.envelopes.length === 0) continue;
      taken = batch.envelopes.slice(0, limit);
      batch.envelopes = batch.envelopes.slice(limit);
      this.#length -= taken.length;
      if (batch.envelopes.length > 0) break;
      this.#open.delete(batch.key);
    }
    if (level.head >= 1024 || level.head >= level.order.length) {
      level.order = level.order.slice(level.head);
      level.head = 0;
    }
    return taken;
  }

  #level(priority: number): Level {
    const found = this.#levels.find((level) => level.priority === priority);
    if (found !== undefined) return found;
    const level: Level = { priority, order: [], head: 0 };
    const at = this.#levels.findIndex((other) => other.priority < priority);
    this.#levels.splice(at < 0 ? this.#levels.length : at, 0, level);
    return level;
  }
}

// A notice to the sender is about a message, whatever was tried for its recipients.
function keyOf(envelope: Envelope): string {
  return envelope.kind === "bounce" ? envelope.message : `${envelope.message} ${envelope.action}`;
}

/** Envelopes that can be attempted now, first come first served, in batches of one message and action. */

import type { Envelope } from "./envelope.ts";

/** A queue of envelopes of one kind. Taking and adding cost the same whatever its length. */
export class ReadyList {
  /** Batches in order of arrival, from `#head`; those found empty are passed over. */
  #order: { readonly key: string; envelopes: Envelope[] }[] = [];
  #head = 0;
  /** The batch that an envelope of this key joins. */
  readonly #open = new Map<string, { readonly key: string; envelopes: Envelope[] }>();
  #length = 0;

  /** Envelopes in the list. */
  get length(): number {
    return this.#length;
  }

  /** Adds an envelope to the batch of its message and action, or as a new batch at the end. */
  add(envelope: Envelope): void {
    const key = keyOf(envelope);
    let batch = this.#open.get(key);
    if (batch === undefined) {
      batch = { key, envelopes: [] };
      this.#open.set(key, batch);
      this.#order.push(batch);
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
    for (; this.#head < this.#order.length; this.#head++) {
      const batch = this.#order[this.#head];
      if (batch === undefined || batch.envelopes.length === 0) continue;
      const taken = batch.envelopes.slice(0, limit);
      batch.envelopes = batch.envelopes.slice(limit);
      this.#length -= taken.length;
      if (batch.envelopes.length === 0) {
        this.#open.delete(batch.key);
        this.#head++;
      }
      this.#compact();
      return taken;
    }
    this.#compact();
    return [];
  }

  #compact(): void {
    if (this.#head < 1024 && this.#head < this.#order.length) return;
    this.#order = this.#order.slice(this.#head);
    this.#head = 0;
  }
}

// A notice to the sender is about a message, whatever was tried for its recipients.
function keyOf(envelope: Envelope): string {
  return envelope.kind === "bounce" ? envelope.message : `${envelope.message} ${envelope.action}`;
}

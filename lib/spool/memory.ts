/** The spool in memory: the model that the other stores are held to, and the simulator's. It forgets everything with
 * its process. */

import { assert, assertNever, Fault } from "../fault.ts";
import type { Envelope, StoredMessage } from "./envelope.ts";
import { type EvpId, type MsgId, msgIdOfEvp } from "./id.ts";
import type { DueMark, SpoolChange, SpoolCounts, SpoolFilter, SpoolStore } from "./store.ts";

/** Pieces by number. */
type Chunks = Map<number, Uint8Array>;

interface Committed {
  readonly stored: StoredMessage;
  readonly chunks: Chunks;
  readonly envelopes: Map<EvpId, Envelope>;
}

/** SpoolStore without a disk. Searches walk everything: meant for thousands of envelopes, not millions. */
export class MemoryStore implements SpoolStore {
  readonly #capacity: number;
  readonly #messages = new Map<MsgId, Committed>();
  readonly #incoming = new Map<MsgId, Chunks>();
  #used = 0;

  /** `capacity`: octets of content, committed or not, beyond which `apply` rejects with `noSpace`. */
  constructor(capacity: number = Infinity) {
    this.#capacity = capacity;
  }

  // deno-lint-ignore require-await -- async so that a Fault is a rejection
  async apply(changes: readonly SpoolChange[]): Promise<void> {
    const undo: (() => void)[] = [];
    try {
      for (const change of changes) this.#applyOne(change, undo);
      if (this.#used > this.#capacity) throw new Fault("noSpace", "Cannot write the spool: it is full");
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw error;
    }
  }

  #applyOne(change: SpoolChange, undo: (() => void)[]): void {
    switch (change.kind) {
      case "chunk":
        return this.#addChunk(change.message, change.seq, change.bytes, undo);
      case "commit":
        return this.#commit(change.message, change.envelopes, undo);
      case "rollback":
        return this.#forget(change.message, undo);
      case "add": {
        const found = this.#messages.get(change.envelope.message);
        if (found !== undefined && !found.envelopes.has(change.envelope.id)) put(found, change.envelope, undo);
        return;
      }
      case "update": {
        const found = this.#messages.get(change.envelope.message);
        if (found?.envelopes.has(change.envelope.id)) put(found, change.envelope, undo);
        return;
      }
      case "delete":
        return this.#delete(change.envelope, undo);
      default:
        assertNever(change);
    }
  }

  #addChunk(message: MsgId, seq: number, bytes: Uint8Array, undo: (() => void)[]): void {
    assert(!this.#messages.has(message), "a piece belongs to a message that is not committed");
    const chunks: Chunks = this.#incoming.get(message) ?? new Map();
    assert(!chunks.has(seq), "a piece comes once");
    this.#incoming.set(message, chunks);
    chunks.set(seq, bytes.slice());
    this.#used += bytes.length;
    undo.push(() => {
      chunks.delete(seq);
      if (chunks.size === 0) this.#incoming.delete(message);
      this.#used -= bytes.length;
    });
  }

  #commit(stored: StoredMessage, envelopes: readonly Envelope[], undo: (() => void)[]): void {
    assert(envelopes.length > 0, "a message has an envelope");
    assert(!this.#messages.has(stored.id), "a message is committed once");
    const chunks: Chunks = this.#incoming.get(stored.id) ?? new Map();
    if (chunks.size !== stored.chunks) {
      const pieces = `${chunks.size} of ${stored.chunks} pieces are stored`;
      throw new Fault("io", `Cannot commit message ${stored.id}: ${pieces}`);
    }
    const committed = { stored, chunks, envelopes: new Map(envelopes.map((envelope) => [envelope.id, envelope])) };
    this.#incoming.delete(stored.id);
    this.#messages.set(stored.id, committed);
    undo.push(() => {
      this.#messages.delete(stored.id);
      if (chunks.size > 0) this.#incoming.set(stored.id, chunks);
    });
  }

  #forget(message: MsgId, undo: (() => void)[]): void {
    const chunks = this.#incoming.get(message);
    if (chunks === undefined) return;
    const size = lengthOf(chunks);
    this.#incoming.delete(message);
    this.#used -= size;
    undo.push(() => {
      this.#incoming.set(message, chunks);
      this.#used += size;
    });
  }

  #delete(id: EvpId, undo: (() => void)[]): void {
    const message = msgIdOfEvp(id);
    const committed = this.#messages.get(message);
    const envelope = committed?.envelopes.get(id);
    if (committed === undefined || envelope === undefined) return;
    committed.envelopes.delete(id);
    undo.push(() => committed.envelopes.set(id, envelope));
    if (committed.envelopes.size > 0) return;
    const size = lengthOf(committed.chunks);
    this.#messages.delete(message);
    this.#used -= size;
    undo.push(() => {
      this.#messages.set(message, committed);
      this.#used += size;
    });
  }

  due(kind: Envelope["kind"], now: number, after: DueMark | null, limit: number): Promise<readonly Envelope[]> {
    const found = this.#envelopes().filter((envelope) =>
      envelope.kind === kind && !envelope.suspended && envelope.nextAt <= now &&
      (after === null || compareDue(envelope, after) > 0)
    );
    return Promise.resolve(found.sort(compareDue).slice(0, limit));
  }

  nextDueAfter(kind: Envelope["kind"], after: number): Promise<number | null> {
    let next: number | null = null;
    for (const envelope of this.#envelopes()) {
      if (envelope.kind !== kind || envelope.suspended || envelope.nextAt <= after) continue;
      if (next === null || envelope.nextAt < next) next = envelope.nextAt;
    }
    return Promise.resolve(next);
  }

  /** See SpoolStore. */
  envelope(id: EvpId): Promise<Envelope | null> {
    return Promise.resolve(this.#messages.get(msgIdOfEvp(id))?.envelopes.get(id) ?? null);
  }

  /** See SpoolStore. */
  message(id: MsgId): Promise<StoredMessage | null> {
    return Promise.resolve(this.#messages.get(id)?.stored ?? null);
  }

  chunk(message: MsgId, seq: number): Promise<Uint8Array | null> {
    return Promise.resolve(this.#messages.get(message)?.chunks.get(seq) ?? null);
  }

  list(filter: SpoolFilter, after: EvpId | null, limit: number): Promise<readonly Envelope[]> {
    const found = this.#envelopes().filter((envelope) =>
      (filter.message ?? envelope.message) === envelope.message && (filter.envelope ?? envelope.id) === envelope.id &&
      (after === null || envelope.id > after)
    );
    return Promise.resolve(found.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit));
  }

  /** See SpoolStore. */
  counts(): Promise<SpoolCounts> {
    const envelopes = this.#envelopes();
    let bytes = 0;
    for (const committed of this.#messages.values()) bytes += committed.stored.size;
    return Promise.resolve({
      messages: this.#messages.size,
      envelopes: envelopes.length,
      bounces: envelopes.filter((envelope) => envelope.kind === "bounce").length,
      bytes,
    });
  }

  has(id: MsgId): Promise<boolean> {
    return Promise.resolve(this.#messages.has(id) || this.#incoming.has(id));
  }

  recover(): Promise<number> {
    const forgotten = this.#incoming.size;
    for (const chunks of this.#incoming.values()) this.#used -= lengthOf(chunks);
    this.#incoming.clear();
    return Promise.resolve(forgotten);
  }

  /** Keeps nothing, closes nothing. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #envelopes(): Envelope[] {
    return [...this.#messages.values()].flatMap((committed) => [...committed.envelopes.values()]);
  }
}

function put(committed: Committed, envelope: Envelope, undo: (() => void)[]): void {
  const old = committed.envelopes.get(envelope.id);
  committed.envelopes.set(envelope.id, envelope);
  undo.push(() => {
    if (old === undefined) committed.envelopes.delete(envelope.id);
    else committed.envelopes.set(envelope.id, old);
  });
}

function compareDue(a: DueMark, b: DueMark): number {
  if (a.nextAt !== b.nextAt) return a.nextAt - b.nextAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

function lengthOf(chunks: Chunks): number {
  let length = 0;
  for (const chunk of chunks.values()) length += chunk.length;
  return length;
}

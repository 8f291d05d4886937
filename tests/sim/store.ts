/** A spool that takes a turn for everything, as a real one does, and can fail or be left behind by its process. */

import { Fault, type FaultKind } from "../../lib/fault.ts";
import type { Clock } from "../../lib/port.ts";
import type { Envelope, StoredMessage } from "../../lib/spool/envelope.ts";
import type { EvpId, MsgId } from "../../lib/spool/id.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import type { DueMark, SpoolChange, SpoolCounts, SpoolFilter, SpoolStore } from "../../lib/spool/store.ts";

/** Decides the fate of a call: a fault kind, or null to let it happen. `changes` are those of an `apply`. */
export type StoreFaults = (call: keyof SpoolStore, changes: readonly SpoolChange[]) => FaultKind | null;

/** One life of a spool. Several can share what is stored. */
export class FakeStore implements SpoolStore {
  readonly inner: SpoolStore;
  /** Set to make calls fail. */
  faults: StoreFaults = () => null;
  /** Batches that happened, in order. */
  readonly applied: (readonly SpoolChange[])[] = [];
  readonly #clock: Pick<Clock, "soon">;
  #isDead = false;

  constructor(clock: Pick<Clock, "soon">, inner: SpoolStore = new MemoryStore()) {
    this.#clock = clock;
    this.inner = inner;
  }

  /** The process is gone: no call does anything more, or is ever answered. */
  die(): void {
    this.#isDead = true;
  }

  apply(changes: readonly SpoolChange[]): Promise<void> {
    return this.#run("apply", async () => {
      await this.inner.apply(changes);
      this.applied.push(changes);
    }, changes);
  }

  due(kind: Envelope["kind"], now: number, after: DueMark | null, limit: number): Promise<readonly Envelope[]> {
    return this.#run("due", () => this.inner.due(kind, now, after, limit));
  }

  nextDueAfter(kind: Envelope["kind"], after: number): Promise<number | null> {
    return this.#run("nextDueAfter", () => this.inner.nextDueAfter(kind, after));
  }

  envelope(id: EvpId): Promise<Envelope | null> {
    return this.#run("envelope", () => this.inner.envelope(id));
  }

  message(id: MsgId): Promise<StoredMessage | null> {
    return this.#run("message", () => this.inner.message(id));
  }

  chunk(message: MsgId, seq: number): Promise<Uint8Array | null> {
    return this.#run("chunk", () => this.inner.chunk(message, seq));
  }

  list(filter: SpoolFilter, after: EvpId | null, limit: number): Promise<readonly Envelope[]> {
    return this.#run("list", () => this.inner.list(filter, after, limit));
  }

  counts(): Promise<SpoolCounts> {
    return this.#run("counts", () => this.inner.counts());
  }

  has(id: MsgId): Promise<boolean> {
    return this.#run("has", () => this.inner.has(id));
  }

  recover(): Promise<number> {
    return this.#run("recover", () => this.inner.recover());
  }

  close(): Promise<void> {
    return this.#run("close", () => this.inner.close());
  }

  /** A process can die before the work is done, and after it, before it knows. */
  async #run<T>(call: keyof SpoolStore, run: () => Promise<T>, changes: readonly SpoolChange[] = []): Promise<T> {
    await this.#turn();
    const kind = this.faults(call, changes);
    if (kind !== null) throw new Fault(kind, `Cannot use the spool: ${call} failed`);
    const result = await run();
    await this.#turn();
    return result;
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#clock.soon(() => this.#isDead || resolve()));
  }
}

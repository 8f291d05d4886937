/** Group commit: what is handed in while the disk is busy shares the next transaction. One sync of the disk then
 * serves many messages, at no delay for the first. */

import { assert, Fault } from "../fault.ts";
import type { Clock } from "../port.ts";
import type { SpoolChange, SpoolStore } from "./store.ts";

/** Most changes of one transaction, unless a single submission has more. */
export const groupChangesMax = 500;

/** Most octets of content in one transaction, unless a single submission has more. */
export const groupBytesMax = 16 * 1024 * 1024;

/** Told once, when a submission is durable (null) or when nothing of it has happened. */
export type CommitDone = (fault: Fault | null) => void;

/** Bounds of one transaction. */
export interface GroupLimits {
  /** Most changes. */
  readonly changes: number;
  /** Most octets of content. */
  readonly bytes: number;
}

interface Submission {
  readonly changes: readonly SpoolChange[];
  readonly bytes: number;
  readonly done: CommitDone;
}

/** Gathers submissions into transactions of a store. Each submission happens whole or not at all, in the order
 * handed in. Unbounded itself: whoever submits waits for `done` before it takes on more. */
export class GroupCommit {
  readonly #store: SpoolStore;
  readonly #soon: Clock["soon"];
  readonly #limits: GroupLimits;
  #waiting: Submission[] = [];
  #isRunning = false;
  #idle: (() => void)[] = [];

  /** `soon` runs its argument after the input that is ready now has been handled (`Clock.soon`). */
  constructor(
    store: SpoolStore,
    soon: Clock["soon"],
    limits: GroupLimits = { changes: groupChangesMax, bytes: groupBytesMax },
  ) {
    this.#store = store;
    this.#soon = soon;
    this.#limits = limits;
  }

  /** Hands changes in. When a transaction fails each of its submissions is tried alone, so that one that is too
   * big or a disk that is almost full refuses no more than it must. `done` gets the `Fault` of its own attempt. */
  submit(changes: readonly SpoolChange[], done: CommitDone): void {
    this.#waiting.push({ changes, bytes: bytesOf(changes), done });
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#soon(() => this.#run());
  }

  /** `submit` as a promise; rejects with the `Fault`. */
  commit(changes: readonly SpoolChange[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.submit(changes, (fault) => fault === null ? resolve() : reject(fault));
    });
  }

  /** Resolves when nothing is waiting or running: all that was handed in before is durable or refused. */
  idle(): Promise<void> {
    return this.#isRunning ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve();
  }

  // A failure that is no Fault is a mistake of ours: it rejects here, unhandled, and ends the role.
  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#take();
      const fault = await this.#attempt(group.flatMap((submission) => submission.changes));
      if (fault === null || group.length === 1) { for (const { done } of group) done(fault); }
      else for (const submission of group) submission.done(await this.#attempt(submission.changes));
      // Lets in what arrived meanwhile, also when the store is synchronous.
      if (this.#waiting.length > 0) await new Promise<void>((resolve) => this.#soon(resolve));
    }
    this.#isRunning = false;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  #take(): Submission[] {
    let changes = 0;
    let bytes = 0;
    let count = 0;
    for (const submission of this.#waiting) {
      changes += submission.changes.length;
      bytes += submission.bytes;
      if (count > 0 && (changes > this.#limits.changes || bytes > this.#limits.bytes)) break;
      count++;
    }
    assert(count > 0, "there is something to commit");
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return group;
  }

  async #attempt(changes: readonly SpoolChange[]): Promise<Fault | null> {
    try {
      await this.#store.apply(changes);
      return null;
    } catch (error) {
      if (error instanceof Fault) return error;
      throw error;
    }
  }
}

function bytesOf(changes: readonly SpoolChange[]): number {
  let bytes = 0;
  for (const change of changes) if (change.kind === "chunk") bytes += change.bytes.length;
  return bytes;
}

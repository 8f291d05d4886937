/** Shares directory fsyncs: all who ask while one runs are served by the next. */

import type { Disk } from "../port.ts";

/** The sync that runs, and the one that starts after it, if anybody has asked. */
interface Rounds {
  readonly running: Promise<void>;
  next: Promise<void> | null;
}

/** Makes names durable, at most one fsync per directory at a time. */
export class DirSync {
  readonly #disk: Pick<Disk, "syncDir">;
  readonly #rounds = new Map<string, Rounds>();

  /** Syncs directories of `disk`. */
  constructor(disk: Pick<Disk, "syncDir">) {
    this.#disk = disk;
  }

  /** Every name put into `path` before the call is on the disk when it resolves. A fault of the one fsync that
   * served several callers goes to all of them. */
  sync(path: string): Promise<void> {
    const rounds = this.#rounds.get(path);
    // A sync that runs may have begun before the caller's name was there: only the next one counts.
    if (rounds) return rounds.next ??= rounds.running.catch(() => undefined).then(() => this.#start(path));
    return this.#start(path);
  }

  #start(path: string): Promise<void> {
    const running = this.#disk.syncDir(path);
    const rounds: Rounds = { running, next: null };
    this.#rounds.set(path, rounds);
    const done = () => {
      // When a next round waits it takes this one's place itself.
      if (rounds.next === null) this.#rounds.delete(path);
    };
    running.then(done, done);
    return running;
  }
}

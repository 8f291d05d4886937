/** One life of a process, and the clock by which lives end between any two steps. */

import { FakeClock } from "./clock.ts";
import { MortalClock } from "./mortal.ts";
import type { FakeStream } from "./net.ts";

/** One process. */
export class Life {
  readonly clock: MortalClock;
  readonly mortals: { die(): void }[] = [];
  readonly ends: { die(lost: number): void }[] = [];
  readonly streams: FakeStream[] = [];

  constructor(world: FakeClock) {
    this.clock = new MortalClock(world);
  }

  /** Of the messages that it had sent to each peer, `lost` had not left it. */
  die(lost: number): void {
    this.clock.die();
    for (const mortal of this.mortals) mortal.die();
    for (const end of this.ends) end.die(lost);
    for (const stream of this.streams) stream.destroy();
  }
}

/** A clock that counts what it lets happen, so that something can be done between any two steps. */
export class CountingClock extends FakeClock {
  steps = 0;
  readonly #at = new Map<number, () => void>();

  /** Calls `run` before step `step`, counted from 0; at once when that is past. */
  before(step: number, run: () => void): void {
    if (step < this.steps) return run();
    const others = this.#at.get(step);
    this.#at.set(step, () => {
      others?.();
      run();
    });
  }

  override soon(run: () => void): void {
    super.soon(() => {
      this.#at.get(this.steps)?.();
      this.#at.delete(this.steps++);
      run();
    });
  }
}

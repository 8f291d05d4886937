/** The clock of one process: it stops when the process is killed, and nothing that waited for it happens. */

import type { Clock, Timer } from "../../lib/port.ts";

/** A clock that shows the time of another one for as long as it lives. */
export class MortalClock implements Clock {
  readonly #clock: Clock;
  readonly #timers = new Set<Timer>();
  #isDead = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  die(): void {
    this.#isDead = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  zone(time: number): { readonly offsetMinutes: number; readonly name: string | null } {
    return this.#clock.zone(time);
  }

  after(delayMs: number, run: () => void): Timer {
    if (this.#isDead) return { cancel: () => {} };
    const inner = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer);
      run();
    });
    const timer = {
      cancel: () => {
        this.#timers.delete(timer);
        inner.cancel();
      },
    };
    this.#timers.add(timer);
    return timer;
  }

  soon(run: () => void): void {
    this.#clock.soon(() => this.#isDead || run());
  }
}

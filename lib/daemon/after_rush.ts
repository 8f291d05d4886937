/** Gives memory back once a rush is over: what many connections leave behind is not collected before more come, and these
 * may be long in coming. */

import type { Clock } from "../port.ts";

/** Connections that make a rush. */
export const rushMin = 1000;

/** A rush is over when this long no connection has come, ms. */
export const quietMs = 500;

/** Watches over the connections of one process. */
export class AfterRush {
  readonly #clock: Pick<Clock, "after" | "monotonic">;
  readonly #run: () => void;
  #count = 0;
  #lastAt = 0;
  #isWaiting = false;

  /** `run` is called after each rush. It takes a tenth of a second where there are 10,000 sessions: in a rush that would be
   * missed. */
  constructor(clock: Pick<Clock, "after" | "monotonic">, run: () => void) {
    this.#clock = clock;
    this.#run = run;
  }

  /** A connection has come. */
  note(): void {
    this.#lastAt = this.#clock.monotonic();
    if (++this.#count >= rushMin && !this.#isWaiting) this.#wait(quietMs);
  }

  #wait(delayMs: number): void {
    this.#isWaiting = true;
    this.#clock.after(delayMs, () => this.#look());
  }

  #look(): void {
    const leftMs = this.#lastAt + quietMs - this.#clock.monotonic();
    if (leftMs > 0) return this.#wait(leftMs);
    this.#isWaiting = false;
    this.#count = 0;
    this.#run();
  }
}

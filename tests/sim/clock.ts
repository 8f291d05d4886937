/** A clock that moves only when a test says so. */

import type { Clock, Timer } from "../../lib/port.ts";

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Fake time. `advance` runs what falls due, in order; `settle` waits until nothing more happens by itself. */
export class FakeClock implements Clock {
  /** Counts calls made; `settle` watches it. */
  #activity = 0;
  #wall: number;
  #monotonic = 0;
  #order = 0;
  #alarms: Alarm[] = [];

  /** Starts at `now`, ms since the epoch: by default 3 March 2026, 09:04:05 UTC. */
  constructor(now: number = Date.UTC(2026, 2, 3, 9, 4, 5)) {
    this.#wall = now;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  zone(_time: number): { readonly offsetMinutes: number; readonly name: string | null } {
    return { offsetMinutes: 0, name: "UTC" };
  }

  after(delayMs: number, run: () => void): Timer {
    const alarm: Alarm = { at: this.#monotonic + Math.max(0, delayMs), order: this.#order++, run };
    this.#alarms.push(alarm);
    return {
      cancel: () => {
        this.#alarms = this.#alarms.filter((other) => other !== alarm);
      },
    };
  }

  soon(run: () => void): void {
    this.#activity++;
    queueMicrotask(() => {
      this.#activity++;
      run();
    });
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#alarms.length;
  }

  /** Time until the next timer, null when none waits. */
  get nextIn(): number | null {
    const next = this.#next();
    return next === null ? null : next.at - this.#monotonic;
  }

  /** Makes the wall clock jump; timers do not see it. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /** Lets promises and `soon` calls run until they make no more of them. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 2;) {
      const before = this.#activity;
      for (let i = 0; i < 30; i++) await Promise.resolve();
      quiet = this.#activity === before ? quiet + 1 : 0;
    }
  }

  /** Moves time by `ms`, running the timers that fall due on the way, each at its own time. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await this.settle();
    for (let next = this.#next(); next !== null && next.at <= end; next = this.#next()) {
      this.#moveTo(next.at);
      this.#alarms = this.#alarms.filter((other) => other !== next);
      next.run();
      await this.settle();
    }
    this.#moveTo(end);
  }

  #moveTo(at: number): void {
    this.#wall += at - this.#monotonic;
    this.#monotonic = at;
  }

  #next(): Alarm | null {
    let first: Alarm | null = null;
    for (const alarm of this.#alarms) {
      if (first === null || alarm.at < first.at || (alarm.at === first.at && alarm.order < first.order)) first = alarm;
    }
    return first;
  }
}

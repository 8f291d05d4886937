/** The world as one process sees it: when the process is killed its clock stops, what it waits for never comes, and
 * its connections are cut. */

import type {
  Address,
  AppendFile,
  Clock,
  Dialer,
  Disk,
  DiskFile,
  DiskOpen,
  DiskStat,
  Stream,
  Timer,
} from "../../lib/port.ts";

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

/** Runs work that takes a turn before and after. Of a dead process nothing is begun and nothing is heard. */
async function inTurns<T>(clock: MortalClock, run: () => Promise<T> | T): Promise<T> {
  const turn = () => new Promise<void>((resolve) => clock.soon(resolve));
  await turn();
  let result: T;
  try {
    result = await run();
  } catch (error) {
    await turn();
    throw error;
  }
  await turn();
  return result;
}

/** A disk as a process sees it. What it had written stays. */
export class MortalDisk implements Disk {
  readonly #clock: MortalClock;
  readonly #disk: Disk;

  constructor(clock: MortalClock, disk: Disk) {
    this.#clock = clock;
    this.#disk = disk;
  }

  async open(path: string, options: DiskOpen): Promise<DiskFile> {
    const file = await inTurns(this.#clock, () => this.#disk.open(path, options));
    return {
      readAt: (offset, into) => file.readAt(offset, into),
      write: (bytes) => inTurns(this.#clock, () => file.write(bytes)),
      sync: () => inTurns(this.#clock, () => file.sync()),
      stat: () => inTurns(this.#clock, () => file.stat()),
      close: () => file.close(),
    };
  }

  readFile(path: string): Promise<Uint8Array> {
    return inTurns(this.#clock, () => this.#disk.readFile(path));
  }

  stat(path: string): Promise<DiskStat | null> {
    return inTurns(this.#clock, () => this.#disk.stat(path));
  }

  makeDir(path: string, options: { readonly parents: boolean; readonly mode: number }): Promise<void> {
    return inTurns(this.#clock, () => this.#disk.makeDir(path, options));
  }

  rename(from: string, to: string): Promise<void> {
    return inTurns(this.#clock, () => this.#disk.rename(from, to));
  }

  openAppend(path: string, options: { readonly mode: number }): Promise<AppendFile> {
    return inTurns(this.#clock, () => this.#disk.openAppend(path, options));
  }

  remove(path: string): Promise<void> {
    return inTurns(this.#clock, () => this.#disk.remove(path));
  }

  syncDir(path: string): Promise<void> {
    return inTurns(this.#clock, () => this.#disk.syncDir(path));
  }
}

/** A dialer as a process sees it. Its connections go with it. */
export class MortalDialer implements Dialer {
  readonly #clock: MortalClock;
  readonly #dialer: Dialer;
  readonly #streams: Stream[] = [];
  #isDead = false;

  constructor(clock: MortalClock, dialer: Dialer) {
    this.#clock = clock;
    this.#dialer = dialer;
  }

  die(): void {
    this.#isDead = true;
    for (const stream of this.#streams) stream.destroy();
  }

  dial(to: Address, options: { readonly timeoutMs: number; readonly source?: string }): Promise<Stream> {
    return inTurns(this.#clock, async () => {
      const stream = await this.#dialer.dial(to, options);
      if (this.#isDead) stream.destroy();
      this.#streams.push(stream);
      return stream;
    });
  }
}

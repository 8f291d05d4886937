/** A few sessions with a database server, shared by all lookups: opened when needed, dropped when broken, opened anew
 * after a while. Whatever goes wrong is a Fault of the lookup, and never more than that. */

import { describeError, Fault } from "../fault.ts";
import type { Clock, Timer } from "../port.ts";
import type { DatabaseServer, ServerSession } from "../port_database.ts";

/** Most sessions of one table with its server. */
export const poolSessionsMax = 4;
/** Most lookups of one table that wait for a session. More are refused at once. */
export const poolWaitersMax = 1000;
/** How long a lookup may take, with all its waiting, ms, unless the table's `timeout` says otherwise. */
export const poolTimeoutMs = 5000;
/** A session that was not used for this long is not trusted any more: something on the way may have forgotten it. ms. */
export const poolIdleMs = 60_000;
/** A session is not used any more when it is this old, so that a server that came back gets its work back. ms. */
export const poolAgeMs = 600_000;
/** Wait after a server could not be reached, ms; doubled with each further failure. Lookups fail at once meanwhile. */
export const poolBackoffMinMs = 100;
/** Longest such wait, ms. */
export const poolBackoffMaxMs = 5000;

/** What a pool works with. */
export interface PoolOptions<Request, Answer> {
  /** Tried in this order; at least one. */
  readonly servers: readonly DatabaseServer<Request, Answer>[];
  /** Times everything. */
  readonly clock: Pick<Clock, "monotonic" | "after">;
  /** How long a lookup may take, ms. */
  readonly timeoutMs: number;
}

/** A session, and how old it is. */
interface Seat<Request, Answer> {
  readonly session: ServerSession<Request, Answer>;
  readonly since: number;
  usedAt: number;
}

/** A lookup on its way. */
interface Job<Request, Answer> {
  /** Gives what tells the one who asked: it is called when the session is free again. */
  readonly work: (session: ServerSession<Request, Answer>) => Promise<() => void>;
  readonly fail: (error: unknown) => void;
  readonly timer: Timer;
  seat: Seat<Request, Answer> | null;
  isOver: boolean;
  wasRetried: boolean;
}

/** The sessions of one table. */
export class SessionPool<Request, Answer> {
  readonly #options: PoolOptions<Request, Answer>;
  readonly #seats = new Set<Seat<Request, Answer>>();
  readonly #idle: Seat<Request, Answer>[] = [];
  readonly #connecting = new Set<AbortController>();
  #waiting: Job<Request, Answer>[] = [];
  #failures = 0;
  #restsUntil = -Infinity;
  #lastFailure = "";
  #isClosed = false;

  /** Opens nothing yet. */
  constructor(options: PoolOptions<Request, Answer>) {
    this.#options = options;
  }

  /** Asks the server. Rejects with a Fault: `unavailable` when it cannot be reached, has too much to do or answers with
   * an error, `timeout` when it does not answer in time, `malformed` for an answer that makes no sense. A session that
   * turns out to be dead is replaced once: what is asked changes nothing, so it may be asked again. */
  ask(request: Request): Promise<Answer> {
    return this.#do((session) => session.ask(request));
  }

  /** Forgets the sessions that nobody uses and opens one anew. Rejects as `ask`. */
  renew(): Promise<void> {
    this.#dropIdle();
    this.#restsUntil = -Infinity;
    return this.#do(() => Promise.resolve());
  }

  /** Ends all sessions; what waits is rejected. */
  close(): void {
    this.#isClosed = true;
    for (const controller of this.#connecting) controller.abort();
    this.#rejectWaiting(new Fault("closed", "the table is closed"));
    for (const seat of [...this.#seats]) this.#drop(seat);
  }

  #do<Result>(work: (session: ServerSession<Request, Answer>) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) return Promise.reject(new Fault("closed", "the table is closed"));
    if (this.#waiting.length >= poolWaitersMax) {
      return Promise.reject(new Fault("unavailable", `over ${poolWaitersMax} lookups wait for the server`));
    }
    return new Promise((resolve, reject) => {
      const job: Job<Request, Answer> = {
        work: async (session) => {
          const result = await work(session);
          return () => resolve(result);
        },
        fail: reject,
        timer: this.#options.clock.after(this.#options.timeoutMs, () => this.#late(job)),
        seat: null,
        isOver: false,
        wasRetried: false,
      };
      this.#waiting.push(job);
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#waiting.length > 0) {
      const seat = this.#takeIdle();
      if (seat === null) break;
      void this.#run(this.#waiting.shift()!, seat);
    }
    while (
      this.#waiting.length > this.#connecting.size && this.#seats.size + this.#connecting.size < poolSessionsMax
    ) {
      if (this.#options.clock.monotonic() < this.#restsUntil) {
        if (this.#seats.size + this.#connecting.size === 0) this.#rejectWaiting(this.#unreachable());
        return;
      }
      void this.#connect();
    }
  }

  /** An idle session that may be trusted. */
  #takeIdle(): Seat<Request, Answer> | null {
    const now = this.#options.clock.monotonic();
    for (let seat = this.#idle.pop(); seat !== undefined; seat = this.#idle.pop()) {
      if (now - seat.usedAt < poolIdleMs && now - seat.since < poolAgeMs) return seat;
      this.#drop(seat);
    }
    return null;
  }

  async #run(job: Job<Request, Answer>, seat: Seat<Request, Answer>): Promise<void> {
    job.seat = seat;
    try {
      const tell = await job.work(seat.session);
      this.#finish(job);
      this.#release(seat);
      tell();
    } catch (error) {
      if (error instanceof Fault && error.kind === "closed") {
        this.#drop(seat);
        // What else is idle was made in the same life of the server.
        this.#dropIdle();
        this.#again(job, error);
      } else {
        this.#finish(job);
        this.#release(seat);
        job.fail(error instanceof Fault ? error : new Fault("unavailable", describeError(error), { cause: error }));
      }
    }
    this.#pump();
  }

  #again(job: Job<Request, Answer>, error: Fault): void {
    if (job.isOver) return;
    job.seat = null;
    if (!job.wasRetried && !this.#isClosed) {
      job.wasRetried = true;
      this.#waiting.unshift(job);
      return;
    }
    this.#finish(job);
    job.fail(new Fault("unavailable", error.message, { cause: error }));
  }

  #release(seat: Seat<Request, Answer>): void {
    if (!this.#seats.has(seat)) return;
    seat.usedAt = this.#options.clock.monotonic();
    this.#idle.push(seat);
  }

  #finish(job: Job<Request, Answer>): void {
    job.isOver = true;
    job.timer.cancel();
  }

  /** The time of a lookup is over. A session that did not answer in time is of no use: its answer would come later. */
  #late(job: Job<Request, Answer>): void {
    job.isOver = true;
    const what = job.seat === null ? "no session with the server" : "no answer from the server";
    this.#waiting = this.#waiting.filter((one) => one !== job);
    if (job.seat !== null) this.#drop(job.seat);
    job.fail(new Fault("timeout", `${what} within ${this.#options.timeoutMs / 1000} s`));
    this.#pump();
  }

  async #connect(): Promise<void> {
    const { clock, timeoutMs } = this.#options;
    const controller = new AbortController();
    this.#connecting.add(controller);
    const timer = clock.after(timeoutMs, () => controller.abort());
    try {
      const seat = await this.#seat(controller.signal);
      this.#failures = 0;
      if (seat !== null) this.#release(seat);
    } catch (error) {
      const delayMs = Math.min(poolBackoffMinMs * 2 ** this.#failures, poolBackoffMaxMs);
      this.#failures++;
      this.#restsUntil = clock.monotonic() + delayMs;
      this.#lastFailure = controller.signal.aborted ? `no session within ${timeoutMs / 1000} s` : describeError(error);
      this.#connecting.delete(controller);
      if (this.#seats.size + this.#connecting.size === 0) this.#rejectWaiting(this.#unreachable());
    } finally {
      timer.cancel();
      this.#connecting.delete(controller);
    }
    this.#pump();
  }

  /** A new session with the first server that gives one; null when the table was closed. */
  async #seat(signal: AbortSignal): Promise<Seat<Request, Answer> | null> {
    let failure: unknown = null;
    for (const server of this.#options.servers) {
      let seat: Seat<Request, Answer> | null = null;
      let isLost = false;
      try {
        const session = await abortable(server, signal, () => {
          isLost = true;
          if (seat !== null) this.#drop(seat);
        });
        const now = this.#options.clock.monotonic();
        seat = { session, since: now, usedAt: now };
        if (this.#isClosed || isLost) session.close();
        if (this.#isClosed) return null;
        if (isLost) throw new Fault("unavailable", "the server ended the session at once");
        this.#seats.add(seat);
        return seat;
      } catch (error) {
        failure = error;
        if (signal.aborted) break;
      }
    }
    throw failure;
  }

  #drop(seat: Seat<Request, Answer>): void {
    if (!this.#seats.delete(seat)) return;
    const at = this.#idle.indexOf(seat);
    if (at >= 0) this.#idle.splice(at, 1);
    seat.session.close();
  }

  #dropIdle(): void {
    for (const seat of [...this.#idle]) this.#drop(seat);
  }

  #rejectWaiting(fault: Fault): void {
    for (const job of this.#waiting.splice(0)) {
      this.#finish(job);
      job.fail(fault);
    }
  }

  #unreachable(): Fault {
    return new Fault("unavailable", this.#lastFailure);
  }
}

/** Connects, and gives up when `signal` says so even if the driver does not. A session that comes too late is ended. */
function abortable<Request, Answer>(
  server: DatabaseServer<Request, Answer>,
  signal: AbortSignal,
  lost: () => void,
): Promise<ServerSession<Request, Answer>> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new Fault("timeout", "given up"));
    signal.addEventListener("abort", () => reject(new Fault("timeout", "given up")), { once: true });
    server.connect(signal, lost).then((session) => {
      if (signal.aborted) session.close();
      else resolve(session);
    }, reject);
  });
}

/** One role's process over its lives: started, watched, and started again when it dies. */

import type { Child, Clock } from "../port.ts";
import { describeError } from "../fault.ts";
import type { Log } from "../event_log.ts";
import type { FromRole, ToRole } from "./supervision.ts";
import { parseFromRole } from "./supervision_parse.ts";

/** Wait before the first restart, ms; doubled with each further one. */
export const restartDelayMinMs = 100;
/** Longest wait before a restart, ms. */
export const restartDelayMaxMs = 30_000;
/** A role that has run this long without dying starts from the shortest wait again, ms. */
const settledMs = 60_000;

/** How much later than a role should have ended by itself it is killed, ms. */
const killDelayMs = 1000;

/** What a role's process is made of. */
export interface RoleProcessPorts {
  /** Times the waits between starts. */
  readonly clock: Clock;
  /** For starts and deaths. */
  readonly log: Log;
  /** Standing roles are started again when they die. */
  readonly restart: boolean;
  /** Starts the program. May throw a Fault. */
  readonly spawn: () => Child;
  /** The first message to a life. */
  readonly init: () => ToRole;
  /** Closes one end of a connection that the role did not get. Called with what `send` was given. */
  readonly discard: (handle: unknown) => void;
  /** A new life has begun; connect it to its peers. */
  readonly started: () => void;
  /** The role says something, other than that it took a message. */
  readonly received: (message: FromRole) => void;
  /** A life has ended that was not asked to, and that had been ready. */
  readonly died: (how: string) => void;
  /** Ended for good: before it ever said `ready`, or it is not to be restarted. */
  readonly failed: (reason: string) => void;
}

/** A role's process. */
export class RoleProcess {
  /** Such as `queue` or `smtp-in#2`. */
  readonly name: string;
  readonly #ports: RoleProcessPorts;
  #child: Child | null = null;
  #delayMs = restartDelayMinMs;
  #startedAt = 0;
  readonly #outbox: { readonly message: ToRole; readonly handle: unknown }[] = [];
  #isSending = false;
  #life = 0;
  #wasReady = false;
  #isReady = false;
  /** Why the present life cannot begin, in its own words. */
  #trouble: string | null = null;
  /** It is to end, and is not started again: who waits for that. */
  #stopping: (() => void)[] | null = null;

  /** Nothing is started yet. */
  constructor(name: string, ports: RoleProcessPorts) {
    this.name = name;
    this.#ports = ports;
  }

  /** The present life has said `ready`. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** There is a process. */
  get isRunning(): boolean {
    return this.#child !== null;
  }

  /** Counts its starts: what was made for one life is of no use to the next. */
  get life(): number {
    return this.#life;
  }

  /** Begins a life, unless it was told to end. When the program cannot be started that counts as a death. */
  start(): void {
    if (this.#stopping !== null) return;
    const { clock, spawn, init, received, started } = this.#ports;
    this.#startedAt = clock.monotonic();
    let child: Child;
    try {
      child = spawn();
    } catch (error) {
      const why = describeError(error);
      return this.#down(why, why);
    }
    this.#child = child;
    child.onExit(({ code, signal }) => this.#ended(child, signal ?? `code ${code}`));
    child.onMessage((message) => {
      // Words of the last life come too late: an acknowledgement among them is not for this one's messages.
      if (this.#child !== child) return;
      const told = parseFromRole(message);
      if (told === null) return this.#talksNonsense();
      if (told.kind === "received") return this.#sendNext();
      if (told.kind === "notReady") {
        this.#trouble = told.reason;
        return this.abort();
      }
      if (told.kind === "ready") {
        this.#isReady = true;
        this.#wasReady = true;
      }
      received(told);
    });
    this.#life++;
    this.#trouble = null;
    this.#isSending = false;
    this.send(init());
    started();
  }

  /** Sends one message after the other, each when the last one has been received: Deno's IPC loses a descriptor whose
   * message arrives together with another one. */
  send(message: ToRole, handle?: unknown): void {
    // The far end of what nobody takes must not wait for ever.
    if (this.#child === null) return this.#ports.discard(handle);
    this.#outbox.push({ message, handle });
    if (!this.#isSending) this.#sendNext();
  }

  /** Asks it to stop and resolves when it has; kills it after `graceMs`. */
  stop(graceMs: number): Promise<void> {
    return this.#endWith({ kind: "stop", graceMs }, graceMs + killDelayMs);
  }

  /** Another process takes its place: asks it to finish what it has begun and resolves when it has ended. It is told to
   * stop after `graceMs`, and killed when it does not within `stopGraceMs` more. */
  drain(graceMs: number, stopGraceMs: number): Promise<void> {
    return this.#endWith({ kind: "drain", graceMs }, graceMs + stopGraceMs + killDelayMs);
  }

  /** Ends it at once, for good. */
  discard(): void {
    this.#stopping ??= [];
    this.abort();
  }

  #endWith(message: ToRole, limitMs: number): Promise<void> {
    const child = this.#child;
    this.#stopping ??= [];
    if (child === null) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#ports.clock.after(limitMs, () => child.kill("SIGKILL"));
    this.#stopping.push(() => {
      timer.cancel();
      resolve();
    });
    this.send(message);
    return promise;
  }

  /** Ends the present life without a word. */
  abort(): void {
    this.#child?.kill("SIGKILL");
  }

  /** No role of ours says such a thing: it is not itself any more. */
  #talksNonsense(): void {
    const fields = { role: this.name };
    this.#ports.log({ priority: "err", session: "", from: "smtpd", what: "role-talks-nonsense", fields });
    this.abort();
  }

  #sendNext(): void {
    const next = this.#outbox.shift();
    this.#isSending = next !== undefined;
    if (next !== undefined) this.#child?.send(next.message, next.handle, () => this.#ports.discard(next.handle));
  }

  #ended(child: Child, how: string): void {
    if (this.#child !== child) return;
    this.#child = null;
    this.#isReady = false;
    for (const { handle } of this.#outbox.splice(0)) this.#ports.discard(handle);
    if (this.#stopping !== null) {
      for (const resolve of this.#stopping.splice(0)) resolve();
      return;
    }
    if (this.#wasReady) this.#ports.died(how);
    // Whoever heard of it may have discarded it.
    if (this.#stopping !== null) return;
    if (this.#trouble !== null) return this.#down(this.#trouble, `${this.name}: ${this.#trouble}`);
    this.#down(how, `${this.name} ended with ${how}${this.#wasReady ? "" : " before it was ready"}`);
  }

  /** It does not run: starts it again later, if that is to be. */
  #down(how: string, reason: string): void {
    if (!this.#ports.restart || !this.#wasReady) return this.#ports.failed(reason);
    const { clock, log } = this.#ports;
    if (clock.monotonic() - this.#startedAt > settledMs) this.#delayMs = restartDelayMinMs;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, restartDelayMaxMs);
    log({
      priority: "err",
      session: "",
      from: "smtpd",
      what: "role-died",
      fields: { role: this.name, status: how, "restart-in": `${delayMs / 1000}s` },
    });
    clock.after(delayMs, () => {
      if (this.#stopping === null) this.start();
    });
  }
}

/** One role's process over its lives: started, watched, and started again when it dies. */

import type { Child, Clock } from "../port.ts";
import { describeError } from "../fault.ts";
import type { Log } from "../event_log.ts";
import type { FromRole, ToRole } from "./supervision.ts";

/** Wait before the first restart, ms; doubled with each further one. */
export const restartDelayMinMs = 100;
/** Longest wait before a restart, ms. */
export const restartDelayMaxMs = 30_000;
/** A role that has run this long without dying starts from the shortest wait again, ms. */
const settledMs = 60_000;

/** What a role's process is made of. */
export interface RoleProcessPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** Standing roles are started again when they die. */
  readonly restart: boolean;
  /** Starts the program. May throw a Fault. */
  readonly spawn: () => Child;
  /** The first message to each life. */
  readonly init: ToRole;
  /** A new life has begun; connect it to its peers. */
  readonly started: () => void;
  readonly received: (message: FromRole) => void;
  /** Ended for good: before it ever said `ready` (its messages are on standard error), or it is not to be restarted. */
  readonly failed: (reason: string) => void;
}

/** A role's process. */
export class RoleProcess {
  readonly name: string;
  readonly #ports: RoleProcessPorts;
  #child: Child | null = null;
  #delayMs = restartDelayMinMs;
  #startedAt = 0;
  #outbox: { readonly message: ToRole; readonly handle: unknown }[] = [];
  #isSending = false;
  #wasReady = false;
  #isReady = false;
  #stopping: (() => void) | null = null;

  constructor(name: string, ports: RoleProcessPorts) {
    this.name = name;
    this.#ports = ports;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  /** 0 while it is down. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
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
      // The children are ours and the channel is private; their messages are typed at the sending end.
      const told = message as FromRole;
      if (told.kind === "received") return this.#sendNext();
      if (told.kind === "ready") {
        this.#isReady = true;
        this.#wasReady = true;
      }
      received(told);
    });
    this.#outbox = [];
    this.#isSending = false;
    this.send(init);
    started();
  }

  /** Sends one message after the other, each when the last one has been received: Deno's IPC loses a descriptor whose
   * message arrives together with another one. */
  send(message: ToRole, handle?: unknown): void {
    if (this.#child === null) return;
    this.#outbox.push({ message, handle });
    if (!this.#isSending) this.#sendNext();
  }

  /** Asks it to stop and resolves when it has; kills it after `graceMs`. */
  stop(graceMs: number): Promise<void> {
    const child = this.#child;
    if (child === null) {
      this.#stopping = () => {};
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = this.#ports.clock.after(graceMs + 1000, () => child.kill("SIGKILL"));
      this.#stopping = () => {
        timer.cancel();
        resolve();
      };
      this.send({ kind: "stop", graceMs });
    });
  }

  #sendNext(): void {
    const next = this.#outbox.shift();
    this.#isSending = next !== undefined;
    if (next !== undefined) this.#child?.send(next.message, next.handle);
  }

  #ended(child: Child, how: string): void {
    if (this.#child !== child) return;
    this.#child = null;
    this.#isReady = false;
    if (this.#stopping !== null) return this.#stopping();
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

/** table-host: the role that runs the helper of one table and nothing else. A helper that ends, hangs or talks nonsense
 * is started again; lookup hears of failures meanwhile, which it takes for temporary. */

import { Buffer } from "node:buffer";
import type { Channel, Clock, Program, Timer } from "../port.ts";
import { type Log, scrub } from "../event_log.ts";
import { describeError, Fault } from "../fault.ts";
import { type ProcEffect, type ProcEvent, ProcMachine } from "../table/proc_machine.ts";
import type { LookupToTableHost, TableHostToLookup } from "./imsg.ts";

/** Wait before a helper is started again, ms; doubled with each further time. */
export const helperDelayMinMs = 100;
/** Longest wait before a helper is started again, ms. */
export const helperDelayMaxMs = 30_000;
/** A helper that has run this long starts from the shortest wait again, ms. */
export const helperSettledMs = 60_000;
/** Longest line of a helper's standard error that is logged whole, octets. */
export const helperLogLineMax = 1024;
/** Most lines of a helper's standard error that are logged in one `helperLogSpanMs`; the others are counted. */
export const helperLogLinesMax = 100;
/** See `helperLogLinesMax`, ms. */
export const helperLogSpanMs = 10_000;

/** What the role is given. */
export interface TableHostPorts {
  /** Times budgets and restarts. */
  readonly clock: Clock;
  /** For the helper's own words, and for what becomes of it. */
  readonly log: Log;
  /** Name of the table. */
  readonly table: string;
  /** Starts the helper. May throw a Fault. */
  readonly start: () => Program;
}

/** Lookup's side of the channel, as the host sees it. */
export type LookupChannel = Channel<TableHostToLookup, LookupToTableHost>;

/** The role. */
export class TableHost {
  readonly #ports: TableHostPorts;
  readonly #askers = new Map<number, { readonly channel: LookupChannel; readonly request: number }>();
  #machine: ProcMachine | null = null;
  #program: Program | null = null;
  #timer: Timer | null = null;
  #delayMs = helperDelayMinMs;
  #startedAt = 0;
  #requests = 0;
  #isStopped = false;

  /** Nothing runs before `start`. */
  constructor(ports: TableHostPorts) {
    this.#ports = ports;
  }

  /** Starts the helper. */
  start(): void {
    const { clock, table } = this.#ports;
    this.#startedAt = clock.monotonic();
    let program: Program;
    try {
      program = this.#ports.start();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return this.#restart(describeError(error));
    }
    const machine = new ProcMachine(table);
    this.#machine = machine;
    this.#program = program;
    const errors = new ErrorLines(this.#ports);
    const step = (event: ProcEvent) => {
      if (this.#machine === machine) this.#step(event);
    };
    program.onOutput((bytes) => step({ kind: "bytes", at: clock.now(), bytes }));
    program.onErrorOutput((bytes) => errors.add(bytes));
    program.onExit((how) => step({ kind: "ended", at: clock.now(), how }));
    this.#step({ kind: "started", at: clock.now() });
  }

  /** Takes a channel to lookup. */
  setLookup(channel: LookupChannel): void {
    channel.onMessage((message) => {
      const request = ++this.#requests;
      this.#askers.set(request, { channel, request: message.request });
      if (this.#machine !== null) {
        return this.#step({ kind: "ask", at: this.#ports.clock.now(), request, ask: message.ask });
      }
      this.#answer(request, { kind: "failed", reason: "the helper does not run, and is started again" });
    });
  }

  /** Ends the helper. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#program?.kill();
    this.#machine = null;
  }

  #step(event: ProcEvent): void {
    for (const effect of this.#machine?.step(event) ?? []) this.#do(effect);
    this.#arm();
  }

  #do(effect: ProcEffect): void {
    const { log, table } = this.#ports;
    switch (effect.kind) {
      case "write":
        this.#program?.write(effect.bytes);
        return;
      case "answer":
        return this.#answer(effect.request, effect.answer);
      case "ready":
        log({
          priority: "info",
          session: "",
          from: "lookup",
          what: "helper-ready",
          fields: { table, services: effect.services.join(",") },
        });
        return;
      case "end":
        this.#program?.kill();
        this.#program = null;
        this.#machine = null;
        return this.#restart(effect.reason);
    }
  }

  #answer(request: number, answer: TableHostToLookup["answer"]): void {
    const asker = this.#askers.get(request);
    this.#askers.delete(request);
    asker?.channel.send({ kind: "answer", request: asker.request, answer });
  }

  #restart(reason: string): void {
    if (this.#isStopped) return;
    const { clock, log, table } = this.#ports;
    if (clock.monotonic() - this.#startedAt > helperSettledMs) this.#delayMs = helperDelayMinMs;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, helperDelayMaxMs);
    log({
      priority: "err",
      session: "",
      from: "lookup",
      what: "helper-failed",
      fields: { table, reason, "restart-in": `${delayMs / 1000}s` },
    });
    this.#timer?.cancel();
    this.#timer = clock.after(delayMs, () => this.start());
  }

  /** Has the machine woken at its deadline. */
  #arm(): void {
    if (this.#machine === null) return;
    this.#timer?.cancel();
    this.#timer = null;
    const { clock } = this.#ports;
    const { deadline } = this.#machine;
    if (deadline === null) return;
    this.#timer = clock.after(Math.max(0, deadline - clock.now()), () => this.#step({ kind: "tick", at: clock.now() }));
  }
}

/** A helper's standard error, line by line into the log. */
class ErrorLines {
  readonly #ports: TableHostPorts;
  #rest: Buffer = Buffer.alloc(0);
  #spanAt = -Infinity;
  #lines = 0;

  constructor(ports: TableHostPorts) {
    this.#ports = ports;
  }

  add(bytes: Uint8Array): void {
    let all = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const lf = all.indexOf(0x0a);
      if (lf < 0 && all.length <= helperLogLineMax) break;
      const end = lf < 0 || lf > helperLogLineMax ? helperLogLineMax : lf;
      this.#say(all.subarray(0, end).toString("utf8"));
      all = all.subarray(end === lf ? end + 1 : end);
    }
    this.#rest = all;
  }

  #say(line: string): void {
    const { clock, log, table } = this.#ports;
    if (line.trim() === "") return;
    const event = { priority: "warning", session: "", from: "lookup", what: "helper-says" } as const;
    if (clock.monotonic() - this.#spanAt >= helperLogSpanMs) {
      const lost = this.#lines - helperLogLinesMax;
      if (lost > 0) log({ ...event, fields: { table, text: `(${lost} more lines)` } });
      this.#spanAt = clock.monotonic();
      this.#lines = 0;
    }
    if (++this.#lines <= helperLogLinesMax) log({ ...event, fields: { table, text: scrub(line) } });
  }
}

/** queue's answers to smtpctl. */

import { Buffer } from "node:buffer";
import type { Clock } from "../port.ts";
import { nearest } from "../nearest.ts";
import type { Log } from "../event_log.ts";
import type { Envelope } from "../spool/envelope.ts";
import type { GroupCommit } from "../spool/group.ts";
import { type EvpId, msgIdOfEvp } from "../spool/id.ts";
import type { Schedule, Settlement, Wish } from "../spool/schedule.ts";
import type { SpoolFilter, SpoolStore } from "../spool/store.ts";
import {
  type ControlAnswer,
  type ControlItem,
  type ControlRequest,
  type ControlTarget,
  type Subsystem,
  subsystems,
} from "./control.ts";
import type { Explainer } from "./queue_explain.ts";
import type { Intake } from "./queue_intake.ts";
import type { LookupChannel } from "./queue_notices.ts";
import type { Outgoing } from "./queue_outgoing.ts";
import { type ConfigurationStatus, problemText, type ReloadAnswer, type ReloadProblem } from "./reload.ts";

/** Envelopes read at once for a listing. */
const pageLength = 500;

/** What control works with. */
export interface ControlPorts {
  /** Tells how long things have been. */
  readonly clock: Clock;
  /** One line for each request that changes something. */
  readonly log: Log;
  /** Names of the tables that can be read anew. */
  readonly tables: () => readonly string[];
  /** What `smtpctl show status` says of the configuration at first. */
  readonly configuration: ConfigurationStatus;
  /** Listings are read from it. */
  readonly store: SpoolStore;
  /** Removals go through it. */
  readonly group: GroupCommit;
  /** What is scheduled, paused and held. */
  readonly schedule: Schedule;
  /** Counters of smtp-in, and who is to hear of a pause. */
  readonly intake: Intake;
  /** Counters of delivery, and who is to be woken. */
  readonly outgoing: Outgoing;
  /** Answers what mail would come to. */
  readonly explainer: Explainer;
  /** Ms since the epoch. */
  readonly startedAt: number;
  /** Told of all that is paused, when smtpctl has changed it. */
  readonly keepPaused: (paused: readonly Subsystem[]) => void;
  /** `smtpctl stop`. */
  readonly stopDaemon: () => void;
  /** `smtpctl reload`. */
  readonly reload: (request: number, check: boolean) => void;
}

/** A table that a lookup is reading anew. */
interface Update {
  readonly lookup: LookupChannel;
  readonly resolve: (error: string | null) => void;
}

/** Sends one item to whoever asked; resolves when the next one may come. */
export type Emit = (item: ControlItem) => Promise<void>;

/** Carries out requests. */
export class Control {
  readonly #ports: ControlPorts;
  readonly #updates = new Map<number, Update>();
  readonly #reloads = new Map<number, (answer: ReloadAnswer) => void>();
  #configuration: ConfigurationStatus;
  #lookup: LookupChannel | null = null;
  #requests = 0;
  #isSmtpPaused = false;

  /** Nothing is paused at first but what the schedule has paused. */
  constructor(ports: ControlPorts) {
    this.#ports = ports;
    this.#configuration = ports.configuration;
  }

  /** No mail is taken, by order of `smtpctl pause smtp`. */
  get isSmtpPaused(): boolean {
    return this.#isSmtpPaused;
  }

  /** Takes the channel to the lookup that is to be asked from now on; null for none. */
  setLookup(channel: LookupChannel | null): void {
    this.#lookup = channel;
  }

  /** This lookup is gone: what it was asked has failed. */
  lost(channel: LookupChannel): void {
    for (const [request, { lookup, resolve }] of [...this.#updates]) {
      if (lookup !== channel) continue;
      this.#updates.delete(request);
      resolve("lookup was restarted");
    }
  }

  /** Another configuration is in force, or one could not be. */
  configured(status: ConfigurationStatus): void {
    this.#configuration = status;
  }

  /** A reload has ended. */
  reloaded(request: number, answer: ReloadAnswer): void {
    this.#reloads.get(request)?.(answer);
    this.#reloads.delete(request);
  }

  /** lookup has read a table anew, or could not. */
  tableUpdated(request: number, error: string | null): void {
    this.#updates.get(request)?.resolve(error);
    this.#updates.delete(request);
  }

  /** Answers one request; items go out through `emit`. Rejects with a Fault when the spool cannot be read. */
  answer(request: ControlRequest, emit: Emit): Promise<ControlAnswer> | ControlAnswer {
    const { clock, schedule } = this.#ports;
    switch (request.kind) {
      case "showQueue":
        return this.#showQueue(request.target, emit);
      case "showEnvelope":
        return this.#showQueue({ kind: "envelope", envelope: request.envelope }, emit);
      case "showMessage":
        return this.#showMessage(request, emit);
      case "showStats":
        return this.#showStats(emit);
      case "showStatus":
        return this.#showStatus(emit);
      case "schedule":
        return this.#wish(request.target, (envelope) => this.#wishNow(envelope));
      case "remove":
        return this.#wish(request.target, (envelope) => schedule.wishRemoved(envelope, clock.now()));
      case "pauseEnvelope":
        return this.#wish(request.target, (envelope) => schedule.wishSuspended(envelope, clock.now()));
      case "resumeEnvelope":
        return this.#wish(request.target, (envelope) => schedule.wishResumed(envelope, clock.now()));
      case "pause":
        return this.#order(request.what, true);
      case "resume":
        return this.#order(request.what, false);
      case "updateTable":
        return this.#updateTable(request.table);
      case "explain":
        return this.#ports.explainer.explain(request.question, emit);
      case "trace":
      case "untrace":
        return this.#ports.explainer.trace(request.subjects, request.kind === "trace");
      case "reload":
        return this.#reload(request.check, emit);
      case "stop":
        this.#ports.stopDaemon();
        return done(0);
    }
  }

  async #showQueue(target: ControlTarget, emit: Emit): Promise<ControlAnswer> {
    let count = 0;
    for await (const envelope of this.#envelopes(target)) {
      const state = this.#ports.schedule.standingOf(envelope, this.#ports.clock.now());
      await emit({ kind: "envelope", envelope, state });
      count++;
    }
    return count > 0 || target.kind === "all" ? done(count) : notFound(target);
  }

  async *#envelopes(target: ControlTarget): AsyncGenerator<Envelope> {
    const filter: SpoolFilter = target.kind === "all"
      ? {}
      : target.kind === "message"
      ? { message: target.message }
      : { envelope: target.envelope };
    let after: EvpId | null = null;
    for (;;) {
      const page: readonly Envelope[] = await this.#ports.store.list(filter, after, pageLength);
      yield* page;
      const last = page[page.length - 1];
      if (last === undefined || page.length < pageLength) return;
      after = last.id;
    }
  }

  async #showMessage(request: Extract<ControlRequest, { kind: "showMessage" }>, emit: Emit): Promise<ControlAnswer> {
    const { message } = request;
    const stored = await this.#ports.store.message(message);
    if (stored === null) return notFound({ kind: "message", message });
    for (let seq = 0; seq < stored.chunks; seq++) {
      const piece = await this.#ports.store.chunk(message, seq);
      if (piece === null) return notFound({ kind: "message", message });
      await emit({ kind: "content", base64: Buffer.from(piece).toString("base64") });
    }
    return done(stored.chunks);
  }

  async #showStats(emit: Emit): Promise<ControlAnswer> {
    const { store, schedule, outgoing, intake, clock, startedAt } = this.#ports;
    const counts = await store.counts();
    const stats = new Map<string, number>([
      ...intake.stats(),
      ["queue.bounce", counts.bounces],
      ["queue.bytes", counts.bytes],
      ["queue.message", counts.messages],
      ["queue.message.incoming", intake.messages],
      ["scheduler.delivery.ok", outgoing.counts.ok],
      ["scheduler.delivery.permfail", outgoing.counts.permfail],
      ["scheduler.delivery.tempfail", outgoing.counts.tempfail],
      ["scheduler.envelope", counts.envelopes],
      ["scheduler.envelope.inflight", schedule.inFlight],
      ["scheduler.envelope.ready", schedule.ready],
      ["uptime", Math.floor((clock.now() - startedAt) / 1000)],
    ]);
    for (const key of [...stats.keys()].sort()) await emit({ kind: "stat", key, value: stats.get(key) ?? 0 });
    return done(stats.size);
  }

  async #showStatus(emit: Emit): Promise<ControlAnswer> {
    for (const what of subsystems) {
      await emit({ kind: "status", what, running: !this.#isPaused(what) });
    }
    await emit({ kind: "configuration", status: this.#configuration });
    return done(subsystems.length + 1);
  }

  async #reload(check: boolean, emit: Emit): Promise<ControlAnswer> {
    const request = ++this.#requests;
    const answer = await new Promise<ReloadAnswer>((resolve) => {
      this.#reloads.set(request, resolve);
      this.#ports.reload(request, check);
    });
    if (answer.kind === "refused") {
      for (const problem of answer.problems) await emit(problemItem("error", problem));
      await emit({ kind: "reload", outcome: "refused", version: this.#configuration.version });
      return done(0);
    }
    for (const problem of answer.warnings) await emit(problemItem("warning", problem));
    for (const change of answer.changes) await emit({ kind: "change", change });
    await emit({ kind: "reload", outcome: answer.inForce ? "inForce" : "checked", version: answer.version });
    return done(answer.changes.length);
  }

  /** Applies a wish to each envelope of a target, a page at a time. */
  async #wish(target: ControlTarget, make: (envelope: Envelope) => Wish): Promise<ControlAnswer> {
    let count = 0;
    let found = 0;
    for await (const { id } of this.#envelopes(target)) {
      // Since the page was read an attempt may have ended: what that changed is not to be undone.
      const envelope = await this.#ports.store.envelope(id);
      if (envelope === null) continue;
      found++;
      const wish = make(envelope);
      if (wish === "refused") continue;
      if (typeof wish === "object" && !(await this.#fulfil(wish))) continue;
      count++;
    }
    this.#ports.outgoing.wake();
    return found > 0 || target.kind === "all" ? done(count) : notFound(target);
  }

  #wishNow(envelope: Envelope): Wish {
    const { schedule, outgoing, clock } = this.#ports;
    const wish = schedule.wishNow(envelope, clock.now());
    if (wish !== "refused") outgoing.pardon(envelope);
    return wish;
  }

  async #fulfil(settlement: Settlement): Promise<boolean> {
    const { group, schedule, clock, log } = this.#ports;
    try {
      await group.commit(settlement.changes);
    } catch {
      schedule.abandoned(settlement);
      return false;
    }
    for (const event of settlement.log) log(event);
    schedule.settled(settlement, clock.now());
    return true;
  }

  /** Stops or restarts a subsystem. */
  pause(what: Subsystem, isPaused: boolean): ControlAnswer {
    const { schedule, intake, outgoing } = this.#ports;
    if (this.#isPaused(what) === isPaused) {
      const state = isPaused ? "paused" : "running";
      return { kind: "error", code: "already", message: `${what} is already ${state}` };
    }
    if (what === "smtp") {
      this.#isSmtpPaused = isPaused;
      intake.tell({ kind: "paused", paused: isPaused });
    } else if (isPaused) schedule.pause(what);
    else schedule.resume(what);
    outgoing.wake();
    return done(1);
  }

  /** Pauses or resumes by order of an administrator. The supervisor is told before the answer goes out. */
  #order(what: Subsystem, isPaused: boolean): ControlAnswer {
    const answer = this.pause(what, isPaused);
    if (answer.kind === "done") this.#ports.keepPaused(subsystems.filter((one) => this.#isPaused(one)));
    return answer;
  }

  #isPaused(what: Subsystem): boolean {
    return what === "smtp" ? this.#isSmtpPaused : this.#ports.schedule.isPaused(what);
  }

  async #updateTable(table: string): Promise<ControlAnswer> {
    const lookup = this.#lookup;
    const tables = this.#ports.tables();
    if (!tables.includes(table)) {
      // Those of the configuration's own have no names that one would type.
      const near = nearest(table, tables.filter((name) => !name.startsWith("<")));
      const hint = near === null ? "" : `; did you mean ${near}?`;
      return { kind: "error", code: "notFound", message: `no such table: ${table}${hint}` };
    }
    if (lookup === null) return { kind: "error", code: "failed", message: "lookup is not running; try again" };
    const request = ++this.#requests;
    const error = await new Promise<string | null>((resolve) => {
      this.#updates.set(request, { lookup, resolve });
      lookup.send({ kind: "updateTable", request, table });
    });
    return error === null ? done(1) : { kind: "error", code: "failed", message: error };
  }
}

function problemItem(severity: "error" | "warning", problem: ReloadProblem): ControlItem {
  const error = typeof problem === "string" ? null : problem;
  return { kind: "problem", severity, text: problemText(problem), error };
}

function done(count: number): ControlAnswer {
  return { kind: "done", count };
}

function notFound(target: ControlTarget): ControlAnswer {
  const message = target.kind === "envelope"
    ? `There is no envelope ${target.envelope}; smtpctl show queue ${msgIdOfEvp(target.envelope)} lists its message`
    : `There is no message ${target.kind === "message" ? target.message : ""} in the queue`;
  return { kind: "error", code: "notFound", message };
}

/** Carries out reloads: what the machine of reload.ts decides is done here with processes and sockets. */

import { describeError } from "../fault.ts";
import type { Log } from "../event_log.ts";
import type { Clock, Timer } from "../port.ts";
import type { Certificates } from "./certificates.ts";
import { namesOf } from "./launcher.ts";
import { policyPart } from "./policy_part.ts";
import { type Grant, standingGrants, type StandingRole } from "./privilege.ts";
import {
  type ConfigurationStatus,
  problemText,
  Reload,
  type ReloadAsker,
  type ReloadEffect,
  type ReloadEvent,
  type ReloadProblem,
} from "./reload.ts";
import { logReload, warningKey } from "./reload_log.ts";
import { type Configuration, type Loaded, planReload, type ReloadPlan } from "./reload_plan.ts";
import type { RoleProcess } from "./role_process.ts";
import type { ListeningSockets } from "./sockets.ts";
import type { Member, Staff } from "./staff.ts";

/** What reloads need. */
export interface SuccessionPorts {
  /** Dates them, and bounds how long they take. */
  readonly clock: Clock;
  /** How each one ended. */
  readonly log: Log;
  /** The processes. */
  readonly staff: Staff;
  /** The listening sockets. */
  readonly sockets: Pick<ListeningSockets, "bind" | "discard" | "keep">;
  /** Certificates and keys of listeners. */
  readonly certificates: Pick<Certificates, "load" | "discard" | "keep">;
  /** Path of the configuration file, for messages. */
  readonly file: string;
  /** The configuration at the start. */
  readonly configuration: Configuration;
  /** What the start has warned of. */
  readonly warnings: readonly ReloadProblem[];
  /** Reads the file again. A rejection is a refusal. */
  readonly load: () => Promise<Loaded>;
  /** How many smtp-in there are of a version. */
  readonly smtpIns: number;
  /** Adds the processes of a role, without starting them. */
  readonly addRole: (
    grant: Grant<StandingRole>,
    configuration: Configuration,
    version: number,
  ) => readonly Member[];
}

/** A configuration that is not in force yet. */
interface Next {
  readonly configuration: Configuration;
  readonly version: number;
  readonly plan: ReloadPlan;
  /** Its newcomers, once they are there. */
  members: readonly Member[];
}

/** Who follows whom. */
export class Succession {
  readonly #ports: SuccessionPorts;
  readonly #reload = new Reload();
  #current: Configuration;
  #status: ConfigurationStatus;
  /** Keys of the warnings that the log has. */
  #known: ReadonlySet<string>;
  #next: Next | null = null;
  #wait: Timer | null = null;

  /** The first configuration is in force. */
  constructor(ports: SuccessionPorts) {
    this.#ports = ports;
    this.#current = ports.configuration;
    this.#known = new Set(ports.warnings.map(warningKey));
    this.#status = { file: ports.file, version: 1, loadedAt: ports.clock.now(), failure: null };
  }

  /** What is in force. */
  get status(): ConfigurationStatus {
    return this.#status;
  }

  /** Somebody wants a reload; with `check`, only to know what it would change. */
  ask(asker: ReloadAsker, check: boolean): void {
    this.#step({ kind: "asked", asker, check });
  }

  /** The daemon is being stopped: no reload from now on. */
  stop(): void {
    this.#step({ kind: "stopping" });
  }

  /** A member has what it needs to work under `version`. */
  ready({ process }: Member, version: number): void {
    this.#step({ kind: "ready", name: process.name });
    if (version === this.#status.version) this.#told(process.name);
  }

  /** A member that stays works under `version`. */
  inForce({ process }: Member, version: number): void {
    if (version === this.#status.version) this.#told(process.name);
  }

  /** A member serves. */
  confirmed({ process }: Member): void {
    this.#step({ kind: "served", name: process.name });
  }

  /** A life of a member has ended that had been ready. */
  died(member: Member, how: string): void {
    if (!this.#reload.isPreparing || this.#next?.members.includes(member) !== true) return;
    this.#step({ kind: "failed", reason: `${member.process.name} ended with ${how}` });
  }

  /** Something of the process of this name cannot be had. False when no reload is concerned. */
  failed(name: string, reason: string): boolean {
    const isConcerned = this.#next?.members.some(({ process }) => process.name === name) === true;
    if (isConcerned) this.#step({ kind: "failed", reason });
    return isConcerned;
  }

  #told(name: string): void {
    this.#step({ kind: "told", name });
  }

  #step(event: ReloadEvent): void {
    for (const effect of this.#reload.step(event)) this.#perform(effect);
  }

  #perform(effect: ReloadEffect): void {
    const { staff, sockets, certificates, clock, log, file } = this.#ports;
    switch (effect.kind) {
      case "load":
        return void this.#load();
      case "prepare":
        return void this.#prepare();
      case "join":
        return void staff.joined().then(() => this.#step({ kind: "joined" }));
      case "discard":
        staff.discard(this.#next?.members ?? []);
        sockets.discard();
        certificates.discard();
        this.#next = null;
        return;
      case "commit":
        return this.#commit();
      case "serve":
        return this.#serve();
      case "restart":
        for (const name of effect.names) staff.find(name)?.process.abort();
        return;
      case "wait":
        this.#wait?.cancel();
        this.#wait = effect.ms === null ? null : clock.after(effect.ms, () => this.#step({ kind: "late" }));
        return;
      case "answer": {
        const queue = this.#queue();
        // Another life of queue has other requests.
        if (effect.asker === null || queue?.life !== effect.asker.life) return;
        return queue.send({ kind: "reloaded", request: effect.asker.request, answer: effect.answer });
      }
      case "note":
        logReload(effect.answer, file, this.#known, log);
        if (effect.answer.kind === "ok") {
          if (effect.answer.inForce) this.#known = new Set(effect.answer.warnings.map(warningKey));
          return;
        }
        return this.#tellStatus({
          ...this.#status,
          failure: { at: clock.now(), reason: problemText(effect.answer.problems[0] ?? "").split("\n")[0] ?? "" },
        });
    }
  }

  async #load(): Promise<void> {
    const { load, smtpIns } = this.#ports;
    const loaded = await load().catch((error): Loaded => ({ kind: "refused", problems: [describeError(error)] }));
    if (loaded.kind === "refused") return this.#step(loaded);
    const { configuration, warnings } = loaded;
    const plan = planReload(this.#current, configuration);
    if (plan.problems.length > 0) return this.#step({ kind: "refused", problems: plan.problems });
    const version = this.#status.version + 1;
    this.#next = { configuration, version, plan, members: [] };
    this.#step({
      kind: "loaded",
      candidate: {
        summary: { version, changes: plan.changes, warnings },
        newcomers: plan.followed.flatMap((role) => namesOf(role, version, role === "smtp-in" ? smtpIns : 1)),
        told: this.#staying(plan).map(({ process }) => process.name),
      },
    });
  }

  /** Those that go on under the next configuration. */
  #staying({ followed }: ReloadPlan): readonly Member[] {
    return this.#ports.staff.members.filter(({ role, isRetired }) => !isRetired && !followed.includes(role));
  }

  async #prepare(): Promise<void> {
    const next = this.#next;
    if (next === null) return;
    const { sockets, certificates, addRole } = this.#ports;
    const { configuration, version, plan } = next;
    const { policy, premises } = configuration;
    try {
      await certificates.load(policy);
      await sockets.bind(policy.listeners);
    } catch (error) {
      return this.#step({ kind: "failed", reason: describeError(error) });
    }
    // Whoever gave it up meanwhile had nothing to close yet.
    if (this.#next !== next) {
      certificates.discard();
      return sockets.discard();
    }
    next.members = standingGrants(policy, premises).filter(({ role }) => plan.followed.includes(role))
      .flatMap((grant) => addRole(grant, configuration, version));
    for (const { process } of next.members) process.start();
  }

  #commit(): void {
    const next = this.#next;
    if (next === null) return;
    const { configuration, version, plan } = next;
    this.#current = configuration;
    this.#tellStatus({ ...this.#status, version, loadedAt: this.#ports.clock.now(), failure: null });
    const successors = this.#ports.staff.successors(version);
    for (const member of this.#staying(plan)) {
      member.configuration = configuration;
      member.configured = version;
      const policy = policyPart(member.role, configuration.policy);
      member.process.send({ kind: "policy", version, policy, successors });
    }
  }

  /** The newcomers take over. */
  #serve(): void {
    const next = this.#next;
    if (next === null) return;
    const { staff, sockets, certificates } = this.#ports;
    this.#next = null;
    for (const member of next.members) staff.serve(member);
    const isFollowed = ({ role, version, isRetired }: Member) =>
      !isRetired && version < next.version && next.plan.followed.includes(role);
    staff.retire(staff.members.filter(isFollowed));
    sockets.keep(next.configuration.policy.listeners);
    certificates.keep(next.configuration.policy);
  }

  #tellStatus(status: ConfigurationStatus): void {
    this.#status = status;
    this.#queue()?.send({ kind: "configuration", status });
  }

  #queue(): RoleProcess | undefined {
    return this.#ports.staff.members.find(({ role }) => role === "queue")?.process;
  }
}

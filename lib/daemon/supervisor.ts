/** The supervisor: binds sockets, reads certificates, starts each role with exactly its row of the privilege table, joins roles to each
 * other, restarts what dies, and stops everything in order. It never touches mail. */

import { join } from "@std/path";
import { Fault } from "../fault.ts";
import type { Log, LogStyle } from "../event_log.ts";
import type { LogPriority } from "../port.ts";
import { hostClock, hostRandom } from "../host/clock.ts";
import { discardSocket, type HeldSocket, holdSocket, hostDialer, socketPair } from "../host/net.ts";
import { hostDisk } from "../host/disk.ts";
import { emptyDirectory, ownUid, prepareDirectory, realPath, removeIfPresent, setMode } from "../host/state.ts";
import type { InheritedSockets } from "../host/activation.ts";
import { makeFileFor } from "../host/make_file.ts";
import { openSocket } from "../host/unix_socket.ts";
import type { TraceSubject } from "../policy/trace.ts";
import type { AgentWork } from "./agent_work.ts";
import { Certificates } from "./certificates.ts";
import type { Subsystem } from "./control.ts";
import { unnameablePaths } from "./grant_flags.ts";
import { type Launcher, namesOf } from "./launcher.ts";
import { noMaterial } from "./listener_tls.ts";
import { type Grant, type Role, standingGrants, type StandingRole } from "./privilege.ts";
import { policyPart } from "./policy_part.ts";
import type { ReloadProblem } from "./reload.ts";
import { commaProblem, type Configuration, grantsOf, type Loaded } from "./reload_plan.ts";
import { Retinue } from "./retinue.ts";
import { type HandedSocket, ListeningSockets, type SocketPorts } from "./sockets.ts";
import { type Member, Staff } from "./staff.ts";
import { Succession } from "./succession.ts";
import { controlListener, type FromRole, type Init, stopGraceMs } from "./supervision.ts";

/** What to run. */
export interface DaemonOptions {
  /** The configuration to begin with. */
  readonly configuration: Configuration;
  /** Path of the file that it comes from. */
  readonly file: string;
  /** What the start has warned of. */
  readonly warnings: readonly ReloadProblem[];
  /** Reads that file again. */
  readonly load: () => Promise<Loaded>;
  /** Absolute path of the socket for smtpctl. */
  readonly controlSocket: string;
  /** Absolute path of the socket for sendmail. */
  readonly submitSocket: string;
  /** Starts the processes. */
  readonly launcher: Launcher;
  /** How many smtp-in processes share the listening sockets. */
  readonly smtpIns: number;
  /** Sockets that whoever started us has opened. */
  readonly inherited: InheritedSockets;
  /** Descriptors that a process may have open; null when that is not known. */
  readonly descriptors: number | null;
  /** What `-T` of the command line has logged. */
  readonly traced: readonly TraceSubject[];
  /** What `-P` of the command line starts paused. */
  readonly paused: readonly Subsystem[];
  /** For starts, deaths and failures. */
  readonly log: Log;
  /** Form of the roles' log lines. */
  readonly logStyle: LogStyle;
  /** The least urgent lines that are wanted. */
  readonly logLeast: LogPriority;
  /** Something that makes going on useless, before the daemon was ready. */
  readonly failed: (reason: string) => void;
  /** Every listener accepts. */
  readonly ready: () => void;
  /** `smtpctl stop`. */
  readonly stopRequested: () => void;
}

/** A running daemon. */
export class Supervisor {
  readonly #options: DaemonOptions;
  readonly #staff: Staff;
  readonly #sockets: ListeningSockets;
  readonly #certificates: Certificates;
  readonly #retinue: Retinue;
  readonly #succession: Succession;
  #control: HeldSocket | null = null;
  readonly #serving = new Set<string>();
  #isReady = false;
  #isAnnounced = false;
  #isStopping = false;
  #isReloadWanted = false;
  #pairs = 0;
  #paused: readonly Subsystem[];

  /** Nothing is bound or started before `start`. */
  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#paused = options.paused;
    this.#sockets = socketsOf(options);
    this.#certificates = this.#makeCertificates(options.log);
    this.#staff = new Staff({
      clock: hostClock,
      log: options.log,
      spawn: (name, grant) => options.launcher.launch(name, grant),
      init: (member, grant) => {
        const under = { configuration: member.configuration, version: member.configured };
        return this.#initOf(under, grant, member.process.name, null);
      },
      started: (member) => this.#retinue.started(member),
      left: (member) => this.#retinue.left(member),
      pair: () => socketPair(this.#pairPath()),
      discard: discardSocket,
      received: (member, message) => this.#received(member, message),
      died: (member, how) => this.#succession.died(member, how),
      failed: (name, reason) => this.#failed(name, reason),
    });
    this.#succession = new Succession({
      clock: hostClock,
      log: options.log,
      staff: this.#staff,
      sockets: this.#sockets,
      certificates: this.#certificates,
      file: options.file,
      configuration: options.configuration,
      load: options.load,
      warnings: options.warnings,
      smtpIns: options.smtpIns,
      addRole: (grant, configuration, version) => this.#addRole(grant, configuration, version),
    });
    this.#retinue = new Retinue({
      clock: hostClock,
      log: options.log,
      disk: hostDisk,
      realPath,
      makeFile: makeFileFor,
      uid: ownUid() ?? -1,
      configuration: options.configuration,
      staff: this.#staff,
      launch: (name, grant) => options.launcher.launch(name, grant),
      init: (under, grant, name, work) => this.#initOf(under, grant, name, work),
      discard: discardSocket,
      failed: (name, reason) => this.#failed(name, reason),
    });
  }

  /** Binds every socket and starts every role. Faults say what could not be had. */
  async start(): Promise<void> {
    const { controlSocket, submitSocket } = this.#options;
    const { policy, premises } = this.#options.configuration;
    const [unnameable] = grantsOf(this.#options.configuration).flatMap(unnameablePaths);
    if (unnameable !== undefined) throw new Fault("denied", commaProblem(unnameable));
    await this.#certificates.load(policy);
    this.#certificates.keep(policy);
    this.#prepareDirectories();
    removeIfPresent(controlSocket);
    removeIfPresent(submitSocket);
    this.#control = await holdSocket({ kind: "unix", path: controlSocket });
    setMode(controlSocket, 0o600);
    await this.#sockets.bind(policy.listeners);
    this.#sockets.keep(policy.listeners);
    // Anybody on this machine may submit mail; only the owner may control the daemon.
    setMode(submitSocket, 0o666);
    this.#options.launcher.postpone();
    for (const grant of standingGrants(policy, premises)) this.#addRole(grant, this.#options.configuration, 1);
    for (const { process } of this.#staff.members) process.start();
  }

  /** Reads the configuration again, as `smtpctl reload` does. What comes of it is in the log. During the start it waits
   * for its end: what cannot be had then is a reason not to start. */
  reload(): void {
    if (this.#isAnnounced) this.#succession.ask(null, false);
    else this.#isReloadWanted = true;
  }

  /** Stops accepting, lets roles finish, ends them: smtp-in first, the queue last. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#options.launcher.discard();
    this.#certificates.stop();
    this.#succession.stop();
    for (const role of ["smtp-in", "delivery", "lookup", "queue"] as const) {
      await this.#staff.stop(role);
      if (role === "delivery") await this.#retinue.agents.stop(stopGraceMs);
      if (role === "lookup") await this.#retinue.stop(stopGraceMs);
    }
    removeIfPresent(this.#options.controlSocket);
    removeIfPresent(this.#options.submitSocket);
    this.#sockets.keep([]);
  }

  #makeCertificates(log: Log): Certificates {
    return new Certificates({
      disk: hostDisk,
      clock: hostClock,
      log,
      uid: ownUid() ?? -1,
      inspector: async () => (await import("../host/tls.ts")).pemInspector,
      renewed: (policy, tls) => {
        for (const { role, configuration, process } of this.#staff.members) {
          if (role === "smtp-in" && configuration.policy === policy) process.send({ kind: "certificates", tls });
        }
      },
    });
  }

  /** Adds the processes of a role, for a version of the configuration. */
  #addRole(grant: Grant<StandingRole>, configuration: Configuration, version: number): readonly Member[] {
    const { role } = grant;
    if (role === "lookup") this.#retinue.want(configuration, version);
    const names = namesOf(role, version, role === "smtp-in" ? this.#options.smtpIns : 1);
    const sockets = this.#socketsOf(role, configuration);
    return names.map((name) => this.#staff.add(name, grant, configuration, version, sockets));
  }

  #prepareDirectories(): void {
    const { state, spool, accounts } = this.#options.configuration.premises;
    // With accounts of their own, users have to reach the socket for mail and offline/, and queue its spool.
    const isShared = accounts !== null;
    const run = join(state, "run");
    prepareDirectory({ path: state, mode: isShared ? 0o711 : 0o700, owner: null });
    // Names of socket pairs, which only we make and connect.
    prepareDirectory({ path: run, mode: 0o700, owner: null });
    emptyDirectory(run);
    prepareDirectory({ path: spool, mode: 0o700, owner: accounts?.smtpq ?? null });
    // Anybody may leave a message, nobody may see or take another's: write and sticky, no read.
    prepareDirectory({ path: join(state, "offline"), mode: isShared ? 0o1733 : 0o700, owner: null });
  }

  #initOf(
    { configuration, version }: { readonly configuration: Configuration; readonly version: number },
    grant: Grant<Role>,
    name: string,
    work: AgentWork | null,
  ): Init {
    const { logStyle, logLeast, traced } = this.#options;
    const { policy, premises, resolver, selfAddresses } = configuration;
    return {
      kind: "init",
      grant,
      policy: policyPart(grant.role, policy),
      log: { style: logStyle, least: logLeast },
      paused: this.#paused,
      traced,
      sameUser: premises.accounts === null,
      resolver,
      selfAddresses,
      spool: premises.spool,
      name,
      work,
      version,
      successors: this.#staff.successors(version),
      configuration: this.#succession.status,
      front: { processes: this.#options.smtpIns, descriptors: this.#options.descriptors },
      tls: grant.role === "smtp-in" ? this.#certificates.materialOf(policy) : noMaterial,
    };
  }

  #socketsOf(role: StandingRole, { policy }: Configuration): readonly HandedSocket[] {
    if (role === "smtp-in") return this.#sockets.of(policy.listeners);
    if (role === "queue" && this.#control !== null) return [{ socket: this.#control, listener: controlListener }];
    return [];
  }

  #pairPath(): string {
    const { state } = this.#options.configuration.premises;
    return join(state, "run", `p${hostRandom.u32().toString(36)}${++this.#pairs}`);
  }

  #received(member: Member, message: FromRole): void {
    const { role, process } = member;
    switch (message.kind) {
      case "ready":
        this.#succession.ready(member, message.version);
        if (role === "smtp-in") void this.#greetEarly(member).then(() => this.#options.launcher.release());
        return this.#serveWhenReady();
      case "serving":
        this.#serving.add(process.name);
        this.#succession.confirmed(member);
        return this.#announceWhenServing();
      case "inForce":
        return this.#succession.inForce(member, message.version);
      case "needAgent":
        if (role === "delivery") this.#retinue.agents.need(message, member);
        return;
      case "mayDeliver":
        if (role === "lookup") this.#retinue.agents.allow(message);
        return;
      case "mayRun":
        if (role === "queue") this.#retinue.agents.allowExec(message);
        return;
      case "needForward":
        if (role === "lookup") this.#retinue.needForward(member, message);
        return;
      case "authLevels":
        if (role === "lookup") this.#staff.succeed(member, message);
        return;
      case "distrust":
        if (role === "queue" || role === "lookup") this.#distrust(message.name);
        return;
      case "paused":
        if (role === "queue") this.#paused = message.paused;
        return;
      case "reload":
        if (role !== "queue") return;
        return this.#succession.ask({ life: process.life, request: message.request }, message.check);
      case "stopDaemon":
        if (role === "queue") this.#options.stopRequested();
    }
  }

  /** Only those that strangers talk to are ended on another's word. */
  #distrust(name: string): void {
    this.#retinue.distrust(name);
    const suspect = this.#staff.find(name);
    if (suspect?.role === "smtp-in" || suspect?.role === "delivery") suspect.process.abort();
  }

  /** At the start an smtp-in accepts as soon as it can itself. What its sessions ask lies in its connections to the others
   * until they are there: a client is greeted meanwhile, and says what it has to say. But whoever is to take no mail has to
   * hear so from queue first. */
  async #greetEarly(member: Member): Promise<void> {
    if (this.#isReady || this.#isStopping || this.#paused.includes("smtp")) return;
    await this.#staff.joined();
    if (!this.#isStopping && !member.mayServe) this.#staff.serve(member);
  }

  #serveWhenReady(): void {
    if (this.#isReady || !this.#staff.members.every((one) => one.process.isReady)) return;
    this.#isReady = true;
    for (const member of this.#staff.members) if (!member.mayServe) this.#staff.serve(member);
  }

  #announceWhenServing(): void {
    if (this.#isAnnounced || this.#isStopping) return;
    if (!this.#staff.members.every((one) => this.#serving.has(one.process.name))) return;
    this.#isAnnounced = true;
    this.#options.ready();
    if (this.#isReloadWanted) this.reload();
  }

  /** Something cannot be had that was never there. */
  #failed(name: string, reason: string): void {
    if (this.#isStopping) return;
    if (!this.#isReady) return this.#options.failed(reason);
    if (this.#succession.failed(name, reason)) return;
    this.#options.log({ priority: "err", session: "", from: "smtpd", what: "failure", fields: { reason } });
  }
}

/** Sockets that were handed over are used where their address is wanted; all others are bound. */
function socketsOf({ inherited, submitSocket }: DaemonOptions): ListeningSockets {
  const hold: SocketPorts["hold"] = async (at, access) => inherited.find(at) ?? await openSocket(at, access);
  return new ListeningSockets({ hold, remove: removeIfPresent, submitSocket });
}

/** True when a daemon answers on the control socket. */
export async function isRunning(controlSocket: string): Promise<boolean> {
  try {
    const stream = await hostDialer.dial({ kind: "unix", path: controlSocket }, { timeoutMs: 1000 });
    stream.destroy();
    return true;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}

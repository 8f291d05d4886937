/** The supervisor: binds sockets, starts each role with exactly its row of the privilege table, joins roles to each
 * other, restarts what dies, and stops everything in order. It never touches mail. */

import { join } from "@std/path";
import { describeError, Fault } from "../fault.ts";
import type { Log } from "../event_log.ts";
import type { Child, LogPriority } from "../port.ts";
import { hostClock, hostRandom } from "../host/clock.ts";
import { discardSocket, type HeldSocket, holdSocket, hostDialer, socketPair } from "../host/net.ts";
import { emptyDirectory, prepareDirectory, removeIfPresent, setMode } from "../host/state.ts";
import { launchCommand } from "../host/launch.ts";
import { spawnChild } from "../host/process.ts";
import { isServed } from "../policy/inactive.ts";
import type { Policy } from "../policy/policy.ts";
import { AgentHouse } from "./agent_house.ts";
import type { Subsystem } from "./control.ts";
import {
  denoFlags,
  type Grant,
  type HostedTable,
  type Premises,
  type Role,
  standingGrants,
  type StandingRole,
  tableHostGrants,
  unnameablePaths,
} from "./privilege.ts";
import { policyPart } from "./policy_part.ts";
import { RoleProcess } from "./role_process.ts";
import { controlListener, type FromRole, type Init, type ResolverSetup, type ToRole } from "./supervision.ts";
import { TableHouse } from "./table_house.ts";
import { isLinked } from "./wiring.ts";

/** How long roles may take to finish what is in hand at a stop, ms. */
export const stopGraceMs = 10_000;

/** What to run. */
export interface DaemonOptions {
  /** The configuration. */
  readonly policy: Policy;
  /** Directories, accounts and resolvers. */
  readonly premises: Premises;
  /** Absolute path of the socket for smtpctl. */
  readonly controlSocket: string;
  /** Absolute path of the socket for sendmail. */
  readonly submitSocket: string;
  /** How many smtp-in processes share the listening sockets. */
  readonly smtpIns: number;
  /** What `-P` of the command line starts paused. */
  readonly paused: readonly Subsystem[];
  /** How delivery finds hosts. */
  readonly resolver: ResolverSetup;
  /** Our own addresses, as `formatIp` writes them. */
  readonly selfAddresses: readonly string[];
  /** For starts, deaths and failures. */
  readonly log: Log;
  /** Form of the roles' log lines. */
  readonly logStyle: "text" | "json";
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
  readonly #roles: { readonly role: StandingRole; readonly process: RoleProcess }[] = [];
  readonly #held: { readonly socket: HeldSocket; readonly listener: number }[] = [];
  readonly #agents: AgentHouse;
  readonly #tableHosts: TableHouse;
  #control: HeldSocket | null = null;
  readonly #serving = new Set<string>();
  #isReady = false;
  #isAnnounced = false;
  #isStopping = false;
  #pairs = 0;
  #paused: readonly Subsystem[];

  /** Nothing is bound or started before `start`. */
  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#paused = options.paused;
    this.#agents = new AgentHouse({
      policy: options.policy,
      premises: options.premises,
      log: options.log,
      start: (grant, key, received, ended) => this.#startAgent(grant, key, received, ended),
    });
    this.#tableHosts = new TableHouse({
      make: (hosted, name, started) => this.#makeTableHost(hosted, name, started),
      join: (process, table) => this.#joinTableHost(process, table),
    });
  }

  /** Binds every socket and starts every role. Faults say what could not be had. */
  async start(): Promise<void> {
    const { policy, premises, controlSocket, submitSocket } = this.#options;
    const helpers = tableHostGrants(policy, premises).map(({ grant }) => grant);
    const [unnameable] = [...standingGrants(policy, premises), ...helpers].flatMap(unnameablePaths);
    if (unnameable !== undefined) {
      throw new Fault("denied", `Cannot use ${unnameable}: Deno gives no right to a path with a comma; rename it`);
    }
    this.#prepareDirectories();
    removeIfPresent(controlSocket);
    removeIfPresent(submitSocket);
    this.#control = await holdSocket({ kind: "unix", path: controlSocket });
    setMode(controlSocket, 0o600);
    for (const [listener, spec] of policy.listeners.entries()) {
      if (!isServed(spec)) continue;
      const at = spec.kind === "socket"
        ? { kind: "unix", path: submitSocket } as const
        : { kind: "inet", ip: spec.address, port: spec.port } as const;
      this.#held.push({ socket: await holdSocket(at), listener });
    }
    // Anybody on this machine may submit mail; only the owner may control the daemon.
    setMode(submitSocket, 0o666);
    for (const grant of standingGrants(policy, premises)) {
      const count = grant.role === "smtp-in" ? this.#options.smtpIns : 1;
      for (let n = 1; n <= count; n++) this.#addRole(grant, count > 1 ? `${grant.role}#${n}` : grant.role);
    }
    for (const { process } of this.#roles) process.start();
    this.#tableHosts.want(1, tableHostGrants(policy, premises));
  }

  /** Stops accepting, lets roles finish, ends them: smtp-in first, the queue last. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const role of ["smtp-in", "delivery", "lookup", "queue"] as const) {
      const these = this.#roles.filter((one) => one.role === role);
      await Promise.all(these.map((one) => one.process.stop(stopGraceMs)));
      if (role === "delivery") await this.#agents.stop(stopGraceMs);
      if (role === "lookup") await this.#tableHosts.stop(stopGraceMs);
    }
    removeIfPresent(this.#options.controlSocket);
    removeIfPresent(this.#options.submitSocket);
  }

  #addRole(grant: Grant<StandingRole>, name: string): void {
    const { role } = grant;
    const sockets = this.#socketsOf(role);
    const process = new RoleProcess(name, {
      clock: hostClock,
      log: this.#options.log,
      spawn: () => this.#launch(name, grant, sockets.map((one) => one.fd)),
      restart: true,
      init: () => this.#initOf(grant, name, sockets),
      discard: discardSocket,
      started: () => this.#join(role, process),
      received: (message) => this.#received(role, process, message),
      failed: (reason) => this.#failed(reason),
    });
    this.#roles.push({ role, process });
  }

  #prepareDirectories(): void {
    const { state, spool, accounts } = this.#options.premises;
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

  #launch(name: string, grant: Grant<Role>, fds: readonly number[]): Child {
    const account = grant.account === null ? null : { ...grant.account, groups: grant.role !== "agent" };
    const { argv, env } = launchCommand({
      flags: denoFlags(grant),
      account,
      module: new URL("./role_main.ts", import.meta.url).href,
      args: [name],
    });
    return spawnChild(argv, env, fds);
  }

  #initOf(
    grant: Grant<Role>,
    name: string,
    sockets: readonly { readonly fd: number; readonly listener: number }[],
  ): Init {
    const { policy, premises, logStyle, logLeast } = this.#options;
    return {
      kind: "init",
      grant,
      policy: policyPart(grant.role, policy),
      // In the child, descriptors count from 4: 0-2 are standard, 3 is IPC.
      sockets: sockets.map(({ listener }, index) => ({ fd: 4 + index, listener })),
      log: { style: logStyle, least: logLeast },
      paused: this.#paused,
      sameUser: premises.accounts === null,
      resolver: this.#options.resolver,
      selfAddresses: this.#options.selfAddresses,
      spool: premises.spool,
      name,
    };
  }

  #socketsOf(role: StandingRole): readonly { readonly fd: number; readonly listener: number }[] {
    if (role === "smtp-in") return this.#held.map(({ socket, listener }) => ({ fd: socket.fd, listener }));
    if (role === "queue" && this.#control !== null) return [{ fd: this.#control.fd, listener: controlListener }];
    return [];
  }

  /** Joins a role that has just started to each of its peers that runs. */
  #join(role: StandingRole, process: RoleProcess): void {
    for (const other of this.#roles) {
      if (other.process === process || !other.process.isRunning || !isLinked(role, other.role)) continue;
      this.#pair(
        process,
        { kind: "peer", role: other.role, name: other.process.name, key: "" },
        other.process,
        { kind: "peer", role, name: process.name, key: "" },
      );
    }
    if (role === "lookup") this.#tableHosts.join(1);
    if (this.#isReady) process.send({ kind: "serve" });
  }

  /** Joins two roles: each gets one end, with the message that says who is at the other. */
  #pair(a: RoleProcess, toA: ToRole, b: RoleProcess, toB: ToRole): void {
    const path = join(this.#options.premises.state, "run", `p${hostRandom.u32().toString(36)}${++this.#pairs}`);
    const lives = [a.life, b.life];
    socketPair(path).then(
      ([near, far]) => {
        // One that has died meanwhile gets another pair when it is back.
        if (a.life !== lives[0] || b.life !== lives[1]) {
          discardSocket(near);
          discardSocket(far);
          return;
        }
        a.send(toA, near);
        b.send(toB, far);
      },
      (error) => this.#failed(describeError(error)),
    );
  }

  #received(role: StandingRole, process: RoleProcess, message: FromRole): void {
    switch (message.kind) {
      case "ready":
        return this.#serveWhenReady();
      case "serving":
        this.#serving.add(process.name);
        return this.#announceWhenServing();
      case "needAgent":
        if (role === "delivery") this.#agents.need(message);
        return;
      case "mayDeliver":
        if (role === "lookup") this.#agents.allow(message);
        return;
      case "distrust":
        if (role === "queue" || role === "lookup") this.#distrust(message.name);
        return;
      case "paused":
        if (role === "queue") this.#paused = message.paused;
        return;
      case "stopDaemon":
        if (role === "queue") this.#options.stopRequested();
    }
  }

  /** Only those that strangers talk to are ended on another's word. */
  #distrust(name: string): void {
    this.#tableHosts.distrust(name);
    const suspect = this.#roles.find(({ process }) => process.name === name);
    if (suspect?.role === "smtp-in" || suspect?.role === "delivery") suspect.process.abort();
  }

  #serveWhenReady(): void {
    if (this.#isReady || !this.#roles.every((one) => one.process.isReady)) return;
    this.#isReady = true;
    for (const { process } of this.#roles) process.send({ kind: "serve" });
  }

  #announceWhenServing(): void {
    if (this.#isAnnounced || !this.#roles.every((one) => this.#serving.has(one.process.name))) return;
    this.#isAnnounced = true;
    this.#options.ready();
  }

  #startAgent(
    grant: Grant<"agent">,
    key: string,
    received: (message: FromRole) => void,
    ended: () => void,
  ): RoleProcess {
    const process: RoleProcess = new RoleProcess(`agent#${key}`, {
      clock: hostClock,
      log: this.#options.log,
      spawn: () => this.#launch(`agent-${key}`, grant, []),
      restart: false,
      discard: discardSocket,
      init: () => this.#initOf(grant, `agent#${key}`, []),
      started: () => {
        const delivery = this.#roles.find((one) => one.role === "delivery")?.process;
        if (delivery === undefined) return;
        this.#pair(
          process,
          { kind: "peer", role: "delivery", name: "delivery", key: "" },
          delivery,
          { kind: "peer", role: "agent", name: process.name, key },
        );
      },
      received,
      failed: ended,
    });
    process.start();
    return process;
  }

  #makeTableHost({ grant, spec }: HostedTable, name: string, started: () => void): RoleProcess {
    return new RoleProcess(name, {
      clock: hostClock,
      log: this.#options.log,
      spawn: () => this.#launch(name, grant, []),
      restart: true,
      init: () => {
        const init = this.#initOf(grant, name, []);
        return { ...init, policy: { ...init.policy, tables: { [spec.name]: spec } } };
      },
      discard: discardSocket,
      started,
      received: () => {},
      failed: (reason) => this.#failed(reason),
    });
  }

  #joinTableHost(process: RoleProcess, table: string): void {
    const lookup = this.#roles.find((one) => one.role === "lookup")?.process;
    if (lookup === undefined || !lookup.isRunning) return;
    this.#pair(
      process,
      { kind: "peer", role: "lookup", name: lookup.name, key: "" },
      lookup,
      { kind: "peer", role: "table-host", name: process.name, key: table },
    );
  }

  #failed(reason: string): void {
    if (this.#isStopping) return;
    if (!this.#isReady) return this.#options.failed(reason);
    this.#options.log({ priority: "err", session: "", from: "smtpd", what: "failure", fields: { reason } });
  }
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

/** The processes of the standing roles, over reloads: which there are, who is joined to whom, who follows whom. */

import type { Child, Clock } from "../port.ts";
import type { Log } from "../event_log.ts";
import type { Grant, StandingRole } from "./privilege.ts";
import type { Configuration } from "./reload_plan.ts";
import { RoleProcess } from "./role_process.ts";
import type { HandedSocket } from "./sockets.ts";
import { drainMs, type FromRole, type Init, stopGraceMs, type Successors, type ToRole } from "./supervision.ts";
import { isJoined, type Place } from "./wiring.ts";

/** Processes of smtp-in that others have followed and whose sessions go on. With one more, the oldest is stopped: its
 * sessions are told 421. */
export const retiredMax = 8;

/** One process of a standing role, over its lives. */
export interface Member extends Place {
  /** The process. Its name is that of the member. */
  readonly process: RoleProcess;
  /** What it works under; queue, and a delivery that stays, get the next one when that is in force. */
  configuration: Configuration;
  /** The version of that. */
  configured: number;
  /** Sockets to accept connections on. */
  readonly sockets: readonly HandedSocket[];
  /** It is to do so as soon as it runs. */
  mayServe: boolean;
  /** Another has taken its place. */
  isRetired: boolean;
}

/** What staff needs. */
export interface StaffPorts {
  /** Times restarts and ends. */
  readonly clock: Clock;
  /** For starts and deaths. */
  readonly log: Log;
  /** Starts the program of a role. May throw a Fault. */
  readonly spawn: (name: string, grant: Grant<StandingRole>) => Child;
  /** The first message to a life of a member. */
  readonly init: (member: Member, grant: Grant<StandingRole>) => Init;
  /** Both ends of a connection. */
  readonly pair: () => Promise<readonly [unknown, unknown]>;
  /** Closes one end that nobody takes. */
  readonly discard: (handle: unknown) => void;
  /** A life of a member has begun, and it is being joined to its peers. */
  readonly started: (member: Member) => void;
  /** A member is there no more. */
  readonly left: (member: Member) => void;
  /** A member says something. */
  readonly received: (member: Member, message: FromRole) => void;
  /** A life of a member that was ready has ended; another follows unless the member is discarded. */
  readonly died: (member: Member, how: string) => void;
  /** Something of `name` cannot be had: a member that was never ready, or a connection. */
  readonly failed: (name: string, reason: string) => void;
}

/** The members. */
export class Staff {
  readonly #ports: StaffPorts;
  #members: Member[] = [];
  readonly #pairing = new Set<Promise<void>>();

  /** Nobody is there at first. */
  constructor(ports: StaffPorts) {
    this.#ports = ports;
  }

  /** All of them, those that finish first. */
  get members(): readonly Member[] {
    return this.#members;
  }

  /** Adds a member without starting it. */
  add(
    name: string,
    grant: Grant<StandingRole>,
    configuration: Configuration,
    version: number,
    sockets: readonly HandedSocket[],
  ): Member {
    const { clock, log, spawn, init, discard, received, died, failed } = this.#ports;
    const process: RoleProcess = new RoleProcess(name, {
      clock,
      log,
      restart: true,
      spawn: () => spawn(name, grant),
      init: () => init(member, grant),
      discard,
      started: () => this.#join(member),
      received: (message) => received(member, message),
      died: (how) => died(member, how),
      failed: (reason) => failed(name, reason),
    });
    const member: Member = {
      role: grant.role,
      version,
      process,
      configuration,
      configured: version,
      sockets,
      mayServe: false,
      isRetired: false,
    };
    this.#members.push(member);
    return member;
  }

  /** The one of this name. */
  find(name: string): Member | undefined {
    return this.#members.find(({ process }) => process.name === name);
  }

  /** Resolves when all connections have been made that are being made now. */
  async joined(): Promise<void> {
    await Promise.all([...this.#pairing]);
  }

  /** Names of those that begin what is new, once those of `version` and before are all there is. */
  successors(version: number): Successors {
    const name = (role: StandingRole) =>
      this.#members.findLast((one) => one.role === role && one.version <= version && !one.isRetired)?.process.name ??
        role;
    return { lookup: name("lookup"), delivery: name("delivery") };
  }

  /** Hands what a retired one leaves behind to the one that has taken its place. */
  succeed(former: Member, message: Extract<ToRole, { readonly kind: "authLevels" }>): void {
    const { role, isRetired } = former;
    const next = this.#members.findLast((one) => one.role === role && !one.isRetired && one.mayServe);
    if (isRetired) next?.process.send(message);
  }

  /** Accepts connections from now on. */
  serve(member: Member): void {
    member.mayServe = true;
    if (member.process.isRunning) this.#sendServe(member);
  }

  /** Ends members that never were in force. */
  discard(members: readonly Member[]): void {
    for (const { process } of members) process.discard();
    this.#members = this.#members.filter((one) => !members.includes(one));
    for (const member of members) this.#ports.left(member);
  }

  /** Others have taken their places: they finish what they have begun. */
  retire(members: readonly Member[]): void {
    for (const member of members) {
      member.isRetired = true;
      // lookup ends when nobody is left to ask it; that is longer than its smtp-in may take.
      const graceMs = member.role === "lookup" ? drainMs + 2 * stopGraceMs : drainMs;
      void member.process.drain(graceMs, stopGraceMs).then(() => this.#left(member));
    }
    const retired = this.#members.filter(({ role, isRetired }) => role === "smtp-in" && isRetired);
    for (const { process } of retired.slice(0, Math.max(0, retired.length - retiredMax))) {
      void process.stop(stopGraceMs);
    }
  }

  /** Ends all members of a role. */
  async stop(role: StandingRole): Promise<void> {
    const these = this.#members.filter((one) => one.role === role);
    await Promise.all(these.map(({ process }) => process.stop(stopGraceMs)));
  }

  /** Joins two processes: each gets one end, with the message that says who is at the other. */
  pair(a: RoleProcess, toA: ToRole, b: RoleProcess, toB: ToRole): void {
    const lives = [a.life, b.life];
    const { discard, failed } = this.#ports;
    const pairing = this.#ports.pair().then(
      ([near, far]) => {
        // One that has died meanwhile gets another pair when it is back.
        if (a.life !== lives[0] || b.life !== lives[1]) {
          discard(near);
          discard(far);
          return;
        }
        a.send(toA, near);
        b.send(toB, far);
      },
      (error) => failed(a.name, error instanceof Error ? error.message : String(error)),
    ).finally(() => this.#pairing.delete(pairing));
    this.#pairing.add(pairing);
  }

  /** Joins a member that has just started to each of its peers that runs. */
  #join(member: Member): void {
    const { process, role } = member;
    for (const other of this.#members) {
      if (other === member || !other.process.isRunning || !isJoined(member, other)) continue;
      this.pair(
        process,
        { kind: "peer", role: other.role, name: other.process.name, key: "" },
        other.process,
        { kind: "peer", role, name: process.name, key: "" },
      );
    }
    this.#ports.started(member);
    if (member.mayServe) this.#sendServe(member);
  }

  #sendServe({ process, sockets }: Member): void {
    for (const { socket, listener } of sockets) process.send({ kind: "socket", listener }, socket.share());
    process.send({ kind: "serve" });
  }

  #left(member: Member): void {
    this.#members = this.#members.filter((one) => one !== member);
    this.#ports.left(member);
    if (member.role !== "lookup") return;
    // Nobody answers their sessions any more; the clients come back to those that serve now.
    const helpless = this.#members.filter(({ role, version }) => role === "smtp-in" && version === member.version);
    for (const { process } of helpless) void process.stop(stopGraceMs);
  }
}

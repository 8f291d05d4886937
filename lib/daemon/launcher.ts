/** Starts the processes of roles, each with exactly the flags of its row. What is known to be needed can be begun ahead:
 * a process takes a while until it can hear what it is to be, and smtp-in holds the same in every configuration. The
 * others can wait meanwhile: to start takes a core, and the first thing that is wanted of a mail server is its greeting. */

import type { Child } from "../port.ts";
import { describeError, Fault } from "../fault.ts";
import { denoFlags } from "./grant_flags.ts";
import type { Account, Grant, Role, StandingRole } from "./privilege.ts";

/** What a process is started with. */
export interface RoleLaunch {
  /** Flags of `deno run`. */
  readonly flags: readonly string[];
  /** Whose rights it has; null for ours. `groups` also gives the account's supplementary groups. */
  readonly account: (Account & { readonly groups: boolean }) | null;
  /** The role's main module, a file URL. */
  readonly module: string;
  /** Its name, for ps(1). */
  readonly args: readonly string[];
}

/** Starts one. May throw a Fault. */
export type StartRole = (launch: RoleLaunch) => Child;

interface Ahead {
  readonly launch: string;
  readonly child: Child;
}

/** Starts processes, some of them ahead and some later. */
export class Launcher {
  readonly #start: StartRole;
  readonly #ahead = new Map<string, Ahead>();
  #postponed: Postponed[] | null = null;

  /** Nothing is started yet. */
  constructor(start: StartRole) {
    this.#start = start;
  }

  /** Starts the process that `launch` is going to ask for by the same name. It does nothing until it is told what it is
   * to be. One that cannot be started is left to `launch`, which says why. */
  begin(name: string, grant: Grant<Role>): void {
    const launch = launchOf(name, grant);
    try {
      this.#ahead.set(name, { launch: JSON.stringify(launch), child: this.#start(launch) });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }

  /** The process of this name: the one that was begun, if it was begun with this very row, else a new one. May throw a
   * Fault. */
  launch(name: string, grant: Grant<Role>): Child {
    const launch = launchOf(name, grant);
    const ahead = this.#ahead.get(name);
    this.#ahead.delete(name);
    if (ahead?.launch === JSON.stringify(launch)) return ahead.child;
    ahead?.child.kill("SIGKILL");
    if (this.#postponed === null || grant.role === "smtp-in") return this.#start(launch);
    const postponed = new Postponed(() => this.#start(launch));
    this.#postponed.push(postponed);
    return postponed;
  }

  /** From now on only smtp-in is started when it is asked for, and all others at `release`. */
  postpone(): void {
    this.#postponed ??= [];
  }

  /** Starts what was postponed, in order, and all others when they are asked for. */
  release(): void {
    const postponed = this.#postponed ?? [];
    this.#postponed = null;
    for (const child of postponed) child.start();
  }

  /** Ends what was begun and nobody asked for, and what was postponed. */
  discard(): void {
    for (const { child } of this.#ahead.values()) child.kill("SIGKILL");
    this.#ahead.clear();
    for (const child of this.#postponed ?? []) child.kill("SIGKILL");
    this.#postponed = null;
  }
}

/** A process that is started later. What it is told first waits for it. */
class Postponed implements Child {
  readonly #start: () => Child;
  readonly #sent: Parameters<Child["send"]>[] = [];
  #take: Parameters<Child["onMessage"]>[0] = () => {};
  readonly #end = Promise.withResolvers<Parameters<Parameters<Child["onExit"]>[0]>[0]>();
  #child: Child | null = null;
  #isOver = false;

  constructor(start: () => Child) {
    this.#start = start;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Starts it, unless it was killed before. One that cannot be started says so, as a role that cannot begin does. */
  start(): void {
    if (this.#isOver) return;
    try {
      this.#child = this.#start();
    } catch (error) {
      // Whatever it is: nobody else catches it, and the others are still to be started.
      return this.#take({ kind: "notReady", reason: describeError(error) });
    }
    this.#child.onMessage(this.#take);
    this.#child.onExit(this.#end.resolve);
    for (const sent of this.#sent.splice(0)) this.#child.send(...sent);
  }

  send(...sent: Parameters<Child["send"]>): void {
    if (this.#child !== null) return this.#child.send(...sent);
    if (this.#isOver) return sent[2]();
    this.#sent.push(sent);
  }

  onMessage(take: (message: unknown) => void): void {
    this.#take = take;
    this.#child?.onMessage(take);
  }

  onExit(run: Parameters<Child["onExit"]>[0]): void {
    void this.#end.promise.then(run);
  }

  kill(signal: Parameters<Child["kill"]>[0]): void {
    if (this.#child !== null) return this.#child.kill(signal);
    this.#isOver = true;
    for (const [, , unsent] of this.#sent.splice(0)) unsent();
    this.#end.resolve({ code: null, signal });
  }
}

function launchOf(name: string, grant: Grant<Role>): RoleLaunch {
  return {
    flags: denoFlags(grant),
    account: grant.account === null ? null : { ...grant.account, groups: grant.role !== "agent" },
    module: new URL(`./main_${grant.role.replace("-", "_")}.ts`, import.meta.url).href,
    args: [name],
  };
}

/** What the processes of a role are called. From the second version on the name tells it. */
export function namesOf(role: StandingRole, version: number, count: number): readonly string[] {
  const name = version === 1 ? role : `${role}#v${version}`;
  const mark = version === 1 ? "#" : ".";
  return Array.from({ length: count }, (_, n) => count === 1 ? name : `${name}${mark}${n + 1}`);
}

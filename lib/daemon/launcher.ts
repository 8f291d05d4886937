/** Starts the processes of roles, each with exactly the flags of its row. What is known to be needed can be begun ahead:
 * a process takes a while until it can hear what it is to be, and smtp-in holds the same in every configuration. */

import type { Child } from "../port.ts";
import { Fault } from "../fault.ts";
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

/** Starts processes, some of them ahead. */
export class Launcher {
  readonly #start: StartRole;
  readonly #ahead = new Map<string, Ahead>();

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
    return this.#start(launch);
  }

  /** Ends what was begun and nobody asked for. */
  discard(): void {
    for (const { child } of this.#ahead.values()) child.kill("SIGKILL");
    this.#ahead.clear();
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

/** Starts smtp-in while the rest of smtpd is still being read: its row is the same in every configuration, and it does
 * nothing until the supervisor says what it is to be. */

import { smtpInGrant } from "../lib/daemon/grant_flags.ts";
import { Launcher, namesOf, type StartRole } from "../lib/daemon/launcher.ts";
import { askMachine, launchCommand, type Machine, unreachableForOthers } from "../lib/host/launch.ts";
import { spawnChild } from "../lib/host/process.ts";
import { keepsUser, systemAccount } from "./smtpd_accounts.ts";

/** How many smtp-in there are. Their work is a little over half of the whole: more of them only take the cores that the
 * other roles need. */
export const smtpIns = Math.ceil(navigator.hardwareConcurrency / 2);

/** What a start begins with. */
export interface Beginning {
  /** Starts the roles. */
  readonly launcher: Launcher;
  /** What the shell says. */
  readonly machine: Promise<Machine>;
}

/** What starts roles, with every smtp-in begun. None is where the start is about to be refused: there is no account for
 * it, or it could not get at Deno. */
export function launchAhead(options: { readonly sameUser: boolean }, start: StartRole | null = null): Beginning {
  let blocks: boolean | null = null;
  const launcher = new Launcher(
    start ?? ((launch) => {
      const { argv, env } = launchCommand(launch, blocks);
      return spawnChild(argv, env);
    }),
  );
  beginFront(launcher, options);
  const machine = askMachine().then((machine) => {
    blocks = machine.blocks;
    return machine;
  });
  return { launcher, machine };
}

function beginFront(launcher: Launcher, options: { readonly sameUser: boolean }): void {
  const isOwn = keepsUser(options);
  const account = isOwn ? null : systemAccount("_smtpd");
  if (!isOwn && (account === null || unreachableForOthers(import.meta.url) !== null)) return;
  for (const name of namesOf("smtp-in", 1, smtpIns)) launcher.begin(name, smtpInGrant(account));
}

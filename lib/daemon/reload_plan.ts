/** What a new configuration means for the running roles: which of them are followed by another process, which go on.
 * Pure.
 *
 * smtp-in and lookup are always followed: a session that runs finishes under the rules and tables that it began with,
 * for its smtp-in stays with its lookup. delivery is followed when anything of its own is different. queue owns the spool
 * and goes on. */

import { type Change, diffPolicies } from "../policy/difference.ts";
import type { ReloadProblem } from "./reload.ts";
import type { Policy } from "../policy/policy.ts";
import { agentExamples } from "./agent_examples.ts";
import { diffGrants } from "./grant_difference.ts";
import { unnameablePaths } from "./grant_flags.ts";
import { policyPart } from "./policy_part.ts";
import { type Grant, type Premises, standingGrants, type StandingRole, tableHostGrants } from "./privilege.ts";
import type { ResolverSetup } from "./supervision.ts";
import { verifierGrants } from "./verifier_grant.ts";

/** A configuration with all that was found out for it. */
export interface Configuration {
  /** smtpd.conf, resolved. */
  readonly policy: Policy;
  /** Directories, accounts and resolvers. */
  readonly premises: Premises;
  /** How delivery finds hosts. */
  readonly resolver: ResolverSetup;
  /** Our own addresses, as `formatIp` writes them. */
  readonly selfAddresses: readonly string[];
}

/** What comes of a file that was read for a reload. */
export type Loaded =
  | { readonly kind: "ok"; readonly configuration: Configuration; readonly warnings: readonly ReloadProblem[] }
  /** All that is wrong, as `smtpd -n` prints it. */
  | { readonly kind: "refused"; readonly problems: readonly ReloadProblem[] };

/** What is to be done for a configuration. */
export interface ReloadPlan {
  /** All that is different. */
  readonly changes: readonly Change[];
  /** Roles whose processes are followed by new ones. */
  readonly followed: readonly StandingRole[];
  /** Why it cannot be done without a restart; empty when it can. */
  readonly problems: readonly string[];
}

/** Compares the configuration in force with the one that is to follow. */
export function planReload(before: Configuration, after: Configuration): ReloadPlan {
  const rows = grantsOf(after);
  return {
    changes: [
      ...diffPolicies(before.policy, after.policy),
      ...diffGrants([...grantsOf(before), ...examplesOf(before)], [...rows, ...examplesOf(after)]),
    ],
    followed: ["lookup", ...(isSameDelivery(before, after) ? [] : ["delivery" as const]), "smtp-in"],
    problems: [...fixedProblems(before, after), ...rows.flatMap(unnameablePaths).map(commaProblem)],
  };
}

function examplesOf({ policy, premises }: Configuration): readonly Grant[] {
  return agentExamples(policy, premises);
}

/** All rows but those of agents, which come and go with mail. */
export function grantsOf({ policy, premises }: Configuration): readonly Grant[] {
  const hosted = [...tableHostGrants(policy, premises), ...verifierGrants(policy, premises)];
  return [...standingGrants(policy, premises), ...hosted.map(({ grant }) => grant)];
}

/** What is said of a path that no role can be given a right to. */
export function commaProblem(path: string): string {
  return `Cannot use ${path}: Deno gives no right to a path with a comma; rename it`;
}

/** What cannot change while the queue is open. */
function fixedProblems(before: Configuration, after: Configuration): readonly string[] {
  const problems: string[] = [];
  if (before.premises.spool !== after.premises.spool) {
    problems.push(
      `The queue cannot move from ${before.premises.spool} to ${after.premises.spool} by a reload: ` +
        `stop smtpd, move the directory, and start it again`,
    );
  }
  if (!isSame(before.policy.queue.encryption, after.policy.queue.encryption)) {
    problems.push("Encryption of the queue cannot change by a reload: restart smtpd");
  }
  if (!isSame(before.premises.accounts, after.premises.accounts)) {
    problems.push("The accounts _smtpd and _smtpq have changed: restart smtpd");
  }
  return problems;
}

/** Can delivery go on as it is? Table names count: lookup is asked by them. */
function isSameDelivery(before: Configuration, after: Configuration): boolean {
  const ofDelivery = ({ policy, premises, resolver, selfAddresses }: Configuration) => {
    const part = policyPart("delivery", policy);
    return {
      // Of listeners it knows the names alone: an MX record that names one of them is us.
      part: { ...part, listeners: [...new Set(part.listeners.map(({ hostname }) => hostname))] },
      row: standingGrants(policy, premises).find(({ role }) => role === "delivery"),
      resolver,
      selfAddresses,
    };
  };
  return isSame(ofDelivery(before), ofDelivery(after));
}

/** Are two values of plain data alike, but for places in files? */
function isSame(a: unknown, b: unknown): boolean {
  return textOf(a) === textOf(b);
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (key: string, member: unknown) => key === "place" ? undefined : member) ?? "";
}

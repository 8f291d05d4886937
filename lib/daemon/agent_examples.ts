/** Rows of agents as a configuration lets them be known beforehand, for people: what the table of rights shows, and what a
 * reload compares. Who has mail is not known yet: USER stands for a user of a userbase and `~USER` for his home, FILE and
 * DIRECTORY for what an alias or a .forward names. */

import { aliasUser, type LocalExec } from "../policy/exec.ts";
import type { ForwardUser } from "../policy/forward.ts";
import type { LocalAction, Policy } from "../policy/policy.ts";
import { planAgent } from "./agent_work.ts";
import { agentGrant, type Grant, type Premises } from "./privilege.ts";

/** Rows of the agents that may run: of the actions' own, of what aliases name, of those who read a .forward, and of what
 * stands there. Each once. */
export function agentExamples(policy: Policy, premises: Premises): readonly Grant<"agent">[] {
  const rows = Object.values(policy.actions).flatMap((action) =>
    action.kind === "local" ? examplesOf(action, policy, premises) : []
  );
  const unlike = new Map(rows.map((row) => [JSON.stringify(row), row]));
  return [...unlike.values()];
}

function examplesOf(action: LocalAction, policy: Policy, { accounts }: Premises): readonly Grant<"agent">[] {
  const named = (name: string) => accounts === null ? null : { name, uid: -1, gid: -1 };
  /** The row of an agent under an account whose home is not known. */
  const row = (account: string, exec: LocalExec | null): readonly Grant<"agent">[] => {
    const plan = (home: string) => planAgent(policy, action, exec, { user: "USER", home, account, accountHome: home });
    const first = plan("~USER");
    const work = typeof first === "string" ? plan("/~USER") : first;
    return typeof work === "string" ? [] : [shown(agentGrant(named(account), work))];
  };
  const user: ForwardUser = { name: "USER", uid: -1, gid: -1, home: "/~USER" };
  const reads = action.method.kind !== "expand-only" && action.user === null;
  return [
    ...row(action.user ?? "USER", null),
    ...(action.alias === null && action.virtual === null
      ? []
      : targets("table").flatMap((exec) => row(aliasUser, exec))),
    ...(reads ? [shown(agentGrant(named("USER"), { kind: "forward", user, uid: -1 }))] : []),
    ...(reads ? targets("forward").flatMap((exec) => row("USER", exec)) : []),
  ];
}

/** One of each kind that may be named. The command is never shown. */
function targets(from: LocalExec["from"]): readonly LocalExec[] {
  return [
    { kind: "command", text: "true", from },
    { kind: "file", text: "/FILE", from },
    { kind: "maildir", text: "/DIRECTORY", from },
  ];
}

function shown(grant: Grant<"agent">): Grant<"agent"> {
  const paths = (list: readonly string[]) =>
    list.map((path) => path.replace(/^\/~/, "~").replace(/^\/(?=(FILE|DIRECTORY)$)/, ""));
  return { ...grant, read: paths(grant.read), write: paths(grant.write) };
}

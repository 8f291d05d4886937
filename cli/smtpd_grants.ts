/** The privilege table for people: `smtpd -n -v`. */

import { agentExamples } from "../lib/daemon/agent_examples.ts";
import type { Denied } from "../lib/daemon/denied.ts";
import { denoFlags } from "../lib/daemon/grant_flags.ts";
import { type Grant, type Premises, standingGrants, tableHostGrants } from "../lib/daemon/privilege.ts";
import { verifierGrants } from "../lib/daemon/verifier_grant.ts";
import type { Policy } from "../lib/policy/policy.ts";

/** What each role may do under this configuration. Agents are shown as agent_examples.ts has them. */
export function printGrants(policy: Policy, premises: Premises, json: boolean): string {
  const hosted = [...tableHostGrants(policy, premises), ...verifierGrants(policy, premises)];
  const helpers = hosted.map(({ grant }) => grant);
  const grants = [...standingGrants(policy, premises), ...helpers, ...agentExamples(policy, premises)];
  if (json) return JSON.stringify(grants.map((grant) => ({ ...grant, flags: denoFlags(grant) })), null, 2);
  const lines = ["What each role may do; everything else is refused:"];
  for (const grant of grants) {
    lines.push(
      "",
      grant.role,
      `  account  ${grant.account?.name ?? "the caller's"}`,
      `  read     ${words(grant.read)}`,
      `  write    ${words(grant.write)}`,
      `  network  ${network(grant)}`,
      `  run      ${words(grant.run)}`,
      `  handed   ${grant.handed}`,
    );
  }
  return lines.join("\n");
}

function words(list: readonly string[]): string {
  return list.length === 0 ? "nothing" : list.join(" ");
}

function network(grant: Grant): string {
  switch (grant.net.kind) {
    case "none":
      return "nothing";
    case "out":
      return grant.net.deny.length === 0
        ? "connect to any address"
        : ["connect to any address but", ...grant.net.deny.map(denied)].join("\n             ");
    case "paths":
      return `connect to ${words(grant.net.paths)}`;
    case "servers":
      return `connect to ${words([...grant.net.hosts, ...grant.net.paths])}`;
  }
}

function denied({ range, except }: Denied): string {
  return except.length === 0 ? range : `${range}, except ${except.join(" ")}`;
}

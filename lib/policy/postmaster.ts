/** The postmaster of this server, whom everybody may write to under its name (RFC 5321 §4.5.1). */

import { Fault } from "../fault.ts";
import { type Domain, formatMailbox, type Mailbox } from "../mail/address.ts";
import { isAddressLiteral, parseUnicodeDomain } from "../mail/domain.ts";
import type { AddressNode } from "./expand_node.ts";
import { type Run, tablesFor, tell } from "./expand_run.ts";
import { type MatchResult, matchRule, type MatchTrace, type Subject } from "./match.ts";
import type { Rule } from "./policy.ts";

/** Is this the address that `RCPT TO:<postmaster>` comes to? A path without a domain has the listener's name as its
 * domain. The case of "postmaster" says nothing. */
export function isOwnPostmaster({ localPart, domain }: Mailbox, smtpName: string): boolean {
  return localPart.toLowerCase() === "postmaster" && domain === smtpName.toLowerCase();
}

/** Finds the rule for the postmaster of this server, whom no rule takes under the server's name: as the postmaster of a
 * domain that mail is taken for, the first of a `for domain` line that takes this client's. The element then stands for
 * that address. A failure of a table is the result of the whole. QUIRK: OpenSMTPD refuses him. */
export async function matchPostmaster(
  run: Run,
  node: AddressNode,
  subject: Subject,
  trace: MatchTrace,
): Promise<MatchResult> {
  for (const rule of run.policy.rules) {
    let domain: Domain | null;
    try {
      domain = await domainOf(run, node, rule);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { kind: "failed", fault: error };
    }
    if (domain === null) continue;
    const dest = { localPart: node.mailbox.localPart, domain };
    const match = await matchRule({ ...subject, dest }, run.policy, tablesFor(run, node), trace);
    if (match.kind === "none" || (match.kind === "rule" && match.rule.outcome.kind === "reject")) continue;
    const text = `is ${formatMailbox(dest)}, for nobody takes mail for ${formatMailbox(node.mailbox)}`;
    tell(run, { kind: "note", node: node.id, text });
    node.mailbox = dest;
    return match;
  }
  return { kind: "none" };
}

/** A domain that the rule names in full: the first of a list in the configuration, the next of a file. */
async function domainOf(run: Run, node: AddressNode, rule: Rule): Promise<Domain | null> {
  if (rule.outcome.kind === "reject" || rule.for.kind !== "domain") return null;
  const { table, negated, regex } = rule.for.criterion;
  if (negated || regex) return null;
  const spec = run.policy.tables[table];
  // Of an inline list the order is the writer's; in a database who knows what stands first.
  const names = spec?.kind === "static"
    ? spec.entries.map(([key]) => key)
    : spec?.kind === "file"
    ? [await tablesFor(run, node).table(table).fetch("domain") ?? ""]
    : [];
  const domains = names.map((name) => parseUnicodeDomain(name));
  return domains.find((domain) => domain !== null && !isAddressLiteral(domain)) ?? null;
}

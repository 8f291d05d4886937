/** What the filters of a listener would say of a session that `explain` is asked about. It is `runFilters` that
 * answers. */

import { formatMailbox, formatPath, parseForwardPath, parseReversePath } from "../mail/address.ts";
import { parseDomain } from "../mail/domain.ts";
import type { Candidate } from "../policy/expand.ts";
import { type FilterStep, type FilterTables, type PeerName, runFilters } from "../policy/filter_run.ts";
import { unknownHostname } from "../policy/hostname.ts";
import type { Policy } from "../policy/policy.ts";
import { printDecision } from "../policy/print_filter.ts";
import type { TraceEvent } from "../policy/trace.ts";
import { replies, type Reply } from "../smtp/reply.ts";
import type { FilterPhase } from "../smtp/session_face.ts";

/** What comes of a session before its recipient is looked at. */
export interface FilteredCandidate {
  /** As the filters have written it. */
  readonly candidate: Candidate;
  /** What was tried, in order. */
  readonly events: readonly TraceEvent[];
  /** Null when the filters let it pass. */
  readonly refusal: { readonly reply: Reply; readonly reason: string } | null;
}

/** Phases that are asked about: what comes later depends on the message. */
const phases: readonly FilterPhase[] = ["connect", "ehlo", "mail-from", "rcpt-to"];

/** Asks the filter or chain `filter` in the phases of a session up to its recipient. Never rejects for what a table says or
 * fails to say. */
export async function filterCandidate(
  candidate: Candidate,
  filter: string,
  policy: Policy,
  tables: FilterTables,
): Promise<FilteredCandidate> {
  const events: TraceEvent[] = [];
  let passed = candidate;
  for (const phase of phases) {
    const { origin, sender, rcpt } = passed;
    const facts = {
      helo: phase === "connect" ? "" : origin.helo,
      username: phase === "connect" || phase === "ehlo" ? "" : origin.username,
      sender: phase === "connect" || phase === "ehlo" ? null : sender === null ? "" : formatMailbox(sender),
      rcpt: phase === "rcpt-to" ? formatMailbox(rcpt) : null,
    };
    const told = { table: tables.table, peerName: (address: string) => peerOf(candidate, address, tables) };
    const question = { phase, facts, address: origin.address };
    const verdict = await runFilters(policy, filter, question, told, (step) => events.push(eventOf(phase, step)));
    const reason = `the filters refuse it in phase ${phase}`;
    if ("reply" in verdict) return { candidate: passed, events, refusal: { reply: verdict.reply, reason } };
    if (verdict.kind === "junk") events.push({ kind: "note", node: 0, text: "the mail is marked as spam" });
    if (verdict.kind !== "rewrite") continue;
    const written = rewrite(passed, phase, verdict.value, policy);
    if ("code" in written) {
      return { candidate: passed, events, refusal: { reply: written, reason: `${reason}: ${verdict.value} is none` } };
    }
    passed = written;
  }
  return { candidate: passed, events, refusal: null };
}

/** A name that the question gives is taken as one that leads back. */
async function peerOf({ origin }: Candidate, address: string, tables: FilterTables): Promise<PeerName> {
  return origin.hostname === unknownHostname
    ? await tables.peerName(address)
    : { name: origin.hostname, forward: "pass" };
}

function eventOf(phase: FilterPhase, { filter, place, option, subject, holds, decision }: FilterStep): TraceEvent {
  const test = { option, subject, holds };
  return { kind: "filter", node: 0, phase, filter, place, test, decision: printDecision(decision) };
}

/** Reads a value as the session does, without its parameters. A reply where it cannot be read. */
function rewrite(
  candidate: Candidate,
  phase: FilterPhase,
  value: string,
  { serverName }: Pick<Policy, "serverName">,
): Candidate | Reply {
  const { origin } = candidate;
  switch (phase) {
    case "ehlo":
      return parseDomain(value) === null ? replies.invalidDomain : { ...candidate, origin: { ...origin, helo: value } };
    case "mail-from": {
      const parsed = parseReversePath(value, serverName);
      return parsed === null ? replies.senderSyntax : { ...candidate, sender: parsed.path };
    }
    case "rcpt-to": {
      const parsed = parseForwardPath(value, serverName);
      return parsed === null ? replies.recipientSyntax : { ...candidate, rcpt: parsed.path };
    }
    default:
      return candidate;
  }
}

/** The session after its filters, for people; empty where they changed nothing. */
export function changesOf(before: Candidate, after: Candidate): readonly string[] {
  const changes: string[] = [];
  if (before.origin.helo !== after.origin.helo) changes.push(`the client counts as ${after.origin.helo}`);
  if (before.sender !== after.sender) changes.push(`the sender is ${formatPath(after.sender)} from here on`);
  if (before.rcpt !== after.rcpt) changes.push(`the recipient is <${formatMailbox(after.rcpt)}> from here on`);
  return changes;
}

/** The answer to "what would become of such mail?": lookup gives it to smtpctl, and `smtpd -n` to who has only the file.
 * It is `expandRecipient` that answers, with a tracer. */

import type { ExplainedRoute } from "../delivery/explain_route.ts";
import type { SpfFinding } from "../trust/spf_result.ts";
import { type Candidate, expandRecipient, type TableSource, type Target } from "../policy/expand.ts";
import { type AskedFilter, traceKeeper } from "../policy/explain.ts";
import { Fault } from "../fault.ts";
import { formatMailbox } from "../mail/address.ts";
import { builtinTable, type Policy } from "../policy/policy.ts";
import { outgoingSender } from "../policy/rewrite.ts";
import type { TraceEvent } from "../policy/trace.ts";
import { plainHandling } from "../smtp/handling.ts";
import type { DsnRequest } from "../smtp/parameter.ts";
import { describeReply } from "../smtp/reply.ts";
import { parseUserinfo } from "../table/service.ts";
import { changesOf, filterCandidate, type FilteredCandidate } from "./explain_filters.ts";
import { draftOf } from "./draft.ts";
import type { EnvelopeDraft } from "./imsg.ts";

/** An envelope that queue would be offered. Plain data. */
export interface ExplainedEnvelope
  extends Pick<EnvelopeDraft, "kind" | "action" | "rcpt" | "dest" | "local" | "ttlMs"> {
  /** The argument of MAIL FROM that it is delivered with: rewritten, where the action says so. */
  readonly sender: EnvelopeDraft["sender"];
  /** The one that takes its place where SPF does not let us send for it; null where nobody has to ask. */
  readonly senderIfSpfFails: EnvelopeDraft["sender"];
  /** What SPF says of that sender now, for each address that we may connect from; none where nobody has asked. */
  readonly spf: readonly SpfFinding[];
  /** What the action does: `maildir`, `relay`. */
  readonly method: string;
  /** Where it goes next; null for local delivery, and before anybody was asked. */
  readonly route: ExplainedRoute | null;
}

/** What comes of the recipient. Plain data. */
export type ExplainedAnswer =
  | { readonly kind: "accepted"; readonly envelopes: readonly ExplainedEnvelope[] }
  /** The client is told `reply`; `reason` is for the log. */
  | { readonly kind: "refused"; readonly reply: string; readonly reason: string };

/** Steps and answer. */
export interface Explained {
  /** In order. */
  readonly events: readonly TraceEvent[];
  /** What they come to. */
  readonly answer: ExplainedAnswer;
}

/** Asks the filters, then expands a recipient as for delivery, and keeps what is told. Never rejects for what a table says
 * or fails to say. */
export async function explainRecipient(
  asked: Candidate,
  policy: Policy,
  tables: TableSource,
  filter: AskedFilter = { kind: "none" },
): Promise<Explained> {
  const { events, tell: keep } = traceKeeper();
  const filtered = filter.kind === "named" ? await filterCandidate(asked, filter.name, policy, tables) : null;
  const candidate = filtered?.candidate ?? asked;
  const early = earlyEvents(asked, filter, filtered);
  if (filtered !== null && filtered.refusal !== null) {
    const { reply, reason } = filtered.refusal;
    const text = formatMailbox(candidate.rcpt);
    keep({ kind: "node", node: 0, parent: null, element: "address", text });
    for (const event of early) keep(event);
    keep({ kind: "refused", node: 0, reply: describeReply(reply), reason });
    return { events, answer: { kind: "refused", reply: describeReply(reply), reason } };
  }
  // What the filters said comes before the rules, and behind the recipient that all of it is about.
  const tell = (event: TraceEvent): void => {
    keep(event);
    if (event.kind === "node" && event.node === 0) { for (const one of early) keep(one); }
  };
  const expansion = await expandRecipient(candidate, policy, tables, tell);
  if (expansion.kind === "refused") {
    return { events, answer: { kind: "refused", reply: describeReply(expansion.reply), reason: expansion.reason } };
  }
  for (const target of expansion.targets) {
    const note = await rootNote(target, policy, tables);
    if (note !== null) keep({ kind: "note", node: 0, text: note });
  }
  const envelopes = expansion.targets.map((target): ExplainedEnvelope => {
    const { kind, action: name, rcpt, dest, local, ttlMs, sender } = draftOf(
      policy,
      { ...candidate, dsn: noDsn, handling: plainHandling },
      target,
    );
    const action = policy.actions[name];
    const outgoing = action?.kind === "relay"
      ? outgoingSender({ sender, rcpt, dest }, action, tables.rewriting)
      : { sender, senderIfSpfFails: null };
    const method = action?.kind === "local" ? action.method.kind : "relay";
    return { kind, action: name, rcpt, dest, local, ttlMs, ...outgoing, spf: [], method, route: null };
  });
  return { events, answer: { kind: "accepted", envelopes } };
}

/** What is to be said where mail is to be written or given away with root's rights: only a plain mbox may
 * (delivery_local.ts). Null for nothing, and where the table does not say. */
async function rootNote(target: Target, { actions }: Policy, tables: TableSource): Promise<string | null> {
  const action = actions[target.action];
  if (target.kind !== "local" || action?.kind !== "local" || target.exec?.from === "table") return null;
  const isPlainMbox = target.exec === null && action.method.kind === "mbox" && action.wrapper === null;
  if (isPlainMbox) return null;
  const [table, name] = action.user === null ? [action.userbase, target.user] : [builtinTable.getpwnam, action.user];
  try {
    const info = parseUserinfo(await tables.table(table).lookup("userinfo", name) ?? "");
    if (info?.uid !== 0) return null;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return null;
  }
  return `delivery to ${name} fails: as root only \`mbox\` delivers, unless smtpd runs with --same-user`;
}

function earlyEvents(
  asked: Candidate,
  filter: AskedFilter,
  filtered: FilteredCandidate | null,
): readonly TraceEvent[] {
  const note = (text: string): TraceEvent => ({ kind: "note", node: 0, text });
  if (filter.kind === "unclear") return [note("listeners have different filters: name one with --listener")];
  return filtered === null ? [] : [...filtered.events, ...changesOf(asked, filtered.candidate).map(note)];
}

const noDsn: DsnRequest = { notify: [], ret: null, envId: null, originalRecipient: null };

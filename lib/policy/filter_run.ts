/** What the built-in filters of a listener say of a command: the first whose condition holds, and that does more than
 * report, decides (smtpd.conf(5), filter). */

import { assertNever, Fault } from "../fault.ts";
import { filterReply, replies } from "../smtp/reply.ts";
import type { FilterFacts, FilterVerdict } from "../smtp/session_face.ts";
import type { Service } from "../table/table.ts";
import type { FilterCondition, FilterDecision, FilterPhase } from "./filter.ts";
import { membersOf } from "./filter_phase.ts";
import { unknownHostname } from "./hostname.ts";
import type { TableLookup } from "./match.ts";
import type { Criterion, Place, Policy } from "./policy.ts";
import { negate, shortTables, type TableText } from "./rule_text.ts";

/** What filters are asked. */
export interface FilterQuestion {
  /** When. */
  readonly phase: FilterPhase;
  /** Facts of the session. */
  readonly facts: FilterFacts;
  /** The peer, as in `Origin`: `192.0.2.1`, `[2001:db8::1]` or `local`. */
  readonly address: string;
}

/** What the DNS says of a peer. */
export interface PeerName {
  /** In lower case; null when it has none, or the DNS does not say. */
  readonly name: string | null;
  /** Does the name lead back to the peer (forward-confirmed reverse DNS)? `error`: the DNS does not say. */
  readonly forward: "pass" | "fail" | "error";
}

/** Where filters look things up. */
export interface FilterTables extends Pick<TableLookup, "table"> {
  /** `address` is as in `Origin`. Never rejects. */
  peerName(address: string): Promise<PeerName>;
}

/** A filter that was tried. */
export interface FilterStep {
  /** Its name. */
  readonly filter: string;
  /** Its line. */
  readonly place: Place;
  /** The condition as in smtpd.conf: `!src <trusted>`. */
  readonly option: string;
  /** What it was tried on. */
  readonly subject: string;
  /** Null when a table could not answer: then the filter does nothing. */
  readonly holds: boolean | null;
  /** Why a table could not answer; empty otherwise. */
  readonly failure: string;
  /** What it does where the condition holds. */
  readonly decision: FilterDecision;
}

/** Asks the filter or chain `name` of the policy. `tell` is told of each filter that is tried, in order.
 *
 * Filters of other phases are passed over. Those that are programs are not run yet: what comes over the network is not
 * taken without them, mail of this machine is. `report` goes on with the next; `bypass` lets
 * the command pass without asking the others; `junk`, `rewrite`, `reject` and `disconnect` decide. A refusal with 421
 * ends the session (RFC 5321 §3.8). Where a table cannot answer, the filter does nothing, whether or not it says `!`.
 * Where a refusal depends on the DNS, and that cannot answer, the client is to come again: nobody is turned away for
 * good because a name server is down. */
export async function runFilters(
  policy: Pick<Policy, "filters" | "tables">,
  name: string,
  question: FilterQuestion,
  tables: FilterTables,
  tell: ((step: FilterStep) => void) | null = null,
): Promise<FilterVerdict> {
  const table = shortTables(policy);
  for (const filter of membersOf(policy.filters, name)) {
    if (filter.kind === "process") {
      if (question.phase !== "connect" || question.address === "local") continue;
      return { kind: "disconnect", reply: replies.filterNotRunning };
    }
    if (filter.phase !== question.phase) continue;
    const { condition, decision } = filter;
    const answer = await tryCondition(condition, question, tables);
    tell?.({
      filter: filter.name,
      place: filter.place,
      option: conditionText(condition, table),
      subject: answer.subject,
      holds: answer.holds,
      failure: answer.failure,
      decision,
    });
    if (answer.holds !== true || decision.kind === "report") continue;
    return verdictOf(decision, answer.isUncertain);
  }
  return { kind: "proceed" };
}

/** The condition as in smtpd.conf. */
export function conditionText(condition: FilterCondition, table: TableText): string {
  const { kind, criterion } = condition;
  if (criterion === null) return negate(kind, condition.negated);
  return negate(`${kind} ${criterion.regex ? "regex " : ""}${table(criterion.table)}`, criterion.negated);
}

/** What came of a condition. */
interface Answer {
  readonly holds: boolean | null;
  /** It rests on what the DNS could not say. */
  readonly isUncertain: boolean;
  readonly subject: string;
  readonly failure: string;
}

async function tryCondition(
  condition: FilterCondition,
  question: FilterQuestion,
  tables: FilterTables,
): Promise<Answer> {
  const { criterion } = condition;
  const peer = condition.kind === "rdns" || condition.kind === "fcrdns"
    ? await tables.peerName(question.address)
    : null;
  const subject = subjectOf(condition, question, peer);
  // A name that is known is certain, whether or not it leads back.
  const isUncertain = peer?.forward === "error" && (condition.kind === "fcrdns" || peer.name === null);
  if (criterion === null) {
    const holds = isTrue(condition.kind, question, peer) !== condition.negated;
    return { holds, isUncertain, subject, failure: "" };
  }
  try {
    const found = await isInTable(condition.kind, criterion, subject, tables);
    return { holds: found !== criterion.negated, isUncertain, subject, failure: "" };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { holds: null, isUncertain, subject, failure: error.message };
  }
}

function isTrue(kind: "fcrdns" | "rdns" | "auth", { facts }: FilterQuestion, peer: PeerName | null): boolean {
  switch (kind) {
    case "fcrdns":
      return peer?.forward === "pass";
    case "rdns":
      return peer !== null && peer.name !== null;
    case "auth":
      return facts.username !== "";
  }
}

/** What tables of each condition are asked. `rdns` of a peer without a name is `<unknown>`, as in OpenSMTPD. */
function subjectOf({ kind }: FilterCondition, { facts, address }: FilterQuestion, peer: PeerName | null): string {
  switch (kind) {
    case "fcrdns":
    case "rdns":
      return peer?.name ?? unknownHostname;
    case "src":
      return address;
    case "helo":
      return facts.helo;
    case "auth":
      return facts.username;
    case "mail-from":
      return facts.sender ?? "";
    case "rcpt-to":
      return facts.rcpt ?? "";
    default:
      return assertNever(kind);
  }
}

const services: Readonly<Record<FilterCondition["kind"], Service>> = {
  fcrdns: "domain",
  rdns: "domain",
  src: "netaddr",
  helo: "domain",
  auth: "string",
  "mail-from": "mailaddr",
  "rcpt-to": "mailaddr",
};

async function isInTable(
  kind: FilterCondition["kind"],
  { table: name, regex }: Criterion,
  subject: string,
  tables: FilterTables,
): Promise<boolean> {
  const table = tables.table(name);
  // Nobody has the empty name, but a regular expression may well match it.
  if (kind === "auth" && subject === "") return false;
  if (regex) return await table.check("regex", subject);
  // The null sender, as rules look it up.
  if (kind === "mail-from" && subject === "") return await table.check("mailaddr", "@");
  if (await table.check(services[kind], subject)) return true;
  if (kind !== "auth") return false;
  // As in OpenSMTPD: the users of a table of credentials count. A user's name may be an address, as in rules.
  if (subject.includes("@") && await table.check("mailaddr", subject)) return true;
  return await table.check("credentials", subject);
}

function verdictOf(decision: Exclude<FilterDecision, { kind: "report" }>, isUncertain: boolean): FilterVerdict {
  switch (decision.kind) {
    case "bypass":
      return { kind: "proceed" };
    case "junk":
      return { kind: "junk" };
    case "rewrite":
      return { kind: "rewrite", value: decision.value };
    case "reject":
    case "disconnect": {
      const reply = filterReply(decision.reply);
      if (isUncertain && reply.code >= 500) return { kind: decision.kind, reply: replies.nameUncertain };
      return { kind: reply.code === 421 ? "disconnect" : decision.kind, reply };
    }
    default:
      return assertNever(decision);
  }
}

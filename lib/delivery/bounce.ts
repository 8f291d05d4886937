/** Whether a sender is told what became of a message, and the message that tells it.
 *
 * A notice is an envelope of kind `bounce`: durable from the moment there is something to tell, and gathered with the
 * others of its message about a second later into one report. Nobody is told about a message with the null sender, and
 * a notice that cannot be delivered is dropped: RFC 5321 §6.1. */

import type { LogEvent } from "../event_log.ts";
import { composeDsn, type DsnAction } from "../mail/dsn.ts";
import { type Domain, formatMailbox, formatPath, type Mailbox } from "../mail/address.ts";
import { nextAttempt, warningDue } from "../spool/backoff.ts";
import type { Origin } from "../policy/match.ts";
import { type Handling, plainHandling } from "../smtp/handling.ts";
import type { DsnRequest } from "../smtp/parameter.ts";
import { chunkLengthMax, type Envelope, type LastStatus, type StoredMessage } from "../spool/envelope.ts";
import { evpIdOf, type MsgId } from "../spool/id.ts";
import { type Judge, noticeDelayMs, type Verdict } from "../spool/schedule.ts";
import type { SpoolChange } from "../spool/store.ts";

/** What the configuration decides about notices. */
export interface NoticeRules {
  /** How long the delivery of a notice is tried, ms: `queue ttl`. */
  readonly ttlMs: number;
  /** `bounce warn-interval`, ms. */
  readonly warnAfterMs: readonly number[];
  /** An unpredictable number, 1 … 2^32-1, for the envelope of a warning. */
  readonly number: () => number;
}

/** Largest original that is returned whole, octets; of larger ones only the header. */
export const returnedLengthMax = 1024 * 1024;

/** How long a notice is tried at least, ms: a sender hears of mail that lived for a minute, too. */
export const noticeTtlMinMs = 86_400_000;

/** Notices that make one report. */
export interface BouncePlan {
  /** What the report says happened. */
  readonly action: DsnAction;
  /** The message it is about. */
  readonly original: MsgId;
  /** Who gets the report. */
  readonly sender: Mailbox;
  /** For finding out where the report goes: the sender's address is its recipient, and its own sender is null. */
  readonly origin: Origin;
  /** RFC 3461 §6.1: nobody is told what becomes of a report. */
  readonly dsn: DsnRequest;
  /** What the report takes over from the message. */
  readonly handling: Handling;
  /** At least one, all of kind `bounce`. */
  readonly notices: readonly Envelope[];
}

/** What to do about due notices of one message. */
export interface BouncePlans {
  /** One per report to compose. */
  readonly plans: readonly BouncePlan[];
  /** Nobody can be told of these: they have failed. */
  readonly dropped: readonly Envelope[];
}

/** The judge of a Schedule: what an attempt's outcome makes of its envelope. */
export function judgeBy(rules: NoticeRules): Judge {
  return (envelope, status, now) => {
    if (envelope.kind === "bounce") return judgeNotice(envelope, status, now);
    switch (status.kind) {
      case "delivered":
      case "relayed":
        // A server that took the message with its DSN parameters reports itself: RFC 3461 §5.2.
        if (status.kind === "delivered" && envelope.kind === "mta") return gone([]);
        return tellsOfSuccess(envelope, status)
          ? { next: noticeOf(envelope, status, now, rules.ttlMs), notice: null, log: [] }
          : gone([]);
      case "delayed":
        return judgeDelay(envelope, status, now, rules);
      case "failed":
        return judgeFailure(envelope, status, now, rules);
    }
  };
}

/** Sorts due notices, of one message, into reports. Pure. */
export function planBounces(notices: readonly Envelope[]): BouncePlans {
  const plans = new Map<string, BouncePlan & { readonly notices: Envelope[] }>();
  const dropped: Envelope[] = [];
  for (const notice of notices) {
    const { sender, last, origin } = notice;
    if (sender === null || last === null) {
      dropped.push(notice);
      continue;
    }
    const delay = last.kind === "delayed" ? `${notice.lastWarnAt - notice.createdAt} ${notice.expiresAt}` : "";
    const key = [notice.message, formatMailbox(sender), origin.smtpName, last.kind, delay].join(" ");
    const plan = plans.get(key);
    if (plan !== undefined) plan.notices.push(notice);
    else plans.set(key, { ...newPlan(notice, sender, last.kind), notices: [notice] });
  }
  return { plans: [...plans.values()], dropped };
}

/** How many pieces of the original `composeBounce` wants: all, or the first, which has the header. */
export function piecesWanted(plan: BouncePlan, original: StoredMessage): number {
  return wantsWhole(plan, original) ? original.chunks : Math.min(1, original.chunks);
}

/** The report as changes that store it and delete its notices, in one transaction: apply them whole.
 * `content` is the pieces of the original that `piecesWanted` asked for; `envelopes` carry the report, id
 * `message`, to where the sender's mail goes. */
export function composeBounce(plan: BouncePlan, report: {
  readonly message: MsgId;
  readonly at: number;
  readonly original: StoredMessage;
  readonly content: readonly Uint8Array[];
  readonly envelopes: readonly Envelope[];
  /** Writes a date of a header field. */
  readonly date: (time: number) => string;
}): SpoolChange[] {
  const first = plan.notices[0];
  const bytes = composeDsn({
    action: plan.action,
    id: report.message,
    originalId: plan.original,
    hostname: plan.origin.smtpName as Domain,
    sender: plan.sender,
    at: report.at,
    arrivalAt: report.original.createdAt,
    smtpUtf8: plan.handling.smtpUtf8,
    envId: plan.notices.find((notice) => notice.dsn.envId !== null)?.dsn.envId ?? null,
    recipients: plan.notices.map(recipientOf),
    delay: plan.action === "delayed" && first !== undefined
      ? { forMs: first.lastWarnAt - first.createdAt, retryUntil: first.expiresAt }
      : null,
    content: joined(report.content),
    isWhole: wantsWhole(plan, report.original) && report.content.length === report.original.chunks,
    date: report.date,
  });
  const changes: SpoolChange[] = [];
  for (let start = 0; start < bytes.length; start += chunkLengthMax) {
    const piece = bytes.subarray(start, start + chunkLengthMax);
    changes.push({ kind: "chunk", message: report.message, seq: changes.length, bytes: piece });
  }
  const stored = { id: report.message, size: bytes.length, chunks: changes.length, createdAt: report.at };
  changes.push({ kind: "commit", message: stored, envelopes: report.envelopes });
  for (const notice of plan.notices) changes.push({ kind: "delete", envelope: notice.id });
  return changes;
}

/** The log line for a notice that nobody gets. */
function doubleBounce(envelope: Envelope, status: LastStatus | null): LogEvent {
  return { priority: "warning", session: "", from: "queue", what: "double-bounce", fields: fieldsOf(envelope, status) };
}

function judgeNotice(notice: Envelope, status: LastStatus, now: number): Verdict {
  switch (status.kind) {
    case "delivered":
    case "relayed":
      return gone([]);
    case "delayed":
      // What is to be told stays: `last` is about the message, not about its notice.
      return { next: { ...notice, ...retryOf(notice, now) }, notice: null, log: [] };
    case "failed":
      return gone([doubleBounce(notice, status)]);
  }
}

/** RFC 3461 §5.2; RFC 2852 §4.1.4: who wants to know in time hears that the message went to where nobody keeps it. */
function tellsOfSuccess({ sender, dsn, handling }: Envelope, { kind }: LastStatus): boolean {
  if (sender === null) return false;
  return dsn.notify.includes("success") ||
    (kind === "relayed" && handling.deliverBy !== null && !dsn.notify.includes("never"));
}

function judgeDelay(envelope: Envelope, status: LastStatus, now: number, rules: NoticeRules): Verdict {
  const next: Envelope = { ...envelope, ...retryOf(envelope, now), lastTryAt: now, last: status };
  const warnAt = mayTell(envelope, "delay") ? warningDue(next, warnTimes(envelope, rules, now)) : null;
  if (warnAt === null) return { next, notice: null, log: [] };
  // Lives as long as what it warns of: later it would be no warning.
  const notice: Envelope = {
    ...noticeOf(envelope, status, now, rules.ttlMs),
    id: evpIdOf(envelope.message, rules.number()),
    createdAt: envelope.createdAt,
    expiresAt: envelope.expiresAt,
    lastWarnAt: warnAt,
  };
  return { next: { ...next, lastWarnAt: warnAt }, notice, log: [] };
}

function judgeFailure(envelope: Envelope, status: LastStatus, now: number, rules: NoticeRules): Verdict {
  const log: LogEvent[] = [];
  if (status.enhanced === "5.4.7") {
    const fields = fieldsOf(envelope, status);
    log.push({ priority: "info", session: "", from: "queue", what: "expire", fields });
  }
  if (envelope.sender === null) return gone([...log, doubleBounce(envelope, status)]);
  if (!mayTell(envelope, "failure")) return gone(log);
  return { next: noticeOf(envelope, status, now, rules.ttlMs), notice: null, log };
}

/** RFC 2852 §4.1.2: a sender who asked is told when the time has come, not before. */
function warnTimes({ createdAt, handling }: Envelope, { warnAfterMs }: NoticeRules, now: number): readonly number[] {
  const { deliverBy } = handling;
  if (deliverBy?.mode !== "notify" || deliverBy.at > now) return warnAfterMs;
  return [...warnAfterMs, Math.max(1, deliverBy.at - createdAt)].sort((a, b) => a - b);
}

/** RFC 3461 §4.1: without NOTIFY the sender is told of failure and delay; with it, of what it names. */
function mayTell({ sender, dsn }: Envelope, what: "failure" | "delay"): boolean {
  return sender !== null && (dsn.notify.length === 0 || dsn.notify.includes(what));
}

function noticeOf(envelope: Envelope, status: LastStatus, now: number, ttlMs: number): Envelope {
  return {
    ...envelope,
    kind: "bounce",
    createdAt: now,
    expiresAt: now + Math.max(ttlMs, noticeTtlMinMs),
    nextAt: now + noticeDelayMs,
    attempts: 0,
    lastTryAt: now,
    last: status,
    suspended: false,
  };
}

function retryOf(envelope: Envelope, now: number): Pick<Envelope, "attempts" | "nextAt"> {
  const attempts = envelope.attempts + 1;
  const nextAt = nextAttempt(envelope.kind, envelope.createdAt, attempts, now);
  const { deliverBy } = envelope.handling;
  // The time that the sender is to be told at does not pass between two attempts.
  const by = deliverBy?.mode === "notify" && deliverBy.at > now ? deliverBy.at : Infinity;
  return { attempts, nextAt: Math.min(nextAt, envelope.expiresAt, by) };
}

function gone(log: readonly LogEvent[]): Verdict {
  return { next: null, notice: null, log };
}

function newPlan(notice: Envelope, sender: Mailbox, action: DsnAction): Omit<BouncePlan, "notices"> {
  const { smtpName } = notice.origin;
  return {
    action,
    original: notice.message,
    sender,
    origin: {
      address: "local",
      hostname: "localhost",
      helo: smtpName,
      smtpName,
      tag: "",
      username: "",
      tls: false,
    },
    dsn: { notify: ["never"], ret: null, envId: null, originalRecipient: null },
    // All notices of a message have the same. RFC 8689 §5: a report of a message that was to travel under TLS is too.
    handling: { ...plainHandling, smtpUtf8: notice.handling.smtpUtf8, requireTls: notice.handling.requireTls },
  };
}

// RFC 3461 §4.3: RET is about reports of failure. Without it the header is enough. RFC 8689 §5: the content of a message
// that was to travel under TLS is not returned, whatever RET says.
function wantsWhole(plan: BouncePlan, original: StoredMessage): boolean {
  return plan.action === "failed" && !plan.handling.requireTls && original.size <= returnedLengthMax &&
    plan.notices.some((notice) => notice.dsn.ret === "full");
}

function recipientOf(notice: Envelope) {
  return {
    rcpt: notice.rcpt,
    dest: notice.dest,
    original: notice.dsn.originalRecipient,
    status: notice.last?.enhanced ?? "5.0.0",
    text: notice.last?.text ?? "",
    // Of a local delivery `by` names no server.
    by: notice.local === null ? notice.last?.by ?? "" : "",
    lastTryAt: notice.lastTryAt,
  };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function fieldsOf(envelope: Envelope, status: LastStatus | null): LogEvent["fields"] {
  return {
    evpid: envelope.id,
    from: formatPath(envelope.sender),
    to: formatPath(envelope.dest),
    rcpt: formatPath(envelope.rcpt),
    stat: status?.text ?? "",
  };
}

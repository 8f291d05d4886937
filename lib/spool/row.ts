/** Envelopes as rows: a column for what is searched or shown, and JSON for the rest. Shared by every SQL store. */

import type { Domain, Mailbox, ReversePath } from "../mail/address.ts";
import type { SqlValue } from "../port.ts";
import { type LocalExec, parseExec } from "../policy/exec.ts";
import type { Origin } from "../policy/match.ts";
import { type Handling, parseHandling, plainHandling } from "../smtp/handling.ts";
import type { DsnRequest } from "../smtp/parameter.ts";
import type { Envelope, LastStatus, LocalTarget } from "./envelope.ts";
import { evpIdOf, msgIdOf, numberOfEvpId, numberOfMsgId } from "./id.ts";

/** The columns of an envelope, in the order of `rowOf` and `envelopeOf`. The first two are its key. */
export const envelopeColumns = [
  "message",
  "low",
  "kind",
  "suspended",
  "next_at",
  "action",
  "sender",
  "rcpt",
  "dest",
  "created_at",
  "expires_at",
  "attempts",
  "last_try_at",
  "status",
  "detail",
] as const;

/** Numbers that stand for kinds in the `kind` column. */
export const kindNumber = { mda: 0, mta: 1, bounce: 2 } as const;

const kinds = ["mda", "mta", "bounce"] as const;

/** What the `detail` column holds, as JSON. */
interface Detail {
  /** Rows of the first version have no `exec`. */
  readonly local: (Omit<LocalTarget, "exec"> & { readonly exec?: LocalExec | null }) | null;
  readonly origin: Origin;
  readonly dsn: DsnRequest;
  /** Rows of the first version have none. */
  readonly handling?: unknown;
  readonly lastWarnAt: number;
  /** The last status without its text, which is the `status` column. */
  readonly last: Pick<LastStatus, "kind" | "enhanced" | "by"> | null;
}

/** The row of an envelope. */
export function rowOf(envelope: Envelope): SqlValue[] {
  const { last } = envelope;
  const detail: Detail = {
    local: envelope.local,
    origin: envelope.origin,
    dsn: envelope.dsn,
    // Most mail asks for nothing.
    ...(isPlain(envelope.handling) ? {} : { handling: envelope.handling }),
    lastWarnAt: envelope.lastWarnAt,
    last: last === null ? null : { kind: last.kind, enhanced: last.enhanced, by: last.by },
  };
  return [
    numberOfMsgId(envelope.message),
    numberOfEvpId(envelope.id),
    kindNumber[envelope.kind],
    envelope.suspended ? 1 : 0,
    envelope.nextAt,
    envelope.action,
    envelope.sender === null ? null : textOf(envelope.sender),
    textOf(envelope.rcpt),
    textOf(envelope.dest),
    envelope.createdAt,
    envelope.expiresAt,
    envelope.attempts,
    envelope.lastTryAt,
    last === null ? null : last.text,
    JSON.stringify(detail),
  ];
}

/** The envelope of a row; null when the row is not one that `rowOf` made. */
export function envelopeOf(row: readonly SqlValue[]): Envelope | null {
  const [message, low, kindCode, suspended, nextAt, action, sender, rcpt, dest] = row;
  const [createdAt, expiresAt, attempts, lastTryAt, status, detailText] = row.slice(9);
  const kind = typeof kindCode === "number" ? kinds[kindCode] : undefined;
  const detail = typeof detailText === "string" ? parseDetail(detailText) : null;
  const handling = detail?.handling === undefined ? plainHandling : parseHandling(detail.handling);
  const rcptPath = mailboxOf(rcpt);
  const destPath = mailboxOf(dest);
  const senderPath: ReversePath = mailboxOf(sender);
  if (kind === undefined || detail === null || rcptPath === null || destPath === null) return null;
  if (handling === null || typeof action !== "string" || (sender !== null && senderPath === null)) return null;
  const id = msgIdOf(Number(message));
  return {
    id: evpIdOf(id, Number(low)),
    message: id,
    kind,
    action,
    sender: senderPath,
    rcpt: rcptPath,
    dest: destPath,
    local: detail.local === null ? null : { ...detail.local, exec: detail.local.exec ?? null },
    origin: detail.origin,
    dsn: detail.dsn,
    handling,
    createdAt: Number(createdAt),
    expiresAt: Number(expiresAt),
    nextAt: Number(nextAt),
    attempts: Number(attempts),
    lastTryAt: Number(lastTryAt),
    lastWarnAt: detail.lastWarnAt,
    last: detail.last === null ? null : {
      kind: detail.last.kind,
      enhanced: detail.last.enhanced,
      text: typeof status === "string" ? status : "",
      by: detail.last.by,
    },
    suspended: suspended === 1,
  };
}

function isPlain(handling: Handling): boolean {
  const { smtpUtf8, body, requireTls, priority, holdUntil, deliverBy } = handling;
  return !smtpUtf8 && body === "7bit" && !requireTls && priority === 0 && holdUntil === 0 && deliverBy === null;
}

// A domain holds no "@", so the last one parts the two, whatever the local part holds.
function textOf(mailbox: Mailbox): string {
  return `${mailbox.localPart}@${mailbox.domain}`;
}

function mailboxOf(value: SqlValue | undefined): Mailbox | null {
  if (typeof value !== "string") return null;
  const at = value.lastIndexOf("@");
  return at < 0 ? null : { localPart: value.slice(0, at), domain: value.slice(at + 1) as Domain };
}

// Trusts the members' types: only this file writes the column. What it must survive is a row edited by hand.
function parseDetail(text: string): Detail | null {
  try {
    const detail: Detail = JSON.parse(text);
    const whole = typeof detail === "object" && detail !== null && typeof detail.lastWarnAt === "number" &&
      typeof detail.origin?.address === "string" && Array.isArray(detail.dsn?.notify) &&
      detail.local !== undefined && detail.last !== undefined;
    const exec = detail.local?.exec ?? null;
    // What is run or written to is not taken from a row that has it half.
    return whole && (exec === null || parseExec(exec) !== null) ? detail : null;
  } catch {
    return null;
  }
}

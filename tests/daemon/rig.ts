/** What tests of roles need around them. */

import { ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Log, LogEvent } from "../../lib/event_log.ts";
import type { EnvelopeDraft, RecipientQuestion } from "../../lib/daemon/imsg.ts";
import { SessionDesk } from "../../lib/daemon/session_desk.ts";
import type { ConfigurationStatus } from "../../lib/daemon/reload.ts";
import type { Successors } from "../../lib/daemon/supervision.ts";
import type { Listener, Policy } from "../../lib/policy/policy.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { evpIdOf, type MsgId, msgIdOf } from "../../lib/spool/id.ts";
import type { SpoolStore } from "../../lib/spool/store.ts";
import { loadText } from "../policy/config_fixture.ts";
import { exampleEnvelope, mailboxOf } from "../support/envelope.ts";

/** Local mail for example.org to Maildirs, everything else to its MX. */
export const policyText = `
table aliases { root = ann }
table users { ann = 1001:1001:/home/ann, bob = 1002:1002:/home/bob }
listen on 192.0.2.10
action "box" maildir "/mail/%{user.username}" userbase <users> alias <aliases>
action "out" relay
match from any for domain "example.org" action "box"
match from any for any action "out"
`;

/** The policy of a configuration. */
export function policyOf(text: string = policyText): Policy {
  const loaded = loadText(text);
  ok(loaded.kind === "ok", JSON.stringify(loaded));
  return loaded.policy;
}

/** Where nobody answers questions about sessions. */
export const noSessions = new SessionDesk({}, [], () => {});

/** Whom a role works with when there was no reload. */
export const firstSuccessors: Successors = { lookup: "lookup", delivery: "delivery" };

/** A configuration that is in force since the start. */
export const firstConfiguration: ConfigurationStatus = {
  file: "/etc/mail/smtpd.conf",
  version: 1,
  loadedAt: 0,
  failure: null,
};

/** A log that is kept. `words` are its lines, as `what` and some fields. */
export class KeptLog {
  readonly events: LogEvent[] = [];
  readonly log: Log = (event) => void this.events.push(event);

  /** The events of a kind. */
  of(what: string): readonly LogEvent[] {
    return this.events.filter((event) => event.what === what);
  }
}

/** An envelope as lookup offers it; to a user of ours when the address is of example.org. */
export function draftTo(rcpt: string, change: Partial<EnvelopeDraft> = {}): EnvelopeDraft {
  const { origin, dsn, handling, sender } = exampleEnvelope;
  const to = mailboxOf(rcpt);
  const isLocal = to.domain === "example.org";
  return {
    kind: isLocal ? "mda" : "mta",
    action: isLocal ? "box" : "out",
    sender,
    rcpt: to,
    dest: to,
    local: isLocal ? { user: to.localPart, subAddress: "", exec: null } : null,
    origin,
    dsn,
    handling,
    ttlMs: 4 * 86_400_000,
    ...change,
  };
}

/** What smtp-in asks of a recipient, for a session that nobody has logged in by. It came by the listener of that kind. */
export function recipientQuestion(
  { listeners }: Pick<Policy, "listeners">,
  rcpt: string,
  change: Partial<RecipientQuestion> = {},
  kind: Listener["kind"] = "inet",
): RecipientQuestion {
  const { origin: { tag: _, ...claim }, sender, dsn, handling } = exampleEnvelope;
  return {
    kind: "expand",
    request: 5,
    message: msg(3),
    session: "0123456789abcdef",
    listener: listeners.findIndex((one) => one.kind === kind),
    claim: { ...claim, username: "" },
    sender,
    rcpt: mailboxOf(rcpt),
    dsn,
    handling,
    ...change,
  };
}

/** Puts a message into a spool, due at `at`. Its envelopes are numbered from 1. */
export async function plant(
  store: SpoolStore,
  message: MsgId,
  at: number,
  drafts: readonly EnvelopeDraft[],
  pieces: readonly Uint8Array[] = [bytesOf("Subject: hello\r\n\r\nHello.\r\n")],
): Promise<readonly Envelope[]> {
  const envelopes = drafts.map(({ ttlMs, ...draft }, index): Envelope => ({
    ...draft,
    id: evpIdOf(message, index + 1),
    message,
    createdAt: at,
    expiresAt: at + ttlMs,
    nextAt: at,
    attempts: 0,
    lastTryAt: 0,
    lastWarnAt: 0,
    last: null,
    suspended: false,
  }));
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  await store.apply([
    ...pieces.map((bytes, seq) => ({ kind: "chunk", message, seq, bytes }) as const),
    { kind: "commit", message: { id: message, size, chunks: pieces.length, createdAt: at }, envelopes },
  ]);
  return envelopes;
}

/** The message id of a small number. */
export function msg(n: number): MsgId {
  return msgIdOf(n);
}

/** The octets of a text. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** The text of octets. */
export function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? "" : Buffer.from(bytes).toString("latin1");
}

/** All of a message's content, null when the store has it not. */
export async function contentOf(store: SpoolStore, message: MsgId): Promise<Uint8Array | null> {
  const stored = await store.message(message);
  if (stored === null) return null;
  const pieces: Uint8Array[] = [];
  for (let seq = 0; seq < stored.chunks; seq++) {
    const piece = await store.chunk(message, seq);
    ok(piece, `piece ${seq}`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** All envelopes of a spool. */
export function envelopesOf(store: SpoolStore): Promise<readonly Envelope[]> {
  return store.list({}, null, 10_000);
}

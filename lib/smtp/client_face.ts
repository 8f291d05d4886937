/** What a client session is told and what it tells: the types of client.ts. */

import type { LogEvent } from "../event_log.ts";
import type { Fault, FaultKind } from "../fault.ts";
import type { Domain } from "../mail/address.ts";
import type { ClientMessage } from "./client_command.ts";
import type { Reply } from "./reply.ts";

/** How far a session or transaction had come: what was last sent, or awaited. */
export type ClientStage =
  | "greeting"
  | "hello"
  | "mail"
  | "rcpt"
  | "data"
  /** Content is being sent; its end is not. */
  | "content"
  /** The end of the content is sent: whether the server has the message is unknown until it answers. */
  | "dot"
  | "reset"
  | "idle"
  | "quit";

/** How long the server may take, ms, and how much it may refuse. */
export interface ClientLimits {
  /** For the greeting. */
  readonly greetingMs: number;
  /** For the answer to EHLO, HELO or LHLO. */
  readonly helloMs: number;
  /** For the answer to MAIL. */
  readonly mailMs: number;
  /** For the answer to each RCPT. */
  readonly rcptMs: number;
  /** For the answer to DATA. */
  readonly dataMs: number;
  /** For each piece of content to be taken. */
  readonly blockMs: number;
  /** For the answer to the end of the content. */
  readonly dotMs: number;
  /** For the answer to RSET. */
  readonly resetMs: number;
  /** For the answer to QUIT. */
  readonly quitMs: number;
  /** Messages of a session; then QUIT. */
  readonly messagesMax: number;
  /** Recipients refused in a row; then QUIT. */
  readonly refusedRecipientsMax: number;
  /** Messages in a row of which no recipient was taken; then QUIT. */
  readonly fruitlessMessagesMax: number;
}

const minute = 60_000;

/** Times of RFC 5321 §4.5.3.2; counts are OpenSMTPD's `session-mail-max`, `max-failures-per-session` and tries. */
export const clientLimits: ClientLimits = {
  greetingMs: 5 * minute,
  helloMs: 5 * minute,
  mailMs: 5 * minute,
  rcptMs: 5 * minute,
  dataMs: 2 * minute,
  blockMs: 3 * minute,
  dotMs: 10 * minute,
  resetMs: 5 * minute,
  // Nothing is gained by waiting for the answer to QUIT.
  quitMs: 10_000,
  messagesMax: 100,
  refusedRecipientsMax: 25,
  fruitlessMessagesMax: 10,
};

/** What a session is told once. */
export interface ClientConfig {
  /** 16 hexadecimal digits: the session's name in the log. */
  readonly session: string;
  /** Our name in EHLO. */
  readonly helo: Domain;
  /** LMTP has no HELO, and answers the content once for each recipient. */
  readonly protocol: "smtp" | "lmtp";
  /** How patient the session is. */
  readonly limits: ClientLimits;
}

/** What happens to a session. `at` is ms on one clock that never goes back. */
export type ClientEvent =
  /** First. */
  | { readonly kind: "connected"; readonly at: number }
  /** The array may be reused once `step` has returned. */
  | { readonly kind: "bytes"; readonly at: number; readonly bytes: Uint8Array }
  /** Wanted at `deadline`; one too early does no harm. */
  | { readonly kind: "tick"; readonly at: number }
  /** The connection is gone. `fault` is null when the peer closed it in order. */
  | { readonly kind: "eof"; readonly at: number; readonly fault: Fault | null }
  /** Hand this over. Only after `ready`, once. */
  | { readonly kind: "send"; readonly at: number; readonly message: ClientMessage }
  /** The answer to `needContent`: the next piece, CRLF line ends. The array must not change afterwards. */
  | { readonly kind: "content"; readonly at: number; readonly bytes: Uint8Array; readonly last: boolean }
  /** The other answer: the content cannot be had. */
  | { readonly kind: "contentFailed"; readonly at: number }
  /** Hang up at once; `detail` is a clause for people. */
  | { readonly kind: "abort"; readonly at: number; readonly detail: string }
  /** Say goodbye once what is in hand is done. */
  | { readonly kind: "quit"; readonly at: number };

/** What became of one recipient, or why a session ended. `delivery/outcome.ts` says what it means. */
export type ClientVerdict =
  /** The server said so. `reports`: it will report on the message if need be, by DSN (RFC 3461) or as LMTP does. */
  | { readonly kind: "reply"; readonly stage: ClientStage; readonly reply: Reply; readonly reports: boolean }
  /** The connection was lost, or what came over it is not SMTP. `detail` is a clause for people. */
  | { readonly kind: "lost"; readonly stage: ClientStage; readonly cause: LossCause; readonly detail: string }
  /** The message has more octets than the server takes; it was not offered. */
  | { readonly kind: "tooLarge"; readonly limit: number }
  /** The path has characters that only SMTPUTF8 can carry. */
  | { readonly kind: "notAscii" }
  /** The message needs what the server does not offer: SMTPUTF8 for its header section, or DELIVERBY. */
  | { readonly kind: "unsupported"; readonly need: "utf8Header" | "deliverBy" }
  /** The server refused so many recipients in a row that the rest were not offered. */
  | { readonly kind: "tooManyRefused" }
  /** Our own queue did not give the content. */
  | { readonly kind: "noContent" };

/** Why a connection is of no use any more. */
export type LossCause = FaultKind | "protocol";

/** What a session wants done, in this order. */
export type ClientEffect =
  /** To the server. */
  | { readonly kind: "write"; readonly bytes: Uint8Array }
  /** A message may be sent. */
  | { readonly kind: "ready" }
  /** The next piece of content is wanted, once what was written has gone. */
  | { readonly kind: "needContent" }
  /** Final for the recipient with this index. */
  | { readonly kind: "recipient"; readonly index: number; readonly verdict: ClientVerdict }
  /** Every recipient of the message has had its verdict. */
  | { readonly kind: "done" }
  /** Send what was written, then close. Last. `reason` is null after a QUIT of ours. */
  | { readonly kind: "close"; readonly reason: ClientVerdict | null }
  | { readonly kind: "log"; readonly event: LogEvent };

/** What the server session is told, and what it says: the contract between smtp/session.ts and its shell. */

import type { LogEvent } from "../event_log.ts";
import type { Domain, ForwardPath, ReversePath } from "../mail/address.ts";
import type { DsnRequest } from "./parameter.ts";
import type { Reply } from "./reply.ts";

/** What a session may use up. `SmtpLimits` of the policy fits. */
export interface SessionLimits {
  /** Octets of a message as sent: CRLF line ends, not dot-stuffed. */
  readonly maxMessageSize: number;
  /** Recipients of a transaction. */
  readonly maxRecipients: number;
  /** Messages of a session. */
  readonly maxMails: number;
  /** Received fields at which a message is taken to loop. */
  readonly maxHops: number;
  /** How long the peer may take for a command, or for more of a message, ms. */
  readonly idleTimeoutMs: number;
}

/** What a session is told once. */
export interface SessionConfig {
  /** 16 hexadecimal digits: the session's name in the log. */
  readonly session: string;
  /** Our name: in the greeting, in Received fields, and the domain of addresses that have none. */
  readonly hostname: Domain;
  /** What it may use up. */
  readonly limits: SessionLimits;
  /** The submission socket: missing Date and Message-ID fields are added. */
  readonly local: boolean;
  /** Received fields do not tell where mail came from. */
  readonly maskSource: boolean;
  /** DSN (RFC 3461) is offered. Default false. */
  readonly dsn?: boolean;
  /** Local time at `at`, as `Clock.zone` tells it. */
  readonly zone: (at: number) => { readonly offsetMinutes: number; readonly name: string | null };
}

/** What happens to a session. `at` is the time, ms since the epoch. */
export type SessionEvent =
  /** First. `address` as in `Origin`: `192.0.2.1`, `[2001:db8::1]` or `local`; `hostname`: reverse name or `<unknown>`. */
  | { readonly kind: "connected"; readonly at: number; readonly address: string; readonly hostname: string }
  /** The array may be reused once `step` has returned. */
  | { readonly kind: "bytes"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "answer"; readonly at: number; readonly answer: SessionAnswer }
  /** Wanted at `deadline`; one too early does no harm. */
  | { readonly kind: "tick"; readonly at: number }
  /** The peer will send no more, or the connection is gone. */
  | { readonly kind: "eof"; readonly at: number }
  /** The daemon stops. */
  | { readonly kind: "shutdown"; readonly at: number };

/** A question to the rest of the daemon. At most one is open; each is answered by an answer of its kind. */
export type SessionAsk =
  /** An id for a new message. */
  | { readonly kind: "message" }
  /** Who gets this recipient's mail? */
  | {
    readonly kind: "recipient";
    readonly message: string;
    readonly helo: string;
    readonly sender: ReversePath;
    readonly rcpt: ForwardPath;
    readonly dsn: DsnRequest;
  }
  /** Make it durable. All of its content has gone out in `body` effects, `size` octets in all. */
  | { readonly kind: "commit"; readonly message: string; readonly size: number };

/** What the daemon says to an ask. */
export type SessionAnswer =
  /** Null: no message can be taken now. */
  | { readonly kind: "message"; readonly id: string | null }
  /** A 2xx reply means that the recipient is taken. */
  | { readonly kind: "recipient"; readonly reply: Reply }
  /** Anything but `committed` means that nothing of the message is kept. */
  | { readonly kind: "commit"; readonly result: "committed" | "noSpace" | "io" | "unknown" };

/** What a session wants done, in this order. An answer may only be given once all effects of a step are done. */
export type SessionEffect =
  /** To the peer. The bytes may be shared and are not to be changed. */
  | { readonly kind: "write"; readonly bytes: Uint8Array }
  | { readonly kind: "ask"; readonly ask: SessionAsk }
  /** The next piece of a message's content. The bytes are the receiver's to keep. */
  | { readonly kind: "body"; readonly message: string; readonly bytes: Uint8Array }
  /** Forget a message that was dealt and not committed. */
  | { readonly kind: "rollback"; readonly message: string }
  /** Send what was written, then close. Last; the session takes no more part. `linger` when the peer may still be
   * sending, as all may that did not say QUIT: closed at once, the connection would be reset and the last reply
   * lost. */
  | { readonly kind: "close"; readonly linger: boolean }
  | { readonly kind: "log"; readonly event: LogEvent };

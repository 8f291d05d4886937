/** What the server session is told, and what it says: the contract between smtp/session.ts and its shell. */

import type { LogEvent } from "../event_log.ts";
import type { Domain, ForwardPath, ReversePath } from "../mail/address.ts";
import type { Handling } from "./handling.ts";
import type { TlsInfo } from "../port_tls.ts";
import type { DsnRequest } from "./parameter.ts";
import type { Quirk } from "./lenient.ts";
import type { Reply } from "./reply.ts";
import type { SessionBounds } from "./session_bounds.ts";

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
  /** How long a message may be held before its first attempt, ms (RFC 4865). Default 0: no message is held. */
  readonly maxHoldMs?: number;
  /** Octets of a message's header section. Default `headerLengthMax`. */
  readonly maxHeaderSize?: number;
  /** Fields of a message's header section. Default `fieldsMax`. */
  readonly maxHeaders?: number;
  /** Octets of a message's line with CRLF. Default `bodyLineLengthMax`. */
  readonly maxLineLength?: number;
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
  /** How long the client may take, and how often it may be wrong. Default `defaultSessionBounds`. */
  readonly bounds?: SessionBounds;
  /** LMTP (RFC 2033) is spoken instead of SMTP. Default false. */
  readonly lmtp?: boolean;
  /** The submission socket: mail is completed, as on a `submission` listener. */
  readonly local: boolean;
  /** New mail comes here (RFC 6409): addresses get a domain, missing fields are added, Bcc goes. Mail of who has logged
   * in is completed on any listener. Default false. */
  readonly submission?: boolean;
  /** The domain of addresses in header fields that have none, and of Message-ID fields. Default `hostname`. */
  readonly headerDomain?: Domain;
  /** Received fields tell who has logged in. Default false. */
  readonly receivedAuth?: boolean;
  /** The sender of who has logged in replaces the author in From. Default false. */
  readonly masquerade?: boolean;
  /** Received fields do not tell where mail came from. */
  readonly maskSource: boolean;
  /** DSN (RFC 3461) is offered. Default false. */
  readonly dsn?: boolean;
  /** TLS of the listener: STARTTLS offered, MAIL refused before it, or there from the first octet. Default `none`. */
  readonly tls?: "none" | "offered" | "required" | "implicit";
  /** The client needs a certificate that an authority of ours has signed. Default false. */
  readonly verifiesClient?: boolean;
  /** Who may log in, and how; default nobody. */
  readonly auth?: SessionAuth | null;
  /** An authenticated user's senders are checked: `sender` is asked. Default false. */
  readonly checksSender?: boolean;
  /** So are the authors of his mail, those in From and Sender fields, at its end: `sender` is asked of each. Mail without
   * a From field is refused. Default false. */
  readonly bindsAuthor?: boolean;
  /** Phases in which a filter has a say: `filter` is asked, in `data-line` `lines`. Default none. */
  readonly filters?: ReadonlySet<FilterPhase | "data-line">;
  /** Quirks of the client that pass. Default `usualQuirks`. */
  readonly lenient?: ReadonlySet<Quirk>;
  /** Local time at `at`, as `Clock.zone` tells it. */
  readonly zone: (at: number) => { readonly offsetMinutes: number; readonly name: string | null };
}

/** Authentication on a listener. */
export interface SessionAuth {
  /** `required`: MAIL is refused before it. */
  readonly mode: "optional" | "required";
  /** SASL mechanisms to offer, in this order. */
  readonly mechanisms: readonly string[];
}

export type { TlsInfo };

/** When filters have a say in a command: smtpd-filters(7) calls them so. */
export type FilterPhase = "connect" | "helo" | "ehlo" | "auth" | "mail-from" | "rcpt-to" | "data" | "commit";

/** All of them, in the order of a session. */
export const filterPhases: readonly FilterPhase[] = [
  "connect",
  "helo",
  "ehlo",
  "auth",
  "mail-from",
  "rcpt-to",
  "data",
  "commit",
];

/** What a filter may look at, as far as it is known. */
export interface FilterFacts {
  /** The name given with HELO or EHLO, in that phase the one just given; empty before. */
  readonly helo: string;
  /** Authenticated user, empty for none. */
  readonly username: string;
  /** The sender, `user@domain`, empty for the null path; null before MAIL. */
  readonly sender: string | null;
  /** The recipient that is asked about, `user@domain`; null in all other phases. */
  readonly rcpt: string | null;
}

/** What happens to a session. `at` is the time, ms since the epoch. */
export type SessionEvent =
  /** First. `address` as in `Origin`: `192.0.2.1`, `[2001:db8::1]` or `local`; `hostname`: reverse name or `<unknown>`;
   * null while it is being looked up: `named` follows. */
  | {
    readonly kind: "connected";
    readonly at: number;
    readonly address: string;
    readonly hostname: string | null;
    /** Of a connection that has TLS already; null or absent for clear text. */
    readonly tls?: TlsInfo | null;
  }
  /** The name of the peer has been found out, or that it has none (`<unknown>`), at any time after `connected`. */
  | { readonly kind: "named"; readonly at: number; readonly hostname: string }
  /** The handshake that `startTls` asked for is done. When it fails, `eof` comes with the reason. */
  | { readonly kind: "tls"; readonly at: number; readonly tls: TlsInfo }
  /** The array may be reused once `step` has returned. */
  | { readonly kind: "bytes"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "answer"; readonly at: number; readonly answer: SessionAnswer }
  /** Wanted at `deadline`; one too early does no harm. */
  | { readonly kind: "tick"; readonly at: number }
  /** The peer will send no more, or the connection is gone. `reason` is for the log; absent: the peer has closed it. */
  | { readonly kind: "eof"; readonly at: number; readonly reason?: string }
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
    /** Authenticated user, empty for none. */
    readonly username: string;
    /** The session runs over TLS. */
    readonly tls: boolean;
    readonly sender: ReversePath;
    readonly rcpt: ForwardPath;
    readonly dsn: DsnRequest;
    readonly handling: Handling;
  }
  /** One step of a SASL exchange (RFC 4422): `response` is what the client said, decoded, one character per octet;
   * null when it said nothing yet. `step` counts from 0. `certificate`: for EXTERNAL, the SHA-256 fingerprint of the
   * client's certificate, which an authority of ours has signed (`TlsInfo.fingerprint`); null otherwise. */
  | {
    readonly kind: "authenticate";
    readonly mechanism: string;
    readonly step: number;
    readonly response: string | null;
    readonly certificate: string | null;
  }
  /** May this user send as this sender, or write as this author? */
  | { readonly kind: "sender"; readonly username: string; readonly sender: ReversePath }
  /** What do the filters say? `parameter` is the command's argument as smtpd-filters(7) has it. */
  | {
    readonly kind: "filter";
    readonly phase: FilterPhase;
    readonly parameter: string;
    readonly facts: FilterFacts;
  }
  /** What becomes of these lines of the message's content? The groups come in order, the last may be empty: lines can be
   * added at the end. Dots are not stuffed; fields of ours are not among them. As `LineGroup`. */
  | {
    readonly kind: "lines";
    readonly message: string;
    readonly lines: readonly string[];
    readonly isLast: boolean;
  }
  /** Make it durable. All of its content has gone out in `body` effects, `size` octets in all. */
  | { readonly kind: "commit"; readonly message: string; readonly size: number };

/** What the daemon says to an ask. */
export type SessionAnswer =
  /** Null: no message can be taken now. */
  | { readonly kind: "message"; readonly id: string | null }
  /** A 2xx reply means that the recipient is taken. */
  | { readonly kind: "recipient"; readonly reply: Reply }
  | { readonly kind: "authenticate"; readonly result: AuthResult }
  | { readonly kind: "sender"; readonly result: "allowed" | "refused" | "failed" }
  | { readonly kind: "filter"; readonly decision: FilterVerdict }
  /** The lines that take the place of those; null: a filter has failed, and the message is refused for now. So it is for
   * a line with CR, LF, NUL or a character above U+00FF. */
  | { readonly kind: "lines"; readonly lines: readonly string[] | null }
  /** Anything but `committed` means that nothing of the message is kept. */
  | { readonly kind: "commit"; readonly result: "committed" | "noSpace" | "io" | "unknown" };

/** What came of a step of a SASL exchange. */
export type AuthResult =
  /** Octets to say to the client, one character each; an answer is expected. */
  | { readonly kind: "challenge"; readonly text: string }
  /** `data`: octets that go with success (RFC 4422 §3.6); null for none. */
  | { readonly kind: "accepted"; readonly username: string; readonly data: string | null }
  /** `refused`: wrong user or password, or what the mechanism does not allow. `malformed`: what the client said is not of
   * the mechanism's form. `failed`: nobody can say now. `limited`: the client has failed too often (`smtp limit
   * max-auth-failures`). `username` is who tried; empty where that is not known. */
  | { readonly kind: "refused" | "malformed" | "failed" | "limited"; readonly username: string };

/** What filters say of a command. */
export type FilterVerdict =
  | { readonly kind: "proceed" }
  /** The mail is taken, and marked as spam. */
  | { readonly kind: "junk" }
  /** The command counts as given with this argument. */
  | { readonly kind: "rewrite"; readonly value: string }
  | { readonly kind: "reject" | "disconnect"; readonly reply: Reply };

/** What a session wants done, in this order. An answer may only be given once all effects of a step are done. */
export type SessionEffect =
  /** To the peer. The bytes may be shared and are not to be changed. */
  | { readonly kind: "write"; readonly bytes: Uint8Array }
  | { readonly kind: "ask"; readonly ask: SessionAsk }
  /** Send what was written, then begin TLS as its server; `tls` follows. What was read in clear text before is not to
   * be used: no `bytes` of it come any more. */
  | { readonly kind: "startTls" }
  /** The next piece of a message's content. The bytes are the receiver's to keep. */
  | { readonly kind: "body"; readonly message: string; readonly bytes: Uint8Array }
  /** Forget a message that was dealt and not committed. */
  | { readonly kind: "rollback"; readonly message: string }
  /** Send what was written, then close. Last; the session takes no more part. `linger` when the peer may still be
   * sending, as all may that did not say QUIT: closed at once, the connection would be reset and the last reply
   * lost. */
  | { readonly kind: "close"; readonly linger: boolean }
  /** One more for `smtpctl show stats`. `name` is our own: a few there are, and no text of the client's. */
  | { readonly kind: "count"; readonly name: string }
  | { readonly kind: "log"; readonly event: LogEvent };

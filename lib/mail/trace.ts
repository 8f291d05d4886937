/** Trace fields: what each server adds on top of a message. RFC 5321 §4.4. */

import type { Mailbox, ReversePath } from "./address.ts";
import { formatMailbox, formatPath } from "./address.ts";
import { literalOfAddress } from "./domain.ts";

/** What a Received field tells. */
export interface Received {
  /** Leave out where it came from (`mask-src`): the three that follow. */
  readonly isMasked: boolean;
  /** Name given with HELO or EHLO. */
  readonly helo: string;
  /** Reverse name of the peer, or `<unknown>`. */
  readonly hostname: string;
  /** Peer address with or without brackets, or `local`. */
  readonly address: string;
  /** Our name. */
  readonly by: string;
  /** What the client spoke: `withProtocol` makes a word of it. */
  readonly protocol: Protocol;
  /** Message id. */
  readonly id: string;
  /** The recipient when there is exactly one, so that none is told of another. */
  readonly forRcpt: Mailbox | null;
  /** As `formatDate` writes it. */
  readonly date: string;
  /** The connection's TLS; null or absent for clear text. */
  readonly tls?: ReceivedTls | null;
  /** Who has logged in, for a listener with `received-auth`: empty for nobody. Null or absent: not told. */
  readonly username?: string | null;
}

/** What a client spoke. */
export interface Protocol {
  /** How it said hello. */
  readonly base: "SMTP" | "ESMTP" | "LMTP";
  /** The message came with SMTPUTF8 (RFC 6531). */
  readonly isUtf8: boolean;
  /** The session ran over TLS. */
  readonly isTls: boolean;
  /** The client had logged in. */
  readonly isAuthenticated: boolean;
}

/** What a Received field tells of TLS. `TlsInfo` of a session fits. */
export interface ReceivedTls {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version: string;
  /** The library's name of the cipher suite. */
  readonly cipher: string;
  /** Strength of the cipher. */
  readonly bits: number;
  /** `verified`: the client showed a certificate that an authority of ours has signed. */
  readonly client: "none" | "unchecked" | "verified";
}

/** The `with` word of a Received field: RFC 3848, and RFC 6531 §4.3 for SMTPUTF8. QUIRK: HELO over TLS or with a login,
 * for which no word is registered, is `SMTPS`, `SMTPA` and `SMTPSA`, as OpenSMTPD has it. */
export function withProtocol({ base, isUtf8, isTls, isAuthenticated }: Protocol): string {
  const word = !isUtf8 ? base : base === "LMTP" ? "UTF8LMTP" : "UTF8SMTP";
  return word + (isTls ? "S" : "") + (isAuthenticated ? "A" : "");
}

/** The whole field, with CRLF line ends. Texts from the peer cannot break it: what is not a printable character
 * of a name becomes `?`. */
export function formatReceived(received: Received): string {
  const literal = literalOfAddress(received.address) ?? `[${tame(received.address)}]`;
  const from = received.isMasked ? "" : `from ${tame(received.helo)} (${tame(received.hostname)} ${literal})\r\n\t`;
  const by = `by ${received.by} (Postern) with ${withProtocol(received.protocol)} id ${received.id}${
    security(received)
  }`;
  const forLine = received.forRcpt === null ? "" : `\r\n\tfor <${formatMailbox(received.forRcpt)}>`;
  return `Received: ${from}${by}${forLine};\r\n\t${received.date}\r\n`;
}

/** The field that final delivery puts first. RFC 5321 §4.4; written for the null path too, as the RFC has it. */
export function formatReturnPath(sender: ReversePath): string {
  return `Return-Path: ${formatPath(sender)}\r\n`;
}

/** The field by which local delivery sees its own loops. RFC 9228. */
export function formatDeliveredTo(rcpt: Mailbox): string {
  return `Delivered-To: ${formatMailbox(rcpt)}\r\n`;
}

/** TLS, and who has logged in: told only where TLS kept the login from others, as OpenSMTPD has it. */
function security({ tls = null, username = null }: Received): string {
  if (tls === null) return "";
  const { version, cipher, bits, client } = tls;
  const clause = ` (${tame(version)}:${tame(cipher)}:${bits}:${client === "verified" ? "YES" : "NO"})`;
  if (username === null) return clause;
  return clause + (username === "" ? " auth=no" : ` auth=yes user=${tameUser(username)}`);
}

/** A user is no word of the field's grammar: what could end it, or be read as another clause, goes. */
function tameUser(text: string): string {
  return text.slice(0, userLengthMax).replace(/[^!#$%&'*+./0-9=?@A-Z^_`a-z{|}~-]/g, "?");
}

/** Most of a user's name that is told, characters: a line is to stay short of 998 octets. */
const userLengthMax = 255;

/** Leaves what names, literals and `<unknown>` are made of. */
function tame(text: string): string {
  return text.replace(/[^A-Za-z0-9._:<>[\]-]/g, "?");
}

/** What a client says to open a transaction, and what the server's answer to EHLO lets it say. */

import { formatLocalPart, formatPath, type ForwardPath, type ReversePath } from "../mail/address.ts";
import type { DsnRequest } from "./parameter.ts";
import { encodeXtext } from "../mail/xtext.ts";
import type { Reply } from "./reply.ts";

/** What a server offers, of what a client makes use of. */
export interface PeerExtensions {
  /** RFC 2920. */
  readonly pipelining: boolean;
  /** RFC 6152. */
  readonly eightBitMime: boolean;
  /** RFC 3461. */
  readonly dsn: boolean;
  /** RFC 1870: not offered; offered; the largest message in octets, 0 for no fixed limit. */
  readonly size: number | null;
}

/** A server that was greeted with HELO offers nothing. */
export const noExtensions: PeerExtensions = { pipelining: false, eightBitMime: false, dsn: false, size: null };

/** One recipient of a transaction. */
export interface ClientRecipient {
  /** To be named in RCPT. */
  readonly path: ForwardPath;
  /** Sent to servers with DSN. */
  readonly notify: DsnRequest["notify"];
  /** Sent to servers with DSN, as ORCPT. */
  readonly originalRecipient: DsnRequest["originalRecipient"];
}

/** A message to hand over. */
export interface ClientMessage {
  /** To be named in MAIL. */
  readonly sender: ReversePath;
  /** At least one. */
  readonly recipients: readonly ClientRecipient[];
  /** Octets of the content, not dot-stuffed. */
  readonly size: number;
  /** Does the content have octets above 127? Null when nobody looked. */
  readonly eightBit: boolean | null;
  /** Sent to servers with DSN. */
  readonly ret: DsnRequest["ret"];
  /** Sent to servers with DSN, as ENVID. */
  readonly envId: DsnRequest["envId"];
}

/** Reads the answer to EHLO. The first line is the server's name. Keywords are case-insensitive; one that is
 * offered twice counts once. RFC 5321 §4.1.1.1. */
export function parseExtensions(reply: Reply): PeerExtensions {
  let { pipelining, eightBitMime, dsn, size } = noExtensions;
  for (const line of reply.lines.slice(1)) {
    const [keyword = "", value = ""] = line.trim().split(/ +/, 2);
    switch (keyword.toUpperCase()) {
      case "PIPELINING":
        pipelining = true;
        break;
      case "8BITMIME":
        eightBitMime = true;
        break;
      case "DSN":
        dsn = true;
        break;
      case "SIZE":
        // RFC 1870 §4: no number, or zero, sets no fixed limit.
        size = /^[0-9]{1,20}$/.test(value) ? Number(value) : 0;
        break;
    }
  }
  return { pipelining, eightBitMime, dsn, size };
}

/** The MAIL command with its line end. */
export function formatMail(message: ClientMessage, offered: PeerExtensions): string {
  let line = `MAIL FROM:${formatPath(message.sender)}`;
  if (offered.size !== null) line += ` SIZE=${message.size}`;
  // RFC 6152 §3: declared when content may have 8-bit octets; when nobody looked, it may.
  if (offered.eightBitMime && message.eightBit !== false) line += " BODY=8BITMIME";
  if (offered.dsn) {
    if (message.ret !== null) line += ` RET=${message.ret.toUpperCase()}`;
    if (message.envId !== null) line += ` ENVID=${encodeXtext(message.envId)}`;
  }
  return `${line}\r\n`;
}

/** The RCPT command with its line end. */
export function formatRcpt(recipient: ClientRecipient, offered: PeerExtensions): string {
  // A mail store behind LMTP may know its users by their names alone.
  const { path } = recipient;
  let line = `RCPT TO:${path.domain === "" ? `<${formatLocalPart(path.localPart)}>` : formatPath(path)}`;
  if (offered.dsn) {
    if (recipient.notify.length > 0) line += ` NOTIFY=${recipient.notify.join(",").toUpperCase()}`;
    const original = recipient.originalRecipient;
    const mark = original === null ? -1 : original.indexOf(";");
    if (original !== null && mark > 0) {
      line += ` ORCPT=${original.slice(0, mark)};${encodeXtext(original.slice(mark + 1))}`;
    }
  }
  return `${line}\r\n`;
}

/** Can the path go into a command as it is? Without SMTPUTF8 (RFC 6531) it must be printable ASCII. */
export function isSendable(path: ReversePath): boolean {
  return /^[ -~]*$/.test(formatPath(path));
}

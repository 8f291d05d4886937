/** What a client says to open a transaction, and what the server's answer to EHLO lets it say. */

import { formatLocalPart, formatPath, type ForwardPath, needsSmtpUtf8, type ReversePath } from "../mail/address.ts";
import { isAscii } from "../mail/utf8.ts";
import { encodeUtf8Address, encodeXtext } from "../mail/xtext.ts";
import type { DeliverBy } from "./handling.ts";
import type { DsnRequest } from "./parameter.ts";
import type { Reply } from "./reply.ts";

/** What a server offers, of what a client makes use of. */
export interface PeerExtensions {
  /** RFC 2920. */
  readonly pipelining: boolean;
  /** RFC 6152. */
  readonly eightBitMime: boolean;
  /** RFC 3461. */
  readonly dsn: boolean;
  /** RFC 6531. */
  readonly smtpUtf8: boolean;
  /** RFC 6710. */
  readonly priority: boolean;
  /** RFC 2852. */
  readonly deliverBy: boolean;
  /** RFC 1870: not offered; offered; the largest message in octets, 0 for no fixed limit. */
  readonly size: number | null;
}

/** A server that was greeted with HELO offers nothing. */
export const noExtensions: PeerExtensions = {
  pipelining: false,
  eightBitMime: false,
  dsn: false,
  smtpUtf8: false,
  priority: false,
  deliverBy: false,
  size: null,
};

/** What a message asks of the server, besides DSN. REQUIRETLS is not among it: what asks for it is not sent in clear
 * text, and there is no other way yet. */
export interface ClientHandling {
  /** The header section has UTF-8. Addresses that have it are found without being told. */
  readonly utf8Header: boolean;
  /** MT-PRIORITY, -9 … 9; sent to servers with it unless it is 0. */
  readonly priority: number;
  /** BY: time left in seconds, and what is to happen then; null when nothing was asked. */
  readonly by: Omit<DeliverBy, "at"> & { readonly seconds: number } | null;
}

/** Asks for nothing. */
export const plainClientHandling: ClientHandling = { utf8Header: false, priority: 0, by: null };

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
  /** Octets of the content, not dot-stuffed; null when that is not known yet: then no SIZE is given. */
  readonly size: number | null;
  /** Does the content have octets above 127? Null when nobody looked. */
  readonly eightBit: boolean | null;
  /** Sent to servers with DSN. */
  readonly ret: DsnRequest["ret"];
  /** Sent to servers with DSN, as ENVID. */
  readonly envId: DsnRequest["envId"];
  /** What else is asked of the server. Default `plainClientHandling`. */
  readonly handling?: ClientHandling;
}

/** Reads the answer to EHLO. The first line is the server's name. Keywords are case-insensitive; one that is
 * offered twice counts once. RFC 5321 §4.1.1.1. */
export function parseExtensions(reply: Reply): PeerExtensions {
  let { pipelining, eightBitMime, dsn, smtpUtf8, priority, deliverBy, size } = noExtensions;
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
      case "SMTPUTF8":
        smtpUtf8 = true;
        break;
      case "MT-PRIORITY":
        priority = true;
        break;
      case "DELIVERBY":
        deliverBy = true;
        break;
      case "SIZE":
        // RFC 1870 §4: no number, or zero, sets no fixed limit.
        size = /^[0-9]{1,20}$/.test(value) ? Number(value) : 0;
        break;
    }
  }
  return { pipelining, eightBitMime, dsn, smtpUtf8, priority, deliverBy, size };
}

/** Is this a transaction with SMTPUTF8? RFC 6531 §3.4: only where something in it needs that. */
export function usesSmtpUtf8({ sender, recipients, handling }: ClientMessage, offered: PeerExtensions): boolean {
  if (!offered.smtpUtf8) return false;
  return (handling?.utf8Header ?? false) || needsSmtpUtf8(sender) || recipients.some(({ path }) => needsSmtpUtf8(path));
}

/** The MAIL command with its line end. */
export function formatMail(message: ClientMessage, offered: PeerExtensions): string {
  const { priority, by } = message.handling ?? plainClientHandling;
  let line = `MAIL FROM:${formatPath(message.sender)}`;
  if (offered.size !== null && message.size !== null) line += ` SIZE=${message.size}`;
  // RFC 6152 §3: declared when content may have 8-bit octets; when nobody looked, it may.
  if (offered.eightBitMime && message.eightBit !== false) line += " BODY=8BITMIME";
  if (usesSmtpUtf8(message, offered)) line += " SMTPUTF8";
  if (offered.priority && priority !== 0) line += ` MT-PRIORITY=${priority}`;
  if (offered.deliverBy && by !== null) {
    // RFC 2852 §4: what is to be returned has some time left.
    const seconds = by.mode === "return" ? Math.max(1, by.seconds) : by.seconds;
    line += ` BY=${seconds};${by.mode === "return" ? "R" : "N"}${by.trace ? "T" : ""}`;
  }
  if (offered.dsn) {
    if (message.ret !== null) line += ` RET=${message.ret.toUpperCase()}`;
    if (message.envId !== null) line += ` ENVID=${encodeXtext(message.envId)}`;
  }
  return `${line}\r\n`;
}

/** The RCPT command with its line end. `smtpUtf8`: MAIL had that option. */
export function formatRcpt(recipient: ClientRecipient, offered: PeerExtensions, smtpUtf8: boolean): string {
  // A mail store behind LMTP may know its users by their names alone.
  const { path } = recipient;
  let line = `RCPT TO:${path.domain === "" ? `<${formatLocalPart(path.localPart)}>` : formatPath(path)}`;
  if (offered.dsn) {
    if (recipient.notify.length > 0) line += ` NOTIFY=${recipient.notify.join(",").toUpperCase()}`;
    const original = recipient.originalRecipient;
    const mark = original === null ? -1 : original.indexOf(";");
    if (original !== null && mark > 0) {
      line += ` ORCPT=${original.slice(0, mark)};${encodeOriginal(original, mark, smtpUtf8)}`;
    }
  }
  return `${line}\r\n`;
}

function encodeOriginal(original: string, mark: number, smtpUtf8: boolean): string {
  const address = original.slice(mark + 1);
  if (original.slice(0, mark).toLowerCase() === "utf-8") return encodeUtf8Address(address, smtpUtf8);
  return encodeXtext(address);
}

/** Can the path go into a command as it is? No control character can; without SMTPUTF8 (RFC 6531) it must be ASCII. */
export function isSendable(path: ReversePath, { smtpUtf8 }: Pick<PeerExtensions, "smtpUtf8">): boolean {
  const text = formatPath(path);
  return /^[ -~\u00a0-\uffff]*$/.test(text) && (smtpUtf8 || isAscii(text));
}

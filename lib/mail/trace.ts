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
  /** RFC 3848 and the registry of "with" protocol types. */
  readonly protocol: "SMTP" | "ESMTP" | "ESMTPA" | "ESMTPS" | "ESMTPSA" | "LMTP";
  /** Version, cipher, strength and whether the client's certificate was verified (`YES` or `NO`), with colons; null in
   * clear text. */
  readonly tls: string | null;
  /** Message id. */
  readonly id: string;
  /** The recipient when there is exactly one, so that none is told of another. */
  readonly forRcpt: Mailbox | null;
  /** As `formatDate` writes it. */
  readonly date: string;
}

/** The whole field, with CRLF line ends. Texts from the peer cannot break it: what is not a printable character
 * of a name becomes `?`. */
export function formatReceived(received: Received): string {
  const literal = literalOfAddress(received.address) ?? `[${tame(received.address)}]`;
  const from = received.isMasked ? "" : `from ${tame(received.helo)} (${tame(received.hostname)} ${literal})\r\n\t`;
  const security = received.tls === null ? "" : ` (${tame(received.tls)})`;
  const by = `by ${received.by} (Postern) with ${received.protocol} id ${received.id}${security}`;
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

/** Leaves what names, literals and `<unknown>` are made of. */
function tame(text: string): string {
  return text.replace(/[^A-Za-z0-9._:<>[\]-]/g, "?");
}

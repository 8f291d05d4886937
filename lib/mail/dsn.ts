/** Delivery status notifications: the report that tells a sender what became of a message. RFC 3464, RFC 6522, and RFC
 * 6533 for addresses that are not ASCII. */

import { Buffer } from "node:buffer";
import { scrub } from "../event_log.ts";
import { type Domain, formatMailbox, formatPath, type Mailbox } from "./address.ts";
import { encodeQuotedPrintable } from "./codec.ts";
import { lineLengthMax } from "./header.ts";
import { latin1Octets } from "./octets.ts";
import { encodeUtf8, isAscii } from "./utf8.ts";
import { encodeUtf8Address } from "./xtext.ts";

/** What the report is about, in the words of RFC 3464 §2.3.3. */
export type DsnAction = "failed" | "delayed" | "delivered" | "relayed";

/** One recipient of the original message. */
export interface DsnRecipient {
  /** As the sender wrote it. */
  readonly rcpt: Mailbox;
  /** After expansion. */
  readonly dest: Mailbox;
  /** ORCPT as `type;address`, decoded; null when there was none. RFC 3461 §4.2, RFC 6533 §3. */
  readonly original: string | null;
  /** RFC 3463 status, of the class that fits the action. */
  readonly status: string;
  /** What was said, from a peer or by us. Any text. */
  readonly text: string;
  /** Who said so, `mail.test [192.0.2.1]:25`; empty when we did. */
  readonly by: string;
  /** When it was last tried; 0 when it never was. */
  readonly lastTryAt: number;
}

/** All that a report is made of. Times are ms since the epoch. */
export interface DsnReport {
  /** What happened to all of `recipients`. */
  readonly action: DsnAction;
  /** Id of the report as a message, and of the message it is about: 8 hexadecimal digits. */
  readonly id: string;
  /** Id of the message that the report is about. */
  readonly originalId: string;
  /** Our name. */
  readonly hostname: Domain;
  /** Who gets it: the original sender. */
  readonly sender: Mailbox;
  /** The message came with SMTPUTF8, so its sender can read UTF-8. Else addresses that are not ASCII are escaped:
   * RFC 6533 §3. */
  readonly smtpUtf8: boolean;
  /** When the report is made. */
  readonly at: number;
  /** When the original arrived. */
  readonly arrivalAt: number;
  /** ENVID, decoded; null when there was none. */
  readonly envId: string | null;
  /** At least one. */
  readonly recipients: readonly DsnRecipient[];
  /** For `delayed`: how long it has been waiting at least, ms, and until when it is tried; null for the others. */
  readonly delay: { readonly forMs: number; readonly retryUntil: number } | null;
  /** The original, or its beginning. CRLF line ends. */
  readonly content: Uint8Array;
  /** `content` is all of it and is to be returned whole. It is not if it has lines that may not be sent. */
  readonly isWhole: boolean;
  /** Writes a date of a header field. */
  readonly date: (time: number) => string;
}

/** Longest text of a peer that is quoted, characters. */
const quoteLengthMax = 1000;

/** Longest header section of the original that is returned, octets. */
const headerLengthMax = 64 * 1024;

/** Longest word that is not broken, so that a line stays within 998 octets. RFC 5322 §2.1.1. */
const wordLengthMax = lineLengthMax - 8;

/** Where lines are broken, characters. */
const wrapColumn = 76;

/** Composes the report as a message: CRLF line ends, no line over 998 octets, nothing a peer said outside its place.
 * The same report gives the same octets. Never fails. */
export function composeDsn(report: DsnReport): Uint8Array {
  const original = Buffer.from(report.content.buffer, report.content.byteOffset, report.content.byteLength)
    .toString("latin1");
  const charset = charsetOf(report);
  const encoding = charset === "utf-8" ? "Content-Transfer-Encoding: 8bit\r\n" : "";
  const notice =
    `Content-Description: Notification\r\nContent-Type: text/plain; charset=${charset}\r\n${encoding}\r\n` +
    encodeUtf8(noticeText(report, charset));
  const type = charset === "utf-8" ? "message/global-delivery-status" : "message/delivery-status";
  const status = `Content-Description: Delivery report\r\nContent-Type: ${type}\r\n${encoding}\r\n` +
    encodeUtf8(reportText(report, charset));
  const returned = report.isWhole && report.action === "failed" && isSendable(original)
    ? wholePart(original, charset)
    : headerPart(original, charset);
  const boundary = boundaryFor(report, [notice, status, returned.text]);
  const isEightBit = returned.isEightBit || charset === "utf-8";
  const text = encodeUtf8(headerText(report, boundary, charset)) +
    (isEightBit ? "Content-Transfer-Encoding: 8bit\r\n\r\n" : "\r\n") +
    "This is a message in MIME format, a report on the delivery of a message.\r\n" +
    `\r\n--${boundary}\r\n${notice}\r\n--${boundary}\r\n${status}\r\n--${boundary}\r\n${returned.text}` +
    `\r\n--${boundary}--\r\n`;
  return latin1Octets(text);
}

/** What the report's own text is written in. RFC 6533 §4: UTF-8 for those who have shown that they can read it, and
 * only when there is something to write that way. */
type Charset = "us-ascii" | "utf-8";

function charsetOf({ sender, recipients, smtpUtf8 }: DsnReport): Charset {
  if (!isAscii(sender.localPart)) return "utf-8";
  const texts = recipients.flatMap((
    { rcpt, dest, original, text },
  ) => [rcpt.localPart, dest.localPart, original, text]);
  return smtpUtf8 && texts.some((text) => text !== null && !isAscii(text)) ? "utf-8" : "us-ascii";
}

function headerText(report: DsnReport, boundary: string, charset: Charset): string {
  const { action, id, originalId, hostname, sender, at, date } = report;
  return "From: Mailer Daemon <MAILER-DAEMON@" + hostname + ">\r\n" +
    `To: ${plain(formatPath(sender), charset)}\r\n` +
    `Subject: Delivery status notification: ${action}\r\n` +
    `Date: ${date(at)}\r\n` +
    `Message-ID: <${id}.${originalId}@${hostname}>\r\n` +
    // RFC 3834 §5: nobody's automatic answer is to answer this.
    "Auto-Submitted: auto-replied\r\n" +
    "MIME-Version: 1.0\r\n" +
    `Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="${boundary}"\r\n`;
}

const introductions: Readonly<Record<DsnAction, string>> = {
  failed: "Your message could not be delivered to the recipients below. No further attempt is made for them.",
  delayed: "",
  delivered: "Your message was delivered to the recipients below.",
  relayed: "Your message was passed on, for the recipients below, to a server that does not report back. " +
    "There may be no further news of it.",
};

function noticeText({ action, hostname, recipients, delay, date }: DsnReport, charset: Charset): string {
  const wrap = (text: string, indent: string) => wrapIn(charset, text, indent, indent);
  let text = "Hello,\r\n\r\n" +
    `this is the mail server at ${hostname}. Please do not reply to this message.\r\n\r\n`;
  const waiting = delay === null ? "" : `has been waiting for more than ${duration(delay.forMs)}`;
  text += wrap(waiting === "" ? introductions[action] : `Your message to the recipients below ${waiting}.`, "");
  text += "\r\n";
  for (const { rcpt, dest, text: said } of recipients) {
    const [given, expanded] = [addressText(rcpt, charset), addressText(dest, charset)];
    const from = given === expanded ? "" : ` (expanded from <${given}>)`;
    text += wrap(`<${expanded}>${from}:`, "") + wrap(said, "    ") + "\r\n";
  }
  if (delay !== null) {
    const until = `It stays in the queue and is tried again until ${date(delay.retryUntil)}.`;
    text += wrap(`${until} There is no need to send it again.`, "") + "\r\n";
  }
  return text + "What follows is for programs, and the header or the text of your message.\r\n";
}

/** RFC 3464 §2.2 and §2.3. */
function reportText(report: DsnReport, charset: Charset): string {
  const { action, hostname, arrivalAt, envId, recipients, delay, date } = report;
  const field = (name: string, value: string) => fieldIn(charset, name, value);
  let text = field("Reporting-MTA", `dns; ${hostname}`);
  if (envId !== null) text += field("Original-Envelope-Id", envId);
  text += field("Arrival-Date", date(arrivalAt));
  for (const recipient of recipients) {
    text += "\r\n";
    if (recipient.original !== null) text += field("Original-Recipient", originalText(recipient.original, charset));
    const finalType = isAscii(recipient.dest.localPart) ? "rfc822" : "utf-8";
    text += field("Final-Recipient", `${finalType}; ${addressText(recipient.dest, charset)}`);
    text += field("Action", action) + field("Status", recipient.status);
    if (recipient.by !== "") text += field("Remote-MTA", `dns; ${hostOf(recipient.by)}`);
    // RFC 3464 §2.3.6: type `smtp` only for what an SMTP server answered.
    const isReply = recipient.by !== "" && /^[245]\d\d( |$)/.test(recipient.text);
    text += field("Diagnostic-Code", `${isReply ? "smtp" : "X-Postern"}; ${recipient.text}`);
    if (recipient.lastTryAt > 0) text += field("Last-Attempt-Date", date(recipient.lastTryAt));
    if (delay !== null) text += field("Will-Retry-Until", date(delay.retryUntil));
  }
  return text;
}

/** An address as it can be written. RFC 6533 §3 has an escaped form for what is not ASCII. */
function addressText(mailbox: Mailbox, charset: Charset): string {
  const text = formatMailbox(mailbox);
  return charset === "utf-8" || isAscii(text) ? text : encodeUtf8Address(text, false);
}

function originalText(original: string, charset: Charset): string {
  if (charset === "utf-8" || isAscii(original)) return original;
  const semicolon = original.indexOf(";");
  return `${original.slice(0, semicolon + 1)}${encodeUtf8Address(original.slice(semicolon + 1), false)}`;
}

/** `mail.test` of `mail.test [192.0.2.1]:25`, `[192.0.2.1]` of `[192.0.2.1]:25`. */
function hostOf(by: string): string {
  return (by.split(" ", 1)[0] ?? "").replace(/:\d+$/, "");
}

/** One field of the report. Whatever a peer put in `value`, it is printable and one field. */
function fieldIn(charset: Charset, name: string, value: string): string {
  return wrapIn(charset, `${name}: ${value}`, "", " ");
}

/** Printable text in lines of at most `wrapColumn`, each with its end. The first line begins with `first`, the
 * others with `next`. */
function wrapIn(charset: Charset, text: string, first: string, next: string): string {
  let rest = plain(text, charset);
  // A character has up to four octets in UTF-8, and three where it is one of UTF-16.
  const longest = isAscii(rest) ? wordLengthMax : Math.floor(wordLengthMax / 3);
  let lines = "";
  for (let prefix = first;; prefix = next) {
    const room = wrapColumn - prefix.length;
    if (rest.length <= room) return `${lines}${prefix}${rest}\r\n`;
    let end = rest.lastIndexOf(" ", room);
    // A word that is too long for a line stays whole: an address may be copied from here.
    if (end <= 0) end = rest.indexOf(" ");
    if (end <= 0 || end > longest) end = wholeCharacters(rest, Math.min(rest.length, longest));
    lines += `${prefix}${rest.slice(0, end).trimEnd()}\r\n`;
    rest = rest.slice(end).trimStart();
    if (rest === "") return lines;
  }
}

function plain(text: string, charset: Charset): string {
  const unfit = charset === "utf-8" ? /[^ -~\u00a0-\u{10ffff}]|\p{Surrogate}/gu : /[^ -~]/g;
  const clean = scrub(text).replace(unfit, "?").trim();
  if (clean.length <= quoteLengthMax) return clean;
  return `${clean.slice(0, wholeCharacters(clean, quoteLengthMax))} [...]`;
}

/** `end`, or one less where that would cut a character in two. */
function wholeCharacters(text: string, end: number): number {
  return /[\ud800-\udbff]/.test(text.charAt(end - 1)) && end < text.length ? end - 1 : end;
}

interface Part {
  readonly text: string;
  readonly isEightBit: boolean;
}

function wholePart(original: string, charset: Charset): Part {
  // deno-lint-ignore no-control-regex -- octets over 127 are what is asked for
  const isEightBit = /[^\u0000-\u007f]/.test(original);
  const encoding = isEightBit ? "Content-Transfer-Encoding: 8bit\r\n" : "";
  // RFC 6533 §6.3: message/rfc822 has no UTF-8 in its header section.
  const type = charset === "utf-8" && !isAscii(headerOf(original)) ? "message/global" : "message/rfc822";
  const text = `Content-Description: Message\r\nContent-Type: ${type}\r\n${encoding}\r\n${original}`;
  return { text, isEightBit };
}

/** RFC 6522 §4 allows quoted-printable for header sections that are not fit to be sent as they are. */
function headerPart(original: string, charset: Charset): Part {
  const header = headerOf(original);
  if (charset === "utf-8" && !isAscii(header) && /^(?:[\t -~\x80-\xff]{0,998}\r\n)*$/.test(header)) {
    const type = "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n";
    return { text: `Content-Description: Message header\r\n${type}\r\n${header}`, isEightBit: true };
  }
  const isFit = /^(?:[\t -~]{0,998}\r\n)*$/.test(header);
  const encoding = isFit ? "" : "Content-Transfer-Encoding: quoted-printable\r\n";
  const body = isFit ? header : encodeQuotedPrintable(header.replaceAll("\r\n", "\n")).replaceAll("\n", "\r\n");
  const text = `Content-Description: Message header\r\nContent-Type: text/rfc822-headers\r\n${encoding}\r\n${body}`;
  return { text, isEightBit: false };
}

/** The header section with its last line end, cut at a line end when it is too long. */
function headerOf(original: string): string {
  const end = original.startsWith("\r\n") ? 0 : original.indexOf("\r\n\r\n");
  const header = end < 0 ? original : original.slice(0, end === 0 ? 0 : end + 2);
  if (header.length <= headerLengthMax) return header.endsWith("\r\n") || header === "" ? header : `${header}\r\n`;
  const cut = header.lastIndexOf("\r\n", headerLengthMax);
  return cut < 0 ? `${header.slice(0, headerLengthMax)}\r\n` : header.slice(0, cut + 2);
}

/** Has only CRLF line ends, no NUL and no line over the limit: it can travel as message/rfc822 as it is. */
function isSendable(original: string): boolean {
  if (original.includes("\0") || !original.endsWith("\r\n")) return false;
  for (let start = 0; start < original.length;) {
    const end = original.indexOf("\r\n", start);
    if (end - start > lineLengthMax) return false;
    start = end + 2;
  }
  return !/\r(?!\n)|(?<!\r)\n/.test(original);
}

/** A boundary that is in none of the parts. RFC 2046 §5.1.1. */
function boundaryFor({ id, originalId }: DsnReport, parts: readonly string[]): string {
  for (let n = 0;; n++) {
    const boundary = `=_${id}.${originalId}.${n}`;
    if (!parts.some((part) => part.includes(`--${boundary}`))) return boundary;
  }
}

const units: readonly (readonly [string, number])[] = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** `4 hours`: the largest unit that fits, rounded down. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [unit, length] = units.find(([, length]) => seconds >= length) ?? ["second", 1];
  const count = Math.floor(seconds / length);
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

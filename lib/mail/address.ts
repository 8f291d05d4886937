/** Mail addresses as RFC 5321 §4.1.2 has them, and RFC 6531 §3.3 beyond ASCII. Text is Unicode: what comes as octets is
 * decoded before. */

import { parseUnicodeDomain } from "./domain.ts";
import { isAscii, isFitForAddress, utf8Length } from "./utf8.ts";

/** A domain name in lower case, U-labels as A-labels, or an address literal in its brackets. Made only by `parseDomain`
 * and `parseUnicodeDomain`. */
export type Domain = string & { readonly __brand: "Domain" };

/** A mailbox. */
export interface Mailbox {
  /** Decoded: no quotes, no backslashes. Keeps its case and its normalization: RFC 5321 §2.4, RFC 6532 §3.1. Never
   * empty. */
  readonly localPart: string;
  /** Never empty. */
  readonly domain: Domain;
}

/** The argument of MAIL FROM. Null is `<>`. */
export type ReversePath = Mailbox | null;

/** The argument of RCPT TO. */
export type ForwardPath = Mailbox;

/** Longest local part, decoded, octets of UTF-8. RFC 5321 §4.5.3.1.1 asks for at least 64; OpenSMTPD takes 255. */
export const localPartLengthMax = 255;

/** Reads the path that `text` begins with, at its `<`, and returns what follows the `>`: the ESMTP parameters with
 * the blank before them. `<>` is the null path. A missing domain becomes `defaultDomain`; a source route is checked
 * and dropped (RFC 5321 §4.1.1.3). Null when it is no path: local parts that are neither dot-atom nor quoted
 * string, bad domains, over-long parts. Beyond ASCII both parts may have what `isFitForAddress` lets pass: whether the
 * session may name such an address is for `needsSmtpUtf8` and `isAscii` to say. */
export function parseReversePath(
  text: string,
  defaultDomain: Domain,
): { readonly path: ReversePath; readonly rest: string } | null {
  return text.startsWith("<>") ? { path: null, rest: text.slice(2) } : parseForwardPath(text, defaultDomain);
}

/** Like `parseReversePath`, but `<>` is refused. */
export function parseForwardPath(
  text: string,
  defaultDomain: Domain,
): { readonly path: ForwardPath; readonly rest: string } | null {
  if (text.charCodeAt(0) !== lessThan) return null;
  const start = skipSourceRoute(text, 1);
  if (start < 0) return null;
  const local = scanLocalPart(text, start);
  if (local === null) return null;
  if (text.charCodeAt(local.end) === greaterThan) {
    return { path: { localPart: local.value, domain: defaultDomain }, rest: text.slice(local.end + 1) };
  }
  if (text.charCodeAt(local.end) !== at) return null;
  const close = text.indexOf(">", local.end + 1);
  if (close < 0) return null;
  const domain = parseUnicodeDomain(text.slice(local.end + 1, close));
  if (domain === null) return null;
  return { path: { localPart: local.value, domain }, rest: text.slice(close + 1) };
}

/** Reads `local@domain` without brackets, all of `text`. Without `@` it is `local` at `defaultDomain`, or null
 * when there is none. The same rules as for paths hold. */
export function parseMailbox(text: string, defaultDomain: Domain | null): Mailbox | null {
  const local = scanLocalPart(text, 0);
  if (local === null) return null;
  if (local.end === text.length) {
    return defaultDomain === null ? null : { localPart: local.value, domain: defaultDomain };
  }
  if (text.charCodeAt(local.end) !== at) return null;
  const domain = parseUnicodeDomain(text.slice(local.end + 1));
  return domain === null ? null : { localPart: local.value, domain };
}

/** `local@domain`; the local part is quoted when it has to be, and only then. `parseMailbox` reads it back. */
export function formatMailbox(mailbox: Mailbox): string {
  return `${formatLocalPart(mailbox.localPart)}@${mailbox.domain}`;
}

/** The local part as it is written in an address: a dot-atom as it is, else a quoted string. */
export function formatLocalPart(localPart: string): string {
  return isDotAtom(localPart) ? localPart : `"${localPart.replace(/["\\]/g, "\\$&")}"`;
}

/** `<local@domain>`, or `<>` for the null path. */
export function formatPath(path: ReversePath): string {
  return path === null ? "<>" : `<${formatMailbox(path)}>`;
}

/** Is it one or more atoms joined by single dots, so that it needs no quotes? RFC 5321 §4.1.2 Dot-string. */
export function isDotAtom(text: string): boolean {
  return text.length > 0 && scanDotAtom(text, 0) === text.length;
}

/** Can the address be sent only with SMTPUTF8? Its domain can always be sent, as A-labels. RFC 6531 §3.2. */
export function needsSmtpUtf8(path: ReversePath): boolean {
  return path !== null && !isAscii(path.localPart);
}

/** Do two addresses name one mailbox as far as loops go: equal without regard to case? RFC 5321 §2.4 leaves the
 * case of local parts to the domain that owns them, so this is not for routing. */
export function equalsIgnoringCase(a: Mailbox, b: Mailbox): boolean {
  return a.domain === b.domain && a.localPart.toLowerCase() === b.localPart.toLowerCase();
}

const lessThan = 0x3c;
const greaterThan = 0x3e;
const at = 0x40;
const dot = 0x2e;
const colon = 0x3a;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const quote = 0x22;
const backslash = 0x5c;

/** 1 for each ASCII code that is atext. RFC 5322 §3.2.3. */
const atext = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~") {
  atext[char.charCodeAt(0)] = 1;
}

/** Where the mailbox begins after `@a,@b:`; `start` when there is no route, -1 when it is a broken one. */
function skipSourceRoute(text: string, start: number): number {
  if (text.charCodeAt(start) !== at) return start;
  const end = routeEnd(text, start);
  if (end < 0) return -1;
  for (const hop of text.slice(start, end).split(",")) {
    if (!hop.startsWith("@") || parseUnicodeDomain(hop.slice(1)) === null) return -1;
  }
  return end + 1;
}

/** The colon that ends a route. One inside the brackets of an address literal does not. */
function routeEnd(text: string, start: number): number {
  let isBracketed = false;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === openBracket) isBracketed = true;
    else if (code === closeBracket) isBracketed = false;
    else if (code === colon && !isBracketed) return i;
  }
  return -1;
}

/** Is it a local part, decoded: not empty, not too long, and nothing in it that an address may not have? What it has of
 * ASCII is for the scanners to judge, or printable where it does not come from them. */
export function isLocalPart(text: string): boolean {
  if (text.length === 0 || text.length > localPartLengthMax) return false;
  return isAscii(text) || (utf8Length(text) <= localPartLengthMax && isFitForAddress(text));
}

function scanLocalPart(text: string, start: number): { value: string; end: number } | null {
  if (text.charCodeAt(start) === quote) return scanQuotedString(text, start);
  const end = scanDotAtom(text, start);
  const value = text.slice(start, end);
  return isLocalPart(value) ? { value, end } : null;
}

/** The end of the longest dot-atom at `start`; `start` when there is none or it begins or ends with a dot. */
function scanDotAtom(text: string, start: number): number {
  let wasDot = true;
  let i = start;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === dot) {
      if (wasDot) return start;
      wasDot = true;
    } else if (code > 127 || atext[code] === 1) {
      wasDot = false;
    } else {
      break;
    }
  }
  return wasDot ? start : i;
}

/** RFC 5321 §4.1.2 Quoted-string. QUIRK: the empty one (`""@x`) is refused: an empty local part means "none"
 * in tables and logs. */
function scanQuotedString(text: string, start: number): { value: string; end: number } | null {
  let value = "";
  for (let i = start + 1; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === quote) {
      return isLocalPart(value) ? { value, end: i + 1 } : null;
    }
    if (code === backslash) {
      code = text.charCodeAt(++i);
      // RFC 6531 §3.3 leaves quoted-pairSMTP as it was.
      if (!(code >= 0x20 && code <= 0x7e)) return null; // NaN past the end fails too
    } else if (code < 0x20 || code === 0x7f) return null;
    value += String.fromCharCode(code);
  }
  return null;
}

/** Entries of tables that load and hardly do what is meant: a domain with an `@`, an address without one. Pure. */

import { formatIp, parseIp } from "../mail/ip.ts";
import { parseDomain } from "../mail/domain.ts";
import { splitMailaddr } from "../table/match.ts";
import { sendersOf } from "../table/service.ts";

/** What is odd about an entry, and what to do. */
export interface EntryLint {
  /** One line. */
  readonly message: string;
  /** One line. */
  readonly hint: string;
}

/** Addresses of this machine that a hint names. */
export const ownAddressesShown = 6;

/** Judges an entry that is compared with domains. Null for nothing odd. */
export function lintDomain(text: string): EntryLint | null {
  const at = text.lastIndexOf("@");
  const domain = text.slice(at + 1);
  if (at >= 0) {
    return {
      message: `"${text}" is no domain: it never matches`,
      hint: domain === "" ? "write the domain alone, such as example.com" : `write ${withoutDot(domain)}`,
    };
  }
  return endsInDot(text)
    ? { message: `"${text}" ends in a dot, and no domain of an address does: it never matches`, hint: dotHint(text) }
    : null;
}

/** Judges an entry that is compared with mail addresses. Null for nothing odd. */
export function lintMailaddr(text: string): EntryLint | null {
  if (endsInDot(text.slice(text.lastIndexOf("@") + 1))) {
    return { message: `"${text}" ends in a dot, and no address does: it never matches`, hint: dotHint(text) };
  }
  if (text.includes("@") || !looksLikeDomain(text)) return null;
  return {
    message: `"${text}" has no @: it stands for a user of that name, at any domain`,
    hint: `for all addresses of the domain write "@${text}"`,
  };
}

/** Judges the list of addresses that a user may send as. Null for nothing odd. */
export function lintSenders(value: string): EntryLint | null {
  const patterns = sendersOf(value);
  if (patterns.length === 0) {
    return { message: "an empty list: the user may send as nobody", hint: `${sendersHint}; "@" is all addresses` };
  }
  for (const pattern of patterns) {
    const { user, domain } = splitMailaddr(pattern);
    // What of a domain is a pattern, and of a user a quoted string, is told from what no address has.
    const isUser = /^(?:"[^]*"|[^\s<>()[\]:;,"\\]*)$/.test(user);
    const isDomain = /^(?:[-\w.*]|[^\0-\x7f])*$/.test(domain) || parseDomain(domain) !== null;
    if (!isUser || !isDomain) {
      return { message: `"${pattern}" is no address and no domain: it never matches`, hint: sendersHint };
    }
    const odd = lintMailaddr(pattern);
    if (odd !== null) return odd;
  }
  return null;
}

const sendersHint = "write addresses with commas between them, as in: ann@example.com, @example.org";

/** Judges a fingerprint of a certificate: the TLS library's has one form. Null for nothing odd. */
export function lintFingerprint(text: string): EntryLint | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return null;
  return {
    message: `"${text}" is no SHA-256 fingerprint: it never matches`,
    hint: "64 hexadecimal digits without colons, as the log has them: cert-check … fingerprint=SHA256:…",
  };
}

/** Judges an address to send from; `own` are those of this machine. Null for nothing odd, and for what is no address. */
export function lintSource(text: string, own: readonly string[]): EntryLint | null {
  const ip = parseIp(text);
  const ours = own.flatMap((one) => parseIp(one) ?? []).map(formatIp);
  if (ip === null || ours.length === 0 || ours.includes(formatIp(ip))) return null;
  const shown = ours.slice(0, ownAddressesShown);
  return {
    message: `${text} is no address of this machine now: no mail can leave from it`,
    hint: `it has ${shown.join(", ")}${ours.length > shown.length ? " and others" : ""}`,
  };
}

/** A user may be called john.doe: only what ends like most domains is taken for one. */
function looksLikeDomain(text: string): boolean {
  const last = text.slice(text.lastIndexOf(".") + 1).toLowerCase();
  return text.includes(".") && parseDomain(text) !== null && (/^[a-z]{2}$/.test(last) || usualEnds.has(last));
}

const usualEnds: ReadonlySet<string> = new Set([
  ..."app biz cloud com dev edu email gov info int mail mil name net online org pro site tech xyz".split(" "),
  ..."corp example home internal invalid lan local localdomain localhost test".split(" "),
]);

function endsInDot(text: string): boolean {
  return text.length > 1 && text.endsWith(".");
}

function withoutDot(text: string): string {
  return text.replace(/\.+$/, "");
}

function dotHint(text: string): string {
  return `write ${withoutDot(text)}`;
}

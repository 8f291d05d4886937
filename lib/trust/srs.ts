/** The sender rewriting scheme: forwarded mail leaves with a sender of our own domain, so that the next server's SPF check
 * (RFC 7208) passes, and what is returned to that sender finds its way back. The forms are those of "The Sender Rewriting
 * Scheme" (Shevek, 2004); hashes and timestamps are made as OpenSMTPD makes them, so addresses that one has given
 * out are good with the other. Pure. */

import { Buffer } from "node:buffer";
import { type Domain, localPartLengthMax, type Mailbox } from "../mail/address.ts";
import { parseDomain } from "../mail/domain.ts";
import type { Sha1 } from "../port.ts";

/** What rewriting works with. */
export interface SrsOptions {
  /** Signs addresses. A secret. */
  readonly key: string;
  /** Accepted as well, while keys change. Null for none. */
  readonly backupKey: string | null;
  /** How long an address is good for, days. */
  readonly ttlDays: number;
  /** Days since the Unix epoch. */
  readonly day: number;
  /** Makes the signatures. */
  readonly sha1: Sha1;
}

/** What an address is found to be. */
export type SrsDecoding =
  /** Where what is sent to it goes. */
  | { readonly kind: "address"; readonly mailbox: Mailbox }
  /** It is not of this scheme. */
  | { readonly kind: "plain" }
  /** It looks like one of ours and is not good. `reason` is a clause for the log. */
  | { readonly kind: "bad"; readonly reason: string };

/** Characters of a signature. */
const signatureLength = 4;

/** Timestamps begin anew after so many days: two base32 digits. */
const dayCycle = 1024;

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The address to send as, at `domain`, for mail from `sender`. A sender that another forwarder has rewritten already
 * (SRS0) becomes SRS1, which names that forwarder and grows no more. Null when the result would have a local part of more
 * than 255 octets: nobody takes that. RFC 5321 §4.5.3.1.1 promises 64 only, and a longer result is made all the same:
 * most servers take it, while the unchanged sender fails the very check that this is for. */
export function encodeSrs(
  sender: Mailbox,
  domain: Domain,
  options: Omit<SrsOptions, "backupKey" | "ttlDays">,
): Mailbox | null {
  const { tag, body } = rewrittenForm(sender, options.day);
  const localPart = `${tag}=${sign(options.key, `${body}@${domain}`, options.sha1)}=${body}`;
  return localPart.length > localPartLengthMax ? null : { localPart, domain };
}

/** Reads an address that `encodeSrs` made. The signature is compared with its case, in constant time; SRS0 has to be
 * made within `ttlDays` before `day`, or on the day after it, for clocks differ. SRS1 has no date of its own: the
 * forwarder that it names checks that of the address inside. */
export function decodeSrs({ localPart, domain }: Mailbox, options: SrsOptions): SrsDecoding {
  const [, version, signature = "", body = ""] = /^SRS([01])=([^=]*)=(.*)$/is.exec(localPart) ?? [];
  if (version === undefined) return { kind: "plain" };
  const { key, backupKey, sha1 } = options;
  const isGood = [key, ...(backupKey === null ? [] : [backupKey])]
    .map((one) => isSame(sign(one, `${body}@${domain}`, sha1), signature))
    .includes(true);
  if (!isGood) return { kind: "bad", reason: "the signature is not ours" };
  return version === "0" ? decodeFirst(body, options) : decodeSecond(body);
}

/** What follows the signature, and the tag before it. */
function rewrittenForm({ localPart, domain }: Mailbox, day: number): { readonly tag: string; readonly body: string } {
  if (/^SRS0[=+-]./is.test(localPart)) return { tag: "SRS1", body: `${domain}=${localPart.slice(4)}` };
  const inner = /^SRS1[=+-]/i.test(localPart) ? withoutSignature(localPart.slice(5)) : "";
  if (inner !== "") return { tag: "SRS1", body: inner };
  return { tag: "SRS0", body: `${timestamp(day)}=${domain}=${localPart}` };
}

/** An SRS1 address without the signature of the hop before us. */
function withoutSignature(text: string): string {
  // A signature of ours may hold a `-`; others may be longer.
  const end = /[=+-]/.test(text.charAt(signatureLength)) ? signatureLength : text.indexOf("=");
  return end < 0 ? "" : text.slice(end + 1);
}

function decodeFirst(body: string, { day, ttlDays }: SrsOptions): SrsDecoding {
  const [, stamp = "", name = "", localPart = ""] = /^([A-Z2-7]{2})=([^=]+)=(.+)$/s.exec(body) ?? [];
  const domain = parseDomain(name);
  if (domain === null) return { kind: "bad", reason: "it has no address in it" };
  const age = (day - readTimestamp(stamp)) % dayCycle;
  const days = age < 0 ? age + dayCycle : age;
  if (days > ttlDays && days !== dayCycle - 1) return { kind: "bad", reason: `it is ${days} days old` };
  return { kind: "address", mailbox: { localPart, domain } };
}

function decodeSecond(body: string): SrsDecoding {
  const [, name = "", rest = ""] = /^([^=]+)=([=+-].+)$/s.exec(body) ?? [];
  const domain = parseDomain(name);
  if (domain === null) return { kind: "bad", reason: "it has no address in it" };
  return { kind: "address", mailbox: { localPart: `SRS0${rest}`, domain } };
}

/** Two base32 digits: the day, modulo 1024. */
function timestamp(day: number): string {
  const rest = day % dayCycle;
  return base32.charAt(rest >> 5) + base32.charAt(rest & 31);
}

function readTimestamp(stamp: string): number {
  return base32.indexOf(stamp.charAt(0)) * 32 + base32.indexOf(stamp.charAt(1));
}

/** The signature: base64url of SHA1(key ‖ text), cut. 24 bits, as the scheme has it: an address can be guessed at, but
 * each guess is a message, and a hit gets no more than a bounce forwarded. */
function sign(key: string, text: string, sha1: Sha1): string {
  return Buffer.from(sha1(Buffer.from(key + text, "utf8"))).toString("base64url").slice(0, signatureLength);
}

function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ (i < b.length ? b.charCodeAt(i) : 0);
  return difference === 0;
}

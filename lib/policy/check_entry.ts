/** What entries of tables stand for: claims about all keys that they match, made without looking one up. Every claim
 * is proven; where nothing can be proven the answer is false. */

import { type Net, netContains, parseNet } from "../mail/ip.ts";
import { domainMatches, type MailaddrParts, splitMailaddr, withoutTag } from "../table/match.ts";
import { lowerAscii } from "../table/service.ts";

/** How the entries of a table match: as its service does, or as user names that may be addresses. */
export type EntryKind = "string" | "domain" | "netaddr" | "mailaddr" | "regex" | "username";

/** Entries made ready for comparing: many rules are compared with many. */
export interface EntrySet {
  /** How they match. */
  readonly kind: EntryKind;
  /** In the form in which they are compared. */
  readonly texts: ReadonlySet<string>;
  /** The same, taken apart. */
  readonly entries: readonly Entry[];
}

/** One entry, taken apart as far as its kind needs it. */
export interface Entry {
  /** In lower case, but for regular expressions. */
  readonly text: string;
  /** Of a network; null for what is none. */
  readonly net: Net | null;
  /** Of a mail address; empty for others. */
  readonly parts: MailaddrParts;
}

const noParts: MailaddrParts = { user: "", domain: "" };

/** Makes entries of one table ready. */
export function readEntries(kind: EntryKind, keys: readonly string[]): EntrySet {
  const texts = new Set(keys.map((key) => kind === "regex" ? key : lowerAscii(key)));
  const entries = [...texts].map((text) => ({
    text,
    net: kind === "netaddr" ? parseNet(text) : null,
    parts: kind === "mailaddr" ? splitMailaddr(text) : noParts,
  }));
  return { kind, texts, entries };
}

/** Does every key that matches one of `inner` match one of `outer` too? Both are of one kind. `delimiter` begins the tag
 * of a user. */
export function entriesCover(outer: EntrySet, inner: EntrySet, delimiter: string): boolean {
  return inner.entries.every((one) =>
    outer.texts.has(one.text) || outer.entries.some((other) => covers(outer.kind, other, one, delimiter))
  );
}

/** Is there no key that matches one of `a` and one of `b`? */
export function entriesExclude(a: EntrySet, b: EntrySet, delimiter: string): boolean {
  return a.entries.every((one) => b.entries.every((other) => excludes(a.kind, one, other, delimiter)));
}

/** Does every key at all match, of those that a session can give? */
export function entriesMatchAll(kind: EntryKind, entries: readonly string[]): boolean {
  const has = (...wanted: readonly string[]): boolean => wanted.some((one) => entries.includes(one));
  switch (kind) {
    case "domain":
      return has("*");
    case "mailaddr":
      return has("@", "");
    case "netaddr":
      return entries.some((one) => lowerAscii(one) === "local") && has("0.0.0.0/0") && has("::/0", "[::/0]");
    case "regex":
      return has("", ".*", "^.*$", "^.*", ".*$");
    case "string":
    case "username":
      return false;
  }
}

/** Domains of mail addresses as patterns of domains; null when an entry stands for addresses of any domain. */
export function domainsOfMailaddrs(entries: readonly string[]): readonly string[] | null {
  const domains = entries.map((entry) => splitMailaddr(entry).domain);
  return domains.includes("") ? null : domains;
}

function covers(kind: EntryKind, outer: Entry, inner: Entry, delimiter: string): boolean {
  switch (kind) {
    // Equal ones have been seen to.
    case "string":
    case "username":
    case "regex":
      return false;
    case "domain":
      return domainCovers(outer.text, inner.text);
    case "netaddr":
      return outer.net !== null && inner.net !== null && outer.net.prefixLength <= inner.net.prefixLength &&
        netContains(outer.net, inner.net.ip);
    case "mailaddr":
      return mailaddrCovers(outer.parts, inner.parts, delimiter);
  }
}

function domainCovers(outer: string, inner: string): boolean {
  if (outer === inner || /^\*+$/.test(outer)) return true;
  return !inner.includes("*") && domainMatches(inner, outer);
}

function mailaddrCovers(wide: MailaddrParts, narrow: MailaddrParts, delimiter: string): boolean {
  const isDomainWider = wide.domain === "" || (narrow.domain !== "" && domainCovers(wide.domain, narrow.domain));
  if (!isDomainWider) return false;
  if (wide.user === "" || wide.user === narrow.user) return true;
  return narrow.user !== "" && wide.user === withoutTag(narrow.user, delimiter);
}

function excludes(kind: EntryKind, a: Entry, b: Entry, delimiter: string): boolean {
  switch (kind) {
    case "string":
      return a.text !== b.text;
    case "domain":
      return domainExcludes(a.text, b.text);
    case "netaddr":
      return netExcludes(a, b);
    case "mailaddr":
      return mailaddrExcludes(a.parts, b.parts, delimiter);
    case "regex":
    case "username":
      return false;
  }
}

function mailaddrExcludes(one: MailaddrParts, other: MailaddrParts, delimiter: string): boolean {
  if (one.domain !== "" && other.domain !== "" && domainExcludes(one.domain, other.domain)) return true;
  if (one.user === "" || other.user === "") return false;
  const isTagged = (user: string) => delimiter !== "" && user.includes(delimiter);
  if (isTagged(one.user) && isTagged(other.user)) return one.user !== other.user;
  return withoutTag(one.user, delimiter) !== withoutTag(other.user, delimiter);
}

function domainExcludes(a: string, b: string): boolean {
  if (a.includes("*")) return !b.includes("*") && !domainMatches(b, a);
  return b.includes("*") ? !domainMatches(a, b) : a !== b;
}

function netExcludes(a: Entry, b: Entry): boolean {
  const [one, other] = [a.net, b.net];
  if (one === null || other === null) return a.text !== b.text && (a.text === "local" || b.text === "local");
  if (one.ip.version !== other.ip.version) return true;
  return one.prefixLength <= other.prefixLength ? !netContains(one, other.ip) : !netContains(other, one.ip);
}

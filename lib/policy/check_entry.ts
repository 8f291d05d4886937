/** What entries of tables stand for: claims about all keys that they match, made without looking one up. Every claim
 * is proven; where nothing can be proven the answer is false. */

import { netContains, parseNet } from "../mail/ip.ts";
import { domainMatches, splitMailaddr, withoutTag } from "../table/match.ts";
import { compileRegex } from "../table/regex.ts";
import { lowerAscii } from "../table/service.ts";

/** How the entries of a table match: as its service does, or as user names that may be addresses. */
export type EntryKind = "string" | "domain" | "netaddr" | "mailaddr" | "regex" | "username";

/** Does every key that matches one of `inner` match one of `outer` too? `delimiter` begins the tag of a user. */
export function entriesCover(
  kind: EntryKind,
  outer: readonly string[],
  inner: readonly string[],
  delimiter: string,
): boolean {
  const known = new Set(outer.map((entry) => normalize(kind, entry)));
  return inner.every((entry) => {
    const one = normalize(kind, entry);
    return known.has(one) || [...known].some((other) => covers(kind, other, one, delimiter));
  });
}

/** Is there no key that matches one of `a` and one of `b`? */
export function entriesExclude(
  kind: EntryKind,
  a: readonly string[],
  b: readonly string[],
  delimiter: string,
): boolean {
  return a.every((one) => b.every((other) => excludes(kind, normalize(kind, one), normalize(kind, other), delimiter)));
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

function normalize(kind: EntryKind, entry: string): string {
  return kind === "regex" ? entry : lowerAscii(entry);
}

function covers(kind: EntryKind, outer: string, inner: string, delimiter: string): boolean {
  switch (kind) {
    case "string":
    case "username":
      return outer === inner;
    case "regex":
      return outer === inner && compileRegex(outer) !== null;
    case "domain":
      return domainCovers(outer, inner);
    case "netaddr":
      return netCovers(outer, inner);
    case "mailaddr":
      return mailaddrCovers(outer, inner, delimiter);
  }
}

function domainCovers(outer: string, inner: string): boolean {
  if (outer === inner || /^\*+$/.test(outer)) return true;
  return !inner.includes("*") && domainMatches(inner, outer);
}

function netCovers(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  const [wide, narrow] = [parseNet(outer), parseNet(inner)];
  return wide !== null && narrow !== null && wide.prefixLength <= narrow.prefixLength && netContains(wide, narrow.ip);
}

function mailaddrCovers(outer: string, inner: string, delimiter: string): boolean {
  const [wide, narrow] = [splitMailaddr(outer), splitMailaddr(inner)];
  const isDomainWider = wide.domain === "" || (narrow.domain !== "" && domainCovers(wide.domain, narrow.domain));
  if (!isDomainWider) return false;
  if (wide.user === "" || wide.user === narrow.user) return true;
  return narrow.user !== "" && wide.user === withoutTag(narrow.user, delimiter);
}

function excludes(kind: EntryKind, a: string, b: string, delimiter: string): boolean {
  switch (kind) {
    case "string":
      return a !== b;
    case "domain":
      return domainExcludes(a, b);
    case "netaddr":
      return netExcludes(a, b);
    case "mailaddr": {
      const [one, other] = [splitMailaddr(a), splitMailaddr(b)];
      if (one.domain !== "" && other.domain !== "" && domainExcludes(one.domain, other.domain)) return true;
      if (one.user === "" || other.user === "") return false;
      const isTagged = (user: string) => delimiter !== "" && user.includes(delimiter);
      if (isTagged(one.user) && isTagged(other.user)) return one.user !== other.user;
      return withoutTag(one.user, delimiter) !== withoutTag(other.user, delimiter);
    }
    case "regex":
    case "username":
      return false;
  }
}

function domainExcludes(a: string, b: string): boolean {
  if (a.includes("*")) return !b.includes("*") && !domainMatches(b, a);
  return b.includes("*") ? !domainMatches(a, b) : a !== b;
}

function netExcludes(a: string, b: string): boolean {
  const [one, other] = [parseNet(a), parseNet(b)];
  if (one === null || other === null) return a !== b && (a === "local" || b === "local");
  if (one.ip.version !== other.ip.version) return true;
  return one.prefixLength <= other.prefixLength ? !netContains(one, other.ip) : !netContains(other, one.ip);
}

/** How one key matches one entry, rule by rule. Pure; index.ts asks the same of many entries at once. */

import { lowerAscii } from "./service.ts";

/** Does a host name match a pattern? Case does not count. `*` skips to the first character equal to the one after
 * it, without going back, so `*` is any name that is not empty, `*.example.org` is one label before
 * `.example.org`, and `foo*` is longer than `foo`. */
export function domainMatches(name: string, pattern: string): boolean {
  const host = lowerAscii(name);
  const want = lowerAscii(pattern);
  let at = 0;
  let i = 0;
  while (i < want.length && at < host.length) {
    if (want[i] === "*") {
      while (want[i] === "*") i++;
      while (at < host.length && host[at] !== want[i]) at++;
      continue;
    }
    if (want[i] !== host[at]) return false;
    i++;
    at++;
  }
  return at === host.length && i === want.length;
}

/** An address as table entries have it. */
export interface MailaddrParts {
  /** Empty for every user. */
  readonly user: string;
  /** Empty for every domain. */
  readonly domain: string;
}

/** Splits at the last `@`. Without one, all of it is the user. */
export function splitMailaddr(text: string): MailaddrParts {
  const at = text.lastIndexOf("@");
  return at < 0 ? { user: text, domain: "" } : { user: text.slice(0, at), domain: text.slice(at + 1) };
}

/** The user part without its tag. An empty `delimiter` means that there are no tags. */
export function withoutTag(user: string, delimiter: string): string {
  const at = delimiter === "" ? -1 : user.indexOf(delimiter);
  return at < 0 ? user : user.slice(0, at);
}

/** Does an address of a session match an entry? An entry's domain is a pattern (`domainMatches`), its user is
 * compared without the address's tag unless the entry has a tag itself, and an empty part matches everything:
 * `@` is any address, also the null sender. Case does not count. */
export function mailaddrMatches(address: string, entry: string, delimiter: string): boolean {
  const want = splitMailaddr(lowerAscii(entry));
  const have = splitMailaddr(lowerAscii(address));
  if (want.domain !== "" && !domainMatches(have.domain, want.domain)) return false;
  if (want.user === "") return true;
  const isTagged = delimiter !== "" && want.user.includes(delimiter);
  return want.user === (isTagged ? have.user : withoutTag(have.user, delimiter));
}

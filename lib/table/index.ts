/** Finds the entry that a key matches, under the rule of each service, without going through all entries: exact keys
 * are asked for one by one, and only keys that hold a pattern are tried in turn. Which keys those are is found in one
 * pass when a service first needs it. */

import { assertNever, Fault } from "../fault.ts";
import { type Ip, type Net, parseIp, parseNet } from "../mail/ip.ts";
import { domainMatches, mailaddrMatches, splitMailaddr, withoutTag } from "./match.ts";
import { compileRegex, type Regex } from "./regex.ts";
import { lowerAscii, matchingOf } from "./service.ts";
import type { Service } from "./table.ts";

/** The entries of a table as a backend holds them. Both may throw a Fault. */
export interface KeyStore {
  /** The value of a key, compared as it is; null for an entry without one, undefined when there is no such entry. */
  get(key: string): string | null | undefined;
  /** All keys, as `get` takes them. */
  keys(): Iterable<string>;
}

/** An entry found. */
export interface Found {
  /** As the store has it. */
  readonly key: string;
  /** Null in a list. */
  readonly value: string | null;
}

/** Finds entries of one unchanging store. Where several match: the exact key, then the most specific address, then
 * patterns in byte order. A new content needs a new index. */
export class KeyIndex {
  readonly #store: KeyStore;
  readonly #delimiter: string;
  #domains: readonly string[] | null = null;
  #mailaddrs: readonly string[] | null = null;
  #nets: NetIndex | null = null;
  #regexes: readonly (readonly [key: string, regex: Regex])[] | null = null;

  /** `delimiter` begins the tag of an address's user; empty for no tags. */
  constructor(store: KeyStore, delimiter: string) {
    this.#store = store;
    this.#delimiter = delimiter;
  }

  /** The entry that `key` matches, null for none. `key` is in the form of `normalizeKey`. Throws a Fault for service
   * `auth`: no entries can be held against a password. */
  find(service: Service, key: string): Found | null {
    if (service === "auth") {
      throw new Fault("unavailable", "Cannot check passwords in a table of entries: only helpers do", {
        blame: "ours",
      });
    }
    const matching = matchingOf(service);
    switch (matching) {
      case "exact":
        return this.#get(key);
      case "domain":
        return key === "" ? null : this.#get(key) ?? this.#findDomain(key);
      case "mailaddr":
        return this.#findMailaddr(key);
      case "netaddr":
        return this.#get(key) ?? this.#findNet(key);
      case "regex":
        return this.#findRegex(key);
      default:
        return assertNever(matching);
    }
  }

  #get(key: string): Found | null {
    const value = this.#store.get(key);
    return value === undefined ? null : { key, value };
  }

  #findDomain(name: string): Found | null {
    this.#domains ??= this.#sorted((key) => key.includes("*"));
    for (const pattern of this.#domains) if (domainMatches(name, pattern)) return this.#get(pattern);
    return null;
  }

  #findMailaddr(address: string): Found | null {
    const { user, domain } = splitMailaddr(address);
    const plain = withoutTag(user, this.#delimiter);
    const users = user === "" ? [] : user === plain || plain === "" ? [user] : [user, plain];
    for (const key of mailaddrKeys(users, domain)) {
      const found = this.#get(key);
      if (found !== null) return found;
    }
    this.#mailaddrs ??= this.#sorted((key) => splitMailaddr(key).domain.includes("*"));
    for (const entry of this.#mailaddrs) {
      if (mailaddrMatches(address, entry, this.#delimiter)) return this.#get(entry);
    }
    return this.#get("@") ?? this.#get("");
  }

  #findNet(address: string): Found | null {
    const ip = parseIp(address);
    if (ip === null) return null;
    this.#nets ??= new NetIndex(this.#sorted(() => true));
    const key = this.#nets.find(ip);
    return key === null ? null : this.#get(key);
  }

  #findRegex(subject: string): Found | null {
    this.#regexes ??= this.#sorted(() => true).flatMap((key) => {
      const regex = compileRegex(key);
      return regex === null ? [] : [[key, regex] as const];
    });
    for (const [key, regex] of this.#regexes) if (regex.test(subject)) return this.#get(key);
    return null;
  }

  #sorted(wanted: (key: string) => boolean): string[] {
    const keys: string[] = [];
    for (const key of this.#store.keys()) if (wanted(key)) keys.push(key);
    return sortKeys(keys);
  }
}

/** Sorts keys in place, by their form in lower case. */
export function sortKeys(keys: string[]): string[] {
  return keys.sort((a, b) => compareText(lowerAscii(a), lowerAscii(b)) || compareText(a, b));
}

/** The keys that match an address without being a pattern, the most specific first. `@` is not among them. */
function mailaddrKeys(users: readonly string[], domain: string): string[] {
  const keys: string[] = [];
  if (domain !== "") { for (const user of users) keys.push(`${user}@${domain}`); }
  for (const user of users) {
    // `a@b` would be the mailbox a at b, not the user `a@b`.
    if (!user.includes("@")) keys.push(user);
    keys.push(`${user}@`);
  }
  if (domain !== "") keys.push(`@${domain}`);
  return keys;
}

/** Networks by version and length of prefix, so that a look-up costs one step per length in use. */
class NetIndex {
  readonly #groups = new Map<string, { readonly net: Net; readonly keys: Map<string, number> }>();
  readonly #keys: readonly string[];

  /** Keys that are no networks are left out. The first in `keys` wins. */
  constructor(keys: readonly string[]) {
    this.#keys = keys;
    for (const [rank, key] of keys.entries()) {
      const net = parseNet(key);
      if (net === null) continue;
      const name = `${net.ip.version}/${net.prefixLength}`;
      let group = this.#groups.get(name);
      if (group === undefined) this.#groups.set(name, group = { net, keys: new Map() });
      const masked = maskIp(net.ip, net.prefixLength);
      if (!group.keys.has(masked)) group.keys.set(masked, rank);
    }
  }

  find(ip: Ip): string | null {
    let best = Infinity;
    for (const { net, keys } of this.#groups.values()) {
      if (net.ip.version !== ip.version) continue;
      const rank = keys.get(maskIp(ip, net.prefixLength));
      if (rank !== undefined && rank < best) best = rank;
    }
    return this.#keys[best] ?? null;
  }
}

/** The first bits of an address as text that is equal for equal bits. */
function maskIp(ip: Ip, prefixLength: number): string {
  const whole = prefixLength >> 3;
  const rest = prefixLength & 7;
  let text = "";
  for (let i = 0; i < whole; i++) text += String.fromCharCode(ip.octets[i] ?? 0);
  if (rest > 0) text += String.fromCharCode((ip.octets[whole] ?? 0) & (0xff00 >> rest));
  return text;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

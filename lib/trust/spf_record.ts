/** SPF records as text (RFC 7208 §4.6.1, §12): which of a domain's TXT records is one, and what stands in it. Pure. */

import { type Net, netContains, parseIp } from "../mail/ip.ts";
import { type MacroString, parseDomainSpec, parseMacroString } from "./spf_macro.ts";

/** What a mechanism says of those whom it matches. */
export type SpfQualifier = "pass" | "fail" | "softfail" | "neutral";

/** How many leading bits of an address have to be the same. */
export interface SpfPrefix {
  /** 0 … 32. */
  readonly four: number;
  /** 0 … 128. */
  readonly six: number;
}

/** What a directive looks for. `domain` is null where the domain in hand is meant. */
export type SpfMechanism =
  | { readonly kind: "all" }
  | { readonly kind: "include" | "exists"; readonly domain: MacroString }
  | { readonly kind: "a" | "mx"; readonly domain: MacroString | null; readonly prefix: SpfPrefix }
  | { readonly kind: "ptr"; readonly domain: MacroString | null }
  | { readonly kind: "ip"; readonly net: Net };

/** A mechanism with its qualifier. */
export interface SpfDirective {
  /** What a match comes to. */
  readonly qualifier: SpfQualifier;
  /** What is looked for. */
  readonly mechanism: SpfMechanism;
}

/** A record. */
export interface SpfRecord {
  /** In order. */
  readonly directives: readonly SpfDirective[];
  /** `redirect=`; null for none. */
  readonly redirect: MacroString | null;
}

/** The texts among those of TXT records that claim to be SPF records. More than one is an error. RFC 7208 §4.5. */
export function spfTexts(texts: readonly string[]): readonly string[] {
  return texts.filter((text) => /^v=spf1(?: |$)/i.test(text));
}

/** Reads a record that `spfTexts` has picked; null where anything in it is wrong: nothing of such a record holds. Modifiers
 * that nobody knows are read over, and so is `exp`, for nobody here is told why, once its form is right. RFC 7208 §4.6. */
export function parseSpfRecord(text: string): SpfRecord | null {
  const directives: SpfDirective[] = [];
  const known = new Map<string, MacroString>();
  for (const term of text.slice("v=spf1".length).split(" ")) {
    if (term === "") continue;
    const [, name, value = ""] = /^([A-Za-z][A-Za-z0-9._-]*)=(.*)$/s.exec(term) ?? [];
    if (name === undefined) {
      const directive = parseDirective(term);
      if (directive === null) return null;
      directives.push(directive);
      continue;
    }
    const key = name.toLowerCase();
    const isKnown = key === "redirect" || key === "exp";
    const argument = isKnown ? parseDomainSpec(value) : parseMacroString(value);
    // RFC 7208 §6: each of the two stands there once.
    if (argument === null || (isKnown && known.has(key))) return null;
    if (isKnown) known.set(key, argument);
  }
  return { directives, redirect: known.get("redirect") ?? null };
}

/** The first term of a record that makes `parseSpfRecord` refuse it: for messages. Null where each is good by itself. */
export function findBadTerm(text: string): string | null {
  const terms = text.slice("v=spf1".length).split(" ");
  return terms.find((term) => parseSpfRecord(`v=spf1 ${term}`) === null) ?? null;
}

const qualifiers: Readonly<Record<string, SpfQualifier>> = {
  "": "pass",
  "+": "pass",
  "-": "fail",
  "~": "softfail",
  "?": "neutral",
};

function parseDirective(term: string): SpfDirective | null {
  const [, sign = "", name = "", rest = ""] = /^([+?~-]?)([A-Za-z0-9]+)([:/].*)?$/s.exec(term) ?? [];
  const qualifier = qualifiers[sign];
  const mechanism = parseMechanism(name.toLowerCase(), rest);
  return qualifier === undefined || mechanism === null ? null : { qualifier, mechanism };
}

/** `rest` begins with `:` or `/`, or is empty. */
function parseMechanism(name: string, rest: string): SpfMechanism | null {
  switch (name) {
    case "all":
      return rest === "" ? { kind: "all" } : null;
    case "include":
    case "exists": {
      const domain = rest.startsWith(":") ? parseDomainSpec(rest.slice(1)) : null;
      return domain === null ? null : { kind: name, domain };
    }
    case "a":
    case "mx":
      return parseHosts(name, rest);
    case "ptr": {
      if (rest === "") return { kind: "ptr", domain: null };
      const domain = rest.startsWith(":") ? parseDomainSpec(rest.slice(1)) : null;
      return domain === null ? null : { kind: "ptr", domain };
    }
    case "ip4":
    case "ip6":
      return parseNetwork(name === "ip4" ? 4 : 6, rest);
    default:
      return null;
  }
}

/** `[":" domain-spec] ["/" bits] ["//" bits]`: the bits are cut off first, since a domain-spec may hold a `/`. */
function parseHosts(kind: "a" | "mx", rest: string): SpfMechanism | null {
  const [, target = "", bits4, bits6] = /^(.*?)(?:\/(\d+))?(?:\/\/(\d+))?$/s.exec(rest) ?? [];
  const four = bits4 === undefined ? 32 : parseBits(bits4, 32);
  const six = bits6 === undefined ? 128 : parseBits(bits6, 128);
  if (four === null || six === null) return null;
  if (target === "") return { kind, domain: null, prefix: { four, six } };
  const domain = target.startsWith(":") ? parseDomainSpec(target.slice(1)) : null;
  return domain === null ? null : { kind, domain, prefix: { four, six } };
}

function parseNetwork(version: 4 | 6, rest: string): SpfMechanism | null {
  const [, address = "", bits] = /^:([0-9A-Fa-f.:]+)(?:\/(\d+))?$/.exec(rest) ?? [];
  const ip = parseIp(address);
  const most = version === 4 ? 32 : 128;
  const prefixLength = bits === undefined ? most : parseBits(bits, most);
  if (ip === null || ip.version !== version || prefixLength === null) return null;
  return { kind: "ip", net: { ip, prefixLength } };
}

/** A number without leading zeros. */
function parseBits(text: string, max: number): number | null {
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text)) return null;
  const bits = Number(text);
  return bits <= max ? bits : null;
}

/** Is the address in the network around `other` that `prefix` makes? Never across versions. */
export function isNear(address: string, other: Net["ip"], { four, six }: SpfPrefix): boolean {
  const ip = parseIp(address);
  return ip !== null && netContains({ ip, prefixLength: ip.version === 4 ? four : six }, other);
}

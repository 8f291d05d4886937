/** May mail of a domain come from an address? The sender policy framework (RFC 7208): `check_host` as a machine that yields
 * its DNS questions, is given their answers, and returns what it has come to. It does no look-up and knows no time. Pure. */

import type { Domain, ReversePath } from "../mail/address.ts";
import { formatIp, type Ip, netContains, reverseName, unmapped } from "../mail/ip.ts";
import type { DnsAnswer, DnsRecord, DnsType } from "../port.ts";
import { expandDomain, type MacroString, nameToAsk, usesLocalPart, usesValidated } from "./spf_macro.ts";
import { isNear, parseSpfRecord, type SpfDirective, type SpfMechanism, spfTexts } from "./spf_record.ts";
import type { SpfResult } from "./spf_result.ts";

/** Who sends. */
export interface SpfIdentity {
  /** The address that the message comes from. */
  readonly ip: Ip;
  /** The argument of MAIL FROM. For the null path it is postmaster at `helo` that is asked about (§2.4). */
  readonly sender: ReversePath;
  /** The argument of EHLO. */
  readonly helo: Domain;
}

/** What is asked of the DNS. */
export interface SpfQuestion {
  /** Lower case, no final dot; one that can be asked for. */
  readonly name: string;
  /** Of the records wanted. */
  readonly type: DnsType;
}

/** What came out, and how long it is worth something. */
export interface SpfVerdict {
  /** What the record says, or why it says nothing. */
  readonly result: SpfResult;
  /** A clause for the log; it may have text of the record's owner in it. */
  readonly reason: string;
  /** The answers that it rests on are good for so long, ms. */
  readonly ttlMs: number;
  /** Another user of the domain might get another result. */
  readonly isForUser: boolean;
}

/** Terms of one check that may ask the DNS: `include`, `a`, `mx`, `ptr`, `exists` and `redirect`, and the first `%{p}`;
 * those of included records with them. RFC 7208 §4.6.4. */
export const spfTermsMax = 10;

/** Answers without records that these may get. RFC 7208 §4.6.4. */
export const spfVoidsMax = 2;

/** Hosts of one `mx`, or names of the address with `ptr`, whose addresses may be asked for. RFC 7208 §4.6.4. */
export const spfHostsMax = 10;

/** A check under way. Where it yields, it wants the answer to that question. */
export type SpfCheck<Result = SpfVerdict> = Generator<SpfQuestion, Result, DnsAnswer>;

/** Checks. RFC 7208 §4. At most 1 + 11 x `spfTermsMax` questions; never throws. */
export function* checkSpf({ ip, sender, helo }: SpfIdentity): SpfCheck {
  const domain = sender === null ? helo : sender.domain;
  const check: Check = {
    // §5: an IPv4-mapped address is the IPv4 address.
    ip: unmapped(ip),
    helo,
    localPart: sender === null || sender.localPart === "" ? "postmaster" : sender.localPart,
    senderDomain: domain,
    terms: 0,
    voids: 0,
    ttlMs: Infinity,
    isForUser: false,
    names: null,
  };
  const { result, reason } = yield* checkHost(check, domain.toLowerCase());
  return { result, reason, ttlMs: check.ttlMs, isForUser: check.isForUser };
}

/** What all records of a check share. */
interface Check {
  readonly ip: Ip;
  readonly helo: string;
  readonly localPart: string;
  readonly senderDomain: string;
  terms: number;
  voids: number;
  ttlMs: number;
  isForUser: boolean;
  /** Names of the address that hold; null before anybody asked. */
  names: readonly string[] | null;
}

interface Finding {
  readonly result: SpfResult;
  readonly reason: string;
}

/** Does a mechanism match? An error ends the check. */
type Match = boolean | Finding;

function error(result: "temperror" | "permerror", reason: string): Finding {
  return { result, reason };
}

const tooManyTerms = error("permerror", `more than ${spfTermsMax} terms ask the DNS`);
const tooManyVoids = error("permerror", `more than ${spfVoidsMax} questions have no answer`);

/** §4.3 to §4.7. */
function* checkHost(check: Check, domain: string): SpfCheck<Finding> {
  if (!hasPolicy(domain)) return { result: "none", reason: `${domain} is no domain name` };
  const answer = yield* ask(check, domain, "TXT");
  if (answer.kind === "failed") return error("temperror", `the record of ${domain}: ${answer.detail}`);
  const texts = spfTexts(recordsOf(answer, "TXT").map(({ text }) => text));
  const [text] = texts;
  if (text === undefined) return { result: "none", reason: `${domain} has no record` };
  // §4.5: there is no telling which of them holds.
  if (texts.length > 1) return error("permerror", `${domain} has ${texts.length} records`);
  const record = parseSpfRecord(text);
  if (record === null) return error("permerror", `the record of ${domain} has an error`);
  for (const directive of record.directives) {
    const match = yield* matches(check, domain, directive.mechanism);
    if (typeof match === "object") return match;
    if (match) return { result: directive.qualifier, reason: `${describe(directive)} of ${domain}` };
  }
  // §5.1: behind `all` nobody gets here, so that a redirect beside one has no effect wherever it stands.
  if (record.redirect === null) return { result: "neutral", reason: `nothing matches in the record of ${domain}` };
  return yield* redirect(check, domain, record.redirect);
}

/** §4.3: what is no name of several labels has no policy. An address literal is none. */
function hasPolicy(domain: string): boolean {
  return domain.includes(".") && !domain.startsWith("[") && nameToAsk(domain) === domain;
}

/** §6.1. */
function* redirect(check: Check, domain: string, target: MacroString): SpfCheck<Finding> {
  if (++check.terms > spfTermsMax) return tooManyTerms;
  const name = yield* nameOf(check, domain, target);
  if (typeof name === "object") return name ?? error("permerror", `the redirect of ${domain} leads nowhere`);
  const found = yield* checkHost(check, name);
  return found.result === "none" ? error("permerror", `${domain} redirects to ${name}, which has no record`) : found;
}

/** §5. */
function* matches(check: Check, domain: string, mechanism: SpfMechanism): SpfCheck<Match> {
  if (mechanism.kind === "all") return true;
  if (mechanism.kind === "ip") return netContains(mechanism.net, check.ip);
  if (++check.terms > spfTermsMax) return tooManyTerms;
  const name = mechanism.domain === null ? domain : yield* nameOf(check, domain, mechanism.domain);
  if (typeof name === "object") {
    return name ?? (mechanism.kind === "include" && error("permerror", `an include of ${domain} leads nowhere`));
  }
  switch (mechanism.kind) {
    case "include":
      return included(name, yield* checkHost(check, name));
    case "a":
      return yield* matchesHost(check, name, mechanism);
    case "mx":
      return yield* matchesExchanger(check, name, mechanism);
    case "ptr":
      return (yield* validatedNames(check)).some((one) => isWithin(one, name));
    case "exists": {
      // §5.7: an A look-up whatever the address is.
      const answer = yield* ask(check, name, "A");
      return errorOf(check, answer, name) ?? answer.kind === "records";
    }
  }
}

/** §5.2. */
function included(name: string, { result, reason }: Finding): Match {
  switch (result) {
    case "pass":
      return true;
    case "fail":
    case "softfail":
    case "neutral":
      return false;
    case "temperror":
      return error("temperror", reason);
    case "permerror":
      return error("permerror", reason);
    case "none":
      return error("permerror", `${name} is included and has no record`);
  }
}

type Hosts = Extract<SpfMechanism, { kind: "a" | "mx" }>;

/** §5.3: does an address of the host lie near? */
function* matchesHost(check: Check, name: string, { prefix }: Hosts): SpfCheck<Match> {
  const type = addressType(check.ip);
  const answer = yield* ask(check, name, type);
  return errorOf(check, answer, name) ??
    recordsOf(answer, type).some(({ address }) => isNear(address, check.ip, prefix));
}

/** §5.4: MX records alone count; a domain without them has no implicit one here. */
function* matchesExchanger(check: Check, name: string, mechanism: Hosts): SpfCheck<Match> {
  const answer = yield* ask(check, name, "MX");
  const failure = errorOf(check, answer, name);
  if (failure !== null) return failure;
  const hosts = recordsOf(answer, "MX").toSorted((a, b) => a.preference - b.preference);
  if (hosts.length > spfHostsMax) return error("permerror", `${name} has more than ${spfHostsMax} MX records`);
  for (const { exchange } of hosts) {
    // The null MX (RFC 7505) is no host.
    const host = nameToAsk(exchange);
    const match = host === null ? false : yield* matchesHost(check, host, mechanism);
    if (match !== false) return match;
  }
  return false;
}

/** §5.5: the names that the DNS has for the address, and that have the address themselves. What cannot be looked up is left
 * out. They are looked for once; that the owner of the address has set them up badly is not held against the record. */
function* validatedNames(check: Check): SpfCheck<readonly string[]> {
  if (check.names !== null) return check.names;
  const names: string[] = [];
  const answer = yield* ask(check, reverseName(check.ip), "PTR");
  const type = addressType(check.ip);
  for (const { name } of recordsOf(answer, "PTR").slice(0, spfHostsMax)) {
    const asked = nameToAsk(name);
    if (asked === null) continue;
    const found = yield* ask(check, asked, type);
    const isOurs = recordsOf(found, type).some(({ address }) => isNear(address, check.ip, { four: 32, six: 128 }));
    if (isOurs) names.push(asked);
  }
  return check.names = names;
}

/** The name that a term of `domain`'s record is about; null when it is no name. */
function* nameOf(check: Check, domain: string, spec: MacroString): SpfCheck<string | null | Finding> {
  check.isForUser ||= usesLocalPart(spec);
  // §4.6.4: the first `%{p}` asks for the names of the address, and counts as `ptr` does.
  if (usesValidated(spec) && check.names === null && ++check.terms > spfTermsMax) return tooManyTerms;
  const validated = usesValidated(spec) ? validatedOf(yield* validatedNames(check), domain) : "";
  const { localPart, senderDomain, ip, helo } = check;
  return expandDomain(spec, { localPart, senderDomain, domain, ip, helo, validated });
}

/** §7.3: the domain itself, else a name below it, else any. */
function validatedOf(names: readonly string[], domain: string): string {
  return names.find((one) => one === domain) ?? names.find((one) => isWithin(one, domain)) ?? names[0] ?? "unknown";
}

function isWithin(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

function* ask(check: Check, name: string, type: DnsType): SpfCheck<DnsAnswer> {
  const answer = yield { name, type };
  const lives = answer.kind === "records"
    ? answer.records.map(({ ttlMs }) => ttlMs)
    : [answer.kind === "failed" ? 0 : answer.ttlMs];
  check.ttlMs = Math.min(check.ttlMs, ...lives);
  return answer;
}

/** The error that an answer to a term is, and null for none. §5: an answer that is not to be had is `temperror`. */
function errorOf(check: Check, answer: DnsAnswer, name: string): Finding | null {
  if (answer.kind === "failed") return error("temperror", `${name}: ${answer.detail}`);
  return answer.kind !== "records" && ++check.voids > spfVoidsMax ? tooManyVoids : null;
}

/** The records of a type that an answer has; none where it has no records. */
export function recordsOf<Type extends DnsType>(
  answer: DnsAnswer,
  type: Type,
): readonly Extract<DnsRecord, { readonly type: Type extends "A" | "AAAA" ? "A" | "AAAA" : Type }>[] {
  type Wanted = Extract<DnsRecord, { readonly type: Type extends "A" | "AAAA" ? "A" | "AAAA" : Type }>;
  const isWanted = (record: DnsRecord): record is Wanted => record.type === type;
  return answer.kind === "records" ? answer.records.filter(isWanted) : [];
}

function addressType(ip: Ip): "A" | "AAAA" {
  return ip.version === 4 ? "A" : "AAAA";
}

function describe({ qualifier, mechanism }: SpfDirective): string {
  const sign = { pass: "", fail: "-", softfail: "~", neutral: "?" }[qualifier];
  if (mechanism.kind !== "ip") return `${sign}${mechanism.kind}`;
  const { ip, prefixLength } = mechanism.net;
  return `${sign}ip${ip.version}:${formatIp(ip)}/${prefixLength}`;
}

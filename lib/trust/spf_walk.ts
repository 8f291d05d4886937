/** Which networks may send for a domain, as its SPF record (RFC 7208) and those that it leads to list them: what firewalls
 * and greylisting are fed with. A machine as `checkSpf` is, that yields its DNS questions. Pure. */

import { formatNet, type Net, parseIp } from "../mail/ip.ts";
import type { DnsAnswer, DnsType } from "../port.ts";
import { recordsOf, type SpfCheck, spfHostsMax } from "./spf.ts";
import { formatMacroString, type MacroString, nameToAsk } from "./spf_macro.ts";
import {
  findBadTerm,
  parseSpfRecord,
  type SpfMechanism,
  type SpfPrefix,
  type SpfRecord,
  spfTexts,
} from "./spf_record.ts";

/** Which addresses are wanted: at least one of the two. */
export interface SpfFamilies {
  /** IPv4. */
  readonly four: boolean;
  /** IPv6. */
  readonly six: boolean;
}

/** Something that a reader of the list has to know. */
export interface SpfWalkProblem {
  /** An error where networks may be missing that the records name, a warning where they name none. */
  readonly severity: "error" | "warning";
  /** A clause that names the domain; it may have text of the record's owner in it. */
  readonly text: string;
}

/** What a walk has found. */
export interface SpfWalk {
  /** As `formatNet` writes them, in the order of the records, each once. */
  readonly networks: readonly string[];
  /** In the order in which they were met. */
  readonly problems: readonly SpfWalkProblem[];
}

/** Look-ups of one walk. A record within the limits of RFC 7208 takes 211 at most. */
export const spfWalkQuestionsMax = 250;

/** How deep records of a walk may include and redirect to others. */
export const spfWalkDepthMax = 20;

/** Networks that one walk lists. */
export const spfWalkNetworksMax = 10_000;

/** Walks through the records of `domain`, in the form of `nameToAsk`. Mechanisms with `-` and `~` are passed over, and so is
 * what stands behind `all`: nobody gets there (§5.1). What depends on the message, macros and `ptr`, names no networks: that
 * is told. A record with an error lists nothing, for nothing of it holds (§4.6). Never throws. */
export function* walkSpf(domain: string, families: SpfFamilies): SpfCheck<SpfWalk> {
  const walk: Walk = { families, asked: 0, networks: new Set(), problems: [], walked: new Set(), isCut: false };
  yield* walkDomain(walk, domain, { term: "", path: [] });
  return { networks: [...walk.networks], problems: walk.problems };
}

/** What all records of a walk share. */
interface Walk {
  readonly families: SpfFamilies;
  asked: number;
  readonly networks: Set<string>;
  readonly problems: SpfWalkProblem[];
  /** Domains whose records were looked at, or are. */
  readonly walked: Set<string>;
  /** A limit was reached: the rest is left out. */
  isCut: boolean;
}

/** How a record was come to. */
interface Way {
  /** Such as `include of a.test: `, empty for the first record: for messages. */
  readonly term: string;
  /** The domains before, from the first one on. */
  readonly path: readonly string[];
}

function* walkDomain(walk: Walk, domain: string, { term, path }: Way): SpfCheck<void> {
  const start = path.indexOf(domain);
  if (start >= 0) return void warn(walk, `${term}this is a loop: ${[...path.slice(start), domain].join(" -> ")}`);
  if (walk.walked.has(domain)) return;
  if (path.length > spfWalkDepthMax) {
    return void error(walk, `${term}${domain} is left out: it is more than ${spfWalkDepthMax} records away`);
  }
  walk.walked.add(domain);
  const answer = yield* ask(walk, domain, "TXT");
  const record = answer === null ? null : recordOf(walk, domain, term, answer);
  if (record === null) return;
  const inside = [...path, domain];
  for (const { qualifier, mechanism } of record.directives) {
    if (walk.isCut) return;
    if (mechanism.kind === "all") {
      if (qualifier === "pass") warn(walk, `${term}${domain} lets every address send: +all`);
      return;
    }
    if (qualifier === "pass" || qualifier === "neutral") yield* walkMechanism(walk, domain, mechanism, inside);
  }
  if (record.redirect === null || walk.isCut) return;
  const target = nameOf(walk, domain, "redirect", record.redirect);
  if (target !== null) yield* walkDomain(walk, target, { term: `redirect of ${domain}: `, path: inside });
}

/** The record in an answer; null where there is none to go by, which is told. */
function recordOf(walk: Walk, domain: string, term: string, answer: DnsAnswer): SpfRecord | null {
  const fail = (what: string): null => error(walk, `${term}${what}`);
  if (answer.kind === "failed") return fail(`${domain} cannot be looked up: ${answer.detail}`);
  if (answer.kind === "noName") return fail(`there is no domain ${domain}`);
  const texts = spfTexts(recordsOf(answer, "TXT").map(({ text }) => text));
  const [text] = texts;
  if (text === undefined) return fail(`${domain} has no SPF record`);
  if (texts.length > 1) return fail(`${domain} has ${texts.length} SPF records, so that none holds`);
  const record = parseSpfRecord(text);
  if (record !== null) return record;
  const bad = findBadTerm(text);
  return fail(
    `the SPF record of ${domain} has an error, so that nothing of it holds: ` +
      (bad === null ? "a modifier stands there twice" : bad),
  );
}

/** §5, without a sender. */
function* walkMechanism(
  walk: Walk,
  domain: string,
  mechanism: Exclude<SpfMechanism, { readonly kind: "all" }>,
  inside: readonly string[],
): SpfCheck<void> {
  const { kind } = mechanism;
  if (kind === "ip") return addNetwork(walk, mechanism.net);
  if (kind === "ptr") return void warn(walk, `ptr of ${domain} names no networks: left out`);
  const name = mechanism.domain === null ? domain : nameOf(walk, domain, kind, mechanism.domain);
  if (name === null) return;
  const term = `${kind} of ${domain}: `;
  switch (kind) {
    case "include":
      return yield* walkDomain(walk, name, { term, path: inside });
    case "a":
      return yield* walkHost(walk, name, mechanism.prefix, term);
    case "mx":
      return yield* walkExchangers(walk, name, mechanism.prefix, term);
    case "exists":
      // §5.7: an A look-up whatever the sender's address is. Without an address nobody passes, as is usual.
      if (walk.families.four) yield* walkAddresses(walk, name, "A", { four: 32, six: 128 }, term);
  }
}

/** §5.4: MX records alone count. */
function* walkExchangers(walk: Walk, name: string, prefix: SpfPrefix, term: string): SpfCheck<void> {
  const answer = yield* ask(walk, name, "MX");
  if (answer === null) return;
  if (answer.kind === "failed") return void error(walk, `${term}${name} cannot be looked up: ${answer.detail}`);
  const hosts = recordsOf(answer, "MX").toSorted((a, b) => a.preference - b.preference);
  if (hosts.length === 0) return void warn(walk, `${term}${name} has no MX records`);
  if (hosts.length > spfHostsMax) {
    error(walk, `${term}${name} has ${hosts.length} MX records: all but the first ${spfHostsMax} are left out`);
  }
  for (const { exchange } of hosts.slice(0, spfHostsMax)) {
    // The null MX (RFC 7505) is no host.
    const host = nameToAsk(exchange);
    if (host !== null) yield* walkHost(walk, host, prefix, term);
  }
}

/** §5.3: the networks around the addresses of a host. */
function* walkHost(walk: Walk, name: string, prefix: SpfPrefix, term: string): SpfCheck<void> {
  const { four, six } = walk.families;
  const v4 = four ? yield* walkAddresses(walk, name, "A", prefix, term) : "none";
  const v6 = six ? yield* walkAddresses(walk, name, "AAAA", prefix, term) : "none";
  if (v4 === "noName" || v6 === "noName") return void warn(walk, `${term}there is no host ${name}`);
  if (four && six && v4 === "none" && v6 === "none") warn(walk, `${term}${name} has no address`);
}

/** What was found; `failed` has been told. */
function* walkAddresses(
  walk: Walk,
  name: string,
  type: "A" | "AAAA",
  { four, six }: SpfPrefix,
  term: string,
): SpfCheck<"some" | "none" | "noName" | "failed"> {
  const answer = yield* ask(walk, name, type);
  if (answer === null) return "failed";
  if (answer.kind === "failed") {
    error(walk, `${term}the ${type} records of ${name} cannot be looked up: ${answer.detail}`);
    return "failed";
  }
  for (const { address } of recordsOf(answer, type)) {
    const ip = parseIp(address);
    if (ip !== null) addNetwork(walk, { ip, prefixLength: ip.version === 4 ? four : six });
  }
  return answer.kind === "records" ? "some" : answer.kind === "noName" ? "noName" : "none";
}

/** The name that a term is about; null where it is none, which is told. */
function nameOf(walk: Walk, domain: string, kind: string, spec: MacroString): string | null {
  const text = `${kind} of ${domain}: ${formatMacroString(spec)}`;
  if (spec.some((part) => part.kind === "macro")) {
    return warn(walk, `${text} has macros, which only a message can fill in: left out`);
  }
  const name = nameToAsk(spec.map((part) => part.kind === "macro" ? "" : part.text).join(""));
  return name ?? error(walk, `${text} is no name`);
}

function addNetwork(walk: Walk, net: Net): void {
  if (!(net.ip.version === 4 ? walk.families.four : walk.families.six)) return;
  const text = formatNet(net);
  if (walk.networks.size < spfWalkNetworksMax || walk.networks.has(text)) return void walk.networks.add(text);
  cut(walk, `more than ${spfWalkNetworksMax} networks`);
}

/** Null once there were too many. */
function* ask(walk: Walk, name: string, type: DnsType): SpfCheck<DnsAnswer | null> {
  if (walk.asked < spfWalkQuestionsMax) {
    walk.asked++;
    return yield { name, type };
  }
  cut(walk, `more than ${spfWalkQuestionsMax} look-ups`);
  return null;
}

function cut(walk: Walk, why: string): void {
  if (!walk.isCut) error(walk, `${why}: the rest is left out`);
  walk.isCut = true;
}

function error(walk: Walk, text: string): null {
  walk.problems.push({ severity: "error", text });
  return null;
}

function warn(walk: Walk, text: string): null {
  walk.problems.push({ severity: "warning", text });
  return null;
}

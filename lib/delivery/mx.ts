/** Finds the hosts that take mail for a relay, best first (RFC 5321 §5.1), and refuses to be sent where strangers
 * have no business to send us. */

import type { Domain } from "../mail/address.ts";
import { addressOfLiteral, parseDomain } from "../mail/domain.ts";
import { formatIp, type Ip, netContains, parseIp, parseNet } from "../mail/ip.ts";
import type { Dns, DnsAnswer, Random } from "../port.ts";
import type { MtaLimits } from "./limits.ts";
import { classifyDns, noRoute, nullMx, type Outcome, selfRoute } from "./outcome.ts";
import type { Relay, RelayManner } from "./relay.ts";

/** A host to try. Hosts of equal preference are alike; lower ones come first. */
export interface RouteHost {
  /** Name for logs and, later, certificates; the address where there is no name. */
  readonly name: string;
  /** Of its MX record; 0 where there is none. */
  readonly preference: number;
  /** As `formatIp` writes them, in the order to try: IPv6, then IPv4. At least one. */
  readonly addresses: readonly string[];
}

/** Where to go, or what that means for the mail. */
export type Routes =
  /** At least one, sorted by preference. */
  | { readonly kind: "hosts"; readonly hosts: readonly RouteHost[] }
  | { readonly kind: "none"; readonly outcome: Outcome };

/** What a resolution needs to know. */
export interface RouteOptions {
  /** Answers MX, A and AAAA questions. */
  readonly dns: Dns;
  /** Shuffles hosts of one preference. */
  readonly random: Random;
  /** Our own names, lower case. */
  readonly selfNames: ReadonlySet<string>;
  /** Our own addresses, as `formatIp` writes them. */
  readonly selfAddresses: ReadonlySet<string>;
  /** Go to loopback, private and link-local addresses even where the DNS alone says so: for closed networks and
   * tests. Smart hosts may always have them. */
  readonly allowPrivate: boolean;
  /** The one address family that may be used; null for both. */
  readonly family: 4 | 6 | null;
  /** How many hosts and addresses are considered. */
  readonly limits: Pick<MtaLimits, "hostsMax" | "addressesPerHostMax">;
}

/** The same, for mail that is brought in a manner of its own: from one of our addresses only hosts of its family can be
 * reached, and a backup is one of ourselves. */
export function routeOptionsFor(options: RouteOptions, { source, backupFor }: RelayManner): RouteOptions {
  const selfNames = backupFor === null ? options.selfNames : new Set([...options.selfNames, backupFor]);
  const family = source === null ? options.family : source.includes(":") ? 6 : 4;
  return { ...options, selfNames, family };
}

interface Candidate {
  readonly name: string;
  readonly preference: number;
}

/** What was found out about a candidate. */
interface Resolved extends Candidate {
  /** May be empty. */
  readonly addresses: readonly string[];
  /** The answer that there is none, when there is none. */
  readonly failure: Exclude<DnsAnswer, { kind: "records" }> | null;
}

/** Finds the hosts of a relay. Never rejects. */
export async function resolveRoutes(relay: Relay, options: RouteOptions): Promise<Routes> {
  if (relay.kind === "host") return await resolveHost(relay.host, options);
  const literal = addressOfLiteral(relay.domain);
  if (literal !== null) {
    return chooseHosts([{ name: relay.domain, preference: 0, addresses: [literal], failure: null }], options);
  }
  const answer = await options.dns.query(relay.domain, "MX");
  const candidates = candidatesOf(relay.domain, answer);
  if (!Array.isArray(candidates)) return { kind: "none", outcome: candidates };
  const best = shuffleEqual(candidates, options.random).slice(0, options.limits.hostsMax);
  return chooseHosts(await Promise.all(best.map((candidate) => resolve(candidate, options))), options);
}

/** A smart host: no MX, no restrictions, for its place is configured. */
async function resolveHost(host: Domain, options: RouteOptions): Promise<Routes> {
  const literal = addressOfLiteral(host);
  if (literal !== null) return hosts([{ name: literal, preference: 0, addresses: [literal] }]);
  const found = await resolve({ name: host, preference: 0 }, options);
  if (found.failure !== null) return { kind: "none", outcome: classifyDns(found.failure, "host") };
  return hosts([found]);
}

/** The hosts that the domain names, or what it means that it names none. */
function candidatesOf(domain: Domain, answer: DnsAnswer): Candidate[] | Outcome {
  // RFC 5321 §5.1: only where there is no MX record at all does the domain stand for itself.
  if (answer.kind === "noData") return [{ name: domain, preference: 0 }];
  if (answer.kind !== "records") return classifyDns(answer, "mail");
  const named: Candidate[] = [];
  let empty = 0;
  for (const record of answer.records) {
    if (record.type !== "MX") continue;
    // RFC 7505 §3: "." is no host. Nor is localhost, whoever's it would be.
    const name = record.exchange.toLowerCase().replace(/\.$/, "");
    if (name === "" || name === "localhost") empty++;
    else if (parseDomain(name) !== null) named.push({ name, preference: record.preference });
  }
  if (named.length > 0) return named;
  return empty > 0 ? nullMx() : noRoute("No MX found for domain");
}

/** Sorts by preference and shuffles inside each (RFC 5321 §5.1). A name counts once, where it is best. */
function shuffleEqual(candidates: readonly Candidate[], random: Random): Candidate[] {
  const drawn = candidates.map((candidate) => ({ candidate, lot: random.u32() }));
  drawn.sort((a, b) => a.candidate.preference - b.candidate.preference || a.lot - b.lot);
  const names = new Set<string>();
  return drawn.map(({ candidate }) => candidate).filter(({ name }) => names.size < names.add(name).size);
}

async function resolve(candidate: Candidate, { dns, limits, family }: RouteOptions): Promise<Resolved> {
  const types = family === null ? (["AAAA", "A"] as const) : family === 6 ? (["AAAA"] as const) : (["A"] as const);
  const answers = await Promise.all(types.map((type) => dns.query(candidate.name, type)));
  const addresses = new Set<string>();
  let failure: Resolved["failure"] = null;
  for (const answer of answers) {
    if (answer.kind !== "records") {
      // A server that fails leaves open what the other answer only denies.
      if (failure === null || answer.kind === "failed") failure = answer;
      continue;
    }
    for (const record of answer.records) {
      const ip = record.type === "A" || record.type === "AAAA" ? parseIp(record.address) : null;
      if (ip !== null) addresses.add(formatIp(ip));
    }
  }
  const kept = [...addresses].slice(0, limits.addressesPerHostMax);
  return { ...candidate, addresses: kept, failure: kept.length > 0 ? null : failure ?? { kind: "noData", ...noTtl } };
}

const noTtl = { ttlMs: 0, secure: false } as const;

/** Drops ourselves and what is no better, and addresses that are nobody's on the Internet. */
function chooseHosts(found: readonly Resolved[], options: RouteOptions): Routes {
  const self = found.filter((host) =>
    options.selfNames.has(host.name) || host.addresses.some((address) => options.selfAddresses.has(address))
  );
  // RFC 5321 §5.1: hosts no better than ourselves would send it back. A lone self is a mistake in the DNS or here.
  const ours = Math.min(...self.map((host) => host.preference));
  const others = found.filter((host) => host.preference < ours);
  if (others.length === 0) return { kind: "none", outcome: selfRoute() };
  const usable = others.map((host) => ({
    ...host,
    addresses: host.addresses.filter((address) => options.allowPrivate || !isForbiddenAddress(address)),
  }));
  const reachable = usable.filter((host) => host.addresses.length > 0);
  if (reachable.length > 0) return hosts(reachable);
  const failure = others.find((host) => host.failure?.kind === "failed")?.failure ?? null;
  if (failure !== null) return { kind: "none", outcome: classifyDns(failure, "mail") };
  const isRefused = others.some((host) => host.addresses.length > 0);
  return {
    kind: "none",
    outcome: noRoute(isRefused ? "All addresses of the destination are private" : "No MX found for domain"),
  };
}

function hosts(list: readonly RouteHost[]): Routes {
  return { kind: "hosts", hosts: list.map(({ name, preference, addresses }) => ({ name, preference, addresses })) };
}

/** Networks that nobody outside may send us to: RFC 6890, with those that hold an IPv4 address inside. */
const forbidden = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/127",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
].map((text) => parseNet(text)).filter((net) => net !== null);

/** Where in an IPv6 address of these networks an IPv4 address stands: mapped, compatible, NAT64 and 6to4. */
const carriers = [
  { net: parseNet("::ffff:0:0/96"), offset: 12 },
  { net: parseNet("::/96"), offset: 12 },
  { net: parseNet("64:ff9b::/96"), offset: 12 },
  { net: parseNet("2002::/16"), offset: 2 },
];

/** Is it an address that the public DNS has no right to send mail to: loopback, private, link-local, multicast,
 * unspecified, or one of those inside an IPv6 address? What is no address is forbidden too. */
export function isForbiddenAddress(address: string): boolean {
  const ip = parseIp(address);
  return ip === null || isForbidden(ip);
}

function isForbidden(ip: Ip): boolean {
  if (forbidden.some((net) => netContains(net, ip))) return true;
  for (const { net, offset } of carriers) {
    if (net === null || !netContains(net, ip)) continue;
    if (isForbidden({ version: 4, octets: ip.octets.slice(offset, offset + 4) })) return true;
  }
  return false;
}

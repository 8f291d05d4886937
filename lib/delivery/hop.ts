/** The next hop of a message: which relay an action wants, and how it is to be spoken to. */

import type { Domain } from "../mail/address.ts";
import { parseUnicodeDomain } from "../mail/domain.ts";
import { formatIp, parseIp } from "../mail/ip.ts";
import { relayBar } from "../policy/relay_bar.ts";
import type { RelayAction, TableName } from "../policy/policy.ts";
import { misconfigured, notNow, type Outcome } from "./outcome.ts";
import { type Relay, type RelayManner, relayOfUrl } from "./relay.ts";

/** Where mail goes next, and how. */
export interface Hop {
  /** Where. */
  readonly relay: Relay;
  /** How. */
  readonly manner: RelayManner;
}

/** Tables that hops are made of. A table that cannot answer is `failed`; what these reject with is passed on. */
export interface HopTables {
  /** The next URL of a list, or the one that a map has for `domain`. */
  relay(table: TableName, domain: Domain): Promise<
    { readonly kind: "found"; readonly url: string } | { readonly kind: "absent" | "failed" }
  >;
  /** Our next source address. */
  source(table: TableName): Promise<OwnText>;
  /** Our name on an address, which stands in brackets when it is an IPv6 one. */
  helo(table: TableName, address: string): Promise<OwnText>;
}

/** An address or a name of ours. */
export type OwnText = { readonly kind: "found"; readonly text: string } | { readonly kind: "absent" | "failed" };

/** The hop for mail of an action to `domain`, or what it means for the mail that there is none now. */
export async function findHop(
  action: RelayAction,
  domain: Domain,
  serverName: Domain,
  tables: HopTables,
): Promise<Hop | Outcome> {
  const relay = await findRelay(action, domain, tables);
  if ("enhanced" in relay) return relay;
  const manner = await findManner(action, serverName, tables);
  return "enhanced" in manner ? manner : { relay, manner };
}

async function findRelay(action: RelayAction, domain: Domain, tables: HopTables): Promise<Relay | Outcome> {
  const table = action.host ?? action.domain;
  const bar = relayBar(action, null);
  if (bar !== null) return notNow(bar);
  if (table === null) return { kind: "domain", domain };
  const answer = await tables.relay(table, domain);
  if (answer.kind !== "found") return notNow("Cannot retrieve smarthost");
  // Mail whose relay demands what cannot be given waits: it never goes with less.
  const demand = relayBar(action, answer.url);
  if (demand !== null) return notNow(demand);
  const parsed = relayOfUrl(answer.url);
  return parsed.kind === "relay" ? parsed.relay : misconfigured(`Cannot parse smarthost: ${parsed.message}`);
}

async function findManner(action: RelayAction, serverName: Domain, tables: HopTables): Promise<RelayManner | Outcome> {
  const backupFor = action.backup === null ? null : parseUnicodeDomain(action.backup.mx ?? serverName);
  const helo = action.helo === null ? null : parseUnicodeDomain(action.helo);
  if (action.source === null) return { helo, source: null, backupFor };
  const answer = await tables.source(action.source);
  const source = answer.kind === "found" ? parseSource(answer.text) : null;
  if (source === null) return notNow("Could not retrieve source address");
  if (action.heloSource === null) return { helo, source, backupFor };
  const address = source.includes(":") ? `[${source}]` : source;
  const name = await tables.helo(action.heloSource, address);
  const known = name.kind === "found" ? parseUnicodeDomain(name.text) : null;
  return known === null ? notNow(`Could not retrieve helo name for ${source}`) : { helo: known, source, backupFor };
}

/** Reads an address of ours: `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`, `IPv6:2001:db8::1`. */
function parseSource(text: string): string | null {
  const ip = parseIp(text.replace(/^\[|\]$/g, "").replace(/^IPv6:/i, ""));
  return ip === null ? null : formatIp(ip);
}

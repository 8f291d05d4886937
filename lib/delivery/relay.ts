/** Where mail goes next: the domain's own servers, or a smart host given as a relay URL. */

import type { Domain } from "../mail/address.ts";
import { laterRelayUrl, parseRelayUrl } from "../policy/relay_url.ts";

/** A next hop. Tasks for equal relays share connections. */
export type Relay =
  /** The servers that the domain's MX records name (RFC 5321 §5.1). */
  | { readonly kind: "domain"; readonly domain: Domain }
  /** The one host of a `relay host` URL. */
  | { readonly kind: "host"; readonly host: Domain; readonly port: number; readonly protocol: "smtp" | "lmtp" };

/** Port of SMTP between servers. */
export const smtpPort = 25;

/** What `relayOfUrl` makes of a text. */
export type RelayParse =
  | { readonly kind: "relay"; readonly relay: Relay }
  /** `message` is a clause for a person who reads it beside the text. */
  | { readonly kind: "error"; readonly message: string };

/** Reads `[scheme://]host[:port]`. The configuration refuses what it cannot do in the same words, but URLs of tables come
 * here unchecked. Never throws. */
export function relayOfUrl(text: string): RelayParse {
  const parsed = parseRelayUrl(text);
  if (parsed.kind === "error") return parsed;
  const later = laterRelayUrl(parsed.url);
  if (later !== null) return { kind: "error", message: later };
  const { host, port } = parsed.url;
  return { kind: "relay", relay: { kind: "host", host, port, protocol: "smtp" } };
}

/** How an action wants its mail brought to a relay. */
export interface RelayManner {
  /** Our name in EHLO; null for the server's. */
  readonly helo: Domain | null;
  /** Our address, as `formatIp` writes it; null for the system's choice. */
  readonly source: string | null;
  /** We stand in for this mail exchanger: only hosts with a better preference are used. Null where we do not. */
  readonly backupFor: Domain | null;
}

/** The manner of an action without options. */
export const plainManner: RelayManner = { helo: null, source: null, backupFor: null };

/** Equal for relays that are the same and are spoken to in the same manner: their mail shares connections. */
export function relayKey(relay: Relay, { helo, source, backupFor }: RelayManner): string {
  const manner = `${helo ?? ""} ${source ?? ""} ${backupFor ?? ""}`;
  if (relay.kind === "domain") return `mx:${relay.domain} ${manner}`;
  return `${relay.protocol}:${relay.host}:${relay.port} ${manner}`;
}

/** What limits for a destination are named by: its domain, or the smart host. */
export function relayName(relay: Relay): Domain {
  return relay.kind === "domain" ? relay.domain : relay.host;
}

/** Where to connect and what to speak there. */
export function relayTransport(relay: Relay): { readonly port: number; readonly protocol: "smtp" | "lmtp" } {
  return relay.kind === "domain" ? { port: smtpPort, protocol: "smtp" } : relay;
}

/** Where mail goes next: the domain's own servers, or a smart host given as a relay URL. */

import type { Domain } from "../mail/address.ts";
import { parseDomain } from "../mail/domain.ts";

/** A next hop. Tasks for equal relays share connections. */
export type Relay =
  /** The servers that the domain's MX records name (RFC 5321 §5.1). */
  | { readonly kind: "domain"; readonly domain: Domain }
  /** The one host of a `relay host` URL. */
  | {
    readonly kind: "host";
    readonly host: Domain;
    readonly port: number;
    readonly protocol: "smtp" | "lmtp";
    readonly tls: RelayTls;
  };

/** `opportunistic`: used when the peer offers it. `never`: the URL says so. */
export type RelayTls = "opportunistic" | "never";

/** Port of SMTP between servers. */
export const smtpPort = 25;

/** Longest relay URL, characters. */
export const relayUrlMax = 512;

/** What `parseRelayUrl` makes of a text. */
export type RelayUrl =
  | { readonly kind: "relay"; readonly relay: Relay }
  /** `message` is a clause for a person who reads it beside the text. */
  | { readonly kind: "error"; readonly message: string };

/** Reads `[proto://]host[:port]`: proto smtp (the default), smtp+notls or lmtp, in any case; host a name, an IPv4
 * address, or an address literal in brackets. LMTP has no default port. TLS and credentials are not supported yet
 * and say so. Never throws. */
export function parseRelayUrl(text: string): RelayUrl {
  if (text.length > relayUrlMax) return error("the relay URL is too long");
  const split = /^([^/:@[\]]*):\/\/(.*)$/s.exec(text);
  const scheme = (split?.[1] ?? "smtp").toLowerCase();
  const rest = split?.[2] ?? text;
  switch (scheme) {
    case "smtp":
      return parseHost(rest, "smtp", "opportunistic");
    case "smtp+notls":
      return parseHost(rest, "smtp", "never");
    case "lmtp":
      return parseHost(rest, "lmtp", "never");
    case "smtp+tls":
    case "smtps":
      return error("TLS to relays is not supported yet");
    default:
      return error(`unknown protocol "${scheme}": use smtp, smtp+notls or lmtp`);
  }
}

function parseHost(text: string, protocol: "smtp" | "lmtp", tls: RelayTls): RelayUrl {
  if (text.includes("@")) return error("credentials for relays are not supported yet");
  const split = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/s.exec(text);
  const name = split?.[1] ?? "";
  const host = parseDomain(/^[0-9.]+$/.test(name) ? `[${name}]` : name);
  if (host === null) return error(`"${name === "" ? text : name}" is not a host name or an address`);
  const port = split?.[2];
  if (port === undefined) {
    if (protocol === "lmtp") return error("LMTP needs a port: lmtp://host:port");
    return { kind: "relay", relay: { kind: "host", host, port: smtpPort, protocol, tls } };
  }
  const number = /^[0-9]{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65_535) return error(`"${port}" is not a port`);
  return { kind: "relay", relay: { kind: "host", host, port: number, protocol, tls } };
}

function error(message: string): RelayUrl {
  return { kind: "error", message };
}

/** Equal for relays that are the same. */
export function relayKey(relay: Relay): string {
  if (relay.kind === "domain") return `mx:${relay.domain}`;
  return `${relay.protocol}:${relay.tls}:${relay.host}:${relay.port}`;
}

/** The relay as people write it: `example.org`, or a URL. */
export function describeRelay(relay: Relay): string {
  if (relay.kind === "domain") return relay.domain;
  const scheme = relay.protocol === "smtp" && relay.tls === "never" ? "smtp+notls" : relay.protocol;
  return `${scheme}://${relay.host}:${relay.port}`;
}

/** Where to connect and what to speak there. */
export function relayTransport(relay: Relay): { readonly port: number; readonly protocol: "smtp" | "lmtp" } {
  return relay.kind === "domain" ? { port: smtpPort, protocol: "smtp" } : relay;
}

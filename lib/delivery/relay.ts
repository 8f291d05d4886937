/** Where mail goes next: the domain's own servers, or a smart host given as a relay URL. */

import { assertNever } from "../fault.ts";
import type { Domain } from "../mail/address.ts";
import { parseRelayUrl as parseUrl } from "../policy/relay_url.ts";

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

/** What `parseRelayUrl` makes of a text. */
export type RelayUrl =
  | { readonly kind: "relay"; readonly relay: Relay }
  /** `message` is a clause for a person who reads it beside the text. */
  | { readonly kind: "error"; readonly message: string };

/** Reads `[proto://]host[:port]` as `policy/relay_url.ts` does, which checks the URLs of the configuration; those of
 * tables come here unchecked. TLS that must be, and credentials with it, are not supported yet and say so.
 * Never throws. */
export function parseRelayUrl(text: string): RelayUrl {
  const parsed = parseUrl(text);
  if (parsed.kind === "error") return parsed;
  const { scheme, host, port } = parsed.url;
  switch (scheme) {
    case "smtp":
      return { kind: "relay", relay: { kind: "host", host, port, protocol: "smtp", tls: "opportunistic" } };
    case "smtp+notls":
      return { kind: "relay", relay: { kind: "host", host, port, protocol: "smtp", tls: "never" } };
    case "lmtp":
      return { kind: "relay", relay: { kind: "host", host, port, protocol: "lmtp", tls: "never" } };
    case "smtp+tls":
    case "smtps":
      return { kind: "error", message: "TLS to relays is not supported yet" };
    default:
      assertNever(scheme);
  }
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

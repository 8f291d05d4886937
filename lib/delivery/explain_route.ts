/** Where an envelope would go from here, for who asks. */

import type { RouteHost, Routes } from "./mx.ts";
import type { Hop } from "./hop.ts";
import { type Relay, type RelayManner, relayTransport } from "./relay.ts";

/** What is known of the way to a relay. Plain data: it travels between roles. */
export type ExplainedRoute =
  /** At least one host, in the order in which they are tried; those of one preference are shuffled for each message. */
  | { readonly kind: "hosts"; readonly via: string; readonly port: number; readonly hosts: readonly RouteHost[] }
  /** There is none, now or for good; `reason` is what the mail would be told. */
  | { readonly kind: "none"; readonly via: string; readonly reason: string }
  /** Nobody looked. */
  | { readonly kind: "unasked"; readonly via: string };

/** Most hosts of a route that are passed on. */
export const routeHostsMax = 20;

/** Most addresses of such a host. */
export const routeAddressesMax = 20;

/** Describes what was found for a relay; null for routes that nobody looked for. */
export function explainRoute({ relay, manner }: Hop, routes: Routes | null): ExplainedRoute {
  const via = describeRelay(relay, manner);
  if (routes === null) return { kind: "unasked", via };
  if (routes.kind === "none") return { kind: "none", via, reason: routes.outcome.text };
  const hosts = routes.hosts.slice(0, routeHostsMax).map((host) => ({
    ...host,
    addresses: host.addresses.slice(0, routeAddressesMax),
  }));
  return { kind: "hosts", via, port: relayTransport(relay).port, hosts };
}

/** `MX of far.test`, `smart host relay.test:25 from 192.0.2.1 as mx.test`. */
export function describeRelay(relay: Relay, { source, helo, backupFor }: RelayManner): string {
  return [
    relay.kind === "domain" ? `MX of ${relay.domain}` : `smart host ${relay.host}:${relay.port}`,
    ...(backupFor === null ? [] : [`better than ${backupFor}`]),
    ...(source === null ? [] : [`from ${source}`]),
    ...(helo === null ? [] : [`as ${helo}`]),
  ].join(" ");
}

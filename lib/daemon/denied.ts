/** Addresses that delivery must not connect to, for its row of the privilege table. */

import { formatIp, parseIp } from "../mail/ip.ts";
import type { Policy } from "../policy/policy.ts";
import { parseRelayUrl } from "../policy/relay_url.ts";
import { isInRange } from "./range.ts";

/** Addresses that a role must not connect to: `range` (`address/bits`), less the single addresses in `except`. */
export interface Denied {
  /** The whole range. */
  readonly range: string;
  /** What may be reached all the same, as `formatIp` writes it; all inside the range. */
  readonly except: readonly string[];
}

/** Addresses that mail to strangers never goes to. Deno takes IPv4 ranges and single IPv6 addresses; the ranges
 * fc00::/7 and fe80::/10 are left to delivery/mx.ts, which looks at every address that the DNS gives. */
const closedRanges = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128"];
/** Of those, the ones where a smart host given by name may well live. */
const insideRanges = new Set(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]);

/** What delivery must not connect to: the closed ranges, less what a relay or a resolver of this configuration needs.
 * `resolvers` are literal addresses. */
export function deniedRanges(policy: Policy, resolvers: readonly string[]): readonly Denied[] {
  const named = relayHosts(policy);
  const literal = new Set<string>(resolvers);
  let byName = false;
  for (const host of named) {
    const ip = parseIp(host);
    if (ip !== null) literal.add(formatIp(ip));
    else if (host === "localhost") {
      literal.add("127.0.0.1");
      literal.add("::1");
    } else byName = true;
  }
  return closedRanges.filter((range) => !(byName && insideRanges.has(range))).map((range) => ({
    range,
    except: [...literal].filter((ip) => isInRange(range, ip)).sort(),
  }));
}

/** Hosts of all relay URLs that stand in the configuration itself. A `host` table in a file may name any host. */
function relayHosts(policy: Policy): readonly string[] {
  const hosts: string[] = [];
  for (const action of Object.values(policy.actions)) {
    if (action.kind !== "relay") continue;
    const name = action.host ?? action.domain;
    const table = name === null ? undefined : policy.tables[name];
    if (table === undefined) continue;
    if (table.kind !== "static") {
      hosts.push("*");
      continue;
    }
    for (const [key, value] of table.entries) {
      const parsed = parseRelayUrl(table.shape === "list" ? key : value ?? "");
      if (parsed.kind === "ok") hosts.push(parsed.url.host.replace(/^\[(?:IPv6:)?(.*)\]$/i, "$1").toLowerCase());
    }
  }
  return hosts;
}

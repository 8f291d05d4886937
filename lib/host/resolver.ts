/** The resolver of a role, loaded when its first question is asked: it costs memory that many a server never needs. */

import type { Dns } from "../port.ts";
import { hostClock, hostRandom } from "./clock.ts";
import type { ResolverConfig } from "./resolv_conf.ts";

/** Loads and makes it. `setup` is what /etc/resolv.conf says, and the names of /etc/hosts with their addresses.
 * Needs the rights that `StubResolver` needs. */
export async function loadResolver(
  setup: ResolverConfig & { readonly hosts: Iterable<readonly [string, readonly string[]]> },
): Promise<Dns> {
  const { StubResolver } = await import("./dns.ts");
  return new StubResolver({ config: setup, clock: hostClock, random: hostRandom, hosts: new Map(setup.hosts) });
}

/** The machine as `smtpctl spf walk` sees it. */

import { parseDnsServer, parseResolvConf, type ResolverConfig } from "../lib/host/resolv_conf.ts";
import { loadResolver } from "../lib/host/resolver.ts";
import { readTextIfPresent } from "../lib/host/state.ts";
import { UsageError } from "./getopt.ts";
import { piped } from "./piped.ts";
import type { WalkHost } from "./smtpctl_walk.ts";

/** Standard input, and the DNS. `server` is the value of `--server`, null for the servers of /etc/resolv.conf. Names of
 * /etc/hosts are asked for as others are: others do not know them. Throws `UsageError` when `server` is none. */
export async function hostWalk(server: string | null): Promise<WalkHost> {
  const config = resolverOf(server, readTextIfPresent("/etc/resolv.conf") ?? "");
  return { dns: await loadResolver({ ...config, hosts: [] }), lines: () => piped(Deno.stdin.readable) };
}

/** Whom to ask, and how: `resolvConf` is the text of /etc/resolv.conf, whose options hold for `server` too. */
export function resolverOf(server: string | null, resolvConf: string): ResolverConfig {
  const config = parseResolvConf(resolvConf);
  if (server === null) return config;
  const named = parseDnsServer(server);
  if (named === null) throw new UsageError(`--server takes an address, as 192.0.2.53 or [2001:db8::53]:5353`);
  return { ...config, servers: [named] };
}

/** Reads resolv.conf(5) and hosts(5). Pure. */

import { isIP } from "node:net";

/** Where a DNS server listens. */
export interface DnsServer {
  /** IPv4 or IPv6 address, no brackets. */
  readonly ip: string;
  /** 1 … 65535; UDP and TCP. */
  readonly port: number;
}

/** How to ask for names. */
export interface ResolverConfig {
  /** In order of preference; at least one. */
  readonly servers: readonly DnsServer[];
  /** How long one server may take, ms. */
  readonly timeoutMs: number;
  /** Rounds over all servers. */
  readonly attempts: number;
}

/** Port of DNS. */
export const dnsPort = 53;

/** Servers that are used; resolv.conf(5) sets the same limit. */
export const dnsServersMax = 3;

const defaults = { timeoutMs: 5_000, attempts: 2 } as const;

/** Reads the text of a resolv.conf: `nameserver`, and of `options` timeout:n (1 … 30 s) and attempts:n (1 … 5).
 * `search` and `domain` are read over: a mail server asks for whole names only. Without any server it is the one
 * on this machine. Lines that make no sense are read over, as everybody does. */
export function parseResolvConf(text: string): ResolverConfig {
  const servers: DnsServer[] = [];
  let { timeoutMs, attempts }: { timeoutMs: number; attempts: number } = defaults;
  for (const line of text.split("\n")) {
    const [keyword, ...words] = line.replace(/^\s*[#;].*$|\s[#;].*$/, "").trim().split(/\s+/);
    if (keyword === "nameserver") {
      const server = parseDnsServer(words[0] ?? "");
      if (server !== null && servers.length < dnsServersMax) servers.push(server);
    } else if (keyword === "options") {
      for (const word of words) {
        const [, name, digits] = /^(timeout|attempts):([0-9]{1,4})$/.exec(word) ?? [];
        const number = Number(digits);
        if (name === "timeout") timeoutMs = Math.min(Math.max(number, 1), 30) * 1_000;
        if (name === "attempts") attempts = Math.min(Math.max(number, 1), 5);
      }
    }
  }
  if (servers.length === 0) servers.push({ ip: "127.0.0.1", port: dnsPort });
  return { servers, timeoutMs, attempts };
}

/** Reads `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`. Null for anything else. */
export function parseDnsServer(text: string): DnsServer | null {
  if (isIP(text) !== 0) return { ip: canonical(text), port: dnsPort };
  const [, v6, v4, digits] = /^(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})$/.exec(text) ?? [];
  const ip = v6 ?? v4 ?? "";
  const port = Number(digits);
  const isWellFormed = v6 === undefined ? isIP(ip) === 4 : isIP(ip) === 6;
  return isWellFormed && port >= 1 && port <= 65_535 ? { ip: canonical(ip), port } : null;
}

/** The address as sockets write it, so that the source of an answer can be compared with it. */
function canonical(ip: string): string {
  return isIP(ip) === 6 && !ip.includes("%") ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}

/** Reads the text of a hosts file: the addresses of each name, lower case, in order. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [ip = "", ...names] = line.replace(/#.*$/, "").trim().split(/\s+/);
    if (isIP(ip) === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase().replace(/\.$/, "");
      const known = hosts.get(key);
      if (known === undefined) hosts.set(key, [ip]);
      else if (!known.includes(ip)) known.push(ip);
    }
  }
  return hosts;
}

/** Where the servers of database tables are, and what a role needs to reach them. Pure: rights are computed from it. */

import { Fault } from "../fault.ts";
import type { ServerAddress, ServerTls } from "../port_database.ts";
import { type Conninfo, type ConninfoHost, parseConninfo } from "./conninfo.ts";
import { parseLdapUrl } from "./ldap_url.ts";
import { settingOf, socketPathOf, type TableSettings } from "./settings.ts";
import type { DatabaseSpec } from "./spec.ts";

/** What a table's settings say of its servers. */
export interface Servers {
  /** Tried in this order; empty for a kind without a server. */
  readonly addresses: readonly ServerAddress[];
  /** Null for none. */
  readonly tls: ServerTls | null;
}

/** Where Debian's MariaDB and MySQL have their socket. */
export const mysqlSocket = "/run/mysqld/mysqld.sock";
/** MySQL's port. */
export const mysqlPort = 3306;
/** Redis's port. */
export const redisPort = 6379;
/** Port of a Redis `slave`, as table-redis(5) has it. */
export const redisSlavePort = 6380;

/** Finds the servers of a table. Throws a Fault `malformed`, blame ours, for settings that `parseTableSettings` would
 * have refused. */
export function serversOf(spec: DatabaseSpec): Servers {
  switch (spec.kind) {
    case "sqlite":
      return { addresses: [], tls: null };
    case "postgres":
      return postgresServers(conninfoOf(spec));
    case "mysql":
      return { addresses: [mysqlAddress(spec.settings)], tls: tlsOf(spec.settings) };
    case "redis":
      return { addresses: redisAddresses(spec.settings), tls: tlsOf(spec.settings) };
    case "ldap":
      return ldapServers(spec);
  }
}

/** How the table's PostgreSQL server is reached. Throws as `serversOf`. */
export function conninfoOf(spec: DatabaseSpec): Conninfo {
  const parsed = parseConninfo(settingOf(spec.settings, "conninfo") ?? "");
  if (parsed.kind === "ok") return parsed.conninfo;
  throw wrong(spec, parsed.message);
}

/** Does a session begin without TLS and ask for it? LDAP only. */
export function startsTls(spec: DatabaseSpec): boolean {
  const place = parseLdapUrl(settingOf(spec.settings, "url") ?? "");
  return place?.kind === "tcp" && place.tls !== "ldaps";
}

function postgresServers({ hosts, sslMode, rootCertificate: ca }: Conninfo): Servers {
  const tls = (mode: ServerTls["mode"]): ServerTls => ({ mode, ca });
  const modes: Readonly<Record<Conninfo["sslMode"], ServerTls | null>> = {
    "disable": null,
    // libpq tries without TLS first. With it is no worse.
    "allow": tls("prefer"),
    "prefer": tls("prefer"),
    "require": tls("require"),
    "verify-ca": tls("authority"),
    "verify-full": tls("verify"),
  };
  return { addresses: hosts.map(postgresAddress), tls: modes[sslMode] };
}

function postgresAddress({ host, name, port }: ConninfoHost): ServerAddress {
  return host.startsWith("/")
    ? { kind: "unix", path: `${host.replace(/\/+$/, "")}/.s.PGSQL.${port}` }
    : { kind: "host", host, port, name: name ?? host };
}

/** As the client library of MySQL has it: no host, and `localhost`, mean the socket, unless a port is given. */
function mysqlAddress(settings: TableSettings): ServerAddress {
  const socket = settingOf(settings, "socket");
  if (socket !== null) return { kind: "unix", path: socket };
  const host = settingOf(settings, "host") ?? "localhost";
  const port = settingOf(settings, "port");
  const path = host === "localhost" && port === null ? mysqlSocket : socketPathOf(host);
  return path !== null ? { kind: "unix", path } : hostAddress(host, port === null ? mysqlPort : Number(port));
}

function redisAddresses(settings: TableSettings): readonly ServerAddress[] {
  const address = (host: string, port: string | null, otherwise: number): ServerAddress => {
    const path = socketPathOf(host);
    return path !== null ? { kind: "unix", path } : hostAddress(host, port === null ? otherwise : Number(port));
  };
  const master = settingOf(settings, "master") ?? "127.0.0.1";
  const slave = settingOf(settings, "slave");
  return [
    address(master, settingOf(settings, "master_port"), redisPort),
    ...(slave === null ? [] : [address(slave, settingOf(settings, "slave_port"), redisSlavePort)]),
  ];
}

function ldapServers(spec: DatabaseSpec): Servers {
  const place = parseLdapUrl(settingOf(spec.settings, "url") ?? "");
  if (place === null) throw wrong(spec, "url is no address of an LDAP server");
  if (place.kind === "unix") return { addresses: [place], tls: null };
  const asked = tlsOf(spec.settings);
  const verified: ServerTls = { mode: "verify", ca: settingOf(spec.settings, "ca") };
  // An address that says TLS means it; the certificate is checked unless the settings say not to.
  const tls = place.tls === "none" ? asked : asked ?? verified;
  return { addresses: [hostAddress(place.host, place.port)], tls };
}

function tlsOf(settings: TableSettings): ServerTls | null {
  const mode = settingOf(settings, "tls");
  const ca = settingOf(settings, "ca");
  if (mode === "require") return { mode, ca };
  // Who names an authority wants it asked.
  return mode === "verify" || (mode === null && ca !== null) ? { mode: "verify", ca } : null;
}

function hostAddress(host: string, port: number): ServerAddress {
  return { kind: "host", host, port, name: host };
}

function wrong(spec: DatabaseSpec, what: string): Fault {
  return new Fault("malformed", `Cannot use table ${spec.name}: ${spec.path}: ${what}`, { blame: "ours" });
}

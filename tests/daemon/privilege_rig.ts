/** Rows of the privilege table and processes that hold them, for tests. */

import { ok } from "node:assert/strict";
import { type Account, agentGrant, type Grant, type Premises, standingGrants } from "../../lib/daemon/privilege.ts";
import { isInRange } from "../../lib/daemon/range.ts";
import type { Right } from "../../lib/port.ts";
import type { DatabaseKind } from "../../lib/table/table.ts";
import { maildirWork } from "../support/agent_work.ts";
import { policyOf, policyText } from "./rig.ts";

/** The account of most roles. */
export const smtpd: Account = { name: "_smtpd", uid: 990, gid: 990 };
/** The account of queue. */
export const smtpq: Account = { name: "_smtpq", uid: 991, gid: 991 };
/** Premises with accounts and nothing else. */
export const premises: Premises = {
  spool: "/var/spool/postern",
  state: "/run/postern",
  accounts: { smtpd, smtpq },
  includes: [],
  resolvers: [],
};

/** The row of a standing role, in the policy of `text`. */
export function rowOf(role: Grant["role"], text: string = policyText, change: Partial<Premises> = {}): Grant {
  const row = standingGrants(policyOf(text), { ...premises, ...change }).find((one) => one.role === role);
  ok(row);
  return row;
}

/** A process that holds exactly what the flags say, as Deno reads them. */
export function processWith(flags: readonly string[]): (query: Right) => boolean {
  const listOf = (name: string): readonly string[] | null => {
    const flag = flags.find((one) => one === name || one.startsWith(`${name}=`));
    if (flag === undefined) return null;
    return flag === name
      ? ["*"]
      : flag.slice(name.length + 1).split(/(?<!,),(?!,)/).map((one) => one.replaceAll(",,", ","));
  };
  return ({ name, path, host, command, kind }) => {
    const allowed = listOf(`--allow-${name}`);
    if (allowed === null) return false;
    const what = path ?? host ?? command ?? kind;
    if (what === undefined) return allowed.includes("*");
    if (path !== undefined) return allowed.some((one) => one === "*" || path === one || path.startsWith(`${one}/`));
    if (host === undefined || allowed.includes(host)) return allowed.includes("*") || allowed.includes(what);
    const ip = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
    const isDenied = (range: string) => {
      const bare = range.replace(/^\[(.*)\]$/, "$1");
      return isInRange(bare.includes("/") ? bare : `${bare}/${bare.includes(":") ? 128 : 32}`, ip);
    };
    if (allowed.includes(host)) return true;
    return allowed.includes("*") && !(listOf("--deny-net") ?? []).some(isDenied);
  };
}

/** A configuration whose mail goes to `host`. */
export const relayTo = (host: string) => `action "out" relay host "${host}"\nmatch from any for any action "out"\n`;

/** lookup's row with tables in databases. */
export function databaseRow(
  ...settings: readonly (readonly [DatabaseKind, ...(readonly (readonly [string, string])[])])[]
): Grant {
  const tables = Object.fromEntries(settings.map(([kind, ...lines], i) => {
    const name = `t${i}`;
    return [name, { kind, name, path: `/etc/mail/${name}.conf`, settings: lines }];
  }));
  const row = standingGrants({ ...policyOf(), tables }, premises).find(({ role }) => role === "lookup");
  ok(row);
  return row;
}

/** lookup's row with tables behind servers of each kind. */
export const servers: Grant = databaseRow(
  ["postgres", ["conninfo", "host=db.example.org,::1 user=m sslmode=verify-full sslrootcert=/etc/ssl/db.pem"]],
  ["mysql", ["username", "m"], ["host", "localhost"]],
  ["redis", ["master", "192.0.2.7"], ["slave", "unix:/run/redis.sock"]],
  ["ldap", ["url", "ldaps://ldap.example.org"], ["basedn", "dc=t"]],
);

/** Rows of each shape. */
export const rows: readonly Grant[] = [
  ...standingGrants(policyOf(), premises),
  rowOf("delivery", relayTo("10.0.0.25"), { resolvers: ["127.0.0.53", "::1"] }),
  rowOf("delivery", relayTo("relay.example.org")),
  rowOf("lookup", 'action "box" maildir\nmatch for any action "box"\n'),
  agentGrant(null, maildirWork("/home/ann/Maildir")),
  agentGrant(null, maildirWork("/root/mail")),
  agentGrant(null, { ...maildirWork("/m"), wrapper: "w" }),
  servers,
];

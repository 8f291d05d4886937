/** Rows of the privilege table and processes that hold them, for tests. */

import { ok } from "node:assert/strict";
import { type Account, type Grant, type Premises, standingGrants } from "../../lib/daemon/privilege.ts";
import { isInRange } from "../../lib/daemon/range.ts";
import type { Right } from "../../lib/port.ts";
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

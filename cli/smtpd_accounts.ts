/** The accounts of roles. */

import type { Account } from "../lib/daemon/privilege.ts";
import { Fault } from "../lib/fault.ts";
import { findAccount, readTextIfPresent } from "../lib/host/state.ts";

/** Does every role keep the caller's account? */
export function keepsUser(options: { readonly sameUser: boolean }): boolean {
  return options.sameUser || Deno.uid() !== 0;
}

/** The system account of this name; null when there is none. */
export function systemAccount(name: string): Account | null {
  return findAccount(readTextIfPresent("/etc/passwd") ?? "", name);
}

/** The account that is to read tables; null for the caller's, and when it does not exist. */
export function tableReader(options: { readonly sameUser: boolean }): Account | null {
  return keepsUser(options) ? null : systemAccount("_smtpd");
}

/** The accounts of this machine for roles. Fault `notFound` when one is missing; a mere check shows the table all the
 * same. */
export function roleAccounts(purpose: "run" | "check"): { readonly smtpd: Account; readonly smtpq: Account } {
  const find = (name: string): Account => {
    const account = systemAccount(name);
    if (account !== null) return account;
    if (purpose === "check") return { name, uid: -1, gid: -1 };
    throw new Fault(
      "notFound",
      `Cannot start as root: there is no account ${name}\n` +
        `  Make both, then start again:\n` +
        `    useradd --system --home-dir /var/empty --shell /usr/sbin/nologin _smtpd\n` +
        `    useradd --system --home-dir /var/empty --shell /usr/sbin/nologin _smtpq\n` +
        `  or run everything as root's own account, to try it out: smtpd --same-user`,
    );
  };
  return { smtpd: find("_smtpd"), smtpq: find("_smtpq") };
}

/** What we are called on our own addresses: `listen … hostnames`. */

import type { Domain } from "../mail/address.ts";
import { parseDomain } from "../mail/domain.ts";
import type { TableLookup } from "../policy/match.ts";
import type { Policy } from "../policy/policy.ts";

/** Makes the part of lookup that answers by the table of the session's listener. It rejects when the table cannot be
 * asked. Null: there is no table, or no name in it, or one that is no domain. */
export function listenerNames(
  policy: Pick<Policy, "listeners">,
  tables: Pick<TableLookup, "table">,
): (asked: { readonly listener: number; readonly address: string }) => Promise<Domain | null> {
  return async ({ listener, address }) => {
    const found = policy.listeners[listener];
    if (found?.kind !== "inet" || found.hostnames === null) return null;
    const name = await tables.table(found.hostnames).lookup("addrname", address);
    return name === null ? null : parseDomain(name);
  };
}

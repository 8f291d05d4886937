/** What each role is told of the configuration: what it works with and no more. Tables may hold secrets; only lookup
 * gets them. */

import type { Policy } from "../policy/policy.ts";
import type { TableSpec } from "../table/table.ts";
import type { Role } from "./privilege.ts";

/** The part of `policy` for a role: a whole Policy, with what the role does not need left empty. */
export function policyPart(role: Role, policy: Policy): Policy {
  const bare: Policy = { ...policy, tables: {}, listeners: [], actions: {}, rules: [] };
  switch (role) {
    case "lookup":
      return policy;
    case "smtp-in":
      return { ...bare, listeners: policy.listeners };
    case "queue":
      // Their names, to tell an administrator that a table does not exist.
      return {
        ...bare,
        tables: Object.fromEntries(Object.keys(policy.tables).map((name) => [name, emptyTable(name)])),
      };
    case "delivery":
      return { ...bare, listeners: policy.listeners, actions: policy.actions };
    case "agent":
      return bare;
  }
}

function emptyTable(name: string): TableSpec {
  return { kind: "static", name, shape: "list", entries: [] };
}

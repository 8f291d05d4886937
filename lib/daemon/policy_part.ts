/** What each role is told of the configuration: what it works with and no more. Tables may hold secrets; only lookup
 * gets them. */

import { emptyPolicy } from "../policy/defaults.ts";
import type { Policy } from "../policy/policy.ts";
import type { TableSpec } from "../table/table.ts";
import type { Role } from "./privilege.ts";

/** The part of `policy` for a role: a whole Policy, with what the role does not need left empty. */
export function policyPart(role: Role, policy: Policy): Policy {
  const { queue, smtp } = policy;
  const bare: Policy = { ...emptyPolicy(policy.serverName), queue: { ...queue, encryption: null }, smtp };
  switch (role) {
    case "lookup":
      return policy;
    case "smtp-in":
      // When filters have a say; what they look up is lookup's business.
      return { ...bare, listeners: policy.listeners, filters: policy.filters };
    case "queue":
      // Actions say how long delivery is tried. Names of tables, to tell an administrator that a table does not exist.
      return {
        ...bare,
        queue,
        actions: policy.actions,
        scheduler: policy.scheduler,
        tables: Object.fromEntries(Object.keys(policy.tables).map((name) => [name, emptyTable(name)])),
      };
    case "delivery":
      return {
        ...bare,
        listeners: policy.listeners,
        actions: policy.actions,
        mda: policy.mda,
        mta: policy.mta,
        srs: policy.srs,
        pki: policy.pki,
        ca: policy.ca,
      };
    // Its one table is put in by the supervisor.
    case "table-host":
    case "verifier":
    case "agent":
      return bare;
  }
}

function emptyTable(name: string): TableSpec {
  return { kind: "static", name, shape: "list", entries: [] };
}

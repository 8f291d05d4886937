/** Lists of networks that have to be known before a session begins: they stand in the configuration itself. */

import { parseNet } from "../mail/ip.ts";
import type { TableExpr } from "./ast.ts";
import type { Networks } from "./listener.ts";
import { resolveTable } from "./resolve_table.ts";
import { fail, type Scope } from "./scope.ts";

/** Reads a list of networks. `user` names the words that want it. Null when an error has been told. */
export function resolveNetworks(scope: Scope, expr: TableExpr, user: string): Networks | null {
  const table = resolveTable(scope, expr, "networks", false);
  if (table === null) return null;
  const spec = scope.tables.get(table);
  if (spec?.kind !== "static") {
    const hint =
      "these networks are read with the configuration: write them here, as in { 192.0.2.0/24, 2001:db8::/32 }";
    return fail(scope, expr.span, `${user} takes no table that is read later`, hint);
  }
  const networks = spec.entries.map(([key]) => key);
  const wrong = networks.find((one) => parseNet(one) === null);
  if (wrong === undefined) return { table, networks };
  return fail(
    scope,
    expr.span,
    `not a valid network: ${wrong}`,
    "write it as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1",
  );
}

/** Who can talk to whom. No other pair of roles has a connection. */

import type { StandingRole } from "./privilege.ts";

/** Pairs of standing roles. Agents are joined to delivery alone, hosts of tables to lookup alone. */
export const links: readonly (readonly [StandingRole, StandingRole])[] = [
  ["smtp-in", "lookup"],
  ["smtp-in", "queue"],
  ["lookup", "queue"],
  ["queue", "delivery"],
  ["delivery", "lookup"],
];

/** True when the two roles have a connection. */
export function isLinked(a: StandingRole, b: StandingRole): boolean {
  return links.some(([x, y]) => (x === a && y === b) || (x === b && y === a));
}

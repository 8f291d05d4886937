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

/** A process among those that work under one configuration or another. */
export interface Place {
  /** What it does. */
  readonly role: StandingRole;
  /** Version of the configuration that it was first started for. */
  readonly version: number;
  /** Another has taken its place; it finishes what it has begun. */
  readonly isRetired: boolean;
}

/** True when these two processes are to be joined. A session stays under the rules that it began with: its smtp-in talks
 * to the lookup of its own version. What is retired keeps the connections that it has and gets new ones to queue only. */
export function isJoined(a: Place, b: Place): boolean {
  if (!isLinked(a.role, b.role)) return false;
  const lookup = a.role === "lookup" ? a : b.role === "lookup" ? b : null;
  const delivery = a.role === "delivery" ? a : b.role === "delivery" ? b : null;
  if (delivery?.isRetired) return false;
  if (lookup === null || a.role === "queue" || b.role === "queue") return true;
  if (delivery === null) return a.version === b.version;
  // A delivery that goes on is joined to the next lookup as well; a new one has no use for the last.
  return !lookup.isRetired && lookup.version >= delivery.version;
}

/** What a policy makes use of beyond its own lines: other machines, names, the accounts of this machine. */

import { isLoopback, parseIp } from "../mail/ip.ts";
import { filtersUseNames } from "./filter_phase.ts";
import type { Listener, Policy } from "./policy.ts";

/** A listener on the network. */
export type InetListener = Extract<Listener, { readonly kind: "inet" }>;

/** Can it be reached from other machines? */
export function isPublic(listener: Listener): listener is InetListener {
  return listener.kind === "inet" && !isLoopback(parseIp(listener.address));
}

/** May clients of other machines come by it, straight or through a proxy, which may be on this one? */
export function mayServeOthers(listener: Listener): listener is InetListener {
  return listener.kind === "inet" && (listener.proxy !== null || isPublic(listener));
}

/** Does any action look system users up? */
export function usesSystemUsers(policy: Policy): boolean {
  return Object.values(policy.actions).some((action) =>
    action.kind === "local" && (policy.tables[action.userbase]?.kind === "getpwnam" || action.user !== null)
  );
}

/** Are the names of peers looked up? For the log and for Received fields they are, where others than this machine can
 * connect; rules and filters may ask for them anywhere. */
export function usesReverseNames(policy: Policy): boolean {
  return policy.rules.some((rule) => rule.from.kind === "rdns") || filtersUseNames(policy) ||
    policy.listeners.some(mayServeOthers);
}

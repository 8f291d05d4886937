/** When filters have a say, and what they want to know: what can be told from the policy alone. */

import type { Filter, FilterPhase } from "./filter.ts";
import type { Listener, Policy } from "./policy.ts";

/** The filters that a name stands for, in the order in which they are asked; none for a name that nothing has. */
export function membersOf(filters: Policy["filters"], name: string): readonly Exclude<Filter, { kind: "chain" }>[] {
  const filter = filters[name];
  if (filter === undefined) return [];
  return filter.kind === "chain" ? filter.members.flatMap((one) => membersOf(filters, one)) : [filter];
}

/** The phases in which a filter of the listener has a say: in no other is anybody asked. */
export function filterPhasesOf(policy: Pick<Policy, "filters">, { filter }: Listener): ReadonlySet<FilterPhase> {
  if (filter === null) return noPhases;
  return new Set(membersOf(policy.filters, filter).map((one) => one.kind === "builtin" ? one.phase : "connect"));
}

const noPhases: ReadonlySet<FilterPhase> = new Set();

/** Does a filter of the configuration ask for the names of peers? */
export function filtersUseNames({ filters }: Pick<Policy, "filters">): boolean {
  return Object.values(filters).some((one) =>
    one.kind === "builtin" && (one.condition.kind === "rdns" || one.condition.kind === "fcrdns")
  );
}

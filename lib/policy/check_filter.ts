/** Filters that do less than they seem to: conditions that never hold, filters that another one always comes before,
 * greetings that pass by. */

import { contentOf } from "./difference.ts";
import type { Filter } from "./filter.ts";
import { membersOf } from "./filter_phase.ts";
import type { Listener, Policy } from "./policy.ts";

/** A filter that is hardly meant so. */
export interface FilterTrap {
  /** Its name. */
  readonly filter: string;
  /** What is wrong. */
  readonly message: string;
  /** What to write. */
  readonly hint: string | null;
}

type Builtin = Extract<Filter, { readonly kind: "builtin" }>;

/** Finds them among the filters that listeners use. */
export function filterTraps(policy: Policy): readonly FilterTrap[] {
  const used = policy.listeners.flatMap((listener): readonly Use[] => {
    if (listener.filter === null) return [];
    const filters = membersOf(policy.filters, listener.filter).filter((one) => one.kind === "builtin");
    return filters.map((filter, at) => ({ filter, before: filters.slice(0, at), all: filters, listener }));
  });
  return [...Map.groupBy(used, ({ filter }) => filter)].flatMap(([filter, uses]) => {
    const found = neverAuthenticated(filter, uses) ?? alwaysBefore(policy, filter, uses) ??
      otherGreeting(policy, filter, uses) ??
      bareAddress(policy, filter);
    return found === null ? [] : [{ filter: filter.name, ...found }];
  });
}

/** A filter of a listener, among the others. */
interface Use {
  readonly filter: Builtin;
  readonly before: readonly Builtin[];
  readonly all: readonly Builtin[];
  readonly listener: Listener;
}

type Found = Omit<FilterTrap, "filter"> | null;

function neverAuthenticated({ phase, condition }: Builtin, uses: readonly Use[]): Found {
  const isLogin = phase === "auth" || condition.kind === "auth";
  if (!isLogin || uses.some(({ listener }) => listener.kind === "inet" && listener.auth.mode !== "none")) return null;
  const negated = condition.criterion === null ? condition.negated : condition.criterion.negated;
  const hint = "write `listen on … tls pki … auth filter …`";
  if (phase === "auth") return { message: "this filter is never asked: nobody can log in where it is used", hint };
  return { message: `\`auth\` ${negated ? "always" : "never"} holds here: nobody can log in where this is used`, hint };
}

function alwaysBefore(policy: Policy, filter: Builtin, uses: readonly Use[]): Found {
  const first = uses.map(({ before }) => before.find((one) => isSameTest(policy, one, filter) && decides(one)) ?? null);
  const [by = null] = first;
  if (by === null || first.some((one) => one === null)) return null;
  return {
    message: `this filter never does anything, because ${by.name} comes before it with the same condition`,
    hint: "a filter that does more than `report` is the last that is asked: put this one before it",
  };
}

function otherGreeting(policy: Policy, filter: Builtin, uses: readonly Use[]): Found {
  const { phase } = filter;
  if ((phase !== "helo" && phase !== "ehlo") || !decides(filter) || filter.decision.kind === "bypass") return null;
  const other = phase === "helo" ? "ehlo" : "helo";
  const isCovered = uses.every(({ all }) => all.some((one) => isSameTest(policy, one, { ...filter, phase: other })));
  if (isCovered) return null;
  const [said, unsaid] = phase === "helo" ? ["HELO", "EHLO"] : ["EHLO", "HELO"];
  return {
    message: `clients that say ${unsaid} pass by this filter: it is asked at ${said} only`,
    hint: `add the same filter with \`phase ${other}\``,
  };
}

/** The new argument is read as that of a client is, with what the client is let do. */
function bareAddress({ smtp }: Policy, { phase, decision }: Builtin): Found {
  if ((phase !== "mail-from" && phase !== "rcpt-to") || decision.kind !== "rewrite") return null;
  if (/^<[^<>]*>( .*)?$/.test(decision.value)) return null;
  const passes = smtp.lenient.filter(({ quirk }) => quirk === "no-brackets");
  const isMended = passes.length > 0 && /^[^<>]*[^<>\s][^<>]*$/.test(decision.value);
  if (isMended && passes.some(({ from }) => from === null)) return null;
  const others = isMended ? " of clients that `smtp lenient no-brackets` does not name" : "";
  return {
    message: `\`rewrite\` needs an address in angle brackets in phase ${phase}: the command${others} will be refused`,
    hint: `write "<${decision.value.replace(/[<>]/g, "") || "user@example.org"}>"`,
  };
}

function decides({ decision }: Builtin): boolean {
  return decision.kind !== "report";
}

/** Do both ask the same at the same time? */
function isSameTest(policy: Policy, a: Builtin, b: Builtin): boolean {
  return a.phase === b.phase && contentOf(policy, a.condition) === contentOf(policy, b.condition);
}

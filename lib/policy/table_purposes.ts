/** What the tables of a policy are used for, and by what. */

import type { Action, Criterion, Listener, Policy, Rule, TableName } from "./policy.ts";
import type { Filter } from "./filter.ts";
import type { Purpose } from "./resolve_table.ts";

/** One use of a table. */
export interface TablePurpose {
  /** Which table. */
  readonly table: TableName;
  /** What for. */
  readonly purpose: Purpose;
  /** What uses it. */
  readonly by: "action" | "listener" | "rule" | "filter" | "setting";
  /** Its entries are regular expressions there. */
  readonly regex: boolean;
}

/** What is looked at first: a purpose, and a table or nothing. */
type Use = readonly [purpose: Purpose, table: TableName | Criterion | null | undefined];

/** Every use of every table, in the order actions, listeners, rules, filters, settings. A table that is used twice is there
 * twice. */
export function tablePurposes(policy: Policy): readonly TablePurpose[] {
  const { actions, listeners, rules, filters, smtp } = policy;
  return [
    ...Object.values(actions).flatMap((one) => purposesOf("action", usesOfAction(one))),
    ...listeners.flatMap((one) => purposesOf("listener", usesOfListener(one))),
    ...rules.flatMap((one) => purposesOf("rule", usesOfRule(one))),
    ...Object.values(filters).flatMap((one) => purposesOf("filter", usesOfFilter(one))),
    ...purposesOf(
      "setting",
      [smtp.except, ...smtp.lenient.map(({ from }) => from)].map((one) => ["networks", one?.table]),
    ),
  ];
}

function purposesOf(by: TablePurpose["by"], uses: readonly Use[]): readonly TablePurpose[] {
  return uses.flatMap(([purpose, use]): readonly TablePurpose[] => {
    if (use === null || use === undefined) return [];
    return [typeof use === "string" ? { table: use, purpose, by, regex: false } : { ...use, purpose, by }];
  });
}

function usesOfAction(action: Action): readonly Use[] {
  return action.kind === "local"
    ? [["alias", action.alias], ["virtual", action.virtual], ["userbase", action.userbase]]
    : [
      ["host", action.host],
      ["relay-domain", action.domain],
      ["source", action.source],
      ["helo-source", action.heloSource],
      ["credentials", action.auth],
    ];
}

function usesOfListener(listener: Listener): readonly Use[] {
  if (listener.kind !== "inet") return [];
  const { hostnames, senders, proxy, auth } = listener;
  return [
    ["hostnames", hostnames],
    ["senders", senders?.table],
    ["networks", proxy?.from?.table],
    ...(auth.mode === "none" ? [] : [["credentials", auth.table], ["auth-external", auth.external]] as const),
  ];
}

function usesOfRule(rule: Rule): readonly Use[] {
  return [
    ["tag", rule.tag],
    ["from", rule.from.kind === "src" ? rule.from.criterion : null],
    ["rdns", rule.from.kind === "rdns" ? rule.from.criterion : null],
    ["domain", rule.for.kind === "domain" ? rule.for.criterion : null],
    ["helo", rule.helo],
    ["auth", rule.auth?.kind === "table" ? rule.auth.criterion : null],
    ["mail-from", rule.mailFrom],
    ["rcpt-to", rule.rcptTo],
  ];
}

function usesOfFilter(filter: Filter): readonly Use[] {
  if (filter.kind !== "builtin" || filter.condition.criterion === null) return [];
  const { kind, criterion } = filter.condition;
  return [[kind === "src" ? "from" : kind, criterion]];
}

/** What is different between two policies, for whoever reloads one: listeners, rules, tables, actions, settings. Pure.
 * Secrets are never shown: of keys and passwords only that they have changed. */

import { actionText, listenerText, tableText } from "./difference_text.ts";
import { settingsOf } from "./difference_setting.ts";
import type { Policy } from "./policy.ts";
import { entriesText, ruleText, writtenOrder } from "./rule_text.ts";

/** What a change is about. */
export type ChangeGroup =
  | "listener"
  | "rule"
  | "action"
  | "table"
  | "filter"
  | "certificate"
  | "setting"
  | "privilege";

/** One difference. */
export interface Change {
  /** What it is about. */
  readonly group: ChangeGroup;
  /** `moved` is for rules, of which the first that matches decides. */
  readonly kind: "added" | "removed" | "changed" | "moved";
  /** A line as in smtpd.conf, or the name of what has changed. */
  readonly what: string;
  /** How it was; empty for what is added or removed, and where it is not for showing. */
  readonly from: string;
  /** How it is now; empty likewise. */
  readonly to: string;
}

/** All differences, in the order of groups; within one what is removed or changed stands where it was before. */
export function diffPolicies(before: Policy, after: Policy): readonly Change[] {
  return [
    ...diffNamed("listener", listenersOf(before), listenersOf(after)),
    ...diffRules(before, after),
    ...diffNamed("action", actionsOf(before), actionsOf(after)),
    ...diffNamed("table", tablesOf(before), tablesOf(after)),
    ...diffNamed("filter", filtersOf(before), filtersOf(after)),
    ...diffNamed("certificate", certificatesOf(before), certificatesOf(after)),
    ...diffNamed("setting", settingsOf(before), settingsOf(after)),
  ];
}

/** One line for a person: `+ listen on …`, `- …`, `~ smtp limit max-rcpt 1000 -> 500`. */
export function formatChange(change: Change): string {
  switch (change.kind) {
    case "added":
      return `+ ${change.what}`;
    case "removed":
      return `- ${change.what}`;
    case "moved":
    case "changed": {
      const values = change.from === change.to ? "" : `: ${change.from} -> ${change.to}`;
      return `~ ${change.what}${values}`;
    }
  }
}

/** Something that has a name: what is shown of it, and what tells whether it is the same. */
export interface Named {
  /** Names it in both policies. */
  readonly name: string;
  /** Shown when it is added or removed. */
  readonly line: string;
  /** Shown when it is changed: its value, or what follows the name. */
  readonly value: string;
  /** All that it is; two are the same when these are. */
  readonly content: string;
}

/** The differences of two lists of named things. */
export function diffNamed(group: ChangeGroup, before: readonly Named[], after: readonly Named[]): readonly Change[] {
  const now = new Map(after.map((one) => [one.name, one]));
  const was = new Set(before.map(({ name }) => name));
  const changes: Change[] = [];
  for (const old of before) {
    const found = now.get(old.name);
    if (found === undefined) changes.push({ group, kind: "removed", what: old.line, from: "", to: "" });
    else if (found.content !== old.content) {
      changes.push({ group, kind: "changed", what: old.name, from: old.value, to: found.value });
    }
  }
  for (const one of after) {
    if (!was.has(one.name)) changes.push({ group, kind: "added", what: one.line, from: "", to: "" });
  }
  return changes;
}

/** The value as text that is the same for the same content: without places, and with unnamed tables and chains by what
 * is in them, for they are numbered. */
export function contentOf(policy: Policy, value: unknown): string {
  return JSON.stringify(value, (key: string, member: unknown) => {
    if (key === "place") return undefined;
    if (typeof member !== "string") return member;
    const table = member.startsWith("<dynamic:") ? policy.tables[member] : undefined;
    if (table !== undefined) return { ...table, name: "" };
    const chain = member.startsWith("<dynchain:") ? policy.filters[member] : undefined;
    return chain === undefined ? member : { ...chain, name: "" };
  });
}

function listenersOf(policy: Policy): readonly Named[] {
  return policy.listeners.map((listener) => {
    const name = listener.kind === "socket"
      ? "listen on socket"
      : listener.kind === "lmtp"
      ? `listen on socket "${listener.path}"`
      : `listen on ${listener.address} port ${listener.port}`;
    const value = listenerText(listener, policy);
    // The word of the line that it comes from makes no difference.
    const { place: _, ...rest } = listener;
    const content = contentOf(policy, "on" in rest ? { ...rest, on: "" } : rest);
    return { name, line: `${name} ${value}`.trimEnd(), value: value === "" ? "no options" : value, content };
  });
}

function actionsOf(policy: Policy): readonly Named[] {
  return Object.values(policy.actions).map((action) => {
    const value = actionText(action, policy);
    const name = `action "${action.name}"`;
    return { name, line: `${name} ${value}`, value, content: contentOf(policy, action) };
  });
}

function tablesOf(policy: Policy): readonly Named[] {
  return Object.values(policy.tables).filter(({ name }) => !name.startsWith("<")).map((table) => {
    const name = `table ${table.name}`;
    const text = tableText(table);
    // Two lists of as many entries would look the same; what is in a list is no secret.
    const isList = table.kind === "static" && table.shape === "list";
    return { name, line: `${name} ${text}`, value: isList ? entriesText(table) : text, content: JSON.stringify(table) };
  });
}

function filtersOf(policy: Policy): readonly Named[] {
  const filters = Object.values(policy.filters).filter(({ name }) => !name.startsWith("<")).map((filter) => {
    const name = `filter "${filter.name}"`;
    const value = filter.kind === "chain"
      ? `chain { ${filter.members.join(", ")} }`
      : filter.kind === "process"
      ? `proc "${filter.process}"`
      : `phase ${filter.phase} ${filter.condition.kind} ${filter.decision.kind}`;
    return { name, line: `${name} ${value}`, value, content: contentOf(policy, filter) };
  });
  const processes = Object.values(policy.processes).map((process) => {
    const name = `proc "${process.name}"`;
    const value = `"${process.command}"`;
    return { name, line: `${name} ${value}`, value, content: contentOf(policy, process) };
  });
  return [...filters, ...processes];
}

function certificatesOf(policy: Policy): readonly Named[] {
  const pki = Object.values(policy.pki).map(({ name: host, cert, key, dhe }) => {
    const value = `cert "${cert}" key "${key}" dhe ${dhe}`;
    return { name: `pki ${host}`, line: `pki ${host} ${value}`, value, content: value };
  });
  const ca = Object.values(policy.ca).map(({ name: host, cert }) => {
    const value = `cert "${cert}"`;
    return { name: `ca ${host}`, line: `ca ${host} ${value}`, value, content: value };
  });
  return [...pki, ...ca];
}

interface NumberedRule {
  readonly text: string;
  readonly content: string;
  readonly at: number;
}

/** Rules have no names: one is known by what it says. Of those that are in both, the fewest are called moved. */
function diffRules(before: Policy, after: Policy): readonly Change[] {
  const group = "rule";
  const was = rulesOf(before);
  const unmatched = new Map(Map.groupBy(rulesOf(after), ({ content }) => content));
  const pairs: { readonly from: NumberedRule; readonly to: NumberedRule }[] = [];
  const removed: Change[] = [];
  for (const from of was) {
    const to = unmatched.get(from.content)?.shift();
    if (to === undefined) removed.push({ group, kind: "removed", what: from.text, from: "", to: "" });
    else pairs.push({ from, to });
  }
  const added = [...unmatched.values()].flat().sort((a, b) => a.at - b.at)
    .map(({ text }): Change => ({ group, kind: "added", what: text, from: "", to: "" }));
  const inOrder = longestRise(pairs.map(({ to }) => to.at));
  const moved = pairs.filter((_, index) => !inOrder.has(index)).map(({ from, to }): Change => ({
    group,
    kind: "moved",
    what: from.text,
    from: `rule ${from.at + 1}`,
    to: `rule ${to.at + 1}`,
  }));
  return [...removed, ...added, ...moved];
}

function rulesOf(policy: Policy): readonly NumberedRule[] {
  return policy.rules.map((rule, at) => ({
    text: ruleText(rule, policy, writtenOrder),
    content: contentOf(policy, rule),
    at,
  }));
}

/** Positions of a longest rising run among the numbers, gaps allowed. */
function longestRise(numbers: readonly number[]): ReadonlySet<number> {
  // tails[n]: position of the smallest number that a rise of n + 1 can end with.
  const tails: number[] = [];
  const before: number[] = [];
  for (const [at, number] of numbers.entries()) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[tails[middle] ?? 0] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    before[at] = low > 0 ? tails[low - 1] ?? -1 : -1;
    tails[low] = at;
  }
  const rise = new Set<number>();
  for (let at = tails.at(-1) ?? -1; at >= 0; at = before[at] ?? -1) rise.add(at);
  return rise;
}

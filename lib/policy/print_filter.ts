/** `filter` and `proc` lines, and the places where filters are used. */

import type { Filter, FilterCondition, FilterDecision, FilterProcess } from "./filter.ts";
import type { Policy } from "./policy.ts";
import { printPattern, type Shown } from "./print_table.ts";
import { printQuoted, printWord } from "./print_word.ts";

/** Writes the line of a process; none for that of a filter's own. */
export function printProcess(policy: Policy, process: FilterProcess): readonly string[] {
  if (isOwn(policy, process.name)) return [];
  return [`proc ${printWord(process.name)} ${printQuoted(process.command)}${processOptions(process)}`];
}

/** Writes the line of a filter; none for a chain without a name. */
export function printFilter(shown: Shown, filter: Filter): readonly string[] {
  if (filter.name.startsWith("<dynchain:")) return [];
  const head = `filter ${printWord(filter.name)}`;
  switch (filter.kind) {
    case "process": {
      const process = shown.policy.processes[filter.process];
      if (process === undefined || filter.process !== filter.name) {
        return [`${head} proc ${printWord(filter.process)}`];
      }
      return [`${head} proc-exec ${printQuoted(process.command)}${processOptions(process)}`];
    }
    case "chain":
      return [`${head} chain ${printNames(filter.members)}`];
    case "builtin": {
      const what = `phase ${filter.phase} match ${printCondition(shown, filter.condition)}`;
      return [`${head} ${what} ${printDecision(filter.decision)}`];
    }
  }
}

/** A filter where an option wants one. */
export function printFilterUse(policy: Policy, name: string): string {
  const filter = policy.filters[name];
  return filter?.kind === "chain" && name.startsWith("<dynchain:") ? printNames(filter.members) : printWord(name);
}

function printNames(names: readonly string[]): string {
  return `{ ${names.map(printWord).join(", ")} }`;
}

function isOwn(policy: Policy, process: string): boolean {
  const filter = policy.filters[process];
  return filter?.kind === "process" && filter.process === process;
}

function processOptions({ user, group, chroot }: FilterProcess): string {
  const options = ([["user", user], ["group", group], ["chroot", chroot]] as const)
    .flatMap(([keyword, word]) => word === null ? [] : [` ${keyword} ${printWord(word)}`]);
  return options.join("");
}

function printCondition(shown: Shown, condition: FilterCondition): string {
  if (condition.criterion === null) return `${condition.negated ? "!" : ""}${condition.kind}`;
  return `${condition.criterion.negated ? "!" : ""}${condition.kind} ${printPattern(shown, condition.criterion)}`;
}

/** Writes what a filter does. */
export function printDecision(decision: FilterDecision): string {
  switch (decision.kind) {
    case "reject":
    case "disconnect":
      return `${decision.kind} ${printQuoted(decision.reply)}`;
    case "rewrite":
      return `rewrite ${printQuoted(decision.value)}`;
    case "report":
      return `report ${printQuoted(decision.text)}`;
    case "junk":
    case "bypass":
      return decision.kind;
  }
}

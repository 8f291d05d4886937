/** `match` lines. */

import type { Rule } from "./policy.ts";
import { printTable, type Shown } from "./print_table.ts";
import { printQuoted } from "./print_word.ts";
import { testTexts, writtenOrder } from "./rule_text.ts";

/** Writes the line of a rule. `from local` is left out, as it holds anyway; so does `for local`, but a line without both
 * would hardly be understood. */
export function printRule(shown: Shown, rule: Rule): string {
  const isUsual = rule.from.kind === "local" && !rule.from.negated;
  const parts = writtenOrder.filter((part) => !(part === "from" && isUsual));
  const outcome = rule.outcome.kind === "reject" ? "reject" : `action ${printQuoted(rule.outcome.name)}`;
  return ["match", ...testTexts(rule, parts, (name) => printTable(shown, name)), outcome].join(" ");
}

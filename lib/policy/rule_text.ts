/** Rules as smtpd.conf has them. */

import type { TableSpec } from "../table/table.ts";
import { builtinTable } from "./policy.ts";
import type { Criterion, ForClause, FromClause, Policy, Rule, TableName } from "./policy.ts";
import { printQuoted, printWord } from "./print_word.ts";

/** What of a rule an option is about. */
export type RulePart = "tag" | "from" | "for" | "helo" | "auth" | "tls" | "mail-from" | "rcpt-to";

/** The order in which `matchRule` tries them. */
export const triedOrder: readonly RulePart[] = ["tag", "from", "for", "helo", "auth", "tls", "mail-from", "rcpt-to"];

/** The order in which people write them. */
export const writtenOrder: readonly RulePart[] = ["tag", "from", "helo", "auth", "tls", "mail-from", "for", "rcpt-to"];

/** How a table stands where an option names it. */
export type TableText = (name: TableName) => string;

/** Entries of a table that are shown; the others are counted. */
export const entriesShownMax = 6;

/** The rule on one line, for people, its options in the order of `parts`. Long tables that stand in the rule itself are
 * cut. */
export function ruleText(rule: Rule, policy: Pick<Policy, "tables">, parts: readonly RulePart[]): string {
  const outcome = rule.outcome.kind === "reject" ? "reject" : `action ${printQuoted(rule.outcome.name)}`;
  return `match ${[...testTexts(rule, parts, shortTables(policy)), outcome].join(" ")}`;
}

/** The options of a rule with their `!`, those that it has, in the order of `parts`. */
export function testTexts(rule: Rule, parts: readonly RulePart[], table: TableText): readonly string[] {
  const texts = optionTexts(rule, table);
  const negated = negations(rule);
  return parts.filter((part) => texts[part] !== "").map((part) => negate(texts[part], negated[part]));
}

/** The options of a rule without their `!`; empty for one that it does not have. */
export function optionTexts(rule: Rule, table: TableText): Readonly<Record<RulePart, string>> {
  const option = (words: string, criterion: Criterion | null) =>
    criterion === null ? "" : `${words} ${criterionText(criterion, table)}`;
  return {
    tag: option("tag", rule.tag),
    from: fromText(rule.from, table),
    for: forText(rule.for, table),
    helo: option("helo", rule.helo),
    auth: rule.auth === null ? "" : rule.auth.kind === "any" ? "auth" : option("auth", rule.auth.criterion),
    tls: rule.tls === null ? "" : "tls",
    "mail-from": option("mail-from", rule.mailFrom),
    "rcpt-to": option("rcpt-to", rule.rcptTo),
  };
}

/** The option with its `!`. */
export function negate(option: string, isNegated: boolean): string {
  return isNegated ? `!${option}` : option;
}

function negations(rule: Rule): Readonly<Record<RulePart, boolean>> {
  return {
    tag: rule.tag?.negated ?? false,
    from: isNegatedFrom(rule.from),
    for: rule.for.kind === "domain" ? rule.for.criterion.negated : rule.for.kind === "local" && rule.for.negated,
    helo: rule.helo?.negated ?? false,
    auth: rule.auth?.kind === "table" ? rule.auth.criterion.negated : rule.auth?.negated ?? false,
    tls: rule.tls === false,
    "mail-from": rule.mailFrom?.negated ?? false,
    "rcpt-to": rule.rcptTo?.negated ?? false,
  };
}

function isNegatedFrom(from: FromClause): boolean {
  switch (from.kind) {
    case "any":
      return false;
    case "src":
      return from.criterion.negated;
    case "rdns":
      return from.criterion?.negated ?? from.negated;
    default:
      return from.negated;
  }
}

function fromText(from: FromClause, table: TableText): string {
  switch (from.kind) {
    case "src":
      // That is how `!from any` is kept.
      if (from.criterion.negated && from.criterion.table === builtinTable.anyhost) return "from any";
      return `from src ${criterionText(from.criterion, table)}`;
    case "rdns":
      return from.criterion === null ? "from rdns" : `from rdns ${criterionText(from.criterion, table)}`;
    default:
      return `from ${from.kind}`;
  }
}

function forText(clause: ForClause, table: TableText): string {
  if (clause.kind !== "domain") return `for ${clause.kind}`;
  const { criterion } = clause;
  if (criterion.negated && criterion.table === builtinTable.anydestination) return "for any";
  return `for domain ${criterionText(criterion, table)}`;
}

function criterionText({ table: name, regex }: Criterion, table: TableText): string {
  return regex ? `regex ${table(name)}` : table(name);
}

/** Tables as `ruleText` has them: one that has a name is called by it, one that stands in the line is what it holds. */
export function shortTables({ tables }: Pick<Policy, "tables">): TableText {
  return (name) => {
    const spec = tables[name];
    if (spec?.kind !== "static" || !name.startsWith("<dynamic:")) return name.startsWith("<") ? name : `<${name}>`;
    const [[first] = [""]] = spec.entries;
    return spec.shape === "list" && spec.entries.length === 1 ? printWord(first) : entriesText(spec);
  };
}

/** Keys of a table that stands in the configuration, the first ones when there are many. Values are left out: they may
 * be secrets. */
export function entriesText({ entries }: Extract<TableSpec, { readonly kind: "static" }>): string {
  const shown = entries.slice(0, entriesShownMax).map(([key]) => printWord(key));
  if (entries.length > shown.length) shown.push(`and ${entries.length - shown.length} more`);
  return `{ ${shown.join(", ")} }`;
}

/** Rules as smtpd.conf has them, for people who ask why one matched. */

import type { TableSpec } from "../table/table.ts";
import { reservedWords } from "./lexer.ts";
import { builtinTable, type Criterion, type ForClause, type FromClause, type Policy, type Rule } from "./policy.ts";

/** What of a rule an option is about. Their order is that in which `matchRule` tries them. */
export type RulePart = "tag" | "from" | "for" | "helo" | "auth" | "tls" | "mail-from" | "rcpt-to";

/** Entries of a table that are shown; `…` stands for the others. */
export const entriesShownMax = 4;

/** The rule on one line, in the order in which its options are tried. Long tables that stand in the rule itself are cut. */
export function ruleText(rule: Rule, policy: Pick<Policy, "tables">): string {
  const texts = optionTexts(rule, policy);
  const shown: string[] = [];
  for (const [part, isNegated] of negations(rule)) if (texts[part] !== "") shown.push(negate(texts[part], isNegated));
  const outcome = rule.outcome.kind === "reject" ? "reject" : `action ${quote(rule.outcome.name)}`;
  return `match ${[...shown, outcome].join(" ")}`;
}

/** The options of a rule without their `!`; empty for one that it does not have. */
export function optionTexts(rule: Rule, policy: Pick<Policy, "tables">): Readonly<Record<RulePart, string>> {
  const option = (words: string, criterion: Criterion | null) =>
    criterion === null ? "" : `${words} ${criterionText(criterion, policy)}`;
  return {
    tag: option("tag", rule.tag),
    from: fromText(rule.from, policy),
    for: forText(rule.for, policy),
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

function negations(rule: Rule): readonly (readonly [RulePart, boolean])[] {
  return [
    ["tag", rule.tag?.negated ?? false],
    ["from", isNegatedFrom(rule.from)],
    ["for", rule.for.kind === "domain" ? rule.for.criterion.negated : rule.for.kind === "local" && rule.for.negated],
    ["helo", rule.helo?.negated ?? false],
    ["auth", rule.auth?.kind === "table" ? rule.auth.criterion.negated : rule.auth?.negated ?? false],
    ["tls", rule.tls === false],
    ["mail-from", rule.mailFrom?.negated ?? false],
    ["rcpt-to", rule.rcptTo?.negated ?? false],
  ];
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

function fromText(from: FromClause, policy: Pick<Policy, "tables">): string {
  switch (from.kind) {
    case "src":
      // `!from any` is kept as such a test.
      if (from.criterion.table === builtinTable.anyhost) return "from any";
      return `from src ${criterionText(from.criterion, policy)}`;
    case "rdns":
      return from.criterion === null ? "from rdns" : `from rdns ${criterionText(from.criterion, policy)}`;
    default:
      return `from ${from.kind}`;
  }
}

function forText(clause: ForClause, policy: Pick<Policy, "tables">): string {
  if (clause.kind !== "domain") return `for ${clause.kind}`;
  const { criterion } = clause;
  return criterion.table === builtinTable.anydestination ? "for any" : `for domain ${criterionText(criterion, policy)}`;
}

function criterionText(criterion: Criterion, policy: Pick<Policy, "tables">): string {
  const table = tableText(criterion.table, policy.tables[criterion.table]);
  return criterion.regex ? `regex ${table}` : table;
}

/** A table that has a name is called by it; one that stands in the rule is what it holds. */
function tableText(name: string, spec: TableSpec | undefined): string {
  if (spec?.kind !== "static" || !name.startsWith("<dynamic:")) return name.startsWith("<") ? name : `<${name}>`;
  const entries = spec.entries.map(([key, value]) => value === null ? quote(key) : `${quote(key)} = ${quote(value)}`);
  if (entries.length === 1) return spec.shape === "list" ? entries[0] ?? "" : `{ ${entries[0]} }`;
  const shown = entries.slice(0, entriesShownMax);
  if (entries.length > shown.length) shown.push("…");
  return `{ ${shown.join(", ")} }`;
}

/** A word as the file has to have it. */
function quote(word: string): string {
  const isPlain = /^[A-Za-z0-9:_][A-Za-z0-9:_.@/+*$%&?^|~;[\]-]*$/.test(word) && !/^\d+$/.test(word);
  return isPlain && !reservedWords.has(word) ? word : `"${word.replaceAll('"', '\\"')}"`;
}

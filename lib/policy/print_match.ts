/** `match` lines. */

import { builtinTable, type Criterion, type ForClause, type FromClause, type Rule } from "./policy.ts";
import { printPattern, type Shown } from "./print_table.ts";
import { printQuoted } from "./print_word.ts";

/** Writes the line of a rule. `from local` is left out, as it holds anyway; so does `for local`, but a line without both
 * would hardly be understood. */
export function printRule(shown: Shown, rule: Rule): string {
  const test = (keyword: string, criterion: Criterion | null): readonly string[] =>
    criterion === null ? [] : [`${not(criterion.negated)}${keyword} ${printPattern(shown, criterion)}`];
  return [
    "match",
    ...test("tag", rule.tag),
    ...fromWords(shown, rule.from),
    ...test("helo", rule.helo),
    ...(rule.auth?.kind === "any" ? [`${not(rule.auth.negated)}auth`] : []),
    ...(rule.auth?.kind === "table" ? test("auth", rule.auth.criterion) : []),
    ...(rule.tls === null ? [] : [`${not(!rule.tls)}tls`]),
    ...test("mail-from", rule.mailFrom),
    ...forWords(shown, rule.for),
    ...test("rcpt-to", rule.rcptTo),
    rule.outcome.kind === "reject" ? "reject" : `action ${printQuoted(rule.outcome.name)}`,
  ].join(" ");
}

function not(negated: boolean): string {
  return negated ? "!" : "";
}

function fromWords(shown: Shown, from: FromClause): readonly string[] {
  switch (from.kind) {
    case "any":
      return ["from any"];
    case "local":
      return from.negated ? ["!from local"] : [];
    case "socket":
      return [`${not(from.negated)}from socket`];
    case "src":
      if (from.criterion.negated && from.criterion.table === builtinTable.anyhost) return ["!from any"];
      return [`${not(from.criterion.negated)}from src ${printPattern(shown, from.criterion)}`];
    case "rdns":
      return from.criterion === null
        ? [`${not(from.negated)}from rdns`]
        : [`${not(from.criterion.negated)}from rdns ${printPattern(shown, from.criterion)}`];
  }
}

function forWords(shown: Shown, clause: ForClause): readonly string[] {
  switch (clause.kind) {
    case "any":
      return ["for any"];
    case "local":
      return [`${not(clause.negated)}for local`];
    case "domain":
      if (clause.criterion.negated && clause.criterion.table === builtinTable.anydestination) return ["!for any"];
      return [`${not(clause.criterion.negated)}for domain ${printPattern(shown, clause.criterion)}`];
  }
}

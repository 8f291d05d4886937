/** `match` lines. */

import type { MatchDirective, MatchOption, Pattern } from "./ast.ts";
import { placeOf } from "./error.ts";
import { builtinTable, type Criterion, type ForClause, type FromClause, type Rule } from "./policy.ts";
import { type Purpose, resolvePattern } from "./resolve_table.ts";
import { fail, failMissing, type Scope, warn } from "./scope.ts";

/** Adds the rule of a `match` line. Without `from` and `for` it is for mail from here to here. */
export function resolveMatch(scope: Scope, directive: MatchDirective): void {
  const draft: Draft = {
    tag: null,
    from: { kind: "local", negated: false },
    for: { kind: "local", negated: false },
    helo: null,
    auth: null,
    tls: null,
    mailFrom: null,
    rcptTo: null,
  };
  const seen = new Set<string>();
  for (const option of directive.options) {
    for (const part of partsOf(option)) {
      if (seen.has(part)) fail(scope, option.span, `${part} already specified for this rule`);
      seen.add(part);
    }
    applyOption(scope, option, draft);
  }
  const place = placeOf(directive.span);
  const { action } = directive;
  if (action === null) {
    scope.rules.push({ ...draft, outcome: { kind: "reject" }, place });
    return;
  }
  if (scope.actions.has(action.text)) {
    scope.rules.push({ ...draft, outcome: { kind: "action", name: action.text }, place });
    return;
  }
  failMissing(scope, "action", action.text, action.span, (name) => `"${name}"`);
}

/** An option with a table. */
type PatternOption = { readonly pattern: Pattern; readonly negated: boolean };

/** An option that can do without a table. */
type TestOption = { readonly pattern: Pattern | null; readonly negated: boolean };

type Draft = {
  -readonly [Key in "tag" | "from" | "for" | "helo" | "auth" | "tls" | "mailFrom" | "rcptTo"]: Rule[Key];
};

/** What of a rule an option sets: each part is set once. */
function partsOf(option: MatchOption): readonly string[] {
  switch (option.kind) {
    case "from-any":
    case "from-local":
    case "from-socket":
    case "from-src":
      return ["from"];
    case "from-rdns":
      return ["from"];
    case "from-mail-from":
      return ["from", "mail-from"];
    case "from-auth":
      return ["from", "auth"];
    case "for-any":
    case "for-local":
    case "for-domain":
      return ["for"];
    case "for-rcpt-to":
      return ["for", "rcpt-to"];
    default:
      return [option.kind];
  }
}

function applyOption(scope: Scope, option: MatchOption, draft: Draft): void {
  switch (option.kind) {
    case "for-any":
      draft.for = option.negated ? neverFor(scope, option) : { kind: "any" };
      break;
    case "for-local":
      draft.for = { kind: "local", negated: option.negated };
      break;
    case "for-domain": {
      const criterion = criterionOf(scope, option, "domain");
      if (criterion !== null) draft.for = { kind: "domain", criterion };
      break;
    }
    case "for-rcpt-to":
      draft.for = { kind: "any" };
      draft.rcptTo = criterionOf(scope, option, "rcpt-to");
      break;
    case "tls":
      draft.tls = !option.negated;
      break;
    case "auth":
      draft.auth = authOf(scope, option);
      break;
    case "tag":
    case "helo":
      draft[option.kind] = criterionOf(scope, option, option.kind);
      break;
    case "mail-from":
      draft.mailFrom = criterionOf(scope, option, "mail-from");
      break;
    case "rcpt-to":
      draft.rcptTo = criterionOf(scope, option, "rcpt-to");
      break;
    default:
      return applyFrom(scope, option, draft);
  }
}

/** The options that begin with `from`. */
function applyFrom(scope: Scope, option: MatchOption, draft: Draft): void {
  switch (option.kind) {
    case "from-any":
      draft.from = option.negated ? never(scope, option, builtinTable.anyhost) : { kind: "any" };
      break;
    case "from-local":
    case "from-socket":
      draft.from = { kind: option.kind === "from-local" ? "local" : "socket", negated: option.negated };
      break;
    case "from-src": {
      const criterion = criterionOf(scope, option, "from");
      if (criterion !== null) draft.from = { kind: "src", criterion };
      break;
    }
    case "from-mail-from":
      draft.from = { kind: "any" };
      draft.mailFrom = criterionOf(scope, option, "mail-from");
      break;
    case "from-auth":
      draft.from = { kind: "any" };
      draft.auth = authOf(scope, option);
      break;
    case "from-rdns":
      draft.from = rdnsOf(scope, option) ?? draft.from;
      break;
    default:
  }
}

function criterionOf(scope: Scope, option: PatternOption, purpose: Purpose): Criterion | null {
  return resolvePattern(scope, option.pattern, purpose, option.negated);
}

function authOf(scope: Scope, { pattern, negated }: TestOption): Rule["auth"] {
  if (pattern === null) return { kind: "any", negated };
  const criterion = resolvePattern(scope, pattern, "auth", negated);
  return criterion === null ? null : { kind: "table", criterion };
}

function rdnsOf(scope: Scope, { pattern, negated }: TestOption): FromClause | null {
  if (pattern === null) return { kind: "rdns", criterion: null, negated };
  const criterion = resolvePattern(scope, pattern, "rdns", negated);
  return criterion === null ? null : { kind: "rdns", criterion, negated: false };
}

/** `!from any`: OpenSMTPD takes it, and the rule never matches. */
function never(scope: Scope, option: MatchOption, table: string): FromClause & { kind: "src" } {
  warn(scope, option.span, "this rule never matches");
  return { kind: "src", criterion: { table, regex: false, negated: true } };
}

function neverFor(scope: Scope, option: MatchOption): ForClause {
  return { kind: "domain", criterion: never(scope, option, builtinTable.anydestination).criterion };
}

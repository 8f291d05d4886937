/** `proc` and `filter` lines, and the filters that listeners and relays name. */

import type {
  FilterConditionExpr,
  FilterDecisionExpr,
  FilterDirective,
  FilterExpr,
  ProcDirective,
  ProcOption,
} from "./ast.ts";
import type { Word } from "./ast.ts";
import { placeOf, type Span } from "./error.ts";
import {
  type FilterCondition,
  type FilterDecision,
  type FilterPhase,
  filterPhases,
  type FilterProcess,
} from "./filter.ts";
import type { Place } from "./policy.ts";
import { printWord } from "./print_word.ts";
import { type Purpose, resolvePattern } from "./resolve_table.ts";
import { fail, failMissing, failTaken, type Scope, warn } from "./scope.ts";

/** What can be tested in each phase: what is known by then. */
const conditionsOf: Readonly<Record<FilterPhase, readonly FilterConditionExpr["kind"][]>> = {
  "connect": ["fcrdns", "rdns", "src"],
  "helo": ["fcrdns", "rdns", "src", "helo"],
  "ehlo": ["fcrdns", "rdns", "src", "helo"],
  "auth": ["fcrdns", "rdns", "src", "helo", "auth"],
  "mail-from": ["fcrdns", "rdns", "src", "helo", "auth", "mail-from"],
  "rcpt-to": ["fcrdns", "rdns", "src", "helo", "auth", "mail-from", "rcpt-to"],
  "data": ["fcrdns", "rdns", "src", "helo", "auth", "mail-from"],
  "commit": ["fcrdns", "rdns", "src", "helo", "auth", "mail-from"],
};

/** Phases whose command has no parameter that could be rewritten. */
const noParameter: readonly FilterPhase[] = ["connect", "data", "commit"];

/** Longest reply of a built-in filter, octets: what fits a line of RFC 5321 §4.5.3.1.5 with its CRLF. */
export const filterReplyMax = 510;

/** Declares the process of a `proc` line. */
export function resolveProc(scope: Scope, { name, command, options, span }: ProcDirective): void {
  const found = scope.processes.get(name.text);
  if (found !== undefined) failTaken(scope, name, "processor already exists with that name", found.place);
  else if (name.text === "") fail(scope, name.span, "a process needs a name");
  else scope.processes.set(name.text, readProcess(scope, name.text, command, options, placeOf(span)));
}

function readProcess(
  scope: Scope,
  name: string,
  command: Word,
  options: readonly ProcOption[],
  place: Place,
): FilterProcess {
  const given: Record<ProcOption["kind"], string | null> = { user: null, group: null, chroot: null };
  if (command.text.trim() === "") fail(scope, command.span, "a process needs a command");
  for (const { kind, span, word } of options) {
    if (given[kind] !== null) fail(scope, span, `${kind} already specified for this processor`);
    given[kind] = word.text;
    if (word.text === "") fail(scope, word.span, `${kind} is empty`);
    else if (kind === "chroot" && !word.text.startsWith("/")) {
      fail(scope, word.span, `invalid chroot: ${word.text}`, "write an absolute path");
    }
  }
  return { name, command: command.text, ...given, place };
}

/** Declares the filter of a `filter` line. */
export function resolveFilter(scope: Scope, directive: FilterDirective): void {
  const { name, body } = directive;
  const place = placeOf(directive.span);
  const first = scope.filters.get(name.text);
  if (first !== undefined) {
    failTaken(scope, name, "filter already exists with that name", first.place);
    return;
  }
  if (name.text === "" || name.text.startsWith("<")) {
    fail(scope, name.span, `invalid name of a filter: "${name.text}"`);
    return;
  }
  switch (body.kind) {
    case "proc": {
      if (!scope.processes.has(body.proc.text)) {
        failMissing(scope, "proc", body.proc.text, body.proc.span, printWord);
      }
      scope.filters.set(name.text, { kind: "process", name: name.text, process: body.proc.text, place });
      return;
    }
    case "proc-exec": {
      const other = scope.processes.get(name.text);
      if (other !== undefined) failTaken(scope, name, "processor already exists with that name", other.place);
      else scope.processes.set(name.text, readProcess(scope, name.text, body.command, body.options, place));
      scope.filters.set(name.text, { kind: "process", name: name.text, process: name.text, place });
      return;
    }
    case "chain":
      scope.filters.set(name.text, { kind: "chain", name: name.text, members: readChain(scope, body.members), place });
      return;
    case "phase":
      return declareBuiltin(scope, name.text, body, place);
  }
}

/** Names of a chain's members that exist; each error of the chain is told. */
function readChain(scope: Scope, members: readonly Word[]): readonly string[] {
  const names: string[] = [];
  const processes = new Map<string, string>();
  for (const { text, span } of members) {
    const filter = scope.filters.get(text);
    if (filter === undefined) {
      failMissing(scope, "filter", text, span, printWord);
      continue;
    }
    if (filter.kind === "chain") {
      fail(scope, span, `no filter chain allowed within a filter chain: ${text}`, "name its filters here instead");
      continue;
    }
    if (names.includes(text)) {
      fail(scope, span, `no filter allowed twice within a filter chain: ${text}`);
      continue;
    }
    const rival = filter.kind === "process" ? processes.get(filter.process) : undefined;
    if (rival !== undefined) {
      const hint = `${rival} talks to the same process: one of them is enough, it is asked in all phases`;
      fail(scope, span, `no proc allowed twice within a filter chain: ${text}`, hint);
      continue;
    }
    if (filter.kind === "process") processes.set(filter.process, text);
    names.push(text);
  }
  return names;
}

/** The name of the filter that an option means. Declares chains without a name. Null when an error has been told. */
export function resolveFilterExpr(scope: Scope, expr: FilterExpr): string | null {
  if (expr.kind === "name") {
    const { text, span } = expr.name;
    return scope.filters.has(text) ? text : failMissing(scope, "filter", text, span, printWord);
  }
  const name = `<dynchain:${(scope.chains++).toString(16).padStart(8, "0")}>`;
  const members = readChain(scope, expr.members);
  scope.filters.set(name, { kind: "chain", name, members, place: placeOf(expr.span) });
  return name;
}

function declareBuiltin(
  scope: Scope,
  name: string,
  body: Extract<FilterDirective["body"], { readonly kind: "phase" }>,
  place: Place,
): void {
  const phase = filterPhases.find((one) => one === body.phase.text);
  if (phase === undefined) return;
  const allowed = conditionsOf[phase];
  const { kind, span } = body.condition;
  if (!allowed.includes(kind)) {
    const hint = `there it can be one of ${allowed.join(", ")}`;
    fail(scope, span, `\`${kind}\` cannot be tested in phase ${phase}`, hint);
  }
  const condition = readCondition(scope, body.condition);
  const decision = readDecision(scope, phase, body.decision);
  // A filter that cannot be used is declared all the same: one mistake, one error.
  scope.filters.set(name, {
    kind: "builtin",
    name,
    phase,
    condition: condition ?? { kind: "fcrdns", criterion: null, negated: false },
    decision: decision ?? { kind: "bypass" },
    place,
  });
}

/** What a table of each condition is used for. */
const purposes: Readonly<Record<Exclude<FilterConditionExpr["kind"], "fcrdns">, Purpose>> = {
  "rdns": "rdns",
  "src": "from",
  "helo": "helo",
  "auth": "auth",
  "mail-from": "mail-from",
  "rcpt-to": "rcpt-to",
};

function readCondition(scope: Scope, expr: FilterConditionExpr): FilterCondition | null {
  const { kind, negated, pattern } = expr;
  if (kind === "fcrdns") return { kind, criterion: null, negated };
  if (pattern === null) return kind === "rdns" || kind === "auth" ? { kind, criterion: null, negated } : null;
  const criterion = resolvePattern(scope, pattern, purposes[kind], negated);
  return criterion === null ? null : { kind, criterion };
}

function readDecision(scope: Scope, phase: FilterPhase, expr: FilterDecisionExpr): FilterDecision | null {
  const { kind, span, word } = expr;
  if (kind === "junk" || kind === "bypass") {
    if (phase !== "commit") return { kind };
    return fail(scope, span, `\`${kind}\` comes too late in phase commit`, "use it in an earlier phase");
  }
  if (word === null) return null;
  switch (kind) {
    case "reject":
    case "disconnect":
      return readReply(scope, kind, word.text, word.span);
    case "rewrite":
      if (noParameter.includes(phase)) {
        warn(scope, span, `\`rewrite\` has no effect in phase ${phase}: there is nothing to write anew`);
      }
      return { kind, value: word.text };
    default:
      return { kind: "report", text: word.text };
  }
}

/** OpenSMTPD takes any text, and answers `421 Internal server error` in place of one that is no reply. */
function readReply(
  scope: Scope,
  kind: "reject" | "disconnect",
  reply: string,
  span: Span,
): FilterDecision | null {
  if (/^[45][0-9]{2} [ -~]*[!-~][ -~]*$/.test(reply) && reply.length <= filterReplyMax) return { kind, reply };
  const isLong = reply.length > filterReplyMax;
  const text = reply.replace(/^[0-9]{3}\b[- ]*/, "").trim();
  const example = `"${kind === "reject" ? "550" : "421"} ${/^[ -~]+$/.test(text) ? text : "go away"}"`;
  return fail(
    scope,
    span,
    `\`${kind}\` needs a whole SMTP reply: a code from 400 to 599 and a text`,
    isLong ? `at most ${filterReplyMax} characters` : `write ${example}`,
  );
}

/** Parsers of `filter NAME …` and `proc NAME …`. */

import type {
  Directive,
  FilterConditionExpr,
  FilterDecisionExpr,
  FilterDirective,
  ProcDirective,
  ProcOption,
} from "./ast.ts";
import { filterPhases } from "./filter.ts";
import type { Token } from "./lexer.ts";
import {
  acceptKeyword,
  acceptPunct,
  fail,
  failExpected,
  isKeyword,
  isLineEnd,
  isTable,
  peek,
  type Reader,
  readNames,
  readPattern,
  readWord,
  take,
} from "./reader.ts";

/** What a built-in filter can test. */
export const filterConditions = ["fcrdns", "rdns", "src", "helo", "auth", "mail-from", "rcpt-to"] as const;

/** What a built-in filter can do. */
export const filterDecisions = ["reject", "disconnect", "rewrite", "report", "junk", "bypass"] as const;

/** Parses what follows `proc`. */
export function parseProc(reader: Reader, { span }: Token): Directive | null {
  const name = readWord(reader, "the name of the process");
  if (name === null) return null;
  const command = readWord(reader, "a command in quotes");
  const options = command === null ? null : parseProcOptions(reader);
  if (command === null || options === null) return { kind: "broken", span, declares: "proc", name };
  const directive: ProcDirective = { kind: "proc", span, name, command, options };
  return directive;
}

function parseProcOptions(reader: Reader): readonly ProcOption[] | null {
  const options: ProcOption[] = [];
  while (!isLineEnd(reader)) {
    const { kind, span, text } = peek(reader);
    if (kind !== "keyword" || !(text === "user" || text === "group" || text === "chroot")) {
      return failExpected(reader, "`user`, `group` or `chroot`", ["chroot", "group", "user"]);
    }
    take(reader);
    const word = readWord(reader, text === "chroot" ? "a path in quotes" : `the name of a ${text}`);
    if (word === null) return null;
    options.push({ kind: text, span, word });
  }
  return options;
}

/** Parses what follows `filter`. */
export function parseFilter(reader: Reader, { span }: Token): Directive | null {
  const name = readWord(reader, "the name of the filter");
  if (name === null) return null;
  const body = parseBody(reader);
  return body === null ? { kind: "broken", span, declares: "filter", name } : { kind: "filter", span, name, body };
}

function parseBody(reader: Reader): FilterDirective["body"] | null {
  if (acceptKeyword(reader, "proc")) {
    const proc = readWord(reader, "the name of a process");
    return proc === null ? null : { kind: "proc", proc };
  }
  if (acceptKeyword(reader, "proc-exec")) {
    const command = readWord(reader, "a command in quotes");
    const options = command === null ? null : parseProcOptions(reader);
    return command === null || options === null ? null : { kind: "proc-exec", command, options };
  }
  if (acceptKeyword(reader, "chain")) {
    const open = peek(reader);
    if (open.kind !== "punct" || open.text !== "{") return failExpected(reader, "`{` and names of filters");
    const members = readNames(reader, "the name of a filter");
    return members === null ? null : { kind: "chain", members };
  }
  if (acceptKeyword(reader, "phase")) return parsePhase(reader);
  return failExpected(reader, "`proc`, `proc-exec`, `chain` or `phase`", ["chain", "phase", "proc", "proc-exec"]);
}

function parsePhase(reader: Reader): FilterDirective["body"] | null {
  const token = peek(reader);
  if (token.kind !== "keyword" || !filterPhases.some((phase) => phase === token.text)) {
    if (token.kind === "keyword" && token.text === "data-line") {
      const hint = 'only a filter that is a program sees lines: `filter NAME proc-exec "COMMAND"`';
      return fail(reader, token.span, "syntax error: expected a phase of built-in filters, found `data-line`", hint);
    }
    return failExpected(reader, "a phase such as `connect` or `mail-from`", filterPhases);
  }
  take(reader);
  const phase = { text: token.text, span: token.span };
  if (!acceptKeyword(reader, "match")) return failExpected(reader, "`match`", ["match"]);
  const condition = parseCondition(reader);
  if (condition === null) return null;
  const decision = parseDecision(reader);
  return decision === null ? null : { kind: "phase", phase, condition, decision };
}

function parseCondition(reader: Reader): FilterConditionExpr | null {
  const negated = acceptPunct(reader, "!");
  const token = peek(reader);
  const kind = filterConditions.find((one) => token.kind === "keyword" && one === token.text);
  if (kind === undefined) {
    return failExpected(reader, "a condition such as `src` or `rdns`", filterConditions);
  }
  take(reader);
  const { span } = token;
  const isOptional = kind === "rdns" || kind === "auth";
  if (kind === "fcrdns" || (isOptional && !isTable(reader) && !isKeyword(reader, "regex"))) {
    return { kind, span, negated, pattern: null };
  }
  const pattern = readPattern(reader, "a table");
  return pattern === null ? null : { kind, span, negated, pattern };
}

const wanted = {
  reject: 'a reply in quotes, such as "550 go away"',
  disconnect: 'a reply in quotes, such as "421 go away"',
  rewrite: "the new value",
  report: "a text in quotes",
} as const;

function parseDecision(reader: Reader): FilterDecisionExpr | null {
  const token = peek(reader);
  const kind = filterDecisions.find((one) => token.kind === "keyword" && one === token.text);
  if (kind === undefined) {
    // Two conditions in a row are a common guess.
    const isCondition = token.kind === "keyword" && filterConditions.some((one) => one === token.text);
    const what = isCondition
      ? "a decision such as `reject` (a filter has one condition)"
      : "a decision such as `reject`";
    return failExpected(reader, what, filterDecisions);
  }
  take(reader);
  const { span } = token;
  if (kind === "junk" || kind === "bypass") return { kind, span, word: null };
  const word = readWord(reader, wanted[kind]);
  return word === null ? null : { kind, span, word };
}

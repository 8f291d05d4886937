/** Parsing of texts without a resolver behind it. */

import assert from "node:assert/strict";
import type { Directive } from "../../lib/policy/ast.ts";
import type { Problem } from "../../lib/policy/error.ts";
import { parseConfig, type ParsedConfig } from "../../lib/policy/parser.ts";

/** Parses `text` as smtpd.conf; `files` are what it can include. */
export function parseText(text: string, files: Readonly<Record<string, string>> = {}): ParsedConfig {
  return parseConfig({
    path: "smtpd.conf",
    macros: new Map(),
    readFile: (path) => {
      if (path === "smtpd.conf") return { text };
      return Object.hasOwn(files, path) ? { text: files[path]! } : { failure: "no such file" };
    },
  });
}

/** The one directive of a text without problems, spans left out. */
export function parseOne(text: string): unknown {
  const { directives, problems } = parseText(text);
  assert.deepEqual(describeProblems(problems), [], text);
  assert.equal(directives.length, 1, text);
  return bare(directives[0]);
}

/** The problems of one or more whole lines, as `line:column message`. */
export function problemsOf(text: string): readonly string[] {
  return describeProblems(parseText(`${text}\n`).problems);
}

/** Problems as `line:column message`. */
export function describeProblems(problems: readonly Problem[]): readonly string[] {
  return problems.map(({ span, message }) => {
    const before = span.source.text.slice(0, span.start).split("\n");
    return `${before.length}:${before.at(-1)!.length + 1} ${message}`;
  });
}

/** A node without its spans. */
export function bare(node: Directive | undefined): unknown {
  return JSON.parse(JSON.stringify(node, (key, value) => (key === "span" ? undefined : value)));
}

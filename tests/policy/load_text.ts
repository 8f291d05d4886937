/** Loading of texts with a rule behind them, for tests of single lines. */

import { fail } from "node:assert/strict";
import type { Policy } from "../../lib/policy/policy.ts";
import { loadText, printAll } from "./config_fixture.ts";

const rule = "\nmatch reject\n";

/** The policy of lines that have no error. */
export function policyOfLines(lines: string): Policy {
  const result = loadText(lines + rule);
  return result.kind === "ok" ? result.policy : fail(printAll(result.errors));
}

/** Errors and warnings of lines, as `line:column message`. */
export function messagesOfLines(lines: string, files: Readonly<Record<string, string>> = {}): readonly string[] {
  const result = loadText(lines + rule, files);
  const all = result.kind === "ok" ? result.warnings : result.errors;
  return all.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

/** The hint of the first error or warning of lines. */
export function hintOfLines(lines: string): string | null {
  const result = loadText(lines + rule);
  return (result.kind === "ok" ? result.warnings : result.errors)[0]?.hint ?? null;
}

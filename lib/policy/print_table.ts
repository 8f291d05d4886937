/** Tables as smtpd.conf writes them: `table` lines, and the places where tables are used. */

import type { ProcSpec } from "../table/spec.ts";
import type { Criterion, Policy, TableName } from "./policy.ts";
import { printDelay, printItems, printWord } from "./print_word.ts";

/** What is being printed. */
export interface Shown {
  /** The whole of it. */
  readonly policy: Policy;
  /** `hidden` leaves keys and passwords out. */
  readonly secrets: "shown" | "hidden";
}

/** Stands where a secret is left out. It is no word: what is printed then does not load, instead of loading without. */
export const hiddenSecret = "***";

/** The lines of all tables that were declared. */
export function printTables(shown: Shown): readonly string[] {
  return Object.values(shown.policy.tables).filter(({ name }) => !name.startsWith("<")).map((spec) => {
    const head = `table ${printWord(spec.name)}`;
    switch (spec.kind) {
      case "static":
        return `${head} ${printEntries(shown, spec.name, head.length + 1)}`;
      case "getpwnam":
        return `${head} getpwnam`;
      case "proc":
        return `${head} ${printProgram(spec)}`;
      default:
        return `${head} ${printWord(`${spec.kind}:${spec.path}`)}`;
    }
  });
}

/** What a `table` line of a program says behind the name. Not `NAME:CONFIG`: which program that is depends on the
 * machine. */
export function printProgram({ command, config, cacheTtlMs, cacheNegativeTtlMs }: ProcSpec): string {
  const words = [printWord(`proc:${command}${config === null ? "" : ` ${config}`}`)];
  if (cacheTtlMs !== null) words.push(`cache-ttl ${printTime(cacheTtlMs)}`);
  if (cacheNegativeTtlMs !== null) words.push(`cache-negative-ttl ${printTime(cacheNegativeTtlMs)}`);
  return words.join(" ");
}

function printTime(ms: number): string {
  return ms === 0 ? "0" : printDelay(ms);
}

/** A table where an option wants one: `<name>`, or the entries of one without a name. */
export function printTable(shown: Shown, name: TableName): string {
  if (!name.startsWith("<dynamic:")) return `<${printWord(name)}>`;
  const spec = shown.policy.tables[name];
  if (spec?.kind === "static" && spec.shape === "list" && spec.entries.length === 1) {
    return printWord(spec.entries[0]![0]);
  }
  return printEntries(shown, name, 40);
}

/** `[regex] table`. */
export function printPattern(shown: Shown, { regex, table }: Criterion): string {
  return `${regex ? "regex " : ""}${printTable(shown, table)}`;
}

/** Tables whose values are passwords. */
export function credentialTables(policy: Policy): ReadonlySet<TableName> {
  const names = new Set<TableName>();
  for (const action of Object.values(policy.actions)) {
    if (action.kind === "relay" && action.auth !== null) names.add(action.auth);
  }
  for (const listener of policy.listeners) {
    if (listener.kind !== "inet" || listener.auth.mode === "none") continue;
    if (listener.auth.table !== null) names.add(listener.auth.table);
  }
  return names;
}

function printEntries(shown: Shown, name: TableName, indent: number): string {
  const spec = shown.policy.tables[name];
  const isHidden = shown.secrets === "hidden" && credentialTables(shown.policy).has(name);
  const entries = spec?.kind === "static" ? spec.entries : [];
  return printItems(
    entries.map(([key, value]) => [key, value === null ? null : isHidden ? hiddenSecret : printWord(value)]),
    indent,
  );
}

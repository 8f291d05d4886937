/** Users of `senders`, against those who can log in. */

import { lowerAscii } from "../table/service.ts";
import { ConfigLines } from "./check_lines.ts";
import type { Problem, Span } from "./error.ts";
import { takesPasswords } from "./mechanism.ts";
import type { ParsedConfig } from "./parser.ts";
import type { Listener, ListenerAuth, Policy, TableName } from "./policy.ts";

/** Most users of one table that a message names. */
export const strangersShown = 5;

/** What tables hold that can be read now; null for any other table. */
export interface ReadableTables {
  /** The keys. */
  keysOf(name: TableName): readonly string[] | null;
  /** The values; none of a list. */
  valuesOf(name: TableName): readonly string[] | null;
}

/** Tells of users who may send as somebody and cannot log in, neither by password nor by certificate: a misspelt name of
 * either table. */
export function checkSenders(policy: Policy, config: ParsedConfig, tables: ReadableTables): readonly Problem[] {
  const lines = new ConfigLines(policy, config.directives);
  const told = new Map<string, Problem>();
  for (const listener of policy.listeners) {
    if (listener.kind !== "inet" || listener.senders === null || listener.auth.mode === "none") continue;
    const { table } = listener.senders;
    const ways = waysIn(listener, listener.auth, tables);
    if (ways.some(({ users }) => users === null)) continue;
    const known = new Set(ways.flatMap(({ users }) => users?.map(lowerAscii) ?? []));
    const strangers = [...new Set(tables.keysOf(table))].filter((user) => !known.has(lowerAscii(user)));
    if (strangers.length === 0) continue;
    const spans = lines.listen(listener.place);
    const span = spans.line?.options.find(({ kind }) => kind === "senders")?.span ?? spans.span;
    told.set(`${span.start} ${table}`, strangersProblem(span, strangers, ways));
  }
  return [...told.values()];
}

/** A table by which users log in. */
interface WayIn {
  /** As messages call it. */
  readonly shown: string;
  /** Null when they cannot be told. */
  readonly users: readonly string[] | null;
}

function waysIn(
  listener: Listener,
  { table, external }: Exclude<ListenerAuth, { readonly mode: "none" }>,
  { keysOf, valuesOf }: ReadableTables,
): readonly WayIn[] {
  return [
    ...(takesPasswords(listener)
      ? [{ shown: shownTable(table, "auth"), users: table === null ? null : keysOf(table) }]
      : []),
    ...(external === null ? [] : [{ shown: shownTable(external, "auth-external"), users: valuesOf(external) }]),
  ];
}

function strangersProblem(span: Span, strangers: readonly string[], ways: readonly WayIn[]): Problem {
  const shown = strangers.slice(0, strangersShown).join(", ");
  const others = strangers.length - strangersShown;
  const who = others > 0 ? `${shown} and ${others} more` : shown;
  const tables = ways.map((way) => way.shown).join(" and ");
  return {
    severity: "warning",
    span,
    message: `\`senders\` has users who cannot log in here: ${who}`,
    hint: `${tables} ${ways.length === 1 ? "does" : "do"} not have them`,
  };
}

/** A table without a name stands in the line. */
function shownTable(name: TableName | null, option: string): string {
  return name === null || name.startsWith("<") ? `the table of \`${option}\`` : `the table <${name}> of \`${option}\``;
}

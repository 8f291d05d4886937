/** Users of `senders`, against those who can log in. */

import { lowerAscii } from "../table/service.ts";
import { ConfigLines } from "./check_lines.ts";
import type { Problem, Span } from "./error.ts";
import type { ParsedConfig } from "./parser.ts";
import type { Policy, TableName } from "./policy.ts";

/** Most users of one table that a message names. */
export const strangersShown = 5;

/** Tells of users who may send as somebody and cannot log in: a misspelt name of either table. `usersOf` gives the users
 * of a table that can be read now, null for any other. */
export function checkSenders(
  policy: Policy,
  config: ParsedConfig,
  usersOf: (name: TableName) => readonly string[] | null,
): readonly Problem[] {
  const lines = new ConfigLines(policy, config.directives);
  const told = new Map<string, Problem>();
  for (const listener of policy.listeners) {
    if (listener.kind !== "inet" || listener.senders === null || listener.auth.mode === "none") continue;
    const { table: logins } = listener.auth;
    const { table } = listener.senders;
    const [users, known] = [usersOf(table), logins === null ? null : usersOf(logins)];
    if (users === null || known === null) continue;
    const names = new Set(known.map(lowerAscii));
    const strangers = [...new Set(users)].filter((user) => !names.has(lowerAscii(user)));
    if (strangers.length === 0) continue;
    const spans = lines.listen(listener.place);
    const span = spans.line?.options.find(({ kind }) => kind === "senders")?.span ?? spans.span;
    told.set(`${span.start} ${table}`, strangersProblem(span, strangers, shownTable(logins)));
  }
  return [...told.values()];
}

function strangersProblem(span: Span, strangers: readonly string[], logins: string): Problem {
  const shown = strangers.slice(0, strangersShown).join(", ");
  const others = strangers.length - strangersShown;
  const who = others > 0 ? `${shown} and ${others} more` : shown;
  return {
    severity: "warning",
    span,
    message: `\`senders\` has users who cannot log in here: ${who}`,
    hint: `${logins} does not have them`,
  };
}

/** A table without a name stands in the line. */
function shownTable(name: TableName | null): string {
  return name === null || name.startsWith("<") ? "the table of `auth`" : `the table <${name}> of \`auth\``;
}

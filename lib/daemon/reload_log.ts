/** What the log says of a reload: one line for it, and one for each group of changes. */

import type { Log, LogEvent } from "../event_log.ts";
import { type Change, formatChange } from "../policy/difference.ts";
import { problemText, type ReloadAnswer, type ReloadProblem } from "./reload.ts";

/** Changes of a group that the log names. `smtpctl reload` shows all. */
export const loggedChangesMax = 10;

/** Problems that the log names. */
const loggedProblemsMax = 20;

/** What a warning is known by: its place may move while it stays what it is. */
export function warningKey(problem: ReloadProblem): string {
  return typeof problem === "string" ? problem : `${problem.file} ${problem.message}`;
}

/** Writes how a reload of `file` ended. Warnings that are `known`, by their keys, are not repeated. */
export function logReload(answer: ReloadAnswer, file: string, known: ReadonlySet<string>, log: Log): void {
  const say = (priority: LogEvent["priority"], what: string, fields: LogEvent["fields"]) =>
    log({ priority, session: "", from: "smtpd", what, fields });
  if (answer.kind === "refused") {
    for (const problem of answer.problems.slice(0, loggedProblemsMax)) {
      // The rest of an error is the line and its caret, for a screen.
      say("err", "reload-problem", { reason: problemText(problem).split("\n")[0] ?? "" });
    }
    return say("err", "reload-failed", { file, problems: answer.problems.length, hint: "what was in force still is" });
  }
  const { version, changes, warnings } = answer;
  for (const [group, these] of Map.groupBy(changes, (change) => change.group)) {
    say("notice", "reload-change", { group, count: these.length, changes: listOf(these) });
  }
  for (const warning of warnings) {
    if (known.has(warningKey(warning))) continue;
    say("warning", "reload-warning", { reason: problemText(warning).split("\n")[0] ?? "" });
  }
  say("notice", "reloaded", { version, file, changes: changes.length });
}

function listOf(changes: readonly Change[]): string {
  const shown = changes.slice(0, loggedChangesMax).map(formatChange);
  const more = changes.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

/** All checks of a configuration that loads: `smtpd -n` shows what they find, and a start logs it. */

import type { Account } from "../lib/daemon/privilege.ts";
import { type LogEvent, type LogStyle, logTo } from "../lib/event_log.ts";
import { hostClock } from "../lib/host/clock.ts";
import { stderrSink } from "../lib/host/log.ts";
import { interfaceAddresses } from "../lib/host/state.ts";
import { checkPolicy } from "../lib/policy/check.ts";
import { checkFiles } from "../lib/policy/check_files.ts";
import { ConfigLines } from "../lib/policy/check_lines.ts";
import { checkListeners } from "../lib/policy/check_listen.ts";
import { checkShapes } from "../lib/policy/check_shape.ts";
import { checkTableText, tableUses } from "../lib/policy/check_table_text.ts";
import { collectErrors, type ConfigError, type Problem } from "../lib/policy/error.ts";
import { inactiveNotices, noticeError } from "../lib/policy/inactive.ts";
import { builtinTable } from "../lib/policy/policy.ts";
import type { LoadResult } from "../lib/policy/resolve.ts";
import { contentsOf, gatherFacts, readFault, readTableTexts, shapesOf } from "./smtpd_facts.ts";

/** A configuration without errors. */
export type Loaded = Extract<LoadResult, { readonly kind: "ok" }>;

/** Finds what is wrong, hardly meant or not active, in the order of places; warnings of loading are among them. All
 * tables are opened, and those in files are read through. `file` is that of the whole configuration. With `sameUser`
 * accounts that the configuration names are not used, and not told of. `reader` is the account that is to read tables,
 * null for the caller's. */
export async function checkConfiguration(
  loaded: Loaded,
  file: string,
  sameUser: boolean,
  reader: Account | null = null,
): Promise<readonly ConfigError[]> {
  const { policy, config } = loaded;
  const texts = readTableTexts(policy);
  const uses = tableUses(policy);
  const facts = await gatherFacts(policy, { tables: "all", sameUser, reader });
  const own = policy.tables[builtinTable.localhost];
  const around = {
    addresses: own?.kind === "static" ? own.entries.map(([key]) => key) : [],
    unreadable: readFault,
  };
  const ofTexts = texts.flatMap(({ name, path, text }, at) =>
    checkTableText(path, text, uses.get(name) ?? new Set(), firstTableOrder + at, around)
  );
  // A file whose lines are told of is not told of as a whole.
  const told = new Set(ofTexts.filter((one) => one.severity === "error").map((one) => one.span.source.path));
  const tables = new Map([...facts.tables].filter(([name, { fault }]) => {
    const spec = policy.tables[name];
    return !(fault === "malformed" && spec?.kind === "file" && told.has(spec.path));
  }));
  const notices = placeNotices(loaded, file);
  const found = collectErrors([
    ...checkPolicy({ policy, config, contents: contentsOf(texts) }),
    ...checkFiles(policy, config, { ...facts, tables }),
    ...checkShapes(policy, config, shapesOf(texts)),
    ...checkListeners(policy, config, interfaceAddresses()),
    ...ofTexts,
    ...notices.placed,
  ]);
  return [...inOrder([...loaded.warnings, ...found]), ...notices.others];
}

/** What a start has time for: tables are left to those who use them, and what is not active is told by the daemon. */
export async function checkQuickly(
  { policy, config, warnings }: Loaded,
  sameUser: boolean,
): Promise<readonly ConfigError[]> {
  const found = collectErrors([
    ...checkPolicy({ policy, config, contents: contentsOf(readTableTexts(policy)) }),
    ...checkFiles(policy, config, await gatherFacts(policy, { tables: "none", sameUser })),
    ...checkListeners(policy, config, interfaceAddresses()),
  ]);
  return inOrder([...warnings, ...found]);
}

/** Writes problems to the log, one line each. What could not be used is no reason not to start: mail that needs it
 * waits, and all other mail goes its way. */
export function logProblems(problems: readonly ConfigError[], style: LogStyle): void {
  const log = logTo(stderrSink("warning"), style, hostClock);
  for (const problem of problems) log(problemEvent(problem));
}

/** What the log says of a problem. Hints of several lines stand in one. */
export function problemEvent({ severity, file, line, message, hint }: ConfigError): LogEvent {
  const tip: LogEvent["fields"] = hint === null ? {} : { hint: hint.split("\n").join("; ").replace(/ +/g, " ") };
  return {
    priority: severity === "error" ? "err" : "warning",
    session: "",
    from: "smtpd",
    what: `config-${severity}`,
    fields: { place: `${file}:${line}`, reason: message, ...tip },
  };
}

/** Behind all files of the configuration. */
const firstTableOrder = 1_000_000;

/** What is not active: at its line where it has one. */
function placeNotices(
  { policy, config }: Loaded,
  file: string,
): { readonly placed: readonly Problem[]; readonly others: readonly ConfigError[] } {
  const lines = new ConfigLines(policy, config.directives);
  const placed: Problem[] = [];
  const others: ConfigError[] = [];
  for (const notice of inactiveNotices(policy)) {
    const span = notice.place === null
      ? config.directives.find(({ kind }) => kind === notice.setting)?.span ?? null
      : lines.at(notice.place);
    if (span === null) others.push(noticeError(notice, file));
    else placed.push({ severity: notice.severity, span, message: notice.message, hint: null });
  }
  return { placed, others };
}

/** Files in the order in which they come first, lines in theirs. */
function inOrder(problems: readonly ConfigError[]): readonly ConfigError[] {
  const files = [...new Set(problems.map((one) => one.file))];
  return problems.toSorted((a, b) =>
    files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column
  );
}

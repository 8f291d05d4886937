/** Files that hold tables, line by line: entries that cannot be read, and values that are of no use where the table is
 * used. */

import { EntryScanner } from "../table/entry.ts";
import { parseNet } from "../mail/ip.ts";
import { parseUserinfo } from "../table/service.ts";
import { parseExpansionValue } from "./alias.ts";
import { judgeLogin, type LoginUse, loginUses } from "./check_logins.ts";
import { makeSource, type Problem, type SourceFile } from "./error.ts";
import type { Policy, TableName } from "./policy.ts";
import { parseRelayUrl } from "./relay_url.ts";

/** What a table is used for, as far as its entries are checked. */
export type TableUse = "expansion" | "userinfo" | "relayList" | "relayMap" | "network" | "credentials" | LoginUse;

/** Most problems of one file that are told. */
export const tableProblemsMax = 10;

/** What each table is used for. */
export function tableUses(policy: Policy): ReadonlyMap<TableName, ReadonlySet<TableUse>> {
  const uses = new Map<TableName, Set<TableUse>>();
  const add = (name: TableName | null, use: TableUse): void => {
    if (name === null) return;
    uses.set(name, (uses.get(name) ?? new Set()).add(use));
  };
  for (const action of Object.values(policy.actions)) {
    if (action.kind === "local") {
      add(action.alias, "expansion");
      add(action.virtual, "expansion");
      add(action.userbase, "userinfo");
    } else {
      add(action.host, "relayList");
      add(action.domain, "relayMap");
      add(action.auth, "credentials");
    }
  }
  for (const [table, use] of loginUses(policy)) add(table, use);
  for (const { from } of policy.rules) {
    if (from.kind === "src" && !from.criterion.regex) add(from.criterion.table, "network");
  }
  return uses;
}

/** What is wrong with the text of a table. `order` sorts it among other files: files of the configuration come first.
 * An entry that cannot be read is an error, for the table as a whole cannot be used then; a value is a warning. */
export function checkTableText(
  path: string,
  text: string,
  uses: ReadonlySet<TableUse>,
  order: number,
): readonly Problem[] {
  const source = makeSource(path, text, order, null);
  const scanner = new EntryScanner("auto");
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  scanner.feed(bytes);
  const problems: Problem[] = [];
  let more = 0;
  const tell = (severity: Problem["severity"], message: string, hint: string | null): void => {
    if (problems.length < tableProblemsMax) {
      problems.push({ severity, span: lineSpan(source, scanner.line), message, hint });
    } else more++;
  };
  for (let step = scanner.next(); step !== "end"; step = scanner.next()) {
    if (step === "malformed") {
      tell("error", "invalid map entry", "write a key and a value on each line, or keys alone on all of them");
      continue;
    }
    const key = decoder.decode(bytes.subarray(scanner.keyStart, scanner.keyEnd));
    const value = scanner.valueStart < 0 ? null : decoder.decode(bytes.subarray(scanner.valueStart, scanner.valueEnd));
    for (const use of uses) {
      const wrong = judgeEntry(use, key, value);
      if (wrong !== null) tell("warning", wrong.message, wrong.hint);
    }
  }
  const last = problems.at(-1);
  if (more > 0 && last !== undefined) {
    problems.push({ ...last, severity: "warning", message: `${more} more problems in this file`, hint: null });
  }
  return problems;
}

function lineSpan(source: SourceFile, line: number): Problem["span"] {
  const start = source.lineStarts[line - 1] ?? 0;
  const end = source.text.indexOf("\n", start);
  return { source, start, end: end === -1 ? source.text.length : Math.max(end, start + 1), macro: null };
}

interface Wrong {
  readonly message: string;
  readonly hint: string | null;
}

function judgeEntry(use: TableUse, key: string, value: string | null): Wrong | null {
  switch (use) {
    case "expansion": {
      if (value === null) return null;
      const parsed = parseExpansionValue(value);
      return parsed.kind === "ok" ? null : { message: parsed.message, hint: `mail for ${key} is answered 451` };
    }
    case "userinfo":
      if (value === null || parseUserinfo(value) !== null) return null;
      return { message: `invalid user: ${value}`, hint: "write uid:gid:/home" };
    case "relayList":
      return value === null ? judgeUrl(key) : { message: "a list is wanted here, and this is a pair", hint: listHint };
    case "relayMap":
      return value === null ? null : judgeUrl(value);
    case "network":
      if (key.toLowerCase() === "local" || parseNet(key) !== null) return null;
      return {
        message: `"${key}" is no address and no network: it never matches`,
        hint: value === null ? null : listHint,
      };
    case "logins":
    case "verifiers":
      return value === null ? null : judgeLogin(use, key, value);
    case "credentials":
      // The value may be a password, and is not shown.
      if (value === null || !(value.length < 3 || value.startsWith(":") || value.endsWith(":"))) return null;
      return { message: `invalid credentials of ${key}`, hint: "write user:password" };
  }
}

/** URLs and IPv6 addresses have colons in them. */
const listHint = "a colon ends a key: begin the file with the line `# @list`";

function judgeUrl(text: string): Wrong | null {
  const parsed = parseRelayUrl(text);
  if (parsed.kind === "ok") return null;
  return { message: `invalid relay URL: ${parsed.message}`, hint: "write it as smtp://host or smtp://host:port" };
}

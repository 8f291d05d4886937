/** Files that hold tables, line by line: entries that cannot be read, and values that are of no use where the table is
 * used. */

import type { FaultKind } from "../fault.ts";
import { EntryScanner } from "../table/entry.ts";
import { parseNet } from "../mail/ip.ts";
import { lowerAscii, parseUserinfo } from "../table/service.ts";
import { parseExpansionValue } from "./alias.ts";
import { judgeLogin, type LoginUse, loginUses } from "./check_logins.ts";
import { lintDomain, lintFingerprint, lintMailaddr, lintSenders, lintSource } from "./entry_lint.ts";
import { makeSource, type Problem, type SourceFile } from "./error.ts";
import type { Policy, TableName } from "./policy.ts";
import { describeReadFault } from "./scope.ts";
import { parseRelayUrl } from "./relay_url.ts";
import type { Purpose } from "./resolve_table.ts";
import { tablePurposes } from "./table_purposes.ts";

/** What a table is used for, as far as its entries are checked. */
export type TableUse =
  | "expansion"
  | "userinfo"
  | "relayList"
  | "relayMap"
  | "network"
  | "credentials"
  | "domain"
  | "mailaddr"
  | "source"
  | "senders"
  | "certificates"
  | LoginUse;

/** What of the machine entries are compared with. */
export interface TableSurroundings {
  /** Its addresses, as literals without brackets. */
  readonly addresses: readonly string[];
  /** Why the file at an absolute path cannot be read; null when it can. */
  readonly unreadable: (path: string) => FaultKind | null;
}

/** Most problems of one file that are told. */
export const tableProblemsMax = 10;

/** What each table is used for. */
export function tableUses(policy: Policy): ReadonlyMap<TableName, ReadonlySet<TableUse>> {
  const uses = new Map<TableName, Set<TableUse>>();
  const add = (name: TableName, use: TableUse): void => {
    uses.set(name, (uses.get(name) ?? new Set()).add(use));
  };
  for (const { table, purpose, by, regex } of tablePurposes(policy)) {
    // Of what listeners do with passwords check_logins.ts knows more.
    const use = purpose === "credentials" && by === "listener" ? undefined : useOf[purpose];
    if (use !== undefined && !regex) add(table, use);
  }
  for (const [table, use] of loginUses(policy)) add(table, use);
  return uses;
}

/** What is checked of entries, by what they are used for. */
const useOf: Readonly<Partial<Record<Purpose, TableUse>>> = {
  "alias": "expansion",
  "virtual": "expansion",
  "userbase": "userinfo",
  "host": "relayList",
  "relay-domain": "relayMap",
  "source": "source",
  "credentials": "credentials",
  "senders": "senders",
  "auth-external": "certificates",
  "from": "network",
  "domain": "domain",
  "helo": "domain",
  "mail-from": "mailaddr",
  "rcpt-to": "mailaddr",
};

/** What is wrong with the text of a table, keys that stand twice among it. `order` sorts it among other files: files of
 * the configuration come first. An entry that cannot be read is an error, for the table as a whole cannot be used then; a
 * value is a warning. */
export function checkTableText(
  path: string,
  text: string,
  uses: ReadonlySet<TableUse>,
  order: number,
  around: TableSurroundings,
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
  const lines = new Map<string, number>();
  for (let step = scanner.next(); step !== "end"; step = scanner.next()) {
    if (step === "malformed") {
      tell("error", "invalid map entry", "write a key and a value on each line, or keys alone on all of them");
      continue;
    }
    const key = decoder.decode(bytes.subarray(scanner.keyStart, scanner.keyEnd));
    const value = scanner.valueStart < 0 ? null : decoder.decode(bytes.subarray(scanner.valueStart, scanner.valueEnd));
    // Where nothing is known of its use the case may count, as in regular expressions.
    const name = uses.size === 0 ? key : lowerAscii(key);
    const first = lines.get(name);
    if (first === undefined) lines.set(name, scanner.line);
    else tell("warning", `"${key}" stands here and on line ${first}`, value === null ? "delete one" : twiceHint);
    for (const use of uses) {
      const wrong = judgeEntry(use, key, value, around);
      if (wrong !== null) tell("warning", wrong.message, wrong.hint);
    }
  }
  const last = problems.at(-1);
  if (more > 0 && last !== undefined) {
    problems.push({ ...last, severity: "warning", message: `${more} more problems in this file`, hint: null });
  }
  return problems;
}

/** What is wrong with entries of an alias or virtual table, `path:line: …`, at most `tableProblemsMax` of them; the others
 * are used. For files that change under a running daemon. */
export function judgeExpansions(path: string, bytes: Uint8Array): readonly string[] {
  const scanner = new EntryScanner("auto");
  const decoder = new TextDecoder();
  const told: string[] = [];
  let more = 0;
  scanner.feed(bytes);
  for (let step = scanner.next(); step !== "end"; step = scanner.next()) {
    if (step === "malformed" || scanner.valueStart < 0) continue;
    const parsed = parseExpansionValue(decoder.decode(bytes.subarray(scanner.valueStart, scanner.valueEnd)));
    if (parsed.kind === "ok") continue;
    const key = decoder.decode(bytes.subarray(scanner.keyStart, scanner.keyEnd));
    if (told.length < tableProblemsMax) {
      told.push(`${path}:${scanner.line}: ${parsed.message}: ${refusedNow(key)}`);
    } else more++;
  }
  return more === 0 ? told : [...told, `${path}: ${more} more of them`];
}

function lineSpan(source: SourceFile, line: number): Problem["span"] {
  const start = source.lineStarts[line - 1] ?? 0;
  const end = source.text.indexOf("\n", start);
  return { source, start, end: end === -1 ? source.text.length : Math.max(end, start + 1), macro: null };
}

/** What is wrong with an entry. */
export interface Wrong {
  /** One line. */
  readonly message: string;
  /** What to do, or what comes of it. */
  readonly hint: string | null;
}

function judgeEntry(use: TableUse, key: string, value: string | null, around: TableSurroundings): Wrong | null {
  switch (use) {
    case "expansion":
      return judgeExpansion(key, value, around);
    case "domain":
      return lintDomain(key);
    case "mailaddr":
      return lintMailaddr(key);
    case "source":
      return lintSource(key, around.addresses);
    case "senders":
      return value === null ? null : lintSenders(value);
    case "certificates":
      return lintFingerprint(key);
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

function judgeExpansion(key: string, value: string | null, around: TableSurroundings): Wrong | null {
  if (/^["']/.test(key)) {
    return { message: `a key stands bare: ${key} is never looked up`, hint: "no name has a blank or a quote" };
  }
  const parsed = value === null ? null : parseExpansionValue(value);
  if (parsed === null) return null;
  if (parsed.kind === "error") return { message: parsed.message, hint: refusedNow(key) };
  for (const node of parsed.nodes) {
    const fault = node.kind === "include" ? around.unreadable(node.path) : null;
    if (node.kind === "include" && fault !== null) return judgeInclude(key, node.path, fault);
  }
  return null;
}

/** What is said of a file that the alias `key` includes and that cannot be read. */
export function judgeInclude(key: string, path: string, fault: FaultKind): Wrong {
  return {
    message: `cannot include ${path}: ${describeReadFault(fault)}`,
    hint: fault === "notFound" ? "it counts as an empty one" : refusedNow(key),
  };
}

function refusedNow(key: string): string {
  return `mail for ${key} is answered 451`;
}

const twiceHint = "the last one counts: delete one";

/** URLs and IPv6 addresses have colons in them. */
const listHint = "a colon ends a key: begin the file with the line `# @list`";

function judgeUrl(text: string): Wrong | null {
  const parsed = parseRelayUrl(text);
  if (parsed.kind === "ok") return null;
  return { message: `invalid relay URL: ${parsed.message}`, hint: "write it as smtp://host or smtp://host:port" };
}

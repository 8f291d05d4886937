/** What could be written at a place of a configuration. The parser itself says which words it would take there. */

import { cursorAt } from "./cursor.ts";
import type { Declared } from "./ast.ts";
import { meaningOf } from "./manual.ts";
import { parseConfig, type ParseInput } from "./parser.ts";
import { declarationOf } from "./reference.ts";

/** One thing to write. */
export interface Completion {
  /** A word of the language, or a name that the configuration declares. */
  readonly kind: "keyword" | Declared | "macro";
  /** What to write in place of the characters from `start` to `end`. */
  readonly text: string;
  /** How it is written, for people; empty when nothing is known. */
  readonly syntax: string;
  /** What it does; empty when nothing is known. */
  readonly meaning: string;
}

/** What could stand at a place, and which characters it replaces (offsets in UTF-16 units). */
export interface Completions {
  /** In the order of the alphabet. */
  readonly items: readonly Completion[];
  /** Offset of the first character that is replaced. */
  readonly start: number;
  /** Offset behind the last one. */
  readonly end: number;
}

/** A word that nobody writes: it stands where the cursor is. */
const mark = "qzCURSORqz";

/** Finds what could be written at `offset` of the main file. `input` reads the files as they are in the editor. */
export function complete(input: ParseInput, offset: number): Completions {
  const main = input.readFile(input.path);
  const text = "text" in main ? main.text : "";
  const isPart = (at: number): boolean => /[A-Za-z0-9_-]/.test(text[at] ?? "");
  let start = offset;
  while (start > 0 && isPart(start - 1)) start--;
  let end = offset;
  while (isPart(end)) end++;
  const none = { items: [], start, end };
  if (isInComment(text, start)) return none;
  const opening = text[start - 1] ?? "";
  if (opening === "$") {
    const { macros } = parseConfig(input);
    return { items: [...macros.keys()].sort().map((name) => plain("macro", name)), start, end };
  }
  const parsed = parseMarked(input, text, start, end, opening);
  const { keywords } = cursorAt(text, start, parsed.macros);
  const isName = opening === "<" || opening === '"' || opening === "'";
  const words = isName ? [] : parsed.known.filter((word) => /^[a-z]/.test(word));
  const kind = opening === "<" ? "table" : nameKind(keywords);
  const names = kind === null ? [] : namesOf(parsed.directives, kind);
  const keys = [...new Set(words)].map((word): Completion => {
    const [syntax = "", meaning = ""] = meaningOf(keywords, word) ?? [];
    return { kind: "keyword", text: word, syntax, meaning };
  });
  const tables = !isName && wantsTable(keywords, text, start) ? namesOf(parsed.directives, "table") : [];
  const items = [
    ...keys,
    ...names.map((name) => ({ ...plain(kind ?? "table", name), text: isName ? name : quote(name) })),
    ...tables.map((name) => ({ ...plain("table", name), text: `<${name}>` })),
  ];
  return { items: items.sort((a, b) => (a.text < b.text ? -1 : 1)), start, end };
}

/** Parses the text with the mark in the place of what is being written. */
function parseMarked(input: ParseInput, text: string, start: number, end: number, opening: string) {
  const isOpen = opening === '"' || opening === "'";
  const rest = text.slice(end);
  const line = rest.slice(0, rest.search(/\n|$/));
  const close = opening === "<" && !rest.startsWith(">") ? ">" : isOpen && !line.includes(opening) ? opening : "";
  const marked = text.slice(0, start) + mark + close + rest;
  const known: string[] = [];
  const readFile: ParseInput["readFile"] = (path) => path === input.path ? { text: marked } : input.readFile(path);
  const parsed = parseConfig({ ...input, readFile }, (token, words) => {
    if (token.text === mark) known.push(...words);
  });
  return { ...parsed, known };
}

/** What a name behind these keywords is the name of. */
function nameKind(keywords: readonly string[]): Declared | null {
  const last = keywords.at(-1);
  switch (keywords[0]) {
    case "match":
      return last === "action" ? "action" : null;
    case "listen":
    case "action":
      return last === "filter" || last === "pki" || last === "ca" ? last : last === "wrapper" ? "mda-wrapper" : null;
    case "filter":
      return last === "chain" ? "filter" : last === "proc" ? "proc" : null;
    default:
      return null;
  }
}

/** Does an option stand right before the cursor that wants a table? */
function wantsTable(keywords: readonly string[], text: string, start: number): boolean {
  const last = keywords.at(-1) ?? "";
  return keywords.length > 1 && tableOptions.has(last) && text.slice(0, start).trimEnd().endsWith(last);
}

const tableOptions = new Set(
  `alias auth auth-external auth-optional domain helo helo-src host hostnames mail-from rcpt-to rdns regex senders src
  tag userbase virtual`.split(/\s+/),
);

function namesOf(directives: readonly Parameters<typeof declarationOf>[0][], kind: Declared): readonly string[] {
  const names = directives.flatMap((one) => {
    const declared = declarationOf(one);
    return declared?.kind === kind && !declared.name.includes(mark) ? [declared.name] : [];
  });
  return [...new Set(names)];
}

function isInComment(text: string, at: number): boolean {
  const line = text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
  return /^(?:[^"'#]|"[^"]*"|'[^']*')*#/.test(line);
}

function plain(kind: Completion["kind"], text: string): Completion {
  return { kind, text, syntax: "", meaning: "" };
}

/** A name as it stands in a line: words of the language and odd ones are quoted. */
function quote(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `"${name}"` : `"${name.replaceAll('"', '\\"')}"`;
}

/** Parser of smtpd.conf(5): from texts to directives. It goes on after an error with the next line, and so finds all
 * errors at once. */

import { dirname, isAbsolute, join as joinPath } from "@std/path";
import type { Declared, Directive } from "./ast.ts";
import { makeSource, type Problem, type SourceFile, type Span, suggest } from "./error.ts";
import { Lexer, type Macro, type Token } from "./lexer.ts";
import { parseAction } from "./parser_action.ts";
import { parseFilter, parseProc } from "./parser_filter.ts";
import { parseMda, parseMta, parseScheduler, parseSmtp } from "./parser_limits.ts";
import { parseListen } from "./parser_listen.ts";
import { parseMatch } from "./parser_match.ts";
import { parseAdmd, parseBounce, parseCa, parsePki, parseQueue, parseSrs } from "./parser_settings.ts";
import { type OldActions, translateOldLine } from "./old_grammar.ts";
import { parseTable } from "./parser_table.ts";
import {
  acceptPunct,
  directiveNames,
  type Expectation,
  fail,
  failExpected,
  isLineEnd,
  makeReader,
  peek,
  type Reader,
  readWord,
  recover,
  take,
} from "./reader.ts";

/** What the parser needs of the world. */
export interface ParseInput {
  /** Path of the main file, as messages show it. */
  readonly path: string;
  /** Text of a file, or why there is none, in words. */
  readonly readFile: (path: string) => { readonly text: string } | { readonly failure: string };
  /** Macros of the command line: they win over those of the files. */
  readonly macros: ReadonlyMap<string, string>;
}

/** A configuration as written. `end` is the last line of the main file. */
export interface ParsedConfig {
  /** In the order in which they were read, included files in their places. */
  readonly directives: readonly Directive[];
  /** What was wrong, in the order in which it was met. */
  readonly problems: readonly Problem[];
  /** For what concerns the file as a whole. */
  readonly end: Span;
  /** Macros of the files and of the command line. */
  readonly macros: ReadonlyMap<string, Macro>;
}

/** Parses the main file and all that it includes. Never throws: what cannot be read is a problem. */
export function parseConfig(input: ParseInput, expected: Expectation = null): ParsedConfig {
  const main = input.readFile(input.path);
  const source = makeSource(input.path, "text" in main ? main.text : "", 0, null);
  const macros = new Map<string, Macro>();
  for (const [name, value] of input.macros) macros.set(name, { value, definition: null });
  const reader = makeReader(source, macros, expected);
  const end = wholeFile(source);
  if ("failure" in main) {
    fail(reader, end, `cannot read the configuration: ${main.failure}`);
    return { directives: [], problems: reader.problems, end, macros };
  }
  const directives: Directive[] = [];
  const state: State = { input, reader, directives, files: 1, oldActions: new Map() };
  for (;;) {
    const token = peek(reader);
    if (token.kind === "eof") {
      if (reader.lexers.length === 1) return { directives, problems: reader.problems, end, macros };
      reader.lexers.pop();
      reader.ahead = null;
    } else if (token.kind === "newline") take(reader);
    else parseLine(state, token);
  }
}

interface State {
  readonly input: ParseInput;
  readonly reader: Reader;
  readonly directives: Directive[];
  /** Files opened so far. */
  files: number;
  /** Actions that old lines have been told to be. */
  readonly oldActions: OldActions;
}

function parseLine(state: State, first: Token): void {
  const { reader, directives } = state;
  if (first.kind === "word" || first.kind === "string") return parseMacro(state);
  if (first.kind === "keyword" && first.text === "include") return parseInclude(state);
  const parse = first.kind === "keyword" ? parsers.get(first.text) : undefined;
  take(reader);
  if (parse === undefined) {
    if (first.kind === "keyword" && acceptPunct(reader, "=")) {
      fail(reader, first.span, `the reserved word \`${first.text}\` cannot name a macro`, "choose another name");
    } else failDirective(state, first);
    return recover(reader);
  }
  const mark = reader.problems.length;
  const directive = parse(reader, first);
  if (directive !== null && directive.kind !== "broken" && endLine(reader)) {
    // An option of old may pass for the table of `auth`.
    const isOld = directive.kind === "listen" && failOldGrammar(state, first.span);
    directives.push(isOld ? { kind: "broken", span: first.span, declares: null, name: null } : directive);
    return;
  }
  if (directive?.kind === "broken") directives.push(directive);
  else {
    const name = directive !== null && "name" in directive ? directive.name : null;
    const declares = directive?.kind === "mda-wrapper" ? "mda-wrapper" : declared(first.text);
    directives.push({ kind: "broken", span: first.span, declares, name });
  }
  if (reader.problems.length === mark) return;
  const problems = reader.problems.splice(mark);
  if (!failOldGrammar(state, first.span)) reader.problems.push(...problems);
  recover(reader);
}

/** What a line that begins with `word` declares, as far as its first word says. */
function declared(word: string): Declared | "match" | null {
  const isDeclared = (one: string): one is Declared | "match" =>
    ["table", "action", "filter", "proc", "pki", "ca", "match"].includes(one);
  return isDeclared(word) ? word : null;
}

/** Takes the end of the line; anything else there is an error. */
function endLine(reader: Reader): boolean {
  if (isLineEnd(reader)) {
    take(reader);
    return true;
  }
  failExpected(reader, "the end of the line");
  return false;
}

/** Reads what follows the first word of a line. Null: it has told its error. A broken directive keeps the name that
 * the line was to declare. */
type Parse = (reader: Reader, first: Token) => Directive | null;

const parsers: ReadonlyMap<string, Parse> = new Map<string, Parse>([
  ["action", parseAction],
  ["admd", parseAdmd],
  ["bounce", parseBounce],
  ["ca", parseCa],
  ["filter", parseFilter],
  ["listen", parseListen],
  ["match", parseMatch],
  ["mda", parseMda],
  ["mta", parseMta],
  ["pki", parsePki],
  ["proc", parseProc],
  ["queue", parseQueue],
  ["scheduler", parseScheduler],
  ["smtp", parseSmtp],
  ["srs", parseSrs],
  ["table", parseTable],
]);

function failDirective(state: State, token: Token): void {
  const { reader } = state;
  if (token.kind === "keyword") failUnknown(state, token.text, token.span);
  else if (token.kind === "bad") fail(reader, token.span, token.text, token.hint);
  else fail(reader, token.span, `syntax error: expected a directive, found \`${token.text}\``);
}

function failUnknown(state: State, word: string, span: Span): void {
  if (failOldGrammar(state, span)) return;
  const { reader } = state;
  if (oldDirectives.includes(word)) fail(reader, span, oldGrammar, "write `action` and `match` lines");
  else fail(reader, span, `unknown directive \`${word}\``, suggest(word, directiveNames, (name) => `\`${name}\``));
}

/** Words that began lines before OpenSMTPD 6.4. */
const oldDirectives: readonly string[] = ["accept", "expire", "limit", "reject"];
const oldGrammar = "this is the grammar of OpenSMTPD before 6.4";

/** Tells what a line of the old grammar is today. False when it is none. `span` is that of its first word. */
function failOldGrammar({ reader, oldActions }: State, span: Span): boolean {
  const lines = translateOldLine(span, reader.macros, oldActions);
  if (lines !== null) fail(reader, span, oldGrammar, ["write today:", ...lines.map((one) => `  ${one}`)].join("\n"));
  return lines !== null;
}

/** `name = value`, or a line that begins with a word that is no directive. */
function parseMacro(state: State): void {
  const { reader, input } = state;
  const name = take(reader);
  if (!acceptPunct(reader, "=")) {
    reader.expected?.(name, directiveNames);
    failUnknown(state, name.text, name.span);
    return recover(reader);
  }
  const value = readWord(reader, "the value of the macro");
  if (value === null || !endLine(reader)) return recover(reader);
  if (/\s/.test(name.text)) {
    fail(reader, name.span, "macro name cannot contain whitespace");
    return;
  }
  if (!/^[A-Za-z0-9_]+$/.test(name.text)) {
    fail(reader, name.span, `macro name \`${name.text}\` can never be used`, "use letters, digits and `_` only");
    return;
  }
  if (!input.macros.has(name.text)) reader.macros.set(name.text, { value: value.text, definition: name.span });
}

/** `include "path"`. A relative path starts from the directory of the file that says it. */
function parseInclude(state: State): void {
  const { reader, input } = state;
  take(reader);
  const word = readWord(reader, "the path of a file");
  if (word === null || !endLine(reader)) return recover(reader);
  const from = word.span.source.path;
  const path = isAbsolute(word.text) ? word.text : joinPath(dirname(from), word.text);
  if (reader.lexers.some((lexer) => lexer.source.path === path)) {
    fail(reader, word.span, `failed to include file ${word.text}: it is being read already`);
    return;
  }
  const file = input.readFile(path);
  if ("failure" in file) {
    fail(reader, word.span, `failed to include file ${word.text}: ${file.failure}`);
    return;
  }
  // The line end that was taken may be the end of the file: it is then met again when the new file is done.
  reader.ahead = null;
  reader.lexers.push(new Lexer(makeSource(path, file.text, state.files++, word.span), reader.macros));
}

/** The last line of a file, for what concerns all of it. */
function wholeFile(source: SourceFile): Span {
  const end = source.text.endsWith("\n") ? source.text.length - 1 : source.text.length;
  const start = end === 0 ? 0 : source.text.lastIndexOf("\n", end - 1) + 1;
  return { source, start, end: start, macro: null };
}

/** What all parsers of directives share: the token ahead, the words and tables that options take, and the errors.
 * A parser that returns null has told its error; the line is then given up. */

import type { FilterExpr, Items, LimitExpr, NumberWord, Pattern, TableExpr, Word } from "./ast.ts";
import { type Problem, type SourceFile, type Span, suggest } from "./error.ts";
import { Lexer, type Macro, type Token } from "./lexer.ts";

/** A configuration being read. */
export interface Reader {
  /** Files being read, the innermost last. */
  readonly lexers: Lexer[];
  /** Macros defined so far. */
  readonly macros: Map<string, Macro>;
  /** What was wrong so far. */
  readonly problems: Problem[];
  /** The token ahead; null when it has not been looked at. */
  ahead: Token | null;
  /** The token taken last. */
  last: Token | null;
  /** Hears of tokens that the grammar does not want; null when nobody listens. */
  readonly expected: Expectation;
}

/** Hears what could stand in the place of a token that is not wanted: the words, as far as they are known. */
export type Expectation = ((token: Token, known: readonly string[]) => void) | null;

/** Words that begin a line. */
export const directiveNames: readonly string[] = [
  "action",
  "admd",
  "bounce",
  "ca",
  "filter",
  "include",
  "listen",
  "match",
  "mda",
  "mta",
  "pki",
  "proc",
  "queue",
  "scheduler",
  "smtp",
  "srs",
  "table",
];

/** Makes a Reader at the start of a file. */
export function makeReader(source: SourceFile, macros: Map<string, Macro>, expected: Expectation = null): Reader {
  return { lexers: [new Lexer(source, macros)], macros, problems: [], ahead: null, last: null, expected };
}

/** The next token, left where it is. */
export function peek(reader: Reader): Token {
  return reader.ahead ??= reader.lexers.at(-1)!.next();
}

/** Takes the next token. The end of a file is never passed. */
export function take(reader: Reader): Token {
  const token = peek(reader);
  if (token.kind !== "eof") reader.ahead = null;
  reader.last = token;
  return token;
}

/** Tells an error. Returns null, for the caller to pass on. */
export function fail(reader: Reader, span: Span, message: string, hint: string | null = null): null {
  reader.problems.push({ severity: "error", span, message, hint });
  return null;
}

/** Tells that the token ahead is not what the grammar wants. `known` are the words that could stand there. */
export function failExpected(reader: Reader, wanted: string, known: readonly string[] = []): null {
  const token = peek(reader);
  reader.expected?.(token, known);
  if (token.kind === "bad") return fail(reader, token.span, token.text, token.hint);
  const near = token.kind === "word" || token.kind === "keyword"
    ? suggest(token.text, known, (name) => `\`${name}\``)
    : null;
  return fail(
    reader,
    visibleSpan(token, reader.last),
    `syntax error: expected ${wanted}, found ${describeToken(token)}`,
    near ?? hintLongString(reader),
  );
}

/** Is the token ahead this keyword, unquoted? */
export function isKeyword(reader: Reader, name: string): boolean {
  const token = peek(reader);
  return token.kind === "keyword" && token.text === name;
}

/** Is the token ahead this word, unquoted and not reserved? */
export function isPlainWord(reader: Reader, word: string): boolean {
  const token = peek(reader);
  return token.kind === "word" && token.text === word;
}

/** Takes the token ahead if it is this keyword. */
export function acceptKeyword(reader: Reader, name: string): boolean {
  if (!isKeyword(reader, name)) return false;
  take(reader);
  return true;
}

/** Takes the token ahead if it is this word, unquoted and not reserved. */
export function acceptPlainWord(reader: Reader, word: string): boolean {
  if (!isPlainWord(reader, word)) return false;
  take(reader);
  return true;
}

/** Takes the token ahead if it is this sign. */
export function acceptPunct(reader: Reader, sign: string): boolean {
  const token = peek(reader);
  if (token.kind !== "punct" || token.text !== sign) return false;
  take(reader);
  return true;
}

/** Is the line at its end? */
export function isLineEnd(reader: Reader): boolean {
  const { kind } = peek(reader);
  return kind === "newline" || kind === "eof";
}

/** Is a word or quoted string ahead? */
export function isWord(reader: Reader): boolean {
  const { kind } = peek(reader);
  return kind === "word" || kind === "string";
}

/** Reads a word or quoted string. `wanted` names it for the error: `a name`. */
export function readWord(reader: Reader, wanted: string): Word | null {
  const token = peek(reader);
  if (isWord(reader)) {
    take(reader);
    if (token.kind === "word") warnLiteralMacro(reader, token);
    return { text: token.text, span: token.span };
  }
  if (token.kind === "keyword") {
    return fail(
      reader,
      token.span,
      `syntax error: expected ${wanted}, found the reserved word \`${token.text}\``,
      `quote it to use it as a name: "${token.text}"`,
    );
  }
  if (token.kind === "number") {
    return fail(
      reader,
      token.span,
      `syntax error: expected ${wanted}, found the number ${token.text}`,
      `quote it: "${token.text}"`,
    );
  }
  if (token.kind === "punct" && !"{}<>!,==>".includes(token.text)) {
    return fail(
      reader,
      token.span,
      `syntax error: expected ${wanted}, found \`${token.text}\``,
      token.span.macro === null
        ? `quote a word that begins with \`${token.text}\``
        : `quotes inside the quotes make it one word: ${token.span.macro.name} = "'…'"`,
    );
  }
  return failExpected(reader, wanted);
}

/** A macro in the middle of a word is not expanded. OpenSMTPD does not say so. */
function warnLiteralMacro(reader: Reader, { text, span }: Token): void {
  const name = /\$([A-Za-z0-9_]+)/.exec(text)?.[1];
  if (name === undefined || !reader.macros.has(name)) return;
  const message = `$${name} inside a word stands for itself`;
  reader.problems.push({ severity: "warning", span, message, hint: "a macro is expanded at the start of a word only" });
}

/** Reads a number. */
export function readNumber(reader: Reader, wanted: string): NumberWord | null {
  const token = peek(reader);
  if (token.kind !== "number") return failExpected(reader, wanted);
  take(reader);
  return { value: Number(token.text), span: token.span };
}

/** Reads a word of digits and letters that may happen to have digits only: a time, a size, a port. */
export function readQuantity(reader: Reader, wanted: string): Word | null {
  const token = peek(reader);
  if (token.kind !== "number") return readWord(reader, wanted);
  take(reader);
  return { text: token.text, span: token.span };
}

/** Reads `<name>`, a word, or entries between braces. */
export function readTable(reader: Reader, wanted: string): TableExpr | null {
  const token = peek(reader);
  if (token.kind === "punct" && token.text === "<") {
    take(reader);
    // Reserved words need no quotes here: nothing else could be meant.
    const isName = peek(reader).kind === "keyword";
    const name = isName ? take(reader) : readWord(reader, "the name of a table");
    if (name === null) return null;
    const close = peek(reader);
    if (!acceptPunct(reader, ">")) return failExpected(reader, "`>` after the name of the table");
    return { kind: "name", name: name.text, span: join(token.span, close.span) };
  }
  if (token.kind === "punct" && token.text === "{") {
    const items = readItems(reader);
    return items === null ? null : { kind: "items", items, span: items.span };
  }
  const word = readWord(reader, wanted);
  return word === null ? null : { kind: "word", word, span: word.span };
}

/** Reads entries between braces, over as many lines as it takes. The first entry decides between list and map. */
export function readItems(reader: Reader): Items | null {
  const open = take(reader);
  skipSeparators(reader, open);
  const list: Word[] = [];
  const map: [Word, Word][] = [];
  while (!isPunct(reader, "}")) {
    if (isUnclosed(reader)) return fail(reader, open.span, "this `{` is never closed");
    const key = readWord(reader, "an entry");
    if (key === null) return null;
    const hasValue = isPunct(reader, "=") || isPunct(reader, "=>");
    if (hasValue && list.length > 0) return failExpected(reader, "an entry without a value, as the first one");
    if (!hasValue && map.length > 0) return failExpected(reader, "`=` and a value, as in the first entry");
    if (hasValue) {
      take(reader);
      const value = readWord(reader, "a value");
      if (value === null) return null;
      map.push([key, value]);
    } else list.push(key);
    skipSeparators(reader, open);
  }
  const span = join(open.span, take(reader).span);
  if (list.length + map.length === 0) {
    return fail(reader, span, "syntax error: a table needs at least one entry", `for an empty one use an empty file`);
  }
  return map.length > 0 ? { shape: "map", entries: map, span } : { shape: "list", entries: list, span };
}

/** Does a table stand ahead, or something that can only be a failed attempt at one? For options that can do without. */
export function isTable(reader: Reader): boolean {
  const { kind, text } = peek(reader);
  if (kind === "punct") return !["}", ">", "!", ",", "=", "=>"].includes(text);
  return kind === "word" || kind === "string" || kind === "number" || kind === "bad";
}

/** Reads `[regex] tables`. */
export function readPattern(reader: Reader, wanted: string): Pattern | null {
  const regex = acceptKeyword(reader, "regex");
  const table = readTable(reader, wanted);
  return table === null ? null : { regex, table };
}

/** Reads the name of a filter, or names of filters between braces. */
export function readFilter(reader: Reader): FilterExpr | null {
  if (!isPunct(reader, "{")) {
    const name = readWord(reader, "the name of a filter");
    return name === null ? null : { kind: "name", name };
  }
  const open = peek(reader).span;
  const members = readNames(reader, "the name of a filter");
  return members === null ? null : { kind: "chain", members, span: join(open, reader.last?.span ?? open) };
}

/** Reads words between braces, over as many lines as it takes. The brace is ahead. */
export function readNames(reader: Reader, wanted: string): readonly Word[] | null {
  const open = take(reader);
  skipSeparators(reader, open);
  const names: Word[] = [];
  while (!isPunct(reader, "}")) {
    if (isUnclosed(reader)) return fail(reader, open.span, "this `{` is never closed");
    const name = readWord(reader, wanted);
    if (name === null) return null;
    names.push(name);
    skipSeparators(reader, open);
  }
  if (names.length === 0) return failExpected(reader, wanted);
  take(reader);
  return names;
}

/** Reads `KEY N` until the line ends. `wanted` names the keys. */
export function readLimits(reader: Reader, wanted: string): readonly LimitExpr[] | null {
  const limits: LimitExpr[] = [];
  while (!isLineEnd(reader)) {
    const limit = readLimit(reader, wanted);
    if (limit === null) return null;
    limits.push(limit);
  }
  return limits;
}

/** Reads one `KEY N`. */
export function readLimit(reader: Reader, wanted: string): LimitExpr | null {
  if (!isWord(reader)) return failExpected(reader, wanted);
  const name = readWord(reader, wanted);
  if (name === null) return null;
  const value = readNumber(reader, "a number");
  return value === null ? null : { name, value };
}

/** Goes on to the next line, or to where a new directive stands if a brace was never closed. Returns at that token. */
export function recover(reader: Reader): void {
  let depth = 0;
  for (;;) {
    const token = peek(reader);
    if (token.kind === "eof" || (token.isFirst && isDirectiveName(token))) return;
    take(reader);
    if (token.kind === "newline" && depth <= 0) return;
    if (token.kind === "punct" && token.text === "{") depth++;
    if (token.kind === "punct" && token.text === "}") depth--;
  }
}

/** The span from one token to another on the same file. */
export function join(from: Span, to: Span): Span {
  return { ...from, end: Math.max(from.end, to.end) };
}

/** Is this sign the next token? It is not taken. */
export function isPunct(reader: Reader, sign: string): boolean {
  const token = peek(reader);
  return token.kind === "punct" && token.text === sign;
}

/** One comma and any number of line ends; no comma is fine. */
function skipSeparators(reader: Reader, open: Token): void {
  let isCommaAllowed = reader.last !== open;
  for (;;) {
    if (peek(reader).kind === "newline") take(reader);
    else if (isCommaAllowed && acceptPunct(reader, ",")) isCommaAllowed = false;
    else return;
  }
}

/** Has the list run into the end of the file or into the next directive? */
function isUnclosed(reader: Reader): boolean {
  const token = peek(reader);
  return token.kind === "eof" || (token.isFirst && isDirectiveName(token));
}

function isDirectiveName(token: Token): boolean {
  return token.kind === "keyword" && directiveNames.includes(token.text);
}

function describeToken(token: Token): string {
  switch (token.kind) {
    case "newline":
      return "the end of the line";
    case "eof":
      return "the end of the file";
    case "string":
      return `"${token.text}"`;
    default:
      return `\`${token.text}\``;
  }
}

/** Line ends and the end of the file are pointed at behind the last token, where something is missing. */
function visibleSpan(token: Token, last: Token | null): Span {
  const isEnd = token.kind === "newline" || token.kind === "eof";
  if (!isEnd || last === null || last.span.source !== token.span.source) return token.span;
  const start = last.kind === "newline" ? token.span.start : last.span.end;
  return { ...token.span, start, end: start + 1 };
}

/** A quote that was left open shows up as a string over several lines. */
function hintLongString(reader: Reader): string | null {
  const { last } = reader;
  if (last?.kind !== "string" || last.span.macro !== null) return null;
  const raw = last.span.source.text.slice(last.span.start, last.span.end);
  return raw.includes("\n") ? "the string before it goes over several lines: is a quote missing?" : null;
}

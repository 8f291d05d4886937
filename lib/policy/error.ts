/** Errors of a configuration file: where, what, what to do about it, and how they are shown. */

import { scrub } from "../event_log.ts";
import { nearest } from "../nearest.ts";
import type { Place } from "./policy.ts";

export { nearest };

/** One file of the configuration. */
export interface SourceFile {
  /** As messages show it. */
  readonly path: string;
  /** All of the file. */
  readonly text: string;
  /** Offset of the first character of each line. */
  readonly lineStarts: readonly number[];
  /** In what order files were opened, from 0. */
  readonly order: number;
  /** The word that included it; null for the main file. */
  readonly includedAt: Span | null;
}

/** Some characters of a file: from offset `start` up to, not including, `end`. */
export interface Span {
  /** The file it is in. */
  readonly source: SourceFile;
  /** Offset of the first character, from 0. */
  readonly start: number;
  /** Offset behind the last one. */
  readonly end: number;
  /** Set when the text came out of a macro: the span is then that of its use. */
  readonly macro: MacroUse | null;
}

/** A macro in use. `definition` is null when it was given on the command line. */
export interface MacroUse {
  /** Its name, without the `$`. */
  readonly name: string;
  /** Where the file defines it. */
  readonly definition: Span | null;
}

/** Something to tell about a place, before it is made ready for showing. */
export interface Problem {
  /** Errors hinder the start, warnings do not. */
  readonly severity: "error" | "warning";
  /** What it is about. */
  readonly span: Span;
  /** What is wrong, in one line. */
  readonly message: string;
  /** What to do about it; null when nothing better is known. */
  readonly hint: string | null;
}

/** A problem of the configuration, as plain data. Columns and lengths count UTF-16 units, as editors do. Line and column
 * are 0 when no line is known. */
export interface ConfigError extends Place {
  /** Errors hinder the start, warnings do not. */
  readonly severity: "error" | "warning";
  /** At least 1, within the line; 0 when it is about the file as a whole. */
  readonly length: number;
  /** What is wrong, in one line. */
  readonly message: string;
  /** What to do about it; null when nothing better is known. */
  readonly hint: string | null;
  /** The line of the file, as it is there. */
  readonly excerpt: string;
  /** What else has to do with it: the definition of a macro, the line that included the file. */
  readonly notes: readonly { readonly message: string; readonly place: Place | null }[];
}

/** How `printError` shows an error. `width` is that of the terminal, columns. */
export interface PrintOptions {
  /** Paint with ANSI sequences. */
  readonly colour: boolean;
  /** Columns of the terminal. */
  readonly width: number;
}

/** Makes a SourceFile of a text. */
export function makeSource(path: string, text: string, order: number, includedAt: Span | null): SourceFile {
  const lineStarts = [0];
  for (let i = text.indexOf("\n"); i !== -1; i = text.indexOf("\n", i + 1)) lineStarts.push(i + 1);
  return { path, text, lineStarts, order, includedAt };
}

/** Where a span begins. */
export function placeOf(span: Span): Place {
  const { source } = span;
  const line = lineAt(source, span.start);
  return { file: source.path, line: line + 1, column: span.start - source.lineStarts[line]! + 1 };
}

/** Makes errors of problems, in the order of their places. Of problems that tell the same of one place, one is kept. */
export function collectErrors(problems: readonly Problem[]): readonly ConfigError[] {
  const sorted = [...problems].sort((a, b) =>
    a.span.source.order - b.span.source.order || a.span.start - b.span.start || a.span.end - b.span.end
  );
  return sorted
    .filter((one, at) => {
      const before = sorted[at - 1];
      return before?.span.source !== one.span.source || before.span.start !== one.span.start ||
        before.message !== one.message;
    })
    .map(makeError);
}

/** The error as lines for people, without a final line end: place and message, the line of the file with the spot
 * marked, and the hint. Control characters of the file never reach the terminal; long lines are cut around the spot. */
export function printError(error: ConfigError, options: PrintOptions): string {
  const paint = (style: string, text: string): string => options.colour ? `\x1b[${style}m${text}\x1b[0m` : text;
  const tint = error.severity === "error" ? "1;31" : "1;33";
  const at = error.line === 0 ? "" : `${error.line}:${error.column}:`;
  const place = paint("1", `${scrub(error.file)}:${at}`);
  const lines = [`${place} ${paint(tint, `${error.severity}:`)} ${paint("1", scrub(error.message))}`];
  const bar = paint("34", "|");
  if (error.length > 0) {
    const { text, start, length } = cutExcerpt(error, Math.max(options.width - gutterWidth, excerptWidthMin));
    lines.push(`${paint("34", String(error.line).padStart(5))} ${bar} ${text}`.trimEnd());
    lines.push(`      ${bar} ${" ".repeat(start)}${paint(tint, "^".repeat(length))}`);
  }
  if (error.hint !== null) lines.push(`      ${paint("34", "=")} ${scrub(error.hint)}`);
  for (const note of error.notes) {
    const where = note.place === null ? "" : ` ${scrub(note.place.file)}:${note.place.line}:${note.place.column}`;
    lines.push(`      ${paint("34", "=")} ${scrub(note.message)}${where}`);
  }
  return lines.join("\n");
}

/** `did you mean …?` for the nearest candidate; null when none is near. */
export function suggest(word: string, candidates: Iterable<string>, quote: (name: string) => string): string | null {
  const near = nearest(word, candidates);
  return near === null ? null : `did you mean ${quote(near)}?`;
}

const gutterWidth = 8;
const excerptWidthMin = 20;
const tabWidth = 8;

function makeError(problem: Problem): ConfigError {
  const { span, severity, message, hint } = problem;
  const place = placeOf(span);
  const excerpt = lineText(span.source, place.line - 1);
  const room = Math.max(excerpt.length - (place.column - 1), 1);
  const length = span.end === span.start ? 0 : Math.min(span.end - span.start, room);
  const notes: { message: string; place: Place | null }[] = [];
  if (span.macro !== null) {
    const { name, definition } = span.macro;
    notes.push(
      definition === null
        ? { message: `macro '${name}' is defined on the command line`, place: null }
        : { message: `macro '${name}' is defined at`, place: placeOf(definition) },
    );
  }
  for (let at = span.source.includedAt; at !== null; at = at.source.includedAt) {
    notes.push({ message: "included from", place: placeOf(at) });
  }
  return { ...place, severity, length, message, hint, excerpt, notes };
}

function lineAt(source: SourceFile, offset: number): number {
  let low = 0;
  let high = source.lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (source.lineStarts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function lineText(source: SourceFile, line: number): string {
  const start = source.lineStarts[line]!;
  const next = source.lineStarts[line + 1];
  const text = source.text.slice(start, next === undefined ? source.text.length : next - 1);
  return text.endsWith("\r") ? text.slice(0, -1) : text;
}

/** A character on the screen. */
interface Cell {
  readonly text: string;
  readonly column: number;
  readonly width: number;
}

/** The part of the line that fits `width` columns, with the spot in it. `start` and `length` are columns. */
function cutExcerpt(error: ConfigError, width: number): { text: string; start: number; length: number } {
  const { cells, total, start, end } = layOut(error);
  // A third of the window shows what stands before the spot.
  const left = total <= width || end < width
    ? 0
    : Math.max(0, Math.min(start - Math.floor(width / 3), total - width + 1));
  const kept = cells.filter((cell) => cell.column >= left);
  const shift = left === 0 ? 0 : (kept[0]?.column ?? 0) - 1;
  const isCut = total - shift > width;
  const limit = isCut ? width - 1 : width;
  const shown = kept.filter((cell) => cell.column - shift + cell.width <= limit).map((cell) => cell.text).join("");
  const text = (left > 0 ? "…" : "") + shown + (isCut ? "…" : "");
  const from = Math.max(start - shift, 0);
  return { text, start: from, length: Math.max(Math.min(end - shift, width) - from, 1) };
}

/** The line as cells, and the columns of the spot. */
function layOut(error: ConfigError): { cells: readonly Cell[]; total: number; start: number; end: number } {
  const cells: Cell[] = [];
  const from = error.column - 1;
  let unit = 0;
  let column = 0;
  let start = -1;
  let end = -1;
  for (const char of error.excerpt) {
    unit += char.length;
    const width = char === "\t" ? tabWidth - column % tabWidth : charWidth(char.codePointAt(0) ?? 0);
    cells.push({ text: char === "\t" ? " ".repeat(width) : scrub(char), column, width });
    if (start === -1 && unit > from) start = column;
    column += width;
    if (end === -1 && unit >= from + error.length) end = column;
  }
  if (start === -1) start = column;
  return { cells, total: column, start, end: end === -1 ? Math.max(column, start + 1) : end };
}

/** Columns that a character takes on a terminal, roughly: 0 for combining marks, 2 for East Asian wide characters and
 * emoji. `code` is its code point. */
export function charWidth(code: number): number {
  if (code < 0x300) return 1;
  if (code <= 0x36f || (code >= 0x200b && code <= 0x200d) || (code >= 0xfe00 && code <= 0xfe0f)) return 0;
  const isWide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) || (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return isWide ? 2 : 1;
}

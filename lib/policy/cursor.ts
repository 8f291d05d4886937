/** What stands around a place in a configuration: the words of its line, for completion and help in editors. */

import { makeSource, type Span } from "./error.ts";
import { Lexer, type Macro, type Token } from "./lexer.ts";
import { directiveNames } from "./reader.ts";

/** A place between two characters. */
export interface Cursor {
  /** Tokens of its line that end before it, the first one first. A line goes on over braces and `\`. */
  readonly before: readonly Token[];
  /** The token that it is in or right behind; null for none. */
  readonly token: Token | null;
  /** Keywords among `before`, in order. */
  readonly keywords: readonly string[];
}

/** Finds the place at `offset`, counted in UTF-16 units. */
export function cursorAt(text: string, offset: number, macros: ReadonlyMap<string, Macro>): Cursor {
  const lexer = new Lexer(makeSource("", text, 0, null), macros);
  let line: Token[] = [];
  let depth = 0;
  for (;;) {
    const token = lexer.next();
    if (token.kind === "eof" || token.span.start > offset) return makeCursor(line, null);
    if (token.kind === "newline") {
      if (token.span.end > offset) return makeCursor(line, null);
      if (depth === 0) line = [];
      continue;
    }
    if (token.isFirst && token.kind === "keyword" && depth > 0 && line.length > 0 && isDirective(token)) {
      line = [];
      depth = 0;
    }
    if (token.span.end >= offset) return makeCursor(line, token);
    if (isSign(token, "{")) depth++;
    if (isSign(token, "}")) depth--;
    line.push(token);
  }
}

/** Is the offset in the span or at its end? */
export function isWithin({ start, end }: Pick<Span, "start" | "end">, offset: number): boolean {
  return start <= offset && offset <= end;
}

function makeCursor(before: readonly Token[], token: Token | null): Cursor {
  return { before, token, keywords: before.filter((one) => one.kind === "keyword").map((one) => one.text) };
}

function isSign(token: Token, sign: string): boolean {
  return token.kind === "punct" && token.text === sign;
}

/** A brace that was never closed ends where the next directive stands, as for the parser. */
function isDirective(token: Token): boolean {
  return directiveNames.includes(token.text);
}

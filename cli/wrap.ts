/** Long lines for a terminal, broken between words. Pure. */

import { stripVTControlCharacters } from "node:util";

/** Narrowest terminal that lines are broken for, columns. */
export const wrapWidthMin = 40;

/** Breaks lines of more than `width` columns at blanks. What goes on stands below the text of its line: behind `= ` of a
 * hint, behind the name of a row, else four columns in. A word that is longer stays whole, and so does a line that shows
 * a place of a file. Paint counts for nothing. */
export function wrapLines(text: string, width: number): string {
  return text.split("\n").map((line) => wrapLine(line, Math.max(width, wrapWidthMin))).join("\n");
}

function wrapLine(line: string, width: number): string {
  const plain = stripVTControlCharacters(line);
  if (plain.length <= width || /^ *[0-9]* \|/.test(plain)) return line;
  const indent = " ".repeat(indentOf(plain));
  const out: string[] = [];
  let current = "";
  for (const word of line.match(/^\s*\S*|\s+\S*/g) ?? []) {
    if (current !== "" && columns(current + word) > width && columns(current) > indent.length) {
      out.push(current);
      current = indent + word.trimStart();
    } else current += word;
  }
  return [...out, current].join("\n");
}

function indentOf(plain: string): number {
  const head = /^ +(?:= |[a-z]+ {2,})/.exec(plain) ?? /^ */.exec(plain);
  const length = head?.[0].length ?? 0;
  return length === 0 ? 4 : length;
}

function columns(text: string): number {
  return stripVTControlCharacters(text).length;
}

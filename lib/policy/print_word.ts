/** Words of smtpd.conf as they have to be written to be read back: bare where that is enough, else in quotes. */

import { reservedWords } from "./reserved.ts";

/** Columns that a line may take before its list is broken. */
const lineWidth = 100;

/** Writes a word that `readWord` reads as `text`. Text with a line end cannot be written, and none that was read from a
 * configuration has one. */
export function printWord(text: string): string {
  if (isBare(text)) return text.replaceAll("\\", "\\\\");
  let out = "";
  for (const [at, char] of [...text].entries()) {
    const isEscape = char === '"' || ((char === " " || char === "\t") && [...text][at - 1] === "\\");
    out += isEscape ? `\\${char}` : char;
  }
  return `"${out}"`;
}

/** As `printWord`, always in quotes: for names of actions, as people write them. */
export function printQuoted(text: string): string {
  const word = printWord(text);
  return word.startsWith('"') || word.includes("\\") ? word : `"${word}"`;
}

/** Writes entries between braces, on one line if they fit behind `indent` columns. A null value makes a list of it. */
export function printItems(entries: readonly (readonly [key: string, value: string | null])[], indent: number): string {
  const items = entries.map(([key, value]) => value === null ? printWord(key) : `${printWord(key)} = ${value}`);
  const line = `{ ${items.join(", ")} }`;
  if (indent + line.length <= lineWidth || items.length < 2) return line;
  return `{\n${items.map((item) => `\t${item}`).join(",\n")}\n}`;
}

/** Writes a delay of whole seconds in the largest unit that divides it. */
export function printDelay(ms: number): string {
  const seconds = Math.round(ms / 1000);
  for (const [unit, size] of [["d", 86_400], ["h", 3_600], ["m", 60]] as const) {
    if (seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}

/** May the text stand without quotes where a word is wanted? A number may not, and no reserved word. */
function isBare(text: string): boolean {
  return /^[A-Za-z0-9:_][\x21-\x7e]*$/.test(text) && !/[(){}<>!=#,"'$]/.test(text) && !/^[0-9]+$/.test(text) &&
    !/^[0-9]+[),/}=]/.test(text) && !reservedWords.has(text);
}

/** Files that say how to reach a database: a keyword and its value on each line. Pure. */

import type { DatabaseKind } from "./table.ts";

/** What a file says, or the first line that makes no sense; lines count from 1. */
export type ParsedSettings =
  | { readonly kind: "ok"; readonly settings: readonly (readonly [keyword: string, value: string])[] }
  | { readonly kind: "error"; readonly line: number; readonly message: string; readonly hint: string | null };

/** Reads a file. A keyword ends at a blank; its value is the rest of the line. Lines that begin with `#` are comments. */
export function parseTableSettings(_kind: DatabaseKind, text: string): ParsedSettings {
  const settings: [string, string][] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const found = /^(\S+)\s+(.*)$/.exec(line);
    if (found === null) {
      const hint = `write it as: ${line} VALUE`;
      return { kind: "error", line: index + 1, message: `${line} has no value`, hint };
    }
    settings.push([found[1] ?? "", found[2] ?? ""]);
  }
  return { kind: "ok", settings };
}

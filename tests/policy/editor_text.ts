/** Configurations with a cursor in them: `|` is where it is. */

import type { ParseInput } from "../../lib/policy/parser.ts";

/** A text without its cursor, and where that was. `files` are what it can include. */
export function withCursor(
  marked: string,
  files: Readonly<Record<string, string>> = {},
): { readonly input: ParseInput; readonly offset: number; readonly text: string } {
  const offset = marked.indexOf("|");
  const text = marked.replace("|", "");
  const readFile: ParseInput["readFile"] = (path) => {
    if (path === "/smtpd.conf") return { text };
    return Object.hasOwn(files, path) ? { text: files[path]! } : { failure: "no such file" };
  };
  return { input: { path: "/smtpd.conf", macros: new Map([["cli", "x"]]), readFile }, offset, text };
}

/** A small configuration to put a line behind. */
export const editorBase = `lan = "eth0"
table aliases file:/etc/mail/aliases
table hosted { "a.test", "b.test" }
action "local" maildir alias <aliases>
action out relay
`;

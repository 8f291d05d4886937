/** Files, commands and Maildirs that an alias or a .forward names as targets, and the one judgement of what is such.
 * Whoever makes one and whoever takes one from another role or from the disk asks here. Pure. */

import { expansionCommandMax, expansionElementMax } from "./alias.ts";
import type { ElementSource } from "./expand_node.ts";

/** A file, command or Maildir that an alias or a .forward names as a target. */
export interface LocalExec {
  /** `file` gets the message appended, `command` on its standard input. */
  readonly kind: "file" | "command" | "maildir";
  /** Absolute path, or the command as written: it may hold format specifiers. */
  readonly text: string;
  /** `table`: it runs as `aliasUser`; `forward`: as the user whose .forward names it. */
  readonly from: ElementSource;
}

/** The account that files and commands named by tables are delivered with. */
export const aliasUser = "_smtpd";

/** Reads a target; null when it is none. A path is absolute and at most `expansionElementMax` characters, a command at
 * most `expansionCommandMax` and not blank; neither has a control character other than a tab. */
export function parseExec(value: unknown): LocalExec | null {
  if (typeof value !== "object" || value === null) return null;
  const { kind, text, from }: Readonly<Record<string, unknown>> = { ...value };
  if (kind !== "file" && kind !== "command" && kind !== "maildir") return null;
  if (from !== "table" && from !== "forward") return null;
  if (typeof text !== "string" || controlCharacter.test(text)) return null;
  const isSound = kind === "command"
    ? text.length <= expansionCommandMax && text.trim() !== ""
    : text.length <= expansionElementMax && text.startsWith("/");
  return isSound ? { kind, text, from } : null;
}

// deno-lint-ignore no-control-regex -- they are what is looked for
const controlCharacter = /[\0-\x08\x0a-\x1f\x7f]/;

/** What tables store of passwords, against what listeners do with it. */

import { parseStored, passwordPart } from "../trust/stored_password.ts";
import { ConfigLines } from "./check_lines.ts";
import type { Problem } from "./error.ts";
import type { ParsedConfig } from "./parser.ts";
import { mechanismsOf, takesPasswords } from "./mechanism.ts";
import type { Policy } from "./policy.ts";

/** How a table of passwords is used: for passwords that clients say, or for SCRAM as well. */
export type LoginUse = "logins" | "verifiers";

/** What is wrong with an entry of a table, without the password. */
export interface LoginProblem {
  /** Names the user. */
  readonly message: string;
  /** What to do. */
  readonly hint: string;
}

/** The uses of tables by listeners. */
export function loginUses(policy: Policy): readonly (readonly [table: string, use: LoginUse])[] {
  return policy.listeners.flatMap((listener) => {
    if (listener.kind !== "inet" || listener.auth.mode === "none" || listener.auth.table === null) return [];
    if (!takesPasswords(listener)) return [];
    const { table } = listener.auth;
    const isScram = mechanismsOf(listener).includes("SCRAM-SHA-256");
    return isScram ? [[table, "logins"] as const, [table, "verifiers"] as const] : [[table, "logins"] as const];
  });
}

/** Can this user log in? Null when there is nothing to say. */
export function judgeLogin(use: LoginUse, user: string, value: string): LoginProblem | null {
  const stored = passwordPart(value);
  if (stored === null) {
    return use === "logins" ? { message: `invalid credentials of ${user}`, hint: "write user:password" } : null;
  }
  const read = parseStored(stored);
  if (read.kind === "problem") {
    return use === "logins" ? { message: `${user} cannot log in: ${read.message}`, hint: read.hint } : null;
  }
  if (use === "logins" || read.kind === "scram" || read.kind === "plain") return null;
  return {
    message: `clients that take SCRAM-SHA-256 cannot log in as ${user}: it needs a verifier`,
    hint: "make one with `smtpctl encrypt --method scram`, or leave SCRAM-SHA-256 out of `mechanisms`",
  };
}

/** Tells of entries of inline tables. Those of files are looked at line by line (check_table_text.ts). */
export function checkLogins(policy: Policy, config: ParsedConfig): readonly Problem[] {
  const lines = new ConfigLines(policy, config.directives);
  const found = new Map<string, Problem>();
  for (const [name, use] of loginUses(policy)) {
    const spec = policy.tables[name];
    if (spec?.kind !== "static") continue;
    for (const [user, value] of spec.entries) {
      const problem = value === null ? null : judgeLogin(use, user, value);
      if (problem === null) continue;
      found.set(`${name} ${problem.message}`, { severity: "warning", span: lines.tableContent(name), ...problem });
    }
  }
  return [...found.values()];
}

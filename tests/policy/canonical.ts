/** Lines in the form in which `smtpd --print` writes them. */

import assert from "node:assert/strict";
import { printPolicy } from "../../lib/policy/print.ts";
import { policyOf } from "./tables.ts";

/** Checks that each of `lines`, behind `head`, is printed as it stands. */
export function assertCanonical(head: string, lines: readonly string[], tail = "match for local reject\n"): void {
  for (const line of lines) {
    const printed = printPolicy(policyOf(`${head}${line}\n${tail}`), "shown");
    assert.ok(printed.split("\n").includes(line), `${line}\n--\n${printed}`);
  }
}

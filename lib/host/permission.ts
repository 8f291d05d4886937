/** What this process may do, asked of Deno itself. */

import type { Right } from "../port.ts";

/** True when the process holds the right without asking anybody. */
export function holdsRight(right: Right): boolean {
  return Deno.permissions.querySync(right).state === "granted";
}

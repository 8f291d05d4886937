/** What this process may do, asked of Deno itself. */

/** A right, in Deno's terms. */
export interface Right {
  readonly name: "read" | "write" | "net" | "run" | "env" | "sys" | "ffi" | "import";
  readonly path?: string;
  readonly host?: string;
  readonly command?: string;
  readonly kind?: "hostname" | "statfs";
}

/** True when the process holds the right without asking anybody. */
export function holdsRight(right: Right): boolean {
  return Deno.permissions.querySync(right).state === "granted";
}

/** What this process may do, asked of Deno itself. */

/** A right, in Deno's terms. */
export interface Right {
  /** The kind. Without any of the members below: all of its kind. */
  readonly name: "read" | "write" | "net" | "run" | "env" | "sys" | "ffi" | "import";
  /** For `read` and `write`: an absolute path. */
  readonly path?: string;
  /** For `net`: an address and a port. */
  readonly host?: string;
  /** For `run`: a program. */
  readonly command?: string;
  /** For `sys`: a fact of the system. */
  readonly kind?: "hostname" | "statfs";
}

/** True when the process holds the right without asking anybody. */
export function holdsRight(right: Right): boolean {
  return Deno.permissions.querySync(right).state === "granted";
}

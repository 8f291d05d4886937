/** Programs of this machine that interop tests use; a test whose program is missing is ignored. */

import { join } from "@std/path";
import { root } from "./command.ts";

/** The path of a program, null when there is none. */
export function findProgram(name: string): string | null {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find(isFile) ?? null;
}

/** Where the parts of an unpacked Postfix package are. */
export interface PostfixPackage {
  /** postconf, postalias, smtp-source, smtp-sink. */
  readonly programs: string;
  /** master and the daemons. */
  readonly daemons: string;
  /** For LD_LIBRARY_PATH. */
  readonly libraries: string;
}

/** The folder where Postfix's package is, or is to be, unpacked. */
export function postfixFolder(): string {
  return Deno.env.get("POSTERN_POSTFIX") ?? join(root, ".bench/postfix");
}

/** Postfix's package, null when it is not unpacked. */
export function findPostfix(): PostfixPackage | null {
  const folder = postfixFolder();
  if (!isFile(join(folder, "usr/sbin/smtp-source"))) return null;
  return {
    programs: join(folder, "usr/sbin"),
    daemons: join(folder, "usr/lib/postfix/sbin"),
    libraries: join(folder, "usr/lib/postfix"),
  };
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

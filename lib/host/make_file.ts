/** Files that we make for others. Deno's own functions can give away what has a name, but not what is open: somebody who
 * may write to the directory could put something else in its place. */

import process from "node:process";
import { Fault } from "../fault.ts";

/** Makes a file for its owner alone, unless the name is taken, whatever it stands for. Fault `denied` or `io`. */
export function makeFileFor(path: string, owner: { readonly uid: number; readonly gid: number }): void {
  // Seldom needed, and it takes 12 ms to load.
  const { closeSync, fchownSync, fsyncSync, openSync } = process.getBuiltinModule("node:fs");
  try {
    const fd = openSync(path, "wx", 0o600);
    try {
      fchownSync(fd, owner.uid, owner.gid);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    if (code === "EEXIST") return;
    throw new Fault("denied", `Cannot make ${path}: ${code}`, { cause: error });
  }
}

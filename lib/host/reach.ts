/** Whether another account can get at a file, by owners and permission bits alone: root asks before it starts a role. */

import { dirname } from "node:path/posix";

/** Owner, group and permission bits of what has a name. */
export interface Ownership {
  /** User id. */
  readonly uid: number;
  /** Group id. */
  readonly gid: number;
  /** Permission bits; bits above them are not looked at. */
  readonly mode: number;
}

/** The first path on the way to `path`, itself last, that keeps an account with this one group away; null when none does.
 * Directories have to be entered, and `path` itself needs `bits`: 4 to be read, 1 to be entered. What is not there keeps
 * nobody away. Access lists are not known. `path` is absolute. */
export function barrierOf(
  path: string,
  account: Pick<Ownership, "uid" | "gid">,
  bits: number,
  ownershipOf: (path: string) => Ownership | null,
): string | null {
  if (account.uid === 0) return null;
  const way: string[] = [path];
  for (let at = path; at !== "/";) way.unshift(at = dirname(at));
  const isBarrier = (one: string): boolean => {
    const found = ownershipOf(one);
    if (found === null) return false;
    const shift = found.uid === account.uid ? 6 : found.gid === account.gid ? 3 : 0;
    const wanted = one === path ? bits : 1;
    return ((found.mode >> shift) & wanted) !== wanted;
  };
  return way.find(isBarrier) ?? null;
}

/** The daemon's directories and sockets on disk, and what the system says of accounts and interfaces. */

import { dirname } from "node:path/posix";
import { Fault } from "../fault.ts";
import { barrierOf } from "./reach.ts";

/** A directory as it has to be. Owner null means ours. */
export interface DirectorySpec {
  /** Absolute. */
  readonly path: string;
  /** Permission bits, such as 0o711. A directory that is there gets them too. */
  readonly mode: number;
  /** Whose it is to be. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
}

/** Makes a directory and those above it, and gives it its mode and owner. Where another account is to reach it, it may
 * enter those that are made above it. Fault `denied`, also when it cannot enter one that is there, or `io`. */
export function prepareDirectory(spec: DirectorySpec): void {
  try {
    makeParents(dirname(spec.path), spec.owner !== null || (spec.mode & 0o001) !== 0);
    Deno.mkdirSync(spec.path, { recursive: true, mode: spec.mode });
    const now = Deno.lstatSync(spec.path);
    if (!now.isDirectory) throw new Fault("io", `Cannot use ${spec.path}: it is not a directory`);
    if (spec.owner !== null && (now.uid !== spec.owner.uid || now.gid !== spec.owner.gid)) {
      Deno.chownSync(spec.path, spec.owner.uid, spec.owner.gid);
    }
    if (((now.mode ?? 0) & 0o7777) !== spec.mode) Deno.chmodSync(spec.path, spec.mode);
    const barrier = spec.owner === null ? null : barrierOf(spec.path, spec.owner, 1, statIfPresent);
    if (barrier === null) return;
    const way = `its owner, uid ${spec.owner?.uid}, may not enter ${barrier}; chmod a+x ${barrier}`;
    throw new Fault("denied", `Cannot use ${spec.path}: ${way}`);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("denied", `Cannot prepare ${spec.path}: ${codeOf(error)}`, { cause: error });
  }
}

function makeParents(path: string, isShared: boolean): void {
  if (statIfPresent(path) !== null) return;
  makeParents(dirname(path), isShared);
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  // Whatever the umask says.
  if (isShared) Deno.chmodSync(path, 0o711);
}

/** Empties a directory of what an earlier life left: scripts and socket names, no mail. */
export function emptyDirectory(path: string): void {
  for (const { name } of Deno.readDirSync(path)) removeIfPresent(`${path}/${name}`);
}

/** Removes a file or socket; nothing happens when there is none. */
export function removeIfPresent(path: string): void {
  try {
    // What Deno.remove() takes away, too, when it is empty.
    if (Deno.lstatSync(path).isDirectory) throw new Fault("exists", `Cannot remove ${path}: it is a directory`);
    Deno.removeSync(path);
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (codeOf(error) !== "ENOENT") {
      throw new Fault("denied", `Cannot remove ${path}: ${codeOf(error)}`, { cause: error });
    }
  }
}

/** The path without links; null when it leads nowhere, or not for us. */
export async function realPath(path: string): Promise<string | null> {
  try {
    return await Deno.realPath(path);
  } catch {
    return null;
  }
}

/** The uid that this process runs with; null where the system has none. */
export function ownUid(): number | null {
  return Deno.uid();
}

/** Sets the permission bits of a socket. */
export function setMode(path: string, mode: number): void {
  Deno.chmodSync(path, mode);
}

/** Text of a file; null when there is none or we may not read it. */
export function readTextIfPresent(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

/** Owner, group and permission bits of a file; null when there is none or we may not look. */
export function statIfPresent(
  path: string,
): { readonly uid: number; readonly gid: number; readonly mode: number } | null {
  try {
    const { uid, gid, mode } = Deno.statSync(path);
    return uid === null || gid === null || mode === null ? null : { uid, gid, mode };
  } catch {
    return null;
  }
}

/** Our interfaces' addresses, for `listen on lo` and `<localhost>`. */
export function interfaceAddresses(): readonly { readonly name: string; readonly address: string }[] {
  return Deno.networkInterfaces().map(({ name, address }) => ({ name, address: address.replace(/%.*$/, "") }));
}

/** A system account by name, from the text of passwd(5); null when there is none. */
export function findAccount(
  passwd: string,
  name: string,
): { readonly name: string; readonly uid: number; readonly gid: number } | null {
  for (const line of passwd.split("\n")) {
    const [user, , uid, gid] = line.split(":");
    if (user === name && uid !== undefined && gid !== undefined) return { name, uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}

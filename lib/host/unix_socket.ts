/** Unix sockets for others to connect to, with their permissions. */

import { Fault } from "../fault.ts";
import type { Address } from "../port.ts";
import { type HeldSocket, holdSocket, hostDialer } from "./net.ts";

/** Whose a socket is, and who may connect. */
export interface Permissions {
  /** Permission bits. */
  readonly mode: number;
  /** Name of the owner; null for us. */
  readonly user: string | null;
  /** Name of the group; null for ours. */
  readonly group: string | null;
}

/** Binds and listens. A unix socket takes the place of one that nobody answers on, and of nothing else. Faults: those of
 * `holdSocket`, `notFound` for an account that does not exist. */
export async function openSocket(at: Address, permissions: Permissions | null): Promise<HeldSocket> {
  if (at.kind !== "unix" || permissions === null) return holdSocket(at);
  await refuseTaken(at.path);
  const { mode, user, group } = permissions;
  const uid = user === null ? null : accountId("/etc/passwd", user);
  const gid = group === null ? null : accountId("/etc/group", group);
  const held = await holdSocket(at);
  try {
    if (uid !== null || gid !== null) Deno.chownSync(at.path, uid, gid);
    Deno.chmodSync(at.path, mode);
  } catch (error) {
    held.release();
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new Fault("denied", `Cannot set the permissions of ${at.path}: ${why}`, { cause: error });
  }
  return held;
}

async function refuseTaken(path: string): Promise<void> {
  const found = lstatIfPresent(path);
  if (found === null) return;
  if (found.isSocket !== true) {
    throw new Fault("malformed", `Cannot listen on ${path}: something stands there that is no socket`);
  }
  try {
    const stream = await hostDialer.dial({ kind: "unix", path }, { timeoutMs: 1000 });
    stream.destroy();
  } catch (error) {
    if (error instanceof Fault && error.kind === "refused") return;
    throw error;
  }
  throw new Fault("exists", `Cannot listen on ${path}: another program answers there`);
}

function lstatIfPresent(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw error;
  }
}

/** The number of an account or a group: the third field of passwd(5) and group(5). */
function accountId(file: string, name: string): number {
  for (const line of Deno.readTextFileSync(file).split("\n")) {
    const [found, , id] = line.split(":");
    if (found === name && id !== undefined && /^[0-9]+$/.test(id)) return Number(id);
  }
  throw new Fault("notFound", `Cannot give a socket to ${name}: ${file} has no such name`);
}

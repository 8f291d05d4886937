/** Files as commands read them: from start to end, under a lock that other commands respect, or standard input. */

import { Fault } from "../fault.ts";
import { diskFault } from "./disk.ts";

/** Whose a file is, and who may do what with it. */
export interface Owner {
  /** User id. */
  readonly uid: number;
  /** Group id. */
  readonly gid: number;
  /** Permission bits, 0o777 at most. */
  readonly mode: number;
}

/** A text being read. */
export interface SourceFile {
  /** Null for standard input. */
  readonly owner: Owner | null;
  /** Octets, null when nobody knows: a pipe. */
  readonly size: number | null;
  /** Reads into `into` from its start; null at the end. Faults: `io`. */
  read(into: Uint8Array): Promise<number | null>;
  /** Gives the lock back. */
  close(): void;
}

/** Opens a file with a shared lock (flock(2)) that lasts until `close`. A null path is standard input. Faults:
 * `notFound`, `denied`, `io`; `unavailable` when somebody holds it locked: `<path> is locked`. */
export async function openSource(path: string | null): Promise<SourceFile> {
  if (path === null) {
    return { owner: null, size: null, read: (into) => attempt("-", () => Deno.stdin.read(into)), close: () => {} };
  }
  const file = await attempt(path, () => Deno.open(path, { read: true }));
  try {
    const info = await attempt(path, () => file.stat());
    if (info.isDirectory) throw new Fault("io", `Cannot read ${path}: it is a directory`);
    if (info.isFile && !file.tryLockSync(false)) throw new Fault("unavailable", `${path} is locked`);
    return {
      owner: info.isFile ? ownerIn(info) : null,
      size: info.isFile ? info.size : null,
      read: (into) => attempt(path, () => file.read(into)),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The owner of what has that name, symlinks followed; null when nothing has. Faults: `denied`, `io`. */
export async function ownerOf(path: string): Promise<Owner | null> {
  try {
    return ownerIn(await Deno.stat(path));
  } catch (error) {
    const fault = diskFault("stat", path, error);
    if (fault.kind === "notFound") return null;
    throw fault;
  }
}

/** Gives a file to an owner as far as we may: somebody who is not root keeps what they make. The permission bits are
 * set in any case. Faults: `notFound`, `denied`, `io`. */
export async function setOwner(path: string, owner: Owner): Promise<void> {
  const now = await ownerOf(path);
  if (now?.uid !== owner.uid || now.gid !== owner.gid) {
    try {
      await Deno.chown(path, owner.uid, owner.gid);
    } catch (error) {
      if (!(error instanceof Deno.errors.PermissionDenied)) throw diskFault("change the owner of", path, error);
    }
  }
  await attempt(path, () => Deno.chmod(path, owner.mode));
}

/** Removes a file when SIGINT, SIGTERM or SIGHUP ends the process, which then exits with 128 and the signal's number.
 * The function returned ends that. */
export function removeOnSignal(path: string): () => void {
  const signals = [["SIGHUP", 1], ["SIGINT", 2], ["SIGTERM", 15]] as const;
  const listeners = signals.map(([signal, number]) => {
    const listener = (): void => {
      try {
        Deno.removeSync(path);
      } catch {
        // It was not made yet, or has its final name already.
      }
      Deno.exit(128 + number);
    };
    Deno.addSignalListener(signal, listener);
    return [signal, listener] as const;
  });
  return () => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  };
}

function ownerIn(info: Deno.FileInfo): Owner {
  return { uid: info.uid ?? 0, gid: info.gid ?? 0, mode: (info.mode ?? 0o600) & 0o777 };
}

async function attempt<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw diskFault("read", path, error);
  }
}

/** Files, for real: the `Disk` port over the operating system. Every failure is a Fault. This is the one place that
 * fsyncs. New files and directories get their mode less the umask. */

import { Fault, type FaultKind } from "../fault.ts";
import { describeErrno } from "./errno.ts";
import type { AppendFile, Disk, DiskFile, DiskOpen, DiskStat } from "../port.ts";

/** The disk of this machine. It holds no state; every role shares this value. */
export const hostDisk: Disk = {
  async open(path: string, options: DiskOpen): Promise<DiskFile> {
    const file = await attempt("open", path, () => Deno.open(path, openOptions(options)));
    return new HostFile(path, file, options.read === true && options.write === true);
  },

  readFile(path: string): Promise<Uint8Array> {
    return attempt("read", path, () => Deno.readFile(path));
  },

  async stat(path: string): Promise<DiskStat | null> {
    try {
      return diskStat(await Deno.lstat(path));
    } catch (error) {
      const fault = diskFault("stat", path, error);
      if (fault.kind === "notFound") return null;
      throw fault;
    }
  },

  makeDir(path: string, options: { readonly parents: boolean; readonly mode: number }): Promise<void> {
    return attempt(
      "make directory",
      path,
      () => Deno.mkdir(path, { recursive: options.parents, mode: options.mode }),
    );
  },

  rename(from: string, to: string): Promise<void> {
    return attempt("rename", `${from} to ${to}`, () => Deno.rename(from, to));
  },

  async openAppend(path: string, options: { readonly mode: number }): Promise<AppendFile> {
    try {
      return await openAppendOnce(path, options.mode);
    } catch (error) {
      // Whoever made the file, or took it away, between look and opening did so once.
      if (!(error instanceof Fault) || (error.kind !== "exists" && error.kind !== "notFound")) throw error;
      return await openAppendOnce(path, options.mode);
    }
  },

  remove(path: string): Promise<void> {
    return attempt("remove", path, () => Deno.remove(path));
  },

  syncDir(path: string): Promise<void> {
    return attempt("sync directory", path, async () => {
      using directory = await Deno.open(path, { read: true });
      await directory.sync();
    });
  },
};

/** Turns what the operating system threw into a Fault: `Cannot <action> <path>: <state>`. A Fault stays what it is.
 * A quota that is used up is `noSpace`, a read-only file system is `denied`, a path through something that is not a
 * directory is `notFound`: nothing has that name. */
export function diskFault(action: string, path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const code = errorCode(error);
  const kind = faultKind(error, code);
  const state = error instanceof Deno.errors.NotCapable
    ? "this process has no permission for it"
    : code !== null
    ? describeErrno(code)
    : (error instanceof Error ? error.message : String(error));
  return new Fault(kind, `Cannot ${action} ${path}: ${state}`, { cause: error });
}

class HostFile implements DiskFile {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  /** The file is also written: a read must leave the position where it was. */
  readonly #keepPosition: boolean;

  constructor(path: string, file: Deno.FsFile, keepPosition: boolean) {
    this.#path = path;
    this.#file = file;
    this.#keepPosition = keepPosition;
  }

  readAt(offset: number, into: Uint8Array): number {
    try {
      const position = this.#keepPosition ? this.#file.seekSync(0, Deno.SeekMode.Current) : -1;
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      const count = this.#fill(into);
      if (position >= 0) this.#file.seekSync(position, Deno.SeekMode.Start);
      return count;
    } catch (error) {
      throw diskFault("read", this.#path, error);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    await attempt("write", this.#path, async () => {
      let rest = bytes;
      while (rest.length > 0) rest = rest.subarray(await this.#file.write(rest));
    });
  }

  async sync(): Promise<void> {
    await attempt("sync", this.#path, () => this.#file.sync());
  }

  stat(): Promise<DiskStat> {
    return attempt("stat", this.#path, async () => diskStat(await this.#file.stat()));
  }

  close(): void {
    try {
      this.#file.close();
    } catch (error) {
      // Closing twice is harmless; the descriptor is gone either way.
      if (!(error instanceof Deno.errors.BadResource)) throw diskFault("close", this.#path, error);
    }
  }

  #fill(into: Uint8Array): number {
    let count = 0;
    while (count < into.length) {
      const got = this.#file.readSync(count === 0 ? into : into.subarray(count));
      if (got === null || got === 0) break;
      count += got;
    }
    return count;
  }
}

/** A file is made only where a look found none, and never through a link: a link put there between look and opening
 * would have its target made, with our rights. */
async function openAppendOnce(path: string, mode: number): Promise<AppendFile> {
  const before = await hostDisk.stat(path);
  if (before !== null && before.kind !== "file") throw notPlain(path, `it is a ${before.kind}`);
  const how = before === null ? { createNew: true, mode } : {};
  const file = await attempt("open", path, () => Deno.open(path, { read: true, append: true, ...how }));
  try {
    await assertPlain(path, file);
    return new HostAppendFile(path, file);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Deno follows links before it opens (architecture, facts about Deno), so what was opened is compared with its name. */
async function assertPlain(path: string, file: Deno.FsFile): Promise<void> {
  const [named, opened] = await attempt("stat", path, () => Promise.all([Deno.lstat(path), file.stat()]));
  if (!named.isFile || named.ino !== opened.ino || named.dev !== opened.dev) throw notPlain(path, "it is a link");
  if (opened.nlink !== 1) throw notPlain(path, "it has a second name");
}

function notPlain(path: string, why: string): Fault {
  return new Fault("denied", `Cannot append to ${path}: ${why}; a regular file of one name is needed`);
}

class HostAppendFile implements AppendFile {
  readonly #path: string;
  readonly #file: Deno.FsFile;

  constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  async tryLock(): Promise<boolean> {
    const isLocked = await attempt("lock", this.#path, () => this.#file.tryLock(true));
    // Whoever had it may have put another file in its place meanwhile, as programs that expunge mail do.
    if (isLocked) await assertPlain(this.#path, this.#file);
    return isLocked;
  }

  lastOctet(): Promise<number | null> {
    return attempt("read", this.#path, async () => {
      if ((await this.#file.stat()).size === 0) return null;
      const into = new Uint8Array(1);
      await this.#file.seek(-1, Deno.SeekMode.End);
      return await this.#file.read(into) === 1 ? into[0]! : null;
    });
  }

  owner(): Promise<number> {
    return attempt("stat", this.#path, async () => (await this.#file.stat()).uid ?? -1);
  }

  size(): Promise<number> {
    return attempt("stat", this.#path, async () => (await this.#file.stat()).size);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await attempt("write", this.#path, async () => {
      let rest = bytes;
      while (rest.length > 0) rest = rest.subarray(await this.#file.write(rest));
    });
  }

  truncate(size: number): Promise<void> {
    return attempt("truncate", this.#path, () => this.#file.truncate(size));
  }

  async sync(): Promise<void> {
    await attempt("sync", this.#path, () => this.#file.sync());
  }

  close(): void {
    try {
      this.#file.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw diskFault("close", this.#path, error);
    }
  }
}

async function attempt<T>(action: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw diskFault(action, path, error);
  }
}

/** Leaves out what is not asked for: the runtime checks the options against each other. */
function openOptions(options: DiskOpen): Deno.OpenOptions {
  const result: Deno.OpenOptions = {
    read: options.read === true,
    write: options.write === true,
    create: options.create === true,
    createNew: options.createNew === true,
  };
  if (options.mode !== undefined) result.mode = options.mode;
  return result;
}

function diskStat(info: Deno.FileInfo): DiskStat {
  const kind = info.isFile ? "file" : info.isDirectory ? "directory" : info.isSymlink ? "symlink" : "other";
  return {
    kind,
    size: info.size,
    mode: (info.mode ?? 0) & 0o7777,
    uid: info.uid ?? 0,
    gid: info.gid ?? 0,
    links: info.nlink ?? 1,
    modifiedAt: info.mtime?.getTime() ?? 0,
    inode: info.ino ?? 0,
  };
}

/** The name of the system error, such as `ENOSPC`. Null when it is not one. */
function errorCode(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}

function faultKind(error: unknown, code: string | null): FaultKind {
  if (error instanceof Deno.errors.NotFound || code === "ENOENT" || code === "ENOTDIR") return "notFound";
  if (error instanceof Deno.errors.AlreadyExists || code === "EEXIST") return "exists";
  if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied) return "denied";
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return "denied";
  if (code === "ENOSPC" || code === "EDQUOT") return "noSpace";
  if (error instanceof Deno.errors.BadResource) return "closed";
  return "io";
}

/** Sees that a file was replaced or changed, at a bounded cost per look-up. */

import { Fault } from "../fault.ts";
import type { Disk, DiskFile, DiskStat } from "../port.ts";

/** How often a file is looked at, ms. */
export const watchIntervalMs = 1000;

/** Identity of one content of a file: another inode, size or time is another content. */
export type FileStamp = Pick<DiskStat, "inode" | "size" | "modifiedAt">;

/** Watches one name. The caller says which content it holds with `seen`. `content` takes a changed file for another one;
 * `file` only a replaced one, for files whose changes the reader sees by itself. */
export class FileWatch {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #monotonic: () => number;
  readonly #follows: "content" | "file";
  #stamp: FileStamp | null = null;
  /** The last other content seen. */
  #other: FileStamp | null = null;
  /** A content that makes no sense: it is not read again. */
  #bad: FileStamp | null = null;
  /** What was reported last, so that it is said once. */
  #reported: string | null = null;
  #lookedAt = -Infinity;

  /** `monotonic` is `Clock.monotonic`. */
  constructor(disk: Disk, path: string, monotonic: () => number, follows: "content" | "file" = "content") {
    this.#disk = disk;
    this.#path = path;
    this.#monotonic = monotonic;
    this.#follows = follows;
  }

  /** Notes the content that the caller holds now. */
  seen(stamp: FileStamp): void {
    this.#stamp = stamp;
    this.#bad = null;
    this.#reported = null;
    this.#lookedAt = this.#monotonic();
  }

  /** Is it time to look? Synchronous, for callers that answer from memory. */
  get isDue(): boolean {
    return this.#monotonic() - this.#lookedAt >= watchIntervalMs;
  }

  /** Has `update` read the file when there is another content. When that fails with a Fault the caller keeps what it
   * has, and `report` is told, once for each failure. A content that makes no sense is not read again; what could not
   * be read for another reason is tried again after the interval. */
  async refresh(update: () => Promise<void>, report: (fault: Fault) => void): Promise<void> {
    if (!this.isDue || !await this.isChanged()) return;
    try {
      await update();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.kind === "malformed") this.#bad = this.#other;
      if (error.message === this.#reported) return;
      this.#reported = error.message;
      report(error);
    }
  }

  /** Is there another content than the one seen? Looks at most once in `watchIntervalMs`; says no in between. A name
   * that is gone, or cannot be looked at, is no new content: the old one stays in use. */
  async isChanged(): Promise<boolean> {
    const now = this.#monotonic();
    if (now - this.#lookedAt < watchIntervalMs) return false;
    this.#lookedAt = now;
    const stamp = await this.#look();
    if (stamp === null || this.#stamp === null || this.#isSame(stamp, this.#stamp)) return false;
    if (this.#bad !== null && isSameStamp(stamp, this.#bad)) return false;
    this.#other = stamp;
    return true;
  }

  #isSame(a: FileStamp, b: FileStamp): boolean {
    return this.#follows === "file" ? a.inode === b.inode : isSameStamp(a, b);
  }

  async #look(): Promise<FileStamp | null> {
    let file: DiskFile | null = null;
    try {
      const stat = await this.#disk.stat(this.#path);
      if (stat?.kind !== "symlink") return stat;
      // The port does not follow links, and a link says nothing of what it points to.
      file = await this.#disk.open(this.#path, { read: true });
      return await file.stat();
    } catch {
      return null;
    } finally {
      file?.close();
    }
  }
}

function isSameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.inode === b.inode && a.size === b.size && a.modifiedAt === b.modifiedAt;
}

/** Reads a file and the stamp of what was read, from one open file. Faults: as `Disk.open` and its file. */
export async function readStamped(
  disk: Disk,
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly stamp: FileStamp }> {
  const file = await disk.open(path, { read: true });
  try {
    const stamp = await file.stat();
    const bytes = new Uint8Array(stamp.size);
    const count = file.readAt(0, bytes);
    return { bytes: bytes.subarray(0, count), stamp };
  } finally {
    file.close();
  }
}

/** Sees that a file was replaced or changed, at a bounded cost per look-up. */

import { Fault } from "../fault.ts";
import type { Clock, Disk, DiskFile, DiskStat } from "../port.ts";

/** How often a file is looked at, ms. */
export const watchIntervalMs = 1000;

/** How often a file is read when it changes meanwhile. */
const readAttempts = 3;

/** Looks in a row that find nothing until that is told: who replaces a file may delete it before. */
const missingLooks = 2;

/** What times the looks, and tells how old a content is. */
export type WatchClock = Pick<Clock, "monotonic" | "now">;

/** Identity of one content of a file: another inode, size or time is another content. */
export type FileStamp = Pick<DiskStat, "inode" | "size" | "modifiedAt">;

/** Watches one name. The caller says which content it holds with `seen`. `content` takes a changed file for another one,
 * once it has settled: programs empty a file before they fill it, and what is between must not be taken for its content.
 * It has settled when it was last written an interval ago, or is at two looks the same, for clocks that differ. `file`
 * takes only a replaced file, at once, for files whose changes the reader sees by itself. */
export class FileWatch {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #clock: WatchClock;
  readonly #follows: "content" | "file";
  #stamp: FileStamp | null = null;
  /** The other content that the last look saw, settled or not. */
  #other: FileStamp | null = null;
  /** A content that makes no sense: it is not read again. */
  #bad: FileStamp | null = null;
  /** What was reported last, so that it is said once. */
  #reported: string | null = null;
  #lookedAt = -Infinity;
  /** Looks in a row that found nothing. */
  #missing = 0;

  /** Looks at nothing yet. */
  constructor(disk: Disk, path: string, clock: WatchClock, follows: "content" | "file" = "content") {
    this.#disk = disk;
    this.#path = path;
    this.#clock = clock;
    this.#follows = follows;
  }

  /** Notes the content that the caller holds now. */
  seen(stamp: FileStamp): void {
    this.#stamp = stamp;
    this.#other = null;
    this.#bad = null;
    this.#reported = null;
    this.#lookedAt = this.#clock.monotonic();
  }

  /** Is it time to look? Synchronous, for callers that answer from memory. */
  get isDue(): boolean {
    return this.#clock.monotonic() - this.#lookedAt >= watchIntervalMs;
  }

  /** Has `update` read the file when there is another content; it must take none but the one it is given. When that fails with a Fault the caller keeps what it
   * has, and `report` is told, once for each failure. A content that makes no sense is not read again; what could not
   * be read for another reason is tried again after the interval. */
  async refresh(update: (settled: FileStamp) => Promise<void>, report: (fault: Fault) => void): Promise<void> {
    if (!this.isDue) return;
    const settled = await this.findChange();
    if (this.#missing === missingLooks) {
      report(new Fault("notFound", `Cannot read ${this.#path} any more: what it held stays in use`));
    }
    if (settled === null) return;
    try {
      await update(settled);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.kind === "malformed") this.#bad = settled;
      if (error.message === this.#reported) return;
      this.#reported = error.message;
      report(error);
    }
  }

  /** Another content than the one seen, that has settled. Looks at most once in `watchIntervalMs`; null in between. A
   * name that is gone, or cannot be looked at, is no new content: the old one stays in use. */
  async findChange(): Promise<FileStamp | null> {
    const now = this.#clock.monotonic();
    if (now - this.#lookedAt < watchIntervalMs) return null;
    this.#lookedAt = now;
    const stamp = await this.#look();
    const before = this.#other;
    this.#other = stamp;
    this.#missing = stamp === null ? this.#missing + 1 : 0;
    if (stamp === null || this.#stamp === null || this.#isSame(stamp, this.#stamp)) return null;
    if (this.#bad !== null && isSameStamp(stamp, this.#bad)) return null;
    return this.#hasSettled(stamp, before) ? stamp : null;
  }

  #hasSettled(stamp: FileStamp, before: FileStamp | null): boolean {
    if (this.#follows === "file" || (before !== null && isSameStamp(stamp, before))) return true;
    return this.#clock.now() - stamp.modifiedAt >= watchIntervalMs;
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

/** Is it the same content, as far as can be told from outside? */
export function isSameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.inode === b.inode && a.size === b.size && a.modifiedAt === b.modifiedAt;
}

/** Reads a file and the stamp of what was read, from one open file. Faults: as `Disk.open` and its file; `unavailable`
 * when it changes whenever it is read. */
export async function readStamped(
  disk: Disk,
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly stamp: DiskStat }> {
  const file = await disk.open(path, { read: true });
  try {
    let stamp = await file.stat();
    for (let attempt = 0; attempt < readAttempts; attempt++) {
      const bytes = new Uint8Array(stamp.size);
      const count = file.readAt(0, bytes);
      const after = await file.stat();
      if (count === stamp.size && isSameStamp(stamp, after)) return { bytes, stamp };
      stamp = after;
    }
    throw new Fault("unavailable", `Cannot read ${path}: it is being written to; try again when it is done`);
  } finally {
    file.close();
  }
}

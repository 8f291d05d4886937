/** Sees that a file was replaced or changed, at a bounded cost per look-up. */

import type { Disk, DiskFile, DiskStat } from "../port.ts";

/** How often a file is looked at, ms. */
export const watchIntervalMs = 1000;

/** Identity of one content of a file: another inode, size or time is another content. */
export type FileStamp = Pick<DiskStat, "inode" | "size" | "modifiedAt">;

/** Watches one name. The caller says which content it holds with `seen`. */
export class FileWatch {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #monotonic: () => number;
  #stamp: FileStamp | null = null;
  #lookedAt = -Infinity;

  /** `monotonic` is `Clock.monotonic`. */
  constructor(disk: Disk, path: string, monotonic: () => number) {
    this.#disk = disk;
    this.#path = path;
    this.#monotonic = monotonic;
  }

  /** Notes the content that the caller holds now. */
  seen(stamp: FileStamp): void {
    this.#stamp = stamp;
    this.#lookedAt = this.#monotonic();
  }

  /** Is there another content than the one seen? Looks at most once in `watchIntervalMs`; says no in between. A name
   * that is gone, or cannot be looked at, is no new content: the old one stays in use. */
  async isChanged(): Promise<boolean> {
    const now = this.#monotonic();
    if (now - this.#lookedAt < watchIntervalMs) return false;
    this.#lookedAt = now;
    const stamp = await this.#look();
    return stamp !== null && this.#stamp !== null && !isSameStamp(stamp, this.#stamp);
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

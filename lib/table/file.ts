/** Tables in text files, held in memory and read anew when they change. */

import { Fault } from "../fault.ts";
import type { Disk } from "../port.ts";
import { parseTableText } from "./entry.ts";
import { StaticTable } from "./static.ts";
import type { Service, Table, TableShape } from "./table.ts";
import { type FileStamp, FileWatch, isSameStamp, readStamped, type WatchClock } from "./watch.ts";

/** What a file table needs beside its file. */
export interface FileTableOptions {
  /** Begins the tag of an address's user. */
  readonly delimiter: string;
  /** Times the looks at the file. */
  readonly clock: WatchClock;
  /** Told once when a changed file cannot be read, while its old content stays in use; and of entries of content that is
   * taken that are of no use. */
  readonly report: (fault: Fault) => void;
  /** Judges content before it is taken, at first and when it has changed; without it all is fine that can be read. */
  readonly judge?: ContentJudge;
}

/** Judges the content of a table's file; `shape` is null where it has no entries. */
export type ContentJudge = (
  table: string,
  content: { readonly path: string; readonly bytes: Uint8Array; readonly shape: "list" | "map" | null },
) => ContentVerdict;

/** What is wrong with content, in words that name the table or its line. */
export interface ContentVerdict {
  /** Why it cannot be used at all; null when it can. */
  readonly refusal: string | null;
  /** Of entries that make no sense: the others are used. */
  readonly warnings: readonly string[];
}

/** A table read from a file in the form of entry.ts. A changed file is read anew once it has settled (watch.ts);
 * until then, and when that fails, the old content stays in use. */
export class FileTable implements Table {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #options: FileTableOptions;
  readonly #watch: FileWatch;
  #content: StaticTable;

  private constructor(disk: Disk, path: string, options: FileTableOptions, read: Content) {
    this.#disk = disk;
    this.#path = path;
    this.#options = options;
    this.#watch = new FileWatch(disk, path, options.clock);
    this.#watch.seen(read.stamp);
    this.#content = read.table;
  }

  /** Reads the file. Faults: as `Disk.open` and its file, and `malformed` with the line. */
  static async open(disk: Disk, name: string, path: string, options: FileTableOptions): Promise<FileTable> {
    const { bytes, stamp } = await readStamped(disk, path);
    const table = parseContent(name, path, bytes, options.delimiter);
    accept(table, path, bytes, options, `Cannot use ${path}`);
    return new FileTable(disk, path, options, { table, stamp });
  }

  /** As the configuration calls it. */
  get name(): string {
    return this.#content.name;
  }

  /** Decided by the content. */
  get shape(): TableShape {
    return this.#content.shape;
  }

  async check(service: Service, key: string): Promise<boolean> {
    await this.#refresh();
    return await this.#content.check(service, key);
  }

  async lookup(service: Service, key: string): Promise<string | null> {
    await this.#refresh();
    return await this.#content.lookup(service, key);
  }

  async fetch(service: Service): Promise<string | null> {
    await this.#refresh();
    return await this.#content.fetch(service);
  }

  /** A file that was a map and is a list now, or the other way round, is refused: rules that use the table were
   * checked against what it was. Empty ones may become either. */
  update(): Promise<void> {
    return this.#take(null);
  }

  /** There is nothing to close. */
  close(): void {}

  /** Reads the file, and takes it when it is what has settled; null for whatever it is. */
  async #take(settled: FileStamp | null): Promise<void> {
    const { bytes, stamp } = await readStamped(this.#disk, this.#path);
    if (settled !== null && !isSameStamp(stamp, settled)) return;
    const table = parseContent(this.name, this.#path, bytes, this.#options.delimiter);
    const old = this.#content;
    if (table.shape !== old.shape && table.size > 0 && old.size > 0) {
      throw new Fault(
        "malformed",
        `Cannot update table ${this.name}: ${this.#path} was a ${old.shape} and is a ${table.shape} now`,
      );
    }
    accept(table, this.#path, bytes, this.#options, `Cannot update table ${this.name}`);
    this.#content = table;
    this.#watch.seen(stamp);
  }

  async #refresh(): Promise<void> {
    if (this.#watch.isDue) await this.#watch.refresh((settled) => this.#take(settled), this.#options.report);
  }
}

/** Throws for content that cannot be used, and tells of entries that cannot. */
function accept(table: StaticTable, path: string, bytes: Uint8Array, options: FileTableOptions, what: string): void {
  const shape = table.size === 0 ? null : table.shape;
  const verdict = options.judge?.(table.name, { path, bytes, shape });
  if (verdict === undefined) return;
  if (verdict.refusal !== null) throw new Fault("malformed", `${what}: ${verdict.refusal}`);
  for (const warning of verdict.warnings) options.report(new Fault("malformed", warning));
}

interface Content {
  readonly table: StaticTable;
  readonly stamp: FileStamp;
}

function parseContent(name: string, path: string, bytes: Uint8Array, delimiter: string): StaticTable {
  const { shape, entries } = parseTableText(path, bytes);
  return new StaticTable(name, shape, entries, delimiter);
}

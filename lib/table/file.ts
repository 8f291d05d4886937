/** Tables in text files, held in memory and read anew when asked to. */

import { Fault } from "../fault.ts";
import type { Disk } from "../port.ts";
import { parseTableText } from "./entry.ts";
import { StaticTable } from "./static.ts";
import type { Service, Table, TableShape } from "./table.ts";

/** A table read from a file in the form of entry.ts. */
export class FileTable implements Table {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #delimiter: string;
  #content: StaticTable;

  private constructor(disk: Disk, path: string, delimiter: string, content: StaticTable) {
    this.#disk = disk;
    this.#path = path;
    this.#delimiter = delimiter;
    this.#content = content;
  }

  /** Reads the file. Faults: as `Disk.readFile`, and `malformed` with the line. */
  static async open(disk: Disk, name: string, path: string, delimiter: string): Promise<FileTable> {
    return new FileTable(disk, path, delimiter, await readContent(disk, name, path, delimiter));
  }

  /** As the configuration calls it. */
  get name(): string {
    return this.#content.name;
  }

  /** Decided by the content. */
  get shape(): TableShape {
    return this.#content.shape;
  }

  check(service: Service, key: string): Promise<boolean> {
    return this.#content.check(service, key);
  }

  lookup(service: Service, key: string): Promise<string | null> {
    return this.#content.lookup(service, key);
  }

  fetch(service: Service): Promise<string | null> {
    return this.#content.fetch(service);
  }

  /** A file that was a map and is a list now, or the other way round, is refused: rules that use the table were
   * checked against what it was. Empty ones may become either. */
  async update(): Promise<void> {
    const content = await readContent(this.#disk, this.name, this.#path, this.#delimiter);
    const old = this.#content;
    if (content.shape !== old.shape && content.size > 0 && old.size > 0) {
      throw new Fault(
        "malformed",
        `Cannot update table ${this.name}: ${this.#path} was a ${old.shape} and is a ${content.shape} now`,
      );
    }
    this.#content = content;
  }

  /** There is nothing to close. */
  close(): void {}
}

async function readContent(disk: Disk, name: string, path: string, delimiter: string): Promise<StaticTable> {
  const { shape, entries } = parseTableText(path, await disk.readFile(path));
  return new StaticTable(name, shape, entries, delimiter);
}

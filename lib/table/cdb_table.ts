/** Tables in cdb files, as makemap, `cdb -c`, postmap and postalias make them. */

import type { Fault } from "../fault.ts";
import type { Disk } from "../port.ts";
import { CdbFile, type CdbRecord } from "./cdb.ts";
import { type Found, KeyIndex, type KeyStore } from "./index.ts";
import { normalizeKey } from "./service.ts";
import type { Service, Table } from "./table.ts";
import { type FileStamp, FileWatch, isSameStamp, type WatchClock } from "./watch.ts";

/** A table looked up on disk. A file that was replaced is opened once it has settled (watch.ts); when that fails the old one
 * stays in use, and `report` is told. Keys are stored in lower case by makemap; files of other makers must do the same. */
export class CdbTable implements Table {
  /** Its entries are whatever the file has when they are asked for. */
  readonly shape = "dynamic";
  /** As the configuration calls it. */
  readonly name: string;
  readonly #disk: Disk;
  readonly #path: string;
  readonly #delimiter: string;
  readonly #watch: FileWatch;
  readonly #report: (fault: Fault) => void;
  #content: CdbContent;

  private constructor(
    disk: Disk,
    name: string,
    content: CdbContent,
    options: { readonly delimiter: string; readonly clock: WatchClock; readonly report: (fault: Fault) => void },
  ) {
    this.name = name;
    this.#disk = disk;
    this.#path = content.file.path;
    this.#delimiter = options.delimiter;
    this.#watch = new FileWatch(disk, this.#path, options.clock);
    this.#watch.seen(content.file.stat);
    this.#report = options.report;
    this.#content = content;
  }

  /** Opens the file. `delimiter` begins the tag of an address's user; `clock` times the looks at it. Faults: as
   * `CdbFile.open`. */
  static async open(
    disk: Disk,
    name: string,
    path: string,
    options: { readonly delimiter: string; readonly clock: WatchClock; readonly report: (fault: Fault) => void },
  ): Promise<CdbTable> {
    return new CdbTable(disk, name, new CdbContent(await CdbFile.open(disk, path), options.delimiter), options);
  }

  async check(service: Service, key: string): Promise<boolean> {
    return await this.#find(service, key) !== null;
  }

  async lookup(service: Service, key: string): Promise<string | null> {
    return (await this.#find(service, key))?.value ?? null;
  }

  async fetch(_service: Service): Promise<string | null> {
    await this.#refresh();
    return this.#content.next();
  }

  update(): Promise<void> {
    return this.#take(null);
  }

  /** Opens the file, and takes it when it is what has settled; null for whatever it is. */
  async #take(settled: FileStamp | null): Promise<void> {
    const file = await CdbFile.open(this.#disk, this.#path);
    if (settled !== null && !isSameStamp(file.stat, settled)) return file.close();
    const content = new CdbContent(file, this.#delimiter);
    this.#content.file.close();
    this.#content = content;
    this.#watch.seen(content.file.stat);
  }

  /** Closes the file. */
  close(): void {
    this.#content.file.close();
  }

  async #find(service: Service, key: string): Promise<Found | null> {
    const normal = normalizeKey(this.name, key);
    await this.#refresh();
    return this.#content.index.find(service, normal);
  }

  #refresh(): Promise<void> {
    return this.#watch.refresh((settled) => this.#take(settled), this.#report);
  }
}

/** One open file and what was learnt of it. */
class CdbContent implements KeyStore {
  readonly file: CdbFile;
  readonly index: KeyIndex;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  /** QUIRK: some makers (Postfix, by its build; OpenSMTPD) end keys and values with a NUL. All keys of a file have one, or
   * none has, so the first says it; to try both would double the work for keys that are not there. */
  readonly #endsInNul: boolean;
  #walk: Iterator<CdbRecord> | null = null;

  constructor(file: CdbFile, delimiter: string) {
    this.file = file;
    const first = file.records().next();
    this.#endsInNul = first.done !== true && first.value.key.at(-1) === 0;
    this.index = new KeyIndex(this, delimiter);
  }

  get(key: string): string | undefined {
    const value = this.file.get(this.#encoder.encode(this.#endsInNul ? `${key}\0` : key));
    return value === null ? undefined : this.#text(value);
  }

  *keys(): Generator<string> {
    for (const { key } of this.file.records()) yield this.#text(key);
  }

  /** The next key in turn. */
  next(): string | null {
    let step = this.#walk?.next();
    if (step === undefined || step.done === true) {
      this.#walk = this.file.records();
      step = this.#walk.next();
    }
    return step.done === true ? null : this.#text(step.value.key);
  }

  #text(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes);
  }
}

/** Makes cdb files (the format is in cdb.ts). Records go to the disk as they come; what stays in memory is eight
 * octets for each. */

import { Fault } from "../fault.ts";
import type { Disk, DiskFile } from "../port.ts";
import { cdbHash, cdbHeadSize, cdbKeyMax, cdbSizeMax, cdbValueMax } from "./cdb.ts";
import type { DuplicateReport, MapWriter } from "./compile.ts";

const bufferSize = 1024 * 1024;

/** Writes one file: `create`, `add` and `flush` as often as needed, `writeTables`, `seal`. After a failure call
 * `abandon`; the file is then the caller's to remove. */
export class CdbWriter implements MapWriter {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #head = new Uint8Array(cdbHeadSize);
  #buffer = new Uint8Array(bufferSize);
  #used = cdbHeadSize;
  /** Octets written, the buffer's not among them. */
  #written = 0;
  #count = 0;
  #hashes = new Uint32Array(1024);
  #positions = new Uint32Array(1024);

  private constructor(disk: Disk, path: string, file: DiskFile) {
    this.#disk = disk;
    this.#path = path;
    this.#file = file;
  }

  /** Makes a new file. Faults: as `Disk.open` with `createNew`. */
  static async create(disk: Disk, path: string, mode: number): Promise<CdbWriter> {
    return new CdbWriter(disk, path, await disk.open(path, { read: true, write: true, createNew: true, mode }));
  }

  /** Records added. */
  get count(): number {
    return this.#count;
  }

  /** So much has gathered that `flush` is due. */
  get isFull(): boolean {
    return this.#used >= bufferSize;
  }

  /** Adds a record: key and value are parts of `bytes`. Throws a Fault `noSpace` when the file would grow past 4 GiB,
   * and `malformed` for a key or value too long for readers. */
  add(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const keySize = keyEnd - keyStart;
    const valueSize = valueEnd - valueStart;
    if (keySize > cdbKeyMax || valueSize > cdbValueMax) {
      throw new Fault("malformed", `Cannot add to ${this.#path}: a key or value is too long`);
    }
    const size = 8 + keySize + valueSize;
    const position = this.#written + this.#used;
    // Each record takes two slots of eight octets, too.
    if (position + size + (this.#count + 1) * 16 > cdbSizeMax) {
      throw new Fault("noSpace", `Cannot add to ${this.#path}: the map would be larger than 4 GiB`);
    }
    this.#reserve(size);
    const buffer = this.#buffer;
    let to = putU32(buffer, putU32(buffer, this.#used, keySize), valueSize);
    this.#hashes[this.#count] = cdbHash(bytes, keyStart, keyEnd);
    this.#positions[this.#count] = position;
    this.#count++;
    to = copy(bytes, keyStart, keyEnd, buffer, to);
    this.#used = copy(bytes, valueStart, valueEnd, buffer, to);
  }

  /** Hands what has gathered to the operating system. */
  async flush(): Promise<void> {
    await this.#file.write(this.#buffer.subarray(0, this.#used));
    this.#written += this.#used;
    this.#used = 0;
  }

  /** Writes the hash tables; nothing can be added any more. `duplicate` is told of each record whose key an earlier
   * one has, both counted from 0; such a record cannot be looked up. */
  async writeTables(duplicate: DuplicateReport): Promise<void> {
    await this.flush();
    const order = this.#orderByTable();
    const head = new DataView(this.#head.buffer);
    let start = 0;
    for (let table = 0; table < 256; table++) {
      let end = start;
      while (end < this.#count && (this.#hashes[order[end]!]! & 255) === table) end++;
      const slots = (end - start) * 2;
      head.setUint32(table * 8, this.#written + this.#used, true);
      head.setUint32(table * 8 + 4, slots, true);
      this.#addTable(order.subarray(start, end), slots, duplicate);
      if (this.isFull) await this.flush();
      start = end;
    }
    await this.flush();
  }

  /** Writes the head and puts all of it on the disk. `prepare` runs before that. Closes the file. */
  async seal(prepare: () => Promise<void>): Promise<void> {
    this.#file.close();
    // The port has no write at a place, but a second opening begins at the first octet.
    const file = await this.#disk.open(this.#path, { write: true });
    try {
      await file.write(this.#head);
      await prepare();
      await file.sync();
    } finally {
      file.close();
    }
  }

  /** Closes the file and leaves it as it is. */
  abandon(): void {
    this.#file.close();
  }

  /** Record numbers, grouped by hash table, each group in the order of addition. */
  #orderByTable(): Uint32Array {
    const next = new Uint32Array(257);
    for (let i = 0; i < this.#count; i++) next[(this.#hashes[i]! & 255) + 1]!++;
    for (let table = 0; table < 256; table++) next[table + 1]! += next[table]!;
    const order = new Uint32Array(this.#count);
    for (let i = 0; i < this.#count; i++) order[next[this.#hashes[i]! & 255]!++] = i;
    return order;
  }

  #addTable(records: Uint32Array, slots: number, duplicate: DuplicateReport): void {
    const size = slots * 8;
    this.#reserveBytes(size);
    const taken = new Int32Array(slots).fill(-1);
    const buffer = this.#buffer.fill(0, this.#used, this.#used + size);
    insert: for (const record of records) {
      const hash = this.#hashes[record]!;
      let slot = (hash >>> 8) % slots;
      for (;;) {
        const other = taken[slot]!;
        if (other < 0) break;
        if (this.#hashes[other] === hash && this.#isSameKey(other, record)) {
          duplicate(other, record, this.#keyOf(record));
          continue insert;
        }
        if (++slot === slots) slot = 0;
      }
      taken[slot] = record;
      putU32(buffer, putU32(buffer, this.#used + slot * 8, hash), this.#positions[record]!);
    }
    this.#used += size;
  }

  /** Reads both back: two keys of one hash are rare unless they are equal. */
  #isSameKey(one: number, other: number): boolean {
    const a = this.#keyOf(one);
    const b = this.#keyOf(other);
    return a.length === b.length && a.every((byte, at) => byte === b[at]);
  }

  #keyOf(record: number): Uint8Array {
    const position = this.#positions[record]!;
    const start = new Uint8Array(8 + 120);
    this.#file.readAt(position, start);
    const size = new DataView(start.buffer).getUint32(0, true);
    if (size <= 120) return start.subarray(8, 8 + size);
    const key = new Uint8Array(size);
    this.#file.readAt(position + 8, key);
    return key;
  }

  #reserve(size: number): void {
    this.#reserveBytes(size);
    if (this.#count < this.#hashes.length) return;
    this.#hashes = grown(this.#hashes);
    this.#positions = grown(this.#positions);
  }

  #reserveBytes(size: number): void {
    if (this.#used + size <= this.#buffer.length) return;
    const buffer = new Uint8Array(Math.max(this.#buffer.length * 2, this.#used + size));
    buffer.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = buffer;
  }
}

function putU32(into: Uint8Array, at: number, value: number): number {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
  return at + 4;
}

/** Copies a part; byte by byte when it is short, which is faster than a view of it. */
function copy(from: Uint8Array, start: number, end: number, into: Uint8Array, at: number): number {
  if (end - start > 128) into.set(from.subarray(start, end), at);
  else for (let i = start, to = at; i < end; i++, to++) into[to] = from[i]!;
  return at + end - start;
}

function grown(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

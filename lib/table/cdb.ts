/** D. J. Bernstein's constant database: one file, two reads a look-up. Readable and writable by tinycdb's `cdb` and by
 * Postfix `cdb:` maps. A file is 256 (position, slots) pairs; records (key length, value length, key, value); then
 * 256 hash tables of (hash, position) slots. All numbers are 32 bits, least significant byte first. */

import { Fault } from "../fault.ts";
import type { Disk, DiskFile, DiskStat } from "../port.ts";

/** Octets of the head of a file. */
export const cdbHeadSize = 2048;
/** Largest file: positions have 32 bits. */
export const cdbSizeMax = 0xffffffff;
/** Longest key that is read or written, octets. */
export const cdbKeyMax: number = 64 * 1024;
/** Longest value that is read or written, octets. */
export const cdbValueMax: number = 16 * 1024 * 1024;

/** Octets of a file that are kept in memory once look-ups have touched them. */
export const cdbCacheMax: number = 64 * 1024 * 1024;

/** What is read at once. To read more takes hardly longer, and look-ups soon touch all of it. */
const blockSize = 16 * 1024;
const scanBlockSize = 64 * 1024;

/** The hash of a cdb key: `bytes` from `start` to before `end`. */
export function cdbHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = 5381;
  for (let i = start; i < end; i++) hash = Math.imul(hash, 33) ^ bytes[i]!;
  return hash >>> 0;
}

/** One record of a file. */
export interface CdbRecord {
  /** The receiver's to keep. */
  readonly key: Uint8Array;
  /** The receiver's to keep. */
  readonly value: Uint8Array;
}

/** An open cdb. It stays readable when the name is given to another file. A file that is cut short or makes no sense
 * throws a Fault `malformed`; it cannot make a look-up run longer than the file is. */
export class CdbFile {
  /** As it was opened. */
  readonly path: string;
  /** What the file was when it was opened. */
  readonly stat: DiskStat;
  readonly #file: DiskFile;
  readonly #blocks: BlockReader;
  readonly #head: DataView;
  /** Where the records end. */
  readonly #end: number;

  private constructor(path: string, file: DiskFile, stat: DiskStat) {
    this.path = path;
    this.stat = stat;
    this.#file = file;
    this.#blocks = new BlockReader(path, file, stat.size, blockSize, cdbCacheMax / blockSize);
    const head = this.#blocks.copy(0, cdbHeadSize);
    this.#head = new DataView(head.buffer);
    this.#end = this.#head.getUint32(0, true);
  }

  /** Opens and checks the head. Faults: as `Disk.open`; `malformed` when it is no cdb. */
  static async open(disk: Disk, path: string): Promise<CdbFile> {
    const file = await disk.open(path, { read: true });
    try {
      const stat = await file.stat();
      if (stat.size < cdbHeadSize) throw noCdb(path, foreignFormat(file));
      const cdb = new CdbFile(path, file, stat);
      cdb.#checkHead();
      return cdb;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The value of the first record with this key; null when there is none. */
  get(key: Uint8Array): Uint8Array | null {
    const hash = cdbHash(key, 0, key.length);
    const table = this.#head.getUint32((hash & 255) * 8, true);
    const slots = this.#head.getUint32((hash & 255) * 8 + 4, true);
    if (slots === 0) return null;
    const blocks = this.#blocks;
    let slot = (hash >>> 8) % slots;
    for (let tried = 0; tried < slots; tried++) {
      blocks.seek(table + slot * 8, 8);
      const position = readU32(blocks.bytes, blocks.start + 4);
      if (position === 0) return null;
      if (readU32(blocks.bytes, blocks.start) === hash) {
        const value = this.#valueAt(position, key);
        if (value !== null) return value;
      }
      if (++slot === slots) slot = 0;
    }
    return null;
  }

  /** All records in the order they were added. Reads past the cache, in large pieces. */
  *records(): Generator<CdbRecord> {
    const blocks = new BlockReader(this.path, this.#file, this.stat.size, scanBlockSize, 1);
    let at = cdbHeadSize;
    while (at < this.#end) {
      const { keySize, valueSize } = this.#sizesAt(blocks, at);
      const key = blocks.copy(at + 8, keySize);
      const value = blocks.copy(at + 8 + keySize, valueSize);
      yield { key, value };
      at += 8 + keySize + valueSize;
    }
  }

  /** The file cannot be read any more. */
  close(): void {
    this.#file.close();
  }

  #checkHead(): void {
    const size = this.stat.size;
    if (size > cdbSizeMax) throw noCdb(this.path, "it is larger than 4 GiB");
    let total = cdbHeadSize;
    for (let table = 0; table < 256; table++) {
      const position = this.#head.getUint32(table * 8, true);
      const slots = this.#head.getUint32(table * 8 + 4, true);
      total += slots * 8;
      if (slots > 0 && (position < this.#end || position + slots * 8 > size)) {
        throw noCdb(this.path, foreignFormat(this.#file));
      }
    }
    if (this.#end < cdbHeadSize || total > size) throw noCdb(this.path, foreignFormat(this.#file));
  }

  /** The value of the record at `position` when its key is `key`. */
  #valueAt(position: number, key: Uint8Array): Uint8Array | null {
    const { keySize, valueSize } = this.#sizesAt(this.#blocks, position);
    if (keySize !== key.length) return null;
    const blocks = this.#blocks;
    blocks.seek(position + 8, keySize);
    const { bytes, start } = blocks;
    for (let i = 0; i < keySize; i++) if (bytes[start + i] !== key[i]) return null;
    return blocks.copy(position + 8 + keySize, valueSize);
  }

  #sizesAt(blocks: BlockReader, at: number): { readonly keySize: number; readonly valueSize: number } {
    if (at < cdbHeadSize || at + 8 > this.#end) throw noCdb(this.path, `a record is said to be at ${at}`);
    blocks.seek(at, 8);
    const keySize = readU32(blocks.bytes, blocks.start);
    const valueSize = readU32(blocks.bytes, blocks.start + 4);
    if (keySize > cdbKeyMax || valueSize > cdbValueMax || at + 8 + keySize + valueSize > this.#end) {
      throw noCdb(this.path, `the record at ${at} is too long`);
    }
    return { keySize, valueSize };
  }
}

/** Reads a file through a cache of blocks; each place of the cache holds the blocks of equal number modulo `count`. What
 * was read stands in `bytes` from `start` on: look-ups are too many to make an object for each. */
class BlockReader {
  /** Where the last `seek` led; valid until the next call. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Where in `bytes`. */
  start = 0;
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #fileSize: number;
  readonly #size: number;
  /** Room for the blocks, made when first needed. */
  readonly #blocks: (Uint8Array | undefined)[];
  /** Which block is in each place (-1: none), and how much of it the file has. */
  readonly #numbers: Int32Array;
  readonly #lengths: Uint32Array;

  /** At most `count` blocks of `size` octets are kept. */
  constructor(path: string, file: DiskFile, fileSize: number, size: number, count: number) {
    this.#path = path;
    this.#file = file;
    this.#fileSize = fileSize;
    this.#size = size;
    const places = Math.max(1, Math.min(count, Math.ceil(fileSize / size)));
    this.#blocks = new Array<Uint8Array | undefined>(places).fill(undefined);
    this.#numbers = new Int32Array(places).fill(-1);
    this.#lengths = new Uint32Array(places);
  }

  /** Makes `length` bytes at `at` stand in `bytes`. Throws a Fault `malformed` when the file has fewer. */
  seek(at: number, length: number): void {
    if (at + length > this.#fileSize) throw noCdb(this.#path, "it is cut short");
    const number = Math.floor(at / this.#size);
    const offset = at - number * this.#size;
    if (offset + length <= this.#size) return this.#inBlock(number, offset, length);
    const bytes = new Uint8Array(length);
    // Pieces of blocks that are there are not read again.
    for (let done = 0; done < length;) {
      const next = Math.floor((at + done) / this.#size);
      const from = at + done - next * this.#size;
      const part = Math.min(this.#size - from, length - done);
      this.#inBlock(next, from, part);
      bytes.set(this.bytes.subarray(this.start, this.start + part), done);
      done += part;
    }
    this.bytes = bytes;
    this.start = 0;
  }

  /** `length` bytes at `at`, the caller's to keep. */
  copy(at: number, length: number): Uint8Array {
    this.seek(at, length);
    return this.bytes.slice(this.start, this.start + length);
  }

  #inBlock(number: number, offset: number, length: number): void {
    const place = number % this.#blocks.length;
    const block = this.#blocks[place] ??= new Uint8Array(this.#size);
    if (this.#numbers[place] !== number) {
      this.#numbers[place] = -1;
      this.#lengths[place] = this.#file.readAt(number * this.#size, block);
      this.#numbers[place] = number;
    }
    if (offset + length > this.#lengths[place]!) throw noCdb(this.#path, "it is cut short");
    this.bytes = block;
    this.start = offset;
  }
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0;
}

/** What a file that is no cdb is instead, as far as it can be told. */
function foreignFormat(file: DiskFile): string {
  const start = new Uint8Array(16);
  if (file.readAt(0, start) < 16) return "it is too short";
  const magics = [readU32(start, 0), readU32(start, 12)];
  // Berkeley DB 1.85 has its magic number first, later versions have it at 12.
  const isBerkeley = magics.some((magic) => [0x61561, 0x53162, 0x61150600, 0x62310500].includes(magic));
  return isBerkeley ? "it is a Berkeley DB file; make it again with makemap" : "its head makes no sense";
}

function noCdb(path: string, state: string): Fault {
  return new Fault("malformed", `Cannot read ${path} as a cdb map: ${state}`);
}

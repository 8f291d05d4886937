/** Makes a map from the text of a table: what makemap and newaliases do. */

import { Fault } from "../fault.ts";
import { toAsciiKey } from "../mail/idna.ts";
import { EntryScanner } from "./entry.ts";

/** Where the text comes from. */
export interface ByteSource {
  /** Reads into `into` from its start; null at the end. Faults: `io`. */
  read(into: Uint8Array): Promise<number | null>;
}

/** Says what is wrong with the value between `start` and `end`; null when it is fine. */
export type ValueCheck = (bytes: Uint8Array, start: number, end: number) => string | null;

/** Told of two records with one key. Both are counted from 0, in order of addition. */
export type DuplicateReport = (first: number, again: number, key: Uint8Array) => void;

/** Writes one map: `add` and `flush` as often as needed, `writeTables`, `seal`. After a failure call `abandon`; the file
 * is then the caller's to remove. */
export interface MapWriter {
  /** Records added. */
  readonly count: number;
  /** So much has gathered that `flush` is due. */
  readonly isFull: boolean;
  /** Adds a record: key and value are parts of `bytes`. Faults: `noSpace`, `malformed` for what the format cannot hold. */
  add(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void;
  /** Hands what has gathered to the operating system. */
  flush(): Promise<void>;
  /** Makes keys findable; nothing can be added any more. `duplicate` is told of each record whose key an earlier one
   * has. */
  writeTables(duplicate: DuplicateReport): Promise<void>;
  /** Puts all of it on the disk. `prepare` runs before that. Closes the file. */
  seal(prepare: () => Promise<void>): Promise<void>;
  /** Closes the file and leaves it as it is. Harmless when it is closed. */
  abandon(): void;
}

/** How to make a map. */
export interface MapPlan {
  /** `map`: key and value. `list`: keys alone, each with the value `<set>`. */
  readonly shape: "map" | "list";
  /** Judges each value of a map. */
  readonly check: ValueCheck;
  /** Most problems that are described; the others are counted. */
  readonly problemsMax: number;
  /** Runs before the file is put on the disk for good: sets its owner and permissions. */
  readonly prepare: () => Promise<void>;
  /** Told the line reached and the octets read, after each block. */
  readonly progress: (line: number, octets: number) => void;
}

/** Something wrong with a line of the text. */
export interface MapProblem {
  /** From 1. */
  readonly line: number;
  /** `invalid entry` or `duplicate entry for <key>`, and what more is known. */
  readonly message: string;
}

/** What became of it. `count` of problems includes those not described. An invalid map's file is closed, not whole,
 * and the caller's to remove. */
export type MapResult =
  /** `converted`: how many of the entries can be found by A-labels as well. */
  | { readonly kind: "made"; readonly entries: number; readonly converted: number }
  | { readonly kind: "invalid"; readonly problems: readonly MapProblem[]; readonly count: number };

const blockSize = 1024 * 1024;
const lineMax = 16 * 1024 * 1024;
const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true });
const setValue = encoder.encode("<set>");

/** Reads `source` to its end and makes the map. Keys are stored in lower case (ASCII). Bad and duplicate entries are
 * an `invalid` result that names all of them, in order. A key whose domain has U-labels is stored with A-labels too, by
 * which mail is looked up. Faults: of the source and the writer; the file is closed then. */
export async function compileMap(source: ByteSource, writer: MapWriter, plan: MapPlan): Promise<MapResult> {
  try {
    return await new MapCompiler(writer, plan).run(source);
  } finally {
    // Harmless when it was finished: the file is closed then.
    writer.abandon();
  }
}

class MapCompiler {
  readonly #writer: MapWriter;
  readonly #plan: MapPlan;
  readonly #scanner: EntryScanner;
  readonly #problems: MapProblem[] = [];
  #problemCount = 0;
  #converted = 0;
  /** Line of each record of the writer. */
  #lines = new Uint32Array(1024);
  /** Keys in lower case, and for a list the value behind them. */
  #scratch = new Uint8Array(1024 + setValue.length);

  constructor(writer: MapWriter, plan: MapPlan) {
    this.#writer = writer;
    this.#plan = plan;
    this.#scanner = new EntryScanner(plan.shape);
  }

  async run(source: ByteSource): Promise<MapResult> {
    let block = new Uint8Array(blockSize);
    let used = 0;
    let octets = 0;
    for (;;) {
      const count = await source.read(block.subarray(used));
      if (count === null) break;
      octets += count;
      const end = used + count;
      const whole = block.subarray(0, end).lastIndexOf(0x0a) + 1;
      if (whole > 0) await this.#take(block.subarray(0, whole));
      block.copyWithin(0, whole, end);
      used = end - whole;
      if (used === block.length) block = longer(block, this.#scanner.line + 1);
      if (whole > 0) this.#plan.progress(this.#scanner.line, octets);
    }
    if (used > 0) await this.#take(block.subarray(0, used));
    return await this.#finish();
  }

  /** Takes whole lines. */
  async #take(bytes: Uint8Array): Promise<void> {
    const scanner = this.#scanner;
    scanner.feed(bytes);
    for (;;) {
      const step = scanner.next();
      if (step === "end") return;
      if (step === "malformed") this.#report("invalid entry");
      else this.#add();
      if (this.#writer.isFull) await this.#writer.flush();
    }
  }

  #add(): void {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = this.#scanner;
    if (valueStart >= 0) {
      const message = this.#plan.check(bytes, valueStart, valueEnd);
      if (message !== null) return this.#report(message === "" ? "invalid entry" : `invalid entry: ${message}`);
    }
    if (valueStart >= 0) {
      const isAscii = lowerInPlace(bytes, keyStart, keyEnd);
      this.#write(bytes, keyStart, keyEnd, valueStart, valueEnd);
      if (!isAscii) this.#addConverted(bytes.subarray(keyStart, keyEnd), bytes.subarray(valueStart, valueEnd));
    } else {
      const size = keyEnd - keyStart;
      const scratch = this.#scratch;
      scratch.set(bytes.subarray(keyStart, keyEnd));
      const isAscii = lowerInPlace(scratch, 0, size);
      scratch.set(setValue, size);
      this.#write(scratch, 0, size, size, size + setValue.length);
      if (!isAscii) this.#addConverted(scratch.slice(0, size), setValue);
    }
  }

  #write(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const number = this.#writer.count;
    if (number === this.#lines.length) {
      const lines = new Uint32Array(number * 2);
      lines.set(this.#lines);
      this.#lines = lines;
    }
    this.#lines[number] = this.#scanner.line;
    this.#writer.add(bytes, keyStart, keyEnd, valueStart, valueEnd);
  }

  /** A bare key with a dot may be a name and no domain: what was written stays. */
  #addConverted(key: Uint8Array, value: Uint8Array): void {
    const text = textOf(key);
    const ascii = text === null ? null : toAsciiKey(text, text.includes("."));
    if (ascii === null || ascii === text) return;
    const start = encoder.encode(ascii.toLowerCase());
    const bytes = new Uint8Array(start.length + value.length);
    bytes.set(start);
    bytes.set(value, start.length);
    this.#converted++;
    this.#write(bytes, 0, start.length, start.length, bytes.length);
  }

  async #finish(): Promise<MapResult> {
    await this.#writer.writeTables((first, again, key) => {
      const name = new TextDecoder().decode(key);
      this.#report(
        `duplicate entry for ${name} (first on line ${this.#lines[first]!})`,
        this.#lines[again]!,
      );
    });
    if (this.#problemCount > 0) {
      this.#keepFirst();
      return { kind: "invalid", problems: this.#problems, count: this.#problemCount };
    }
    await this.#writer.seal(this.#plan.prepare);
    return { kind: "made", entries: this.#writer.count - this.#converted, converted: this.#converted };
  }

  #report(message: string, line: number = this.#scanner.line): void {
    this.#problemCount++;
    this.#problems.push({ line, message });
    // Duplicates come by hash table, not by line: the first lines are known only when all have come.
    if (this.#problems.length >= this.#plan.problemsMax * 2 + 16) this.#keepFirst();
  }

  #keepFirst(): void {
    this.#problems.sort((a, b) => a.line - b.line);
    this.#problems.length = Math.min(this.#problems.length, this.#plan.problemsMax);
  }
}

function longer(block: Uint8Array, line: number): Uint8Array<ArrayBuffer> {
  if (block.length >= lineMax) {
    throw new Fault("malformed", `Cannot make the map: line ${line} is longer than ${lineMax} octets`);
  }
  const room = new Uint8Array(block.length * 2);
  room.set(block);
  return room;
}

/** Null for what is no UTF-8. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return null;
  }
}

/** ASCII letters only: UTF-8 stays what it is. Is all of it ASCII? */
function lowerInPlace(bytes: Uint8Array, start: number, end: number): boolean {
  let all = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    all |= byte;
    if (byte >= 0x41 && byte <= 0x5a) bytes[i] = byte | 0x20;
  }
  return all < 0x80;
}

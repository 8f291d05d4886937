/** The text form of tables, shared by file tables and makemap: one entry a line, `key value`, `key: value`, or a key
 * alone. Read on bytes, without making strings, because maps of a million entries are made from it. */

import { Fault } from "../fault.ts";
import { keyLengthMax } from "./service.ts";
import type { StaticEntry } from "./static.ts";

/** What `EntryScanner.next` found. */
export type EntryStep = "entry" | "malformed" | "end";

const lf = 0x0a;
const colon = 0x3a;
const hash = 0x23;

/** Steps through the entries of a text. Blank lines and lines whose first character is `#` are skipped. A key ends
 * at a blank or colon, or is a `[…]`. In a list the whole line is the element. The first entry decides which of the
 * two it is, unless the mode given does, or a line `# @list` before any entry.
 *
 * `key : v` is `v` here. QUIRK: OpenSMTPD reads `: v`, which no author means; a colon that touches the value is part
 * of it, as in `key :include:/list`. There are no continuation lines and no comments after an entry. */
export class EntryScanner {
  /** The bytes that the offsets below are in. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the key begins. */
  keyStart: number = 0;
  /** Behind the last octet of the key. */
  keyEnd: number = 0;
  /** Where the value begins; -1 in a list. */
  valueStart: number = -1;
  /** Behind the last octet of the value. */
  valueEnd: number = -1;
  /** Line of the last step, from 1, counted over all that was fed. */
  line: number = 0;
  /** Null while no entry has decided. */
  shape: "list" | "map" | null;
  #at = 0;
  #hasNul = false;

  /** `auto` lets the first entry decide. */
  constructor(mode: "auto" | "list" | "map") {
    this.shape = mode === "auto" ? null : mode;
  }

  /** Gives the next part of the text: whole lines, of which the very last of the text may lack its LF. What was fed
   * before must have been read to its end. */
  feed(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.#at = 0;
    this.#hasNul = bytes.indexOf(0) >= 0;
  }

  /** Moves to the next entry. Malformed: no key, no value where a map needs one, a `[` without its `]`, a key longer
   * than any that is ever looked up, a NUL. */
  next(): EntryStep {
    const bytes = this.bytes;
    while (this.#at < bytes.length) {
      let end = bytes.indexOf(lf, this.#at);
      if (end < 0) end = bytes.length;
      let start = this.#at;
      this.#at = end + 1;
      this.line++;
      while (start < end && isBlank(bytes[start]!)) start++;
      while (end > start && isBlank(bytes[end - 1]!)) end--;
      if (start === end) continue;
      if (bytes[start] === hash) {
        if (this.shape === null && isListMark(bytes, start + 1, end)) this.shape = "list";
        continue;
      }
      if (this.#hasNul && bytes.subarray(start, end).includes(0)) return "malformed";
      return this.shape === "list" ? this.#list(start, end) : this.#map(start, end);
    }
    return "end";
  }

  #list(start: number, end: number): EntryStep {
    this.keyStart = start;
    this.keyEnd = end;
    this.valueStart = -1;
    this.valueEnd = -1;
    return end - start <= keyLengthMax ? "entry" : "malformed";
  }

  #map(start: number, end: number): EntryStep {
    const bytes = this.bytes;
    let at = start;
    if (bytes[start] === 0x5b) {
      while (at < end && bytes[at] !== 0x5d) at++;
      if (at === end) return "malformed";
      at++;
      if (at < end && !isDelimiter(bytes[at]!)) return "malformed";
    } else {
      while (at < end && !isDelimiter(bytes[at]!)) at++;
    }
    if (this.shape === null) {
      this.shape = at === end ? "list" : "map";
      if (this.shape === "list") return this.#list(start, end);
    }
    this.keyStart = start;
    this.keyEnd = at;
    const wasBlank = bytes[at] !== colon;
    at++;
    while (at < end && isBlank(bytes[at]!)) at++;
    if (wasBlank && bytes[at] === colon && (at + 1 === end || isBlank(bytes[at + 1]!))) {
      at++;
      while (at < end && isBlank(bytes[at]!)) at++;
    }
    this.valueStart = at;
    this.valueEnd = end;
    return at < end && this.keyEnd > start && this.keyEnd - start <= keyLengthMax ? "entry" : "malformed";
  }
}

/** Entries of a table file, and what they make of it. */
export interface TableText {
  /** What the first entry, or the mark, decided. */
  readonly shape: "list" | "map";
  /** In the order of lines. */
  readonly entries: readonly StaticEntry[];
}

/** Reads a whole table file, UTF-8. No entry at all is an empty map. Throws a Fault `malformed` that names the line:
 * `<path>:<line>: invalid map entry`. */
export function parseTableText(path: string, bytes: Uint8Array): TableText {
  const scanner = new EntryScanner("auto");
  const text = new TextDecoder();
  const entries: StaticEntry[] = [];
  scanner.feed(bytes);
  for (let step = scanner.next(); step !== "end"; step = scanner.next()) {
    if (step === "malformed") throw new Fault("malformed", `${path}:${scanner.line}: invalid map entry`);
    const key = text.decode(bytes.subarray(scanner.keyStart, scanner.keyEnd));
    const value = scanner.valueStart < 0 ? null : text.decode(bytes.subarray(scanner.valueStart, scanner.valueEnd));
    entries.push([key, value]);
  }
  return { shape: scanner.shape ?? "map", entries };
}

/** After the `#` of a comment: `@list` and nothing else. */
function isListMark(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && isBlank(bytes[at]!)) at++;
  return end - at === 5 && bytes[at] === 0x40 && bytes[at + 1] === 0x6c && bytes[at + 2] === 0x69 &&
    bytes[at + 3] === 0x73 && bytes[at + 4] === 0x74;
}

/** A blank or colon ends a key. */
function isDelimiter(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === colon;
}

/** What isspace(3) takes for one, but LF, which ends the line. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** The content of a message as filters see it that change its lines (smtpd-filters(7), data-line). */

import type { Buffer } from "node:buffer";

/** Most of a message that filters are handed at once, octets of lines with CRLF, but for a line that is longer by itself. */
export const lineGroupLengthMax = 64 * 1024;

/** Lines that are asked about together. */
export interface LineGroup {
  /** One character is one octet; without CRLF. */
  readonly lines: readonly string[];
  /** The content ends with them. There may be none. */
  readonly isLast: boolean;
}

/** Makes content text before it is cut into lines. `BinaryEncoder` does. */
export interface LineSource {
  /** Takes content, returns what is ready. */
  push(bytes: Buffer): Buffer;
  /** The content has ended. Returns the rest of it. */
  finish(): Buffer;
  /** It cannot be made text. */
  readonly isBroken: boolean;
}

/** Cuts content into groups of lines: as many in each as fit. The groups do not depend on how the content was cut into
 * pieces. Holds one group and what the last piece brought. */
export class LineGroups {
  readonly #source: LineSource | null;
  // Begins a line that has not ended.
  #rest = "";
  #groups: string[][] = [];
  #open: string[] = [];
  // Octets of the open group.
  #length = 0;
  #isEnded = false;

  /** `source` is null for content that is text as it comes. */
  constructor(source: LineSource | null) {
    this.#source = source;
  }

  /** The content cannot be made text. */
  get isBroken(): boolean {
    return this.#source?.isBroken ?? false;
  }

  /** Takes content. The bytes are only borrowed. */
  push(bytes: Buffer): void {
    this.#cut(this.#source === null ? bytes : this.#source.push(bytes));
  }

  /** The content has ended. What stands behind the last CRLF is a line too. */
  finish(): void {
    if (this.#source !== null) this.#cut(this.#source.finish());
    if (this.#rest !== "") this.#add(this.#rest);
    this.#rest = "";
    this.#groups.push(this.#open);
    this.#isEnded = true;
  }

  /** The next group that is complete; null when there is none. */
  take(): LineGroup | null {
    const lines = this.#groups.shift();
    return lines === undefined ? null : { lines, isLast: this.#isEnded && this.#groups.length === 0 };
  }

  #cut(bytes: Buffer): void {
    const more = bytes.toString("latin1");
    // A long line that comes octet by octet is put together once.
    if (!more.includes("\n")) {
      this.#rest += more;
      return;
    }
    const lines = `${this.#rest}${more}`.split("\r\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#add(line);
  }

  #add(line: string): void {
    const length = line.length + 2;
    if (this.#open.length > 0 && this.#length + length > lineGroupLengthMax) {
      this.#groups.push(this.#open);
      this.#open = [];
      this.#length = 0;
    }
    this.#open.push(line);
    this.#length += length;
  }
}

// What has no place in a line, or is no octet.
const noLine = /[\r\n\0]|[^\0-\xff]/;

/** Can a filter's lines stand in a message? `lengthMax`: octets of a line. */
export function areLines(lines: readonly string[], lengthMax: number): boolean {
  return lines.every((line) => line.length <= lengthMax && !noLine.test(line));
}

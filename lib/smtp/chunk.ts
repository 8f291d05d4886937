/** BDAT (RFC 3030 §2): content that is counted, not searched for its end. Dots stand for themselves. */

import type { Buffer } from "node:buffer";
import { type BodyFlaw, bodyLineLengthMax, type BodySink, LineMeter } from "./framing.ts";

/** Most digits of a chunk's size: every number of so many is exact. */
const sizeDigitsMax = 15;

// What has no place in text; a CR at the end may be the first half of a line end.
const stray = /\r(?!\n|$)|(?<!\r)\n|\0/;

const carriageReturn = 13;

/** The argument of BDAT. */
export interface Chunk {
  /** Octets that follow the command line. */
  readonly length: number;
  /** The message ends with it. */
  readonly isLast: boolean;
}

/** Reads the argument of BDAT: a count of octets, and `LAST`. Null when it is none, so that nobody knows how many octets
 * follow. RFC 3030 §2. */
export function parseChunk(argument: string): Chunk | null {
  const blank = argument.indexOf(" ");
  const digits = blank < 0 ? argument : argument.slice(0, blank);
  const word = blank < 0 ? "" : argument.slice(blank).trim().toUpperCase();
  if (!/^[0-9]+$/.test(digits) || digits.length > sizeDigitsMax || (blank >= 0 && word !== "LAST")) return null;
  return { length: Number(digits), isLast: word === "LAST" };
}

/** Checks content that comes in chunks, as strictly as content after DATA: only CRLF ends a line, and there is no NUL.
 * With BODY=BINARYMIME that holds for the header section alone. What is found does not depend on how the content was
 * cut, by chunks or by reads. */
export class ChunkDecoder {
  readonly #isBinary: boolean;
  #isHeader = true;
  // The last octet was a CR.
  #isCr = false;
  // All but that CR.
  readonly #lines: LineMeter;
  #isEmpty = true;
  #isStray = false;

  /** `isBinary`: the body may hold any octets. `lineLengthMax`: octets of a line with CRLF. */
  constructor(isBinary: boolean, lineLengthMax = bodyLineLengthMax) {
    this.#isBinary = isBinary;
    this.#lines = new LineMeter(lineLengthMax);
  }

  /** The gravest flaw so far, null for none. */
  get flaw(): BodyFlaw | null {
    return this.#isStray ? "stray" : this.#lines.isTooLong ? "lineTooLong" : null;
  }

  /** The content so far ends within a line; false once a stray octet was found. Not known of a binary body. */
  get isOpenLine(): boolean {
    return !this.#isStray && !this.#isEmpty && (this.#isCr || this.#lines.length > 0);
  }

  /** Takes content and hands it on; nothing more of it once a stray octet was found. */
  decode(bytes: Buffer, sink: BodySink): void {
    if (bytes.length === 0 || this.#isStray) return;
    this.#isEmpty = false;
    if (this.#isHeader || !this.#isBinary) this.#inspect(bytes.toString("latin1"));
    if (!this.#isStray) sink.take(bytes);
  }

  /** The content has ended. */
  finish(): void {
    if (this.#isCr) this.#isStray = true;
  }

  #inspect(more: string): void {
    const text = this.#isCr ? `\r${more}` : more;
    const end = this.#isBinary ? this.#headerEnd(text) : text.length;
    if (stray.test(end < text.length ? text.slice(0, end) : text)) {
      this.#isStray = true;
      return;
    }
    this.#isCr = text.charCodeAt(end - 1) === carriageReturn;
    this.#lines.count(text, 0, this.#isCr ? end - 1 : end);
  }

  /** Where the header section ends in the text; its length when it goes on. */
  #headerEnd(text: string): number {
    const isBlankLine = this.#lines.length === 0 && text.startsWith("\r\n");
    const blank = isBlankLine ? -2 : text.indexOf("\r\n\r\n");
    if (blank === -1) return text.length;
    this.#isHeader = false;
    return blank + 4;
  }
}

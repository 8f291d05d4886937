/** BDAT (RFC 3030 §2): content that is counted, not searched for its end. Dots stand for themselves. */

import type { Buffer } from "node:buffer";
import { type BodyFlaw, bodyLineLengthMax, type BodySink } from "./framing.ts";

/** Most digits of a chunk's size: every number of so many is exact. */
const sizeDigitsMax = 15;

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
  readonly #lineLengthMax: number;
  #isHeader = true;
  // The last octet was a CR.
  #isCr = false;
  // Octets of the line so far, that CR not counted.
  #lineLength = 0;
  #isEmpty = true;
  #isStray = false;
  #isLineTooLong = false;

  /** `isBinary`: the body may hold any octets. `lineLengthMax`: octets of a line with CRLF. */
  constructor(isBinary: boolean, lineLengthMax = bodyLineLengthMax) {
    this.#isBinary = isBinary;
    this.#lineLengthMax = lineLengthMax;
  }

  /** The gravest flaw so far, null for none. */
  get flaw(): BodyFlaw | null {
    return this.#isStray ? "stray" : this.#isLineTooLong ? "lineTooLong" : null;
  }

  /** The content so far ends within a line; false once a stray octet was found. Not known of a binary body. */
  get isOpenLine(): boolean {
    return !this.#isStray && !this.#isEmpty && (this.#isCr || this.#lineLength > 0);
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
    this.#isCr = false;
    let at = 0;
    for (;;) {
      const cr = text.indexOf("\r", at);
      const lf = text.indexOf("\n", at);
      if (cr < 0 && lf < 0) break;
      if (lf < 0 && cr === text.length - 1) {
        this.#isCr = true;
        break;
      }
      if (cr < 0 || lf !== cr + 1) {
        this.#isStray = true;
        return;
      }
      this.#countLine(lf + 1 - at);
      const isBlankLine = this.#lineLength === 0 && cr === at;
      this.#lineLength = 0;
      at = lf + 1;
      if (!isBlankLine || !this.#isHeader) continue;
      this.#isHeader = false;
      if (!this.#isBinary) continue;
      this.#isStray = text.slice(0, at).includes("\0");
      return;
    }
    this.#lineLength += text.length - at - (this.#isCr ? 1 : 0);
    this.#countLine(0);
    if (text.includes("\0")) this.#isStray = true;
  }

  #countLine(more: number): void {
    if (this.#lineLength + more > this.#lineLengthMax) this.#isLineTooLong = true;
  }
}

/** Where a command line ends, and where a message ends. Only CRLF ends a line, only CRLF.CRLF ends a message
 * (RFC 5321 §2.3.8, §4.1.1.4): who takes anything else for an end lets one message smuggle in another. */

import { Buffer } from "node:buffer";
import { joinOctets, latin1Octets } from "../mail/octets.ts";

/** Longest command line, octets without CRLF. OpenSMTPD's limit; RFC 5321 §4.5.3.1.4 asks for 512. */
export const commandLineLengthMax = 2047;

/** Longest line of a message unless told otherwise, octets with CRLF. OpenSMTPD's limit; RFC 5321 §4.5.3.1.6 asks for 1,000. */
export const bodyLineLengthMax = 65535;

/** Longest header section unless told otherwise, octets. */
export const headerLengthMax = 256 * 1024;

/** Most fields of a header section unless told otherwise. */
export const fieldsMax = 1000;

/** Most that is kept while a command is being processed. A shell that pauses its socket stays far below. */
export const inputLengthMax = 256 * 1024;

/** What is gathered while a command is being processed before the shell is to pause its socket. */
export const inputLengthHeld = 8 * 1024;

/** What `CommandInput.next` finds. */
export type CommandLine =
  /** One octet is one character. `bare`: LF alone ended it, which is let pass. */
  | { readonly kind: "line" | "bare"; readonly text: string }
  /** No line is complete yet. */
  | { readonly kind: "none" }
  /** A bare LF, a bare CR or a NUL. Nothing that follows can be trusted to be a command. */
  | { readonly kind: "stray" }
  | { readonly kind: "tooLong" };

const none: CommandLine = { kind: "none" };
const stray: CommandLine = { kind: "stray" };
const tooLong: CommandLine = { kind: "tooLong" };
const empty = Buffer.alloc(0);

/** Octets that were read and not yet understood. The answers do not depend on how they were cut into pieces. */
export class CommandInput {
  /** LF alone ends a line too. */
  readonly #takesBareLf: boolean;
  #bytes: Buffer = empty;
  #at = 0;
  // No LF stands before this.
  #searched = 0;
  #isBorrowed = false;

  /** `takesBareLf` lets LF alone end a line. */
  constructor(takesBareLf = false) {
    this.#takesBareLf = takesBareLf;
  }

  /** Octets that wait. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** Adds a piece. It is only borrowed: call `settle` before the piece is reused. */
  add(bytes: Uint8Array): void {
    if (this.length === 0) {
      this.#bytes = asBuffer(bytes);
      this.#searched = 0;
      this.#isBorrowed = true;
    } else {
      this.#bytes = joinOctets([this.#bytes.subarray(this.#at), bytes]);
      this.#searched -= this.#at;
      this.#isBorrowed = false;
    }
    this.#at = 0;
  }

  /** Takes the next line, `lengthMax` octets at most without its CRLF. */
  next(lengthMax = commandLineLengthMax): CommandLine {
    const bytes = this.#bytes;
    const start = this.#at;
    if (start === bytes.length) return none;
    const lf = bytes.indexOf(10, Math.max(start, this.#searched));
    if (lf < 0) {
      this.#searched = bytes.length;
      // One octet more than the limit may be the CR.
      return bytes.length - start > lengthMax + 1 ? tooLong : none;
    }
    this.#at = lf + 1;
    if (lf - start > lengthMax + 1) return tooLong;
    const isBare = lf === start || bytes[lf - 1] !== 13;
    if (isBare && !this.#takesBareLf) return stray;
    const text = bytes.toString("latin1", start, isBare ? lf : lf - 1);
    if (text.length > lengthMax) return tooLong;
    return text.includes("\r") || text.includes("\0") ? stray : { kind: isBare ? "bare" : "line", text };
  }

  /** Takes all that waits, as a view. */
  takeAll(): Buffer {
    // To make a view of all would take as long as to look for line ends in a kilobyte.
    const rest = this.#at === 0 ? this.#bytes : this.#bytes.subarray(this.#at);
    this.clear();
    return rest;
  }

  /** Forgets all that waits. */
  clear(): void {
    this.#bytes = empty;
    this.#at = 0;
    this.#searched = 0;
    this.#isBorrowed = false;
  }

  /** Makes what waits our own. */
  settle(): void {
    if (this.length === 0) {
      this.clear();
    } else if (this.#isBorrowed) {
      this.#bytes = Buffer.from(this.#bytes.subarray(this.#at));
      this.#searched -= this.#at;
      this.#at = 0;
      this.#isBorrowed = false;
    }
  }
}

/** Takes the content of a message as it is decoded. */
export interface BodySink {
  /** The bytes are only borrowed. */
  take(bytes: Buffer): void;
}

/** What is wrong with the lines of a message. */
export type BodyFlaw = "stray" | "lineTooLong";

/** Finds lines that are too long in text that comes in pieces. Only LF ends a line. */
export class LineMeter {
  readonly #lengthMax: number;
  #length = 0;
  #isTooLong = false;

  /** `lengthMax`: octets of a line with its end. */
  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  /** There was a line that is too long. */
  get isTooLong(): boolean {
    return this.#isTooLong;
  }

  /** Octets of the line so far. */
  get length(): number {
    return this.#length;
  }

  /** Takes the octets [start, end) of `text`. Looks at one place in each stretch as long as a line may be. */
  count(text: string, start: number, end: number): void {
    let from = start;
    for (let room = this.#lengthMax - this.#length; !this.#isTooLong && from + room < end; room = this.#lengthMax) {
      const lf = room === 0 ? -1 : text.lastIndexOf("\n", from + room - 1);
      if (lf < from) this.#isTooLong = true;
      else from = lf + 1;
    }
    if (start >= end) return;
    const lf = text.lastIndexOf("\n", end - 1);
    this.#length = lf < start ? this.#length + end - start : end - lf - 1;
  }
}

const terminator = "\r\n.\r\n";

/** Finds the end of a message and takes out the dots that the client put in (RFC 5321 §4.5.2). The result does not
 * depend on how the input was cut into pieces. A message with a bare CR, a bare LF or a NUL is swallowed up to its
 * true end, and nothing more of it is given out. */
export class BodyDecoder {
  // The last octets of the input as far as they may begin the terminator; none of them has been given out
  // except the first `#skip`. The CRLF of the DATA command stands before the first line.
  #carry = "\r\n";
  #skip = 2;
  #isStray = false;
  readonly #lines: LineMeter;

  /** `lineLengthMax`: octets of a line with CRLF. */
  constructor(lineLengthMax = bodyLineLengthMax) {
    this.#lines = new LineMeter(lineLengthMax);
  }

  /** The gravest flaw so far, null for none. */
  get flaw(): BodyFlaw | null {
    return this.#isStray ? "stray" : this.#lines.isTooLong ? "lineTooLong" : null;
  }

  /** Decodes a piece. Returns how many of its octets belong to the message, terminator included, once the end is
   * found; -1 before that. */
  decode(bytes: Buffer, sink: BodySink): number {
    const carry = this.#carry.length;
    const text = this.#carry + bytes.toString("latin1");
    if (this.#isStray) return this.#swallow(text, carry);
    let from = this.#skip;
    for (let at = nextSpecial(text, 0); at >= 0; at = nextSpecial(text, at)) {
      if (!isLineEnd(text, at)) return this.#swallow(text, carry);
      at += 2;
      // What the end cuts off is held back.
      if (at >= text.length) break;
      give(sink, bytes, text, carry, from, at);
      if (text.startsWith("\r\n", at + 1)) {
        this.#lines.count(text, 0, at);
        return at + 3 - carry;
      }
      // More dots than pieces are rare: what stands before and after this one goes out apart.
      at++;
      from = at;
    }
    const end = text.length - heldBack(text);
    give(sink, bytes, text, carry, from, end);
    this.#lines.count(text, 0, end);
    this.#carry = text.slice(end);
    this.#skip = Math.max(0, from - end);
    return -1;
  }

  #swallow(text: string, carry: number): number {
    this.#isStray = true;
    const end = text.indexOf(terminator);
    if (end >= 0) return end + terminator.length - carry;
    this.#carry = text.slice(text.length - heldBack(text));
    return -1;
  }
}

const dot = 46;
const cr13 = 13;

// A line end before a dot or cut off by the end of the text, or what has no place in a message. One expression finds them
// sooner than a look at each line.
const special = /\r(?!\n[^.])|(?<!\r)\n|\0/g;

// Where the next of these stands; -1 for nowhere.
function nextSpecial(text: string, from: number): number {
  special.lastIndex = from;
  return special.test(text) ? special.lastIndex - 1 : -1;
}

// A CRLF stands here, or the end of the text cuts it in two.
function isLineEnd(text: string, at: number): boolean {
  return text.charCodeAt(at) === cr13 && (at + 1 === text.length || text.charCodeAt(at + 1) === 10);
}

// How many octets at the end of `text` may begin the terminator.
function heldBack(text: string): number {
  const last = text.charCodeAt(text.length - 1);
  if (last === cr13) return text.endsWith("\r\n.\r") ? 4 : 1;
  if (last === dot) return text.endsWith("\r\n.") ? 3 : 0;
  return last === 10 && text.endsWith("\r\n") ? 2 : 0;
}

// Gives out the octets [from, end) of `text`, whose first `carry` characters are not in `bytes`.
function give(sink: BodySink, bytes: Buffer, text: string, carry: number, from: number, end: number): void {
  if (from >= end) return;
  if (from < carry) {
    sink.take(latin1Octets(text.slice(from, Math.min(carry, end))));
    from = carry;
  }
  if (from >= end) return;
  sink.take(from === carry && end === text.length ? bytes : bytes.subarray(from - carry, end - carry));
}

/** A view of the same octets with Node's methods. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

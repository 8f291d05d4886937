/** Looks at a message as it passes by: is its header section well formed, and does the message go round in circles?
 * Sees only the header section; after the blank line a `push` costs nothing. */

import { Buffer } from "node:buffer";
import { equalsIgnoringCase, type Mailbox, parseMailbox } from "./address.ts";
import { fieldNameLength, isBlank } from "./header.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Longest name of a header field, octets. OpenSMTPD's limit. */
export const fieldNameLengthMax = 1023;

/** Octets of a field that are looked at. The rest of a longer one is passed over. */
export const fieldLengthSeen = 8192;

/** What a header section was found to be. */
export interface HeaderFindings {
  /** Received fields up to the end of the section, or to its first fault. RFC 5321 §6.3. */
  readonly received: number;
  /** Why the section is not one of RFC 5322 §2.2, as a sentence for the log; null when it is. */
  readonly fault: string | null;
  /** A Delivered-To field names the mailbox given to the scanner. RFC 9228. */
  readonly wasDelivered: boolean;
  /** Fields up to the end of the section, or to its first fault. */
  readonly fields: number;
  /** Octets of the section with the blank line that ends it, or up to its first fault. */
  readonly length: number;
}

/** Scans the header section of content that arrives in pieces of any size. Content is as stored: no dot-stuffing,
 * line ends CRLF; a bare LF ends a line as well. Holds at most `fieldLengthSeen` and one window of octets. */
export class HeaderScanner {
  readonly #mailbox: Mailbox | null;
  #received = 0;
  #fields = 0;
  // Octets that were looked at, up to the end of the section.
  #length = 0;
  #fault: string | null = null;
  #wasDelivered = false;
  #isDone = false;
  /** The line that is not complete yet. */
  #line = "";
  /** The rest of the line is to be passed over: it was looked at already. */
  #isSkipping = false;
  #isFirst = true;
  /** What Delivered-To says so far; null in any other field. */
  #deliveredTo: string | null = null;

  /** `mailbox` is what `wasDelivered` is about; null when nobody asks. */
  constructor(mailbox: Mailbox | null = null) {
    this.#mailbox = mailbox;
  }

  /** The end of the header section, or a fault in it, has been seen. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Octets of the header section so far. */
  get length(): number {
    return this.#length;
  }

  /** Fields so far. */
  get fields(): number {
    return this.#fields;
  }

  /** Takes the next piece. */
  push(bytes: Uint8Array): void {
    if (this.#isDone) return;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < buffer.length && !this.#isDone; at += windowLength) {
      const end = Math.min(at + windowLength, buffer.length);
      this.#length += end - at;
      this.#scan(this.#line + buffer.toString("latin1", at, end));
    }
  }

  /** The content has ended. Returns what was found. */
  finish(): HeaderFindings {
    if (!this.#isDone) {
      if (this.#line !== "" && !this.#isSkipping) this.#take(this.#line);
      this.#end(this.#fault);
    }
    return {
      received: this.#received,
      fault: this.#fault,
      wasDelivered: this.#wasDelivered,
      fields: this.#fields,
      length: this.#length,
    };
  }

  #scan(text: string): void {
    let start = 0;
    for (;;) {
      const lf = text.indexOf("\n", start);
      if (lf < 0) break;
      const end = lf > start && text.charCodeAt(lf - 1) === carriageReturn ? lf - 1 : lf;
      if (this.#isSkipping) this.#isSkipping = false;
      else this.#take(text.slice(start, Math.min(end, start + fieldLengthSeen)));
      start = lf + 1;
      if (this.#isDone) {
        this.#length -= text.length - start;
        return;
      }
    }
    if (this.#isSkipping) {
      this.#line = "";
    } else if (text.length - start > fieldLengthSeen) {
      this.#take(text.slice(start, start + fieldLengthSeen));
      this.#isSkipping = true;
      this.#line = "";
    } else {
      this.#line = text.slice(start);
    }
  }

  /** Takes one line without its end. */
  #take(line: string): void {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (line === "") return this.#end(null);
    if (isBlank(line.charCodeAt(0))) {
      if (isFirst) return this.#end("the first line begins with a blank");
      if (this.#deliveredTo !== null && this.#deliveredTo.length < fieldLengthSeen) this.#deliveredTo += line;
      return;
    }
    this.#settle();
    const length = fieldNameLength(line);
    if (length < 0) return this.#end("a line of the header section is no field");
    if (length > fieldNameLengthMax) return this.#end("the name of a field is too long");
    this.#fields++;
    if (length === 8 && line.slice(0, 8).toLowerCase() === "received") this.#received++;
    else if (this.#mailbox !== null && length === 12 && line.slice(0, 12).toLowerCase() === "delivered-to") {
      this.#deliveredTo = line.slice(line.indexOf(":") + 1);
    }
  }

  /** The field before is complete. */
  #settle(): void {
    if (this.#deliveredTo === null || this.#mailbox === null) return;
    const text = decodeUtf8(this.#deliveredTo.trim()) ?? "";
    this.#deliveredTo = null;
    const mailbox = parseMailbox(text.startsWith("<") && text.endsWith(">") ? text.slice(1, -1) : text, null);
    if (mailbox !== null && equalsIgnoringCase(mailbox, this.#mailbox)) this.#wasDelivered = true;
  }

  #end(fault: string | null): void {
    this.#settle();
    this.#fault = fault;
    this.#isDone = true;
    this.#line = "";
  }
}

/** Octets turned into text at once: most header sections fit, and a body is never touched. */
const windowLength = 4096;
const carriageReturn = 0x0d;

/** Makes text of a binary message (RFC 3030 §3): parts of encoding `binary` become base64. So a message that came with
 * BODY=BINARYMIME can be stored, delivered and relayed like any other, and no octet of its parts is changed. */

import { Buffer } from "node:buffer";
import { joinOctets, latin1Octets } from "./octets.ts";

/** Longest header section of a part, octets. */
export const partHeaderLengthMax = 256 * 1024;

/** How deep parts may stand within parts. */
export const partDepthMax = 100;

/** Longest line that may be a delimiter, octets: a boundary of 70 (RFC 2046 §5.1.1), hyphens, and blanks behind it. */
const delimiterLengthMax = 256;

/** Octets of a line of base64, decoded: 76 characters. RFC 2045 §6.8. */
const base64LineLength = 57;

/** Longest line of a part that is text, octets with CRLF. As long as after DATA. */
const textLineLengthMax = 65535;

/** Octets that are looked at together. What is left of them is copied for each part: of a long piece, a message of nothing
 * but parts would have it copied thousands of times. */
const windowLength = 4096;

/** A multipart that is open. */
interface Multipart {
  readonly boundary: string;
  /** Parts that say nothing are messages. RFC 2046 §5.1.5. */
  readonly isDigest: boolean;
}

/** Rewrites content that arrives in pieces of any size; the result does not depend on how it was cut. Header sections
 * have CRLF line ends. Content without a part of encoding `binary` comes out as it is. Holds at most
 * `partHeaderLengthMax` octets and one piece. */
export class BinaryEncoder {
  // What is not used yet, as latin1. In a body it may begin with the line end before it, which has gone out.
  #text = "";
  // How many octets of it have gone out.
  #skip = 0;
  // No line end that matters begins before this place.
  #searched = 0;
  // The header section that is not complete; null within a body.
  #header: string | null = "";
  // That section is of a part of a digest.
  #isInDigest = false;
  #body: PartBody = new TextBody();
  readonly #open: Multipart[] = [];
  #isBroken = false;
  #isOpenLine = false;

  /** A part that says it is text is not, or the parts cannot be told apart: the rest was given up. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Takes content, returns what is ready of it. */
  push(bytes: Buffer): Buffer {
    let out = "";
    for (let at = 0; at < bytes.length && !this.#isBroken; at += windowLength) {
      this.#text += bytes.toString("latin1", at, at + windowLength);
      out += this.#work(false);
    }
    return this.#write(out);
  }

  /** The content has ended. Returns the rest of it; what is not empty ends with a line end. */
  finish(): Buffer {
    let out = this.#work(true);
    if (this.#header === null) {
      out += this.#body.give(this.#text.slice(this.#skip)) + this.#endBody();
    } else {
      this.#isBroken ||= /[\r\n\0]/.test(this.#text);
      out += this.#header + this.#text;
    }
    this.#text = "";
    const written = this.#write(out);
    return this.#isOpenLine ? joinOctets([written, Buffer.from("\r\n")]) : written;
  }

  #write(out: string): Buffer {
    this.#isBroken ||= this.#body.isBroken;
    if (this.#isBroken) {
      this.#text = "";
      this.#isOpenLine = false;
      return Buffer.alloc(0);
    }
    if (out !== "") this.#isOpenLine = !out.endsWith("\n");
    return latin1Octets(out);
  }

  #work(isEnd: boolean): string {
    let out = "";
    for (let more: string | null = ""; more !== null && !this.#isBroken;) {
      out += more;
      more = this.#header === null ? this.#readBody(isEnd) : this.#readHeader(this.#header, isEnd);
    }
    return out;
  }

  /** Reads a line of a header section. Null when there is none. */
  #readHeader(header: string, isEnd: boolean): string | null {
    const text = this.#text;
    const end = text.indexOf("\r\n", this.#searched);
    if (header.length + (end < 0 ? text.length : end) > partHeaderLengthMax) {
      this.#isBroken = true;
      return null;
    }
    if (end < 0 && !isEnd) {
      // The last octet may be the first half of a line end.
      this.#searched = Math.max(0, text.length - 1);
      return null;
    }
    const line = end < 0 ? text : text.slice(0, end);
    const delimiter = this.#delimiter(line);
    if (delimiter !== null) return header + this.#pass(delimiter, 0, end);
    if (end < 0) return null;
    this.#text = text.slice(end + 2);
    this.#searched = 0;
    if (/[\r\n\0]/.test(line)) this.#isBroken = true;
    if (line === "") return this.#beginBody(header);
    this.#header = `${header}${line}\r\n`;
    return "";
  }

  /** The header section is complete. Returns it as its body will be. */
  #beginBody(header: string): string {
    const { type, boundary } = contentType(header, this.#isInDigest);
    const encoding = fieldValue(header, "content-transfer-encoding")?.toLowerCase() ?? "7bit";
    const isBinary = encoding === "binary";
    const isMultipart = type.startsWith("multipart/");
    // RFC 2046 §5.2.1: what a message holds is a message, with its header section.
    const isMessage = /^message\/(?:rfc822|global)$/.test(type) && /^(?:[78]bit|binary)$/.test(encoding);
    this.#header = isMessage ? "" : null;
    this.#isInDigest = false;
    if (!isMessage) this.#enter();
    this.#body = isBinary && !isMultipart && !type.startsWith("message/") ? new Base64Body() : new TextBody();
    if (isMultipart && boundary !== null) this.#open.push({ boundary, isDigest: type === "multipart/digest" });
    if (this.#open.length > partDepthMax || (isMultipart && boundary === null && isBinary)) this.#isBroken = true;
    if (!isBinary) return `${header}\r\n`;
    // RFC 2045 §6.4: nothing else may be said of what holds parts.
    return `${recoded(header, isMultipart || type.startsWith("message/") ? "8bit" : "base64")}\r\n`;
  }

  /** A body begins; a delimiter may follow at once, and then the line end before it is its own. */
  #enter(): void {
    this.#text = `\r\n${this.#text}`;
    this.#skip = 2;
    this.#searched = 0;
  }

  /** Reads a body up to a delimiter, or as far as it has come. Null when there is nothing to read. */
  #readBody(isEnd: boolean): string | null {
    const text = this.#text;
    if (this.#open.length === 0) return this.#release(text.length);
    const at = text.indexOf("\r\n--", this.#searched);
    if (at < 0) return this.#release(text.length - heldBack(text));
    const end = text.indexOf("\r\n", at + 2);
    const length = (end < 0 ? text.length : end) - at;
    if (end < 0 && !isEnd && length <= delimiterLengthMax) return this.#release(at);
    const delimiter = length > delimiterLengthMax ? null : this.#delimiter(text.slice(at + 2, at + length));
    if (delimiter === null) {
      this.#searched = at + 2;
      return "";
    }
    const from = Math.max(at, this.#skip);
    const content = this.#body.give(text.slice(this.#skip, from)) + this.#endBody();
    return content + this.#pass(delimiter, from, end);
  }

  /** Gives out the body up to `end`. Null when that is nothing. */
  #release(end: number): string | null {
    if (end <= this.#skip) return null;
    const out = this.#body.give(this.#text.slice(this.#skip, end));
    this.#text = this.#text.slice(end);
    this.#skip = 0;
    this.#searched = 0;
    return out;
  }

  #endBody(): string {
    const out = this.#body.end();
    this.#isBroken ||= this.#body.isBroken;
    return out;
  }

  /** Which open multipart the line delimits; null for any other line. RFC 2046 §5.1.1. */
  #delimiter(line: string): Delimiter | null {
    if (!line.startsWith("--")) return null;
    for (let index = this.#open.length - 1; index >= 0; index--) {
      const boundary = this.#open[index]?.boundary ?? "";
      const rest = line.startsWith(boundary, 2) ? /^(--)?[ \t]*$/.exec(line.slice(2 + boundary.length)) : null;
      if (rest !== null) return { index, isLast: rest[1] !== undefined };
    }
    return null;
  }

  /** Passes a delimiter, whose line ends at `end` of the text or with it. It closes all that stands within. */
  #pass({ index, isLast }: Delimiter, from: number, end: number): string {
    const text = this.#text;
    this.#open.length = isLast ? index : index + 1;
    this.#header = isLast ? null : "";
    this.#isInDigest = this.#open[index]?.isDigest ?? false;
    this.#body = new TextBody();
    this.#text = end < 0 ? "" : text.slice(end + 2);
    this.#skip = 0;
    this.#searched = 0;
    if (isLast && end >= 0) this.#enter();
    return text.slice(from, end < 0 ? text.length : end + 2);
  }
}

/** A delimiter line. */
interface Delimiter {
  /** Of the multipart in those that are open. */
  readonly index: number;
  readonly isLast: boolean;
}

/** How a body is written. */
interface PartBody {
  readonly isBroken: boolean;
  give(content: string): string;
  /** Returns what was held back. */
  end(): string;
}

/** A body that is text, or says so. */
class TextBody implements PartBody {
  isBroken = false;
  #isCr = false;
  #lineLength = 0;

  give(content: string): string {
    const text = this.#isCr ? `\r${content}` : content;
    this.#isCr = text.endsWith("\r");
    const whole = this.#isCr ? text.slice(0, -1) : text;
    if (/\0|\r(?!\n)|(?<!\r)\n/.test(whole)) this.isBroken = true;
    let start = -this.#lineLength;
    for (let lf = whole.indexOf("\n"); lf >= 0; lf = whole.indexOf("\n", start)) {
      if (lf + 1 - start > textLineLengthMax) this.isBroken = true;
      start = lf + 1;
    }
    this.#lineLength = whole.length - start;
    if (this.#lineLength > textLineLengthMax) this.isBroken = true;
    return whole;
  }

  end(): string {
    if (this.#isCr) this.isBroken = true;
    return "";
  }
}

/** A body of any octets. */
class Base64Body implements PartBody {
  readonly isBroken = false;
  #rest = "";
  #isFirst = true;

  give(content: string): string {
    const octets = this.#rest + content;
    const length = octets.length - octets.length % base64LineLength;
    this.#rest = octets.slice(length);
    return this.#lines(octets.slice(0, length));
  }

  end(): string {
    return this.#lines(this.#rest);
  }

  #lines(octets: string): string {
    if (octets === "") return "";
    const lines = latin1Octets(octets).toBase64().replace(/.{76}(?=.)/g, "$&\r\n");
    const out = this.#isFirst ? lines : `\r\n${lines}`;
    this.#isFirst = false;
    return out;
  }
}

/** How many octets at the end of `text` may begin a delimiter. */
function heldBack(text: string): number {
  return text.endsWith("\r\n-") ? 3 : text.endsWith("\r\n") ? 2 : text.endsWith("\r") ? 1 : 0;
}

/** Type of a body, in lower case, and the boundary of its parts. RFC 2045 §5. */
function contentType(header: string, isInDigest: boolean): { readonly type: string; readonly boundary: string | null } {
  const value = fieldValue(header, "content-type");
  if (value === null) return { type: isInDigest ? "message/rfc822" : "text/plain", boundary: null };
  const type = /^[^;\s]*/.exec(value)?.[0].toLowerCase() ?? "";
  const [, quoted, plain] = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(value) ?? [];
  const boundary = quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "";
  // RFC 2046 §5.1.1: 1 to 70 characters.
  return { type, boundary: boundary === "" || boundary.length > 70 ? null : boundary };
}

/** Most characters of a field's value that are looked at. */
const valueLengthSeen = 2000;

/** The first field of that name, unfolded, without comments and blanks at its ends; null when there is none. */
function fieldValue(header: string, name: "content-type" | "content-transfer-encoding"): string | null {
  const value = fieldOf(header, name)?.[1];
  if (value === undefined) return null;
  return value.slice(0, valueLengthSeen).replaceAll("\r\n", "").replace(/\([^()]*\)/g, " ").trim();
}

// Made once: a message may have a hundred thousand parts.
const fieldPatterns = {
  "content-type": /^content-type[ \t]*:((?:.|\r\n[ \t])*)\r\n/im,
  "content-transfer-encoding": /^content-transfer-encoding[ \t]*:((?:.|\r\n[ \t])*)\r\n/im,
} as const;

function fieldOf(header: string, name: keyof typeof fieldPatterns): RegExpExecArray | null {
  return fieldPatterns[name].exec(header);
}

/** The header section with another encoding. */
function recoded(header: string, encoding: "base64" | "8bit"): string {
  const field = fieldOf(header, "content-transfer-encoding");
  if (field === null) return header;
  const end = field.index + field[0].length;
  return `${header.slice(0, field.index)}Content-Transfer-Encoding: ${encoding}\r\n${header.slice(end)}`;
}

/** Makes stored content fit to follow DATA: doubles dots that begin a line (RFC 5321 §4.5.2). */

import { Buffer } from "node:buffer";
import { joinOctets, latin1Octets } from "../mail/octets.ts";

const cr = 13;
const lf = 10;
const dot = 46;

/** Longest piece that is copied so as to go out in one write with its end, octets. */
const joinedPieceMax = 64 * 1024;

/** How the content so far ends: at the start of a line, after a CR, or inside a line. */
type Tail = "line" | "cr" | "text";

/** Stuffs one message, piece by piece; a line end may be cut by the border of two pieces. */
export class DotStuffer {
  #tail: Tail = "line";

  /** The piece as it goes on the wire: the same array when nothing needs a dot, which is nearly always. */
  push(piece: Uint8Array): Uint8Array {
    if (piece.length === 0) return piece;
    const out = this.#stuff(piece);
    const last = piece[piece.length - 1];
    const beforeLast = piece.length > 1 ? piece[piece.length - 2] : this.#tail === "cr" ? cr : 0;
    this.#tail = last === cr ? "cr" : last === lf && beforeLast === cr ? "line" : "text";
    return out;
  }

  /** The last piece with what ends the data: CRLF.CRLF, its first line end being the content's own where it has one.
   * Short pieces go out in one write with their end, long ones are not copied for that. */
  last(piece: Uint8Array): readonly Uint8Array[] {
    const stuffed = this.push(piece);
    const end = Buffer.from(this.#tail === "line" ? ".\r\n" : this.#tail === "cr" ? "\n.\r\n" : "\r\n.\r\n");
    return piece.length <= joinedPieceMax ? [joinOctets([stuffed, end])] : [stuffed, end];
  }

  #stuff(piece: Uint8Array): Uint8Array {
    // Buffer.indexOf of a pattern is many times slower than to search the latin1 text.
    const text = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString("latin1");
    const atStart = this.#tail === "line" && piece[0] === dot;
    const afterLf = this.#tail === "cr" && piece[0] === lf && piece[1] === dot;
    if (!atStart && !afterLf && text.indexOf("\r\n.") < 0) return piece;
    let stuffed = text.replaceAll("\r\n.", "\r\n..");
    if (atStart) stuffed = "." + stuffed;
    if (afterLf) stuffed = "\n." + stuffed.slice(1);
    return latin1Octets(stuffed);
  }
}

/** Content as programs and files of this machine have it, with LF line ends, and back. */

import { Buffer } from "node:buffer";
import { latin1Octets } from "../mail/octets.ts";

/** Turns CRLF into LF, however the content is cut. A CR alone stays. */
export class LfText {
  /** A CR ended the last piece: the next one says whether it belongs to a line end. */
  #heldCr = false;

  /** The piece as text, one character per octet. */
  push(bytes: Uint8Array): string {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    const text = this.#heldCr ? "\r" + piece : piece;
    this.#heldCr = text.endsWith("\r");
    return (this.#heldCr ? text.slice(0, -1) : text).replaceAll("\r\n", "\n");
  }

  /** What was held back. */
  finish(): string {
    return this.#heldCr ? "\r" : "";
  }
}

/** Turns what a program wrote into content: each LF, CRLF and CR alone into CRLF, however it is cut. */
export class CrlfText {
  /** A CR ended the last piece, and a line end is written for it: an LF that follows belongs to it. */
  #afterCr = false;

  /** The piece with its line ends, one octet per character of it. */
  push(bytes: Uint8Array): Uint8Array {
    let text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    if (text === "") return bytes;
    if (this.#afterCr && text.startsWith("\n")) text = text.slice(1);
    this.#afterCr = bytes.at(-1) === 13;
    return latin1Octets(text.replace(/\r\n|[\r\n]/g, "\r\n"));
  }
}

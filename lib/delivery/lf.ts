/** Content as programs and files of this machine have it: LF line ends. */

import { Buffer } from "node:buffer";

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

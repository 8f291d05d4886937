/** Octets put together and made of text. Node's methods for it, as Deno has them, go octet by octet: they take 60 to 150
 * times as long for 64 KiB. */

import { Buffer } from "node:buffer";
import { foldLatin1 } from "./latin1.ts";

/** The pieces in one, in order. Copies them. */
export function joinOctets(pieces: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const whole = Buffer.alloc(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Latin1 text, one character per octet, as octets. Characters above U+00FF have no place in it. */
export function latin1Octets(text: string): Buffer {
  const octets = Buffer.from(text, "utf8");
  return octets.length === text.length ? octets : octets.subarray(0, foldLatin1(octets));
}

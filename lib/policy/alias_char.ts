/** What the elements of alias values are made of: classes of characters, and how long names may be. For the two who read
 * such values: alias.ts, text for each look-up, and alias_check.ts, bytes for makemap. */

import { localPartLengthMax } from "../mail/address.ts";

/** In `charClasses`: may stand in the name of a user. */
export const userChar = 1;
/** In `charClasses`: may stand before the `@`. */
export const localChar = 2;
/** In `charClasses`: may stand in a domain. */
export const domainChar = 4;
/** In `charClasses`: a letter or a digit. */
export const alnumChar = 8;

/** Longest name of a user, octets: as long as a local part, of which it may have been one. */
export const usernameMax: number = localPartLengthMax;

/** The classes of each ASCII character, as bits. */
export const charClasses: Uint8Array = makeClasses();

/** Blanks around elements: space, and the controls from HT to CR. */
export function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

function makeClasses(): Uint8Array {
  const table = new Uint8Array(128);
  const add = (chars: string, bits: number): void => {
    for (const char of chars) table[char.charCodeAt(0)]! |= bits;
  };
  const letters = "abcdefghijklmnopqrstuvwxyz";
  add(letters + letters.toUpperCase() + "0123456789", userChar | localChar | domainChar | alnumChar);
  add("_.-+", userChar);
  add("!#$%*/?|^{}`~&'+-=_.", localChar);
  add("-.", domainChar);
  return table;
}

/** Text that arrives as octets: reading it as UTF-8, and asking what is in it. Texts of the wire are latin1, one character
 * per octet, until they are decoded here. Without node:buffer, whose first use costs a command a fifth of its start. */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** True when every character is one of ASCII. */
export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** The text whose UTF-8 the octets are; `latin1` has one character per octet. Null when it is not well-formed UTF-8:
 * overlong forms, surrogates, codes over U+10FFFF and truncated sequences are not. RFC 3629 §3, RFC 6531 §3.3. */
export function decodeUtf8(latin1: string): string | null {
  if (isAscii(latin1)) return latin1;
  try {
    return strict.decode(Uint8Array.from(latin1, (octet) => octet.charCodeAt(0)));
  } catch {
    return null;
  }
}

/** The octets of `text` in UTF-8, as latin1. */
export function encodeUtf8(text: string): string {
  if (isAscii(text)) return text;
  let latin1 = "";
  for (const octet of encoder.encode(text)) latin1 += String.fromCharCode(octet);
  return latin1;
}

/** How many octets `text` has in UTF-8. */
export function utf8Length(text: string): number {
  return isAscii(text) ? text.length : encoder.encode(text).length;
}

/** Characters that an address may not have although RFC 6531 §3.3 lets them pass: control characters of C1, line and
 * paragraph separators, and those that turn the direction of text. In a list or a log an address is to look like what
 * it is. A lone surrogate is no character. */
const unfit = /[\u0080-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]|\p{Surrogate}/u;

/** True when text beyond ASCII may stand in an address. What it has of ASCII is not looked at. */
export function isFitForAddress(text: string): boolean {
  return isAscii(text) || !unfit.test(text);
}

/** Encoded words of header text (RFC 2047), as readers of mail read them. */

import { Buffer } from "node:buffer";
import { octetsOf } from "./codec.ts";
import { joinOctets, latin1Octets } from "./octets.ts";

/** Text of a header, with its encoded words (RFC 2047) as what they stand for. Blanks between two of them go (§6.2). They
 * are taken wherever they stand, and with blanks in them: readers of mail do so, too. What is in another form stays as it
 * is. Null when a charset is not known, or readers may make something else of a word. */
export function decodeEncodedWords(text: string): string | null {
  let decoded = "";
  let from = 0;
  for (const word of text.matchAll(/=\?([^?\s]*)\?([BbQq])\?([^?]*)\?=/g)) {
    const [whole, charset = "", encoding = "", content = ""] = word;
    const gap = text.slice(from, word.index);
    const octets = encoding.toUpperCase() === "B" ? base64Octets(content) : quotedOctets(content);
    const value = octets === null ? null : decodeWord(charset, octets);
    if (value === null) return null;
    decoded += (from > 0 && gap.trim() === "" ? "" : gap) + value;
    from = word.index + whole.length;
  }
  return decoded + text.slice(from);
}

/** Some readers go on behind the padding, and know other digits. */
function base64Octets(content: string): Buffer | null {
  const digits = content.replace(/\s+/g, "");
  return /^[A-Za-z0-9+/]*={0,2}$/.test(digits) ? Buffer.from(digits, "base64") : null;
}

function quotedOctets(content: string): Buffer {
  const octets = octetsOf(content).replaceAll("_", " ");
  const decoded = octets.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return latin1Octets(decoded);
}

/** Stands behind each word when it is decoded. A word is to be of whole characters (RFC 2047 §5) and to end in the mode of
 * ASCII (§3): some readers put the octets of several together. In UTF-16, on whose order readers differ, none ends so. */
const wordEnd = "aa";

function decodeWord(charset: string, octets: Buffer): string | null {
  try {
    // RFC 2231 §5: a language may stand behind it.
    const decoder = new TextDecoder(charset.replace(/\*.*$/, ""), { fatal: true });
    const text = decoder.decode(joinOctets([octets, Buffer.from(wordEnd)]));
    return text.endsWith(wordEnd) ? text.slice(0, -wordEnd.length) : null;
  } catch {
    return null;
  }
}

/** Encodings of content and of header text. */

import { Buffer } from "node:buffer";
import { joinOctets, latin1Octets } from "./octets.ts";

/** Longest encoded line, octets. RFC 2045 §6.7 rule 5. */
const quotedLineLengthMax = 76;

/** Octets of text in one encoded word, so that it stays under 75 characters in base64. RFC 2047 §2. */
const encodedWordLengthMax = 42;

/** Quoted-printable of text whose lines end in LF; so do the lines of the result. Text is latin1, one character per
 * octet. Any octet comes through: bare CR and NUL too. RFC 2045 §6.7. */
export function encodeQuotedPrintable(text: string): string {
  return text
    // deno-lint-ignore no-control-regex -- what is not printable is exactly what is to be encoded
    .replace(/[\u0000-\u0008\u000b-\u001f=\u007f-\u00ff]|[\t ](?=\n|$)/g, escapeOctet)
    .split("\n").map(breakQuotedLine).join("\n");
}

/** A display name in a header field: atoms as they are, other ASCII as a quoted string, anything else as encoded
 * words in UTF-8. Control characters become blanks. RFC 5322 §3.2.5, RFC 2047 §5. */
export function encodePhrase(name: string): string {
  // deno-lint-ignore no-control-regex -- a name must not end the field
  const text = name.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
  if (/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*$/.test(text) && !text.includes("=?")) return text;
  if (/^[ -~]*$/.test(text)) return `"${text.replace(/["\\]/g, "\\$&")}"`;
  const words: string[] = [];
  let word = "";
  for (const char of text) {
    if (octetsOf(word + char).length > encodedWordLengthMax) {
      words.push(word);
      word = "";
    }
    word += char;
  }
  return [...words, word].map((one) => `=?utf-8?B?${btoa(octetsOf(one))}?=`).join(" ");
}

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

/** Text of a header as one character per octet of its UTF-8. */
export function octetsOf(text: string): string {
  let octets = "";
  for (const octet of new TextEncoder().encode(text)) octets += String.fromCharCode(octet);
  return octets;
}

function escapeOctet(char: string): string {
  return `=${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/** Adds soft line breaks. An escape is never cut. */
function breakQuotedLine(line: string): string {
  if (line.length <= quotedLineLengthMax) return line;
  const pieces: string[] = [];
  let start = 0;
  while (line.length - start > quotedLineLengthMax) {
    let end = start + quotedLineLengthMax - 1;
    const escape = line.lastIndexOf("=", end - 1);
    if (escape > end - 3 && escape > start) end = escape;
    pieces.push(`${line.slice(start, end)}=`);
    start = end;
  }
  return [...pieces, line.slice(start)].join("\n");
}

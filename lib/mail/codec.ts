/** Encodings of content and of header text: how we write them. encoded_word.ts reads them. */

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

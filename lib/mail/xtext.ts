/** Encodings of addresses and identifiers in parameters: xtext (RFC 3461 §4) and that of addresses in UTF-8 (RFC 6533
 * §3). */

import { isFitForAddress } from "./utf8.ts";

/** Decodes xtext (RFC 3461 §4): `+` and two upper-case hexadecimal digits stand for an octet. Null when malformed,
 * or when the decoded text would hold a control character: it goes into reports and logs. */
export function decodeXtext(text: string): string | null {
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text)) return null;
  const decoded = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return /^[ -~]*$/.test(decoded) ? decoded : null;
}

/** Encodes printable ASCII as xtext (RFC 3461 §4). */
export function encodeXtext(text: string): string {
  return text.replace(
    /[^!-*,-<>-~]/g,
    (c) => "+" + (c.charCodeAt(0) & 0xff).toString(16).toUpperCase().padStart(2, "0"),
  );
}

/** Decodes an address of type `utf-8` (RFC 6533 §3): `\x{FC}` stands for a character. With `unicode` characters beyond
 * ASCII may stand for themselves: that needs SMTPUTF8. Null when malformed, or when the address would hold what
 * `isFitForAddress` refuses. */
export function decodeUtf8Address(text: string, unicode: boolean): string | null {
  // Without + = \ and blanks, which have to be escaped.
  const plain = unicode ? /^[!-*,-<>-[\]-~\u0080-\u{10ffff}]$/u : /^[!-*,-<>-[\]-~]$/u;
  let decoded = "";
  for (let at = 0; at < text.length;) {
    const escape = /^\\x\{([0-9A-F]{2,6})\}/.exec(text.slice(at, at + 10));
    const char = escape === null ? String.fromCodePoint(text.codePointAt(at) ?? 0) : characterOf(escape[1] ?? "");
    if (char === null || (escape === null && !plain.test(char))) return null;
    decoded += char;
    at += escape === null ? char.length : escape[0].length;
  }
  return decoded !== "" && isFitForAddress(decoded) ? decoded : null;
}

/** Encodes an address as type `utf-8` (RFC 6533 §3): in ASCII, or with `unicode` for a session with SMTPUTF8. */
export function encodeUtf8Address(text: string, unicode: boolean): string {
  const escaped = unicode ? /[^!-*,-<>-[\]-~\u0080-\u{10ffff}]/gu : /[^!-*,-<>-[\]-~]/gu;
  return text.replace(escaped, (char) => {
    const hex = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, "0");
    return `\\x{${hex}}`;
  });
}

// RFC 6533 §3 HEXPOINT: no leading zeros but in two digits, no controls, nothing of ASCII that need not be escaped.
function characterOf(hex: string): string | null {
  const code = parseInt(hex, 16);
  if (hex.length > 2 && hex.startsWith("0")) return null;
  const isEscaped = code === 0x20 || code === 0x2b || code === 0x3d || code === 0x5c || code >= 0xa0;
  return isEscaped && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : null;
}

/** Domain names and address literals as RFC 5321 §4.1.2 and §4.1.3 have them. */

import type { Domain } from "./address.ts";
import { toAsciiName } from "./idna.ts";
import { formatIp, parseIp } from "./ip.ts";
import { utf8Length } from "./utf8.ts";

/** Longest domain, octets. RFC 5321 §4.5.3.1.2. */
export const domainLengthMax = 255;

/** Longest label of a domain, octets. RFC 1035 §2.3.4. */
export const labelLengthMax = 63;

/** Reads a domain name, or an address literal such as `[192.0.2.1]` and `[IPv6:2001:db8::1]`.
 * Names come back in lower case, literals in their one form; `[2001:db8::1]` is taken for `[IPv6:2001:db8::1]`.
 * Null for anything else: empty labels and a final dot, labels that do not begin and end with a letter or digit,
 * non-ASCII, over-long names and labels.
 * QUIRK: `_` inside a label is accepted, as OpenSMTPD does: such host names exist. */
export function parseDomain(text: string): Domain | null {
  if (text.length === 0 || text.length > domainLengthMax) return null;
  return text.charCodeAt(0) === openBracket ? parseLiteral(text) : parseName(text);
}

/** Like `parseDomain`, and a name may have U-labels, in Unicode text: they come back as A-labels. Both forms are held to
 * the limits. RFC 6531 §3.3, RFC 5890 §2.3.2.1. */
export function parseUnicodeDomain(text: string): Domain | null {
  if (utf8Length(text) > domainLengthMax) return null;
  const name = toAsciiName(text);
  return name === null ? null : parseDomain(name);
}

/** Is it an address literal rather than a name? */
export function isAddressLiteral(domain: Domain): boolean {
  return domain.charCodeAt(0) === openBracket;
}

/** The address inside a literal, as `formatIp` writes it: `192.0.2.1`, `2001:db8::1`. Null for a name. */
export function addressOfLiteral(domain: Domain): string | null {
  if (!isAddressLiteral(domain)) return null;
  return domain.startsWith("[ipv6:") || domain.startsWith("[IPv6:") ? domain.slice(6, -1) : domain.slice(1, -1);
}

/** The literal for an address, given as `parseIp` reads it. Null when it is none. RFC 5321 §4.1.3. */
export function literalOfAddress(address: string): Domain | null {
  const ip = parseIp(address);
  if (ip === null) return null;
  return (ip.version === 4 ? `[${formatIp(ip)}]` : `[IPv6:${formatIp(ip)}]`) as Domain;
}

const openBracket = 0x5b;
const dot = 0x2e;

function parseLiteral(text: string): Domain | null {
  // An IPv6 scope means nothing to another host.
  if (!text.endsWith("]") || text.includes("%")) return null;
  return literalOfAddress(text);
}

function parseName(text: string): Domain | null {
  let labelStart = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? dot : text.charCodeAt(i);
    if (code === dot) {
      const length = i - labelStart;
      if (length === 0 || length > labelLengthMax) return null;
      if (!isLetterOrDigit(text.charCodeAt(labelStart)) || !isLetterOrDigit(text.charCodeAt(i - 1))) return null;
      labelStart = i + 1;
    } else if (!isLetterOrDigit(code) && code !== 0x2d && code !== 0x5f) {
      return null;
    }
  }
  return text.toLowerCase() as Domain;
}

function isLetterOrDigit(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

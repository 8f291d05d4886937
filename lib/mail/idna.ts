/** Internationalized domain names: U-labels become A-labels (RFC 5890 §2.3.2.1), the one form that names are compared,
 * stored and sent in. */

import { isAscii } from "./utf8.ts";

/** The name with each label that is not ASCII as its A-label, `xn--…`; case and width are folded as UTS #46 has it. ASCII
 * labels stay as they are, so a name that was converted converts to itself. Null when a label has no A-label, or would
 * come to other than one label. What `text` has besides labels and dots is not judged: `parseDomain` does. */
export function toAsciiName(text: string): string | null {
  if (isAscii(text)) return text;
  const labels: string[] = [];
  for (const label of text.split(".")) {
    const ascii = isAscii(label) ? label : aLabelOf(label);
    if (ascii === null) return null;
    labels.push(ascii);
  }
  return labels.join(".");
}

/** What a table or a rule has as the key of a domain or an address, with the labels of its domain as A-labels. The
 * domain is what follows the last `@`; with `bare`, a key without one is a domain too. Labels that cannot be converted
 * stay as they are: nothing ever matches them. */
export function toAsciiKey(key: string, bare: boolean): string {
  if (isAscii(key)) return key;
  const at = key.lastIndexOf("@");
  if (at < 0 && !bare) return key;
  const domain = key.slice(at + 1).split(".").map((label) => isAscii(label) ? label : aLabelOf(label) ?? label);
  return key.slice(0, at + 1) + domain.join(".");
}

/** The same key with the A-labels of its domain as U-labels: what somebody may have written who did not write A-labels.
 * Null when there are none, or one that no U-label comes to: then nobody can have written it. */
export function toUnicodeKey(key: string): string | null {
  const at = key.lastIndexOf("@");
  const domain = key.slice(at + 1).toLowerCase();
  if (!/(?:^|\.)xn--/.test(domain)) return null;
  const labels: string[] = [];
  for (const label of domain.split(".")) {
    const text = label.startsWith("xn--") ? decodePunycode(label.slice(4)) : label;
    if (text === null || (text !== label && aLabelOf(text) !== label)) return null;
    labels.push(text);
  }
  return key.slice(0, at + 1) + labels.join(".");
}

/** RFC 3492 §6.2. Null for what nothing encodes to. The numbers are those of §5. */
function decodePunycode(text: string): string | null {
  const cut = text.lastIndexOf("-");
  const points = cut > 0 ? [...text.slice(0, cut)].map((char) => char.charCodeAt(0)) : [];
  let code = 128;
  let at = 0;
  let bias = 72;
  let isFirst = true;
  for (let i = cut > 0 ? cut + 1 : 0; i < text.length;) {
    const before = at;
    let weight = 1;
    for (let step = 36;; step += 36) {
      const digit = "abcdefghijklmnopqrstuvwxyz0123456789".indexOf(text[i++] ?? "-");
      if (digit < 0) return null;
      at += digit * weight;
      const threshold = Math.min(Math.max(step - bias, 1), 26);
      if (digit < threshold) break;
      weight *= 36 - threshold;
      // A label has 63 characters at most; what is longer is cut off here.
      if (weight > 0x7fffffff) return null;
    }
    const count = points.length + 1;
    let delta = Math.floor((at - before) / (isFirst ? 700 : 2));
    delta += Math.floor(delta / count);
    isFirst = false;
    let steps = 0;
    for (; delta > 455; steps += 36) delta = Math.floor(delta / 35);
    bias = steps + Math.floor(36 * delta / (delta + 38));
    code += Math.floor(at / count);
    at %= count;
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return null;
    points.splice(at++, 0, code);
  }
  return String.fromCodePoint(...points);
}

/** The A-label of one label that is not ASCII; null when it has none. */
function aLabelOf(label: string): string | null {
  // The parser of URLs reads the port, the path and escapes too: those begin with characters that no label has.
  // deno-lint-ignore no-control-regex -- so do control characters, which it drops
  if (/[\u0000-\u002c\u002f\u003a-\u0040\u005b-\u005e\u0060\u007b-\u007f]/.test(label)) return null;
  try {
    // The second label keeps a label of digits from being read as a number of IPv4.
    const { hostname } = new URL(`http://${label}.x`);
    const ascii = hostname.slice(0, -2);
    return ascii === "" || ascii.includes(".") || ascii.includes("%") ? null : ascii;
  } catch {
    return null;
  }
}

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

/** Checks the values of alias maps as makemap reads them: on bytes, a million at a time. */

import { localPartLengthMax } from "../mail/address.ts";
import { domainLengthMax, labelLengthMax } from "../mail/domain.ts";
import { parseExpansionValue } from "./alias.ts";
import { alnumChar, charClasses, domainChar, isBlank, localChar, userChar, usernameMax } from "./alias_char.ts";

const classes = plainClasses();

/** Says what is wrong with the alias value between `start` and `end`; null when it is fine. A value is fine when
 * `parseExpansionValue` takes it and no element of it is empty: `a,,b` is a typing mistake. Commas inside quotes
 * divide nothing, as in every look-up. QUIRK: OpenSMTPD's makemap divides there. */
export function checkAliasValue(bytes: Uint8Array, start: number, end: number): string | null {
  if (isPlainValue(bytes, start, end)) return null;
  const text = new TextDecoder().decode(bytes.subarray(start, end));
  const value = parseExpansionValue(text);
  if (value.kind === "error") return value.message;
  return hasEmptyElement(text) ? "an element between the commas is empty" : null;
}

/** Users and addresses between single commas, with no quotes, commands or files. False also for much that is fine. */
function isPlainValue(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  for (;;) {
    while (at < end && isBlank(bytes[at]!)) at++;
    const from = at;
    let bits = userChar | localChar;
    for (; at < end; at++) {
      const of = classes[bytes[at]!]!;
      if ((of & localChar) === 0) break;
      bits &= of;
    }
    const length = at - from;
    if (length === 0) return false;
    if (at < end && bytes[at] === 0x40) {
      if (length > localPartLengthMax) return false;
      at = afterHostName(bytes, at + 1, end);
      if (at < 0) return false;
    } else if ((bits & userChar) === 0 || length > usernameMax) {
      return false;
    }
    while (at < end && isBlank(bytes[at]!)) at++;
    if (at === end) return true;
    if (bytes[at] !== 0x2c) return false;
    at++;
  }
}

/** Where the host name that begins at `start` ends; -1 when there is none. */
function afterHostName(bytes: Uint8Array, start: number, end: number): number {
  let label = start;
  for (let at = start;; at++) {
    const byte = at < end ? bytes[at]! : 0;
    if (byte !== 0x2e && (classes[byte]! & domainChar) !== 0) continue;
    if (at === label || at - label > labelLengthMax) return -1;
    if ((classes[bytes[label]!]! & classes[bytes[at - 1]!]! & alnumChar) === 0) return -1;
    if (byte !== 0x2e) return at - start > domainLengthMax ? -1 : at;
    label = at + 1;
  }
}

/** Quotes and backslashes as in `parseExpansionValue`. */
function hasEmptyElement(text: string): boolean {
  let isEmpty = true;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    if (quote === "" && char === ",") {
      if (isEmpty) return true;
      isEmpty = true;
      continue;
    }
    if (char === "\\") i++;
    else if (quote !== "") quote = char === quote ? "" : quote;
    else if (char === '"' || char === "'") quote = char;
    if (!isBlank(char.charCodeAt(0))) isEmpty = false;
  }
  return isEmpty;
}

/** Only what needs no second look: `'`, `|` and `/` begin other forms. */
function plainClasses(): Uint8Array {
  const table = new Uint8Array(256);
  table.set(charClasses);
  for (const char of "'|/") table[char.charCodeAt(0)] = 0;
  return table;
}

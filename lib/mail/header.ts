/** Header sections as text: fields taken apart and put together. Text is latin1, one character per octet, so that
 * 8-bit content passes unchanged; line ends are LF. RFC 5322 §2.2. */

/** One field. */
export interface Field {
  /** As written. */
  readonly name: string;
  /** All after the colon, folded as it stands, without the last line end. */
  readonly value: string;
}

const colon = 0x3a;

/** Longest line that may be sent, octets without its end. RFC 5322 §2.1.1. */
export const lineLengthMax = 998;

/** Takes a message apart. The header section ends at a blank line, which belongs to neither part, or before the
 * first line that is no field: then all from there on is body. Never fails. */
export function splitHeader(text: string): { readonly fields: readonly Field[]; readonly body: string } {
  const fields: Field[] = [];
  let start = 0;
  while (start < text.length) {
    let end = lineEnd(text, start);
    if (end === start) return { fields, body: text.slice(end + 1) };
    const line = text.slice(start, end);
    const length = fieldNameLength(line);
    if (length < 0) return { fields, body: text.slice(start) };
    while (isBlank(text.charCodeAt(end + 1))) end = lineEnd(text, end + 1);
    fields.push({ name: line.slice(0, length), value: text.slice(text.indexOf(":", start) + 1, end) });
    start = end + 1;
  }
  return { fields, body: "" };
}

/** Writes fields, each with its line end. Lines over `lineLengthMax` are folded where they have a blank. */
export function formatFields(fields: readonly Field[]): string {
  let text = "";
  for (const { name, value } of fields) text += `${foldLongLines(`${name}:${value}`)}\n`;
  return text;
}

/** Is this the field's name? Names are compared without regard to case: RFC 5322 §1.2.2. */
export function isNamed(field: Field, name: string): boolean {
  return field.name.length === name.length && field.name.toLowerCase() === name.toLowerCase();
}

/** The first field of that name, null when there is none. */
export function findField(fields: readonly Field[], name: string): Field | null {
  return fields.find((field) => isNamed(field, name)) ?? null;
}

/** Length of the field name that a line begins with; -1 when it begins no field. Names are printable ASCII;
 * blanks before the colon are obsolete syntax that still occurs. RFC 5322 §2.2, §4.5. */
export function fieldNameLength(line: string): number {
  let length = 0;
  for (;; length++) {
    const code = line.charCodeAt(length);
    // RFC 5322 §3.6.8 ftext; NaN past the end is none.
    if (!(code >= 0x21 && code <= 0x7e) || code === colon) break;
  }
  if (length === 0) return -1;
  let end = length;
  while (isBlank(line.charCodeAt(end))) end++;
  return line.charCodeAt(end) === colon ? length : -1;
}

/** Is this a blank or a tab? `code` may be NaN. */
export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function foldLongLines(text: string): string {
  if (text.length <= lineLengthMax) return text;
  return text.split("\n").map(foldLine).join("\n");
}

/** Breaks a line before blanks, so that each piece fits; a word that does not fit stays whole. */
function foldLine(line: string): string {
  let text = "";
  let rest = line;
  while (rest.length > lineLengthMax) {
    // The first character is a blank already in all pieces but the first.
    const near = rest.lastIndexOf(" ", lineLengthMax);
    const space = near > 0 ? near : rest.indexOf(" ", lineLengthMax);
    // A line of blanks only would end the header section for some readers.
    if (space <= 0 || rest.slice(0, space).trim() === "") break;
    text += `${rest.slice(0, space)}\n`;
    rest = rest.slice(space);
  }
  return text + rest;
}

/** Where the line feed of the line at `start` is; the end of the text when there is none. */
function lineEnd(text: string, start: number): number {
  const lf = text.indexOf("\n", start);
  return lf < 0 ? text.length : lf;
}

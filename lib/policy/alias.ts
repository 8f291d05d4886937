/** Values of alias and virtual tables: what one address or user stands for. Pure; used by expand.ts for each
 * look-up and by makemap for each entry, so plain names and addresses take one pass over the text. */

import { isLocalPart, localPartLengthMax } from "../mail/address.ts";
import { domainLengthMax, labelLengthMax } from "../mail/domain.ts";
import { toAsciiName } from "../mail/idna.ts";
import { utf8Length } from "../mail/utf8.ts";
import { alnumChar, charClasses, domainChar, isBlank, localChar, userChar, usernameMax } from "./alias_char.ts";

/** One element of a value. Text keeps the case it was written in. */
export type ExpansionNode =
  /** Another key of the alias table, or a user. */
  | { readonly kind: "username"; readonly name: string }
  /** `domain` is a host name of letters, digits, hyphens and dots; U-labels have become A-labels. */
  | { readonly kind: "address"; readonly localPart: string; readonly domain: string }
  /** Appends to a file. `path` is absolute. */
  | { readonly kind: "file"; readonly path: string }
  /** Delivers into a Maildir. `path` is absolute. An extension of ours: `maildir:/path`. */
  | { readonly kind: "maildir"; readonly path: string }
  /** Pipes into a command for the shell. */
  | { readonly kind: "command"; readonly command: string }
  /** More values, one per line of a file. `path` is absolute. */
  | { readonly kind: "include"; readonly path: string }
  /** Refuses the recipient. `code` is 400 … 599. */
  | { readonly kind: "error"; readonly code: number; readonly text: string };

/** Result of `parseExpansionValue`. `column` counts from 1, in the text given. */
export type ExpansionValue =
  | { readonly kind: "ok"; readonly nodes: readonly ExpansionNode[] }
  | { readonly kind: "error"; readonly message: string; readonly column: number };

/** Longest element of a value, characters. */
export const expansionElementMax = 2047;
/** Longest command, characters. */
export const expansionCommandMax = 1023;

/** Parses the value of an alias: elements between commas, each a user, address, `/file`, `|command`, `maildir:/path`,
 * `:include:/file` or `error:NNN text`. Empty elements are skipped. Any element that is none of these makes the whole
 * value an error, so that a typing mistake never delivers to somebody else. */
export function parseExpansionValue(text: string): ExpansionValue {
  // No name, path or command holds one, and what travels between roles must not.
  const control = controlCharacter.exec(text);
  if (control !== null) return { kind: "error", message: "it holds a control character", column: control.index + 1 };
  const quick = parseSimple(text);
  if (quick !== null) return { kind: "ok", nodes: [quick] };
  const nodes: ExpansionNode[] = [];
  let at = 0;
  for (;;) {
    const element = readElement(text, at);
    if (element.kind === "error") return element;
    if (element.text !== "") {
      const node = parseElement(element.text);
      if (typeof node === "string") return { kind: "error", message: node, column: element.start + 1 };
      nodes.push(node);
    }
    if (element.end >= text.length) return { kind: "ok", nodes };
    at = element.end + 1;
  }
}

// deno-lint-ignore no-control-regex -- they are what is looked for
const controlCharacter = /[\0-\x08\x0a-\x1f\x7f]/;

/** Parses a file that a value includes: one value per line. A backslash at the end joins lines, `#` without one before
 * it begins a comment. `line` counts from 1. */
export function parseExpansionLines(
  text: string,
):
  | { readonly kind: "ok"; readonly nodes: readonly ExpansionNode[] }
  | { readonly kind: "error"; readonly message: string; readonly line: number } {
  const nodes: ExpansionNode[] = [];
  let pending = "";
  let first = 1;
  const lines = text.split("\n");
  for (const [index, raw] of lines.entries()) {
    if (pending === "") first = index + 1;
    const { content, isJoined } = readLine(raw.endsWith("\r") ? raw.slice(0, -1) : raw);
    pending += content;
    if (isJoined && index < lines.length - 1) continue;
    const value = parseExpansionValue(pending);
    if (value.kind === "error") return { kind: "error", message: value.message, line: first };
    nodes.push(...value.nodes);
    pending = "";
  }
  return { kind: "ok", nodes };
}

/** Takes comment and final backslash off a line. */
function readLine(line: string): { readonly content: string; readonly isJoined: boolean } {
  for (let i = 0; i < line.length; i++) {
    if (line[i] === "#") return { content: line.slice(0, i), isJoined: false };
    if (line[i] === "\\" && ++i === line.length) return { content: line.slice(0, -1), isJoined: true };
  }
  return { content: line, isJoined: false };
}

/** The whole of `text` as one user name or address; null sends the caller the long way round. */
function parseSimple(text: string): ExpansionNode | null {
  const length = text.length;
  let at = -1;
  let all = userChar;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x40) {
      if (at !== -1) return null;
      at = i;
      continue;
    }
    const bits = code < 128 ? charClasses[code]! : 0;
    if (at === -1) {
      // `'` and `|` and `/` mean something to the long way.
      if ((bits & localChar) === 0 || code === 0x27 || code === 0x7c || code === 0x2f) return null;
      all &= bits;
    } else if ((bits & domainChar) === 0) return null;
  }
  if (at === -1) return all !== 0 && length > 0 && length <= usernameMax ? { kind: "username", name: text } : null;
  if (at === 0 || at > localPartLengthMax || !isHostName(text, at + 1)) return null;
  return { kind: "address", localPart: text.slice(0, at), domain: text.slice(at + 1) };
}

/** From `start` on: labels of letters, digits and inner hyphens between single dots. */
function isHostName(text: string, start: number): boolean {
  const end = text.length;
  if (end <= start || end - start > domainLengthMax) return false;
  let label = start;
  for (let i = start; i <= end; i++) {
    if (i < end && text.charCodeAt(i) !== 0x2e) {
      const code = text.charCodeAt(i);
      if (code >= 128 || (charClasses[code]! & domainChar) === 0) return false;
      continue;
    }
    if (i === label || i - label > labelLengthMax) return false;
    if (!isAlnum(text.charCodeAt(label)) || !isAlnum(text.charCodeAt(i - 1))) return false;
    label = i + 1;
  }
  return true;
}

type Element = { readonly kind: "element"; readonly text: string; readonly start: number; readonly end: number };

/** One element from `from` on to its comma. Backslashes are taken away, quotes stay, blanks at both ends go unless a
 * backslash stands before them. `start` is where its text begins. */
function readElement(text: string, from: number): Element | ExpansionValue & { kind: "error" } {
  let start = from;
  while (start < text.length && isBlank(text.charCodeAt(start))) start++;
  let quote = 0;
  let quoteAt = 0;
  let out = "";
  let length = 0;
  let i = start;
  for (; i < text.length; i++) {
    let code = text.charCodeAt(i);
    let isSolid = !isBlank(code);
    if (code === 0x5c) {
      if (++i >= text.length) return { kind: "error", message: "nothing follows the backslash", column: i };
      code = text.charCodeAt(i);
      isSolid = true;
    } else if (quote !== 0) {
      if (code === quote) quote = 0;
    } else if (code === 0x22 || code === 0x27) {
      quote = code;
      quoteAt = i;
    } else if (code === 0x2c) break;
    out += text[i];
    if (isSolid) length = out.length;
  }
  if (quote !== 0) return { kind: "error", message: "the quote is not closed", column: quoteAt + 1 };
  if (length > expansionElementMax) {
    return { kind: "error", message: `longer than ${expansionElementMax} characters`, column: start + 1 };
  }
  return { kind: "element", text: out.slice(0, length), start, end: i };
}

/** Classifies one element: the first form that fits. Returns the message of an error. */
function parseElement(text: string): ExpansionNode | string {
  return parseErrorForm(text) ?? parseInclude(text) ?? parseMaildir(text) ?? parseCommand(text) ?? parseFile(text) ??
    parseAddressOrUser(text);
}

/** `error:NNN text` with NNN from 400 to 599 and text that begins with a letter or digit. */
function parseErrorForm(text: string): ExpansionNode | string | null {
  const rest = afterPrefix(text, "error:");
  if (rest === null) return null;
  const first = rest.charCodeAt(0);
  const isCode = (first === 0x34 || first === 0x35) && isDigit(rest.charCodeAt(1)) && isDigit(rest.charCodeAt(2));
  if (!isCode || isDigit(rest.charCodeAt(3))) return "`error:` wants a code from 400 to 599: `error:550 No such user`";
  if (rest[3] !== " " || !isAlnum(rest.charCodeAt(4))) {
    return "`error:` wants a blank and a text behind its code: `error:550 No such user`";
  }
  return { kind: "error", code: Number(rest.slice(0, 3)), text: rest.slice(4) };
}

function parseInclude(text: string): ExpansionNode | string | null {
  const rest = afterPrefix(text, "include:");
  if (rest === null || rest.startsWith("/")) return rest === null ? null : { kind: "include", path: rest };
  return "`:include:` wants the absolute path of a file: `:include:/etc/mail/list`";
}

/** A user's name has no colon, so nothing that OpenSMTPD takes changes its meaning. */
function parseMaildir(text: string): ExpansionNode | string | null {
  const rest = afterPrefix(text, "maildir:");
  if (rest === null) return null;
  return /^\/+[^/]/.test(rest)
    ? { kind: "maildir", path: rest }
    : "`maildir:` wants the absolute path of a Maildir: `maildir:/srv/mail/ann`";
}

function parseCommand(text: string): ExpansionNode | string | null {
  let command: string;
  if (text.startsWith("|")) command = text.slice(1);
  else if (text.startsWith('"|')) {
    if (text.length < 3 || !text.endsWith('"')) return "text follows the quoted command";
    command = text.slice(2, -1);
  } else return null;
  command = trim(command);
  if (command === "") return "no command follows `|`";
  if (command.length > expansionCommandMax) return `the command is longer than ${expansionCommandMax} characters`;
  return { kind: "command", command };
}

function parseFile(text: string): ExpansionNode | null {
  // `/x@y.test` is an address to nobody: OpenSMTPD takes every leading slash for a file.
  return text.startsWith("/") ? { kind: "file", path: text } : null;
}

function parseAddressOrUser(text: string): ExpansionNode | string {
  const at = text.indexOf("@");
  // A local part may begin with a single quote.
  if (text.startsWith('"') || (text.startsWith("'") && at === -1)) {
    return `\`${text}\` is in quotes: only a command is, as in "|COMMAND"; users and addresses stand bare`;
  }
  if (at === -1) {
    for (let i = 0; i < text.length; i++) {
      if (!hasClass(text.charCodeAt(i), userChar)) return `invalid user name \`${text}\`: ${nameChar(text, i)}`;
    }
    if (text.length > usernameMax) return `the user name is longer than ${usernameMax} characters`;
    return { kind: "username", name: text };
  }
  if (at === 0) return `invalid address \`${text}\`: nothing stands before the @`;
  for (let i = 0; i < at; i++) {
    const code = text.charCodeAt(i);
    if (code < 128 && !hasClass(code, localChar)) return `invalid address \`${text}\`: ${nameChar(text, i)}`;
  }
  const localPart = text.slice(0, at);
  if (utf8Length(localPart) > localPartLengthMax) {
    return `the part before the @ is longer than ${localPartLengthMax} characters`;
  }
  if (!isLocalPart(localPart)) return `invalid address \`${text}\`: it has a character that no address has`;
  // OpenSMTPD cuts the address at the @ here and delivers to a user of that name.
  const domain = toAsciiName(text.slice(at + 1));
  if (domain === null || !isHostName(domain, 0)) {
    return `invalid address \`${text}\`: \`${text.slice(at + 1)}\` is not a domain`;
  }
  return { kind: "address", localPart, domain };
}

/** What follows `prefix` or `:prefix`, in any case of letters; null when it is not there. */
function afterPrefix(text: string, prefix: string): string | null {
  const from = text.startsWith(":") ? 1 : 0;
  const end = from + prefix.length;
  return text.slice(from, end).toLowerCase() === prefix ? text.slice(end) : null;
}

function nameChar(text: string, at: number): string {
  const char = String.fromCodePoint(text.codePointAt(at) ?? 0);
  return char === " " ? "it has a space" : `\`${char}\` is not allowed`;
}

function hasClass(code: number, bit: number): boolean {
  return code < 128 && (charClasses[code]! & bit) !== 0;
}

function isAlnum(code: number): boolean {
  return hasClass(code, alnumChar);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

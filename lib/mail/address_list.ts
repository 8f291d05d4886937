/** Address lists of header fields and command lines: RFC 5322 §3.4 with the obsolete forms of §4.4. Text is latin1,
 * one character per octet, or Unicode; what comes of addresses is Unicode (RFC 6532 §3.2). */

import { type Domain, isLocalPart, type Mailbox } from "./address.ts";
import { parseUnicodeDomain } from "./domain.ts";
import { decodeUtf8, isAscii } from "./utf8.ts";

/** A mailbox of a list. */
export interface ListedMailbox {
  /** Decoded. */
  readonly localPart: string;
  /** Null when the list does not say. */
  readonly domain: Domain | null;
  /** Where the local part ends in the text: what is missing belongs here. */
  readonly end: number;
  /** Where the address itself, without display name and brackets, stands in the text: its start, and just past its
   * end. */
  readonly span: readonly [start: number, end: number];
  /** The address that stands where a display name should; null for none. */
  readonly name: ListedMailbox | null;
}

/** Reads a list; groups are flattened, comments and empty places between commas passed over. `<>` stands for no
 * mailbox. Null when it is no list: unbalanced quotes, brackets or parentheses, words side by side without a comma,
 * bad local parts and domains. RFC 5322 §3.4. */
export function parseAddressList(text: string): readonly ListedMailbox[] | null {
  const tokens = tokenize(text);
  if (tokens === null) return null;
  const mailboxes: ListedMailbox[] = [];
  let isGroup = false;
  let i = 0;
  for (;;) {
    while (tokens[i]?.kind === ",") i++;
    const first = tokens[i];
    if (first === undefined) return isGroup ? null : mailboxes;
    if (first.kind === ";") {
      if (!isGroup) return null;
      isGroup = false;
      i++;
      continue;
    }
    const phraseEnd = skipWords(tokens, i);
    if (tokens[phraseEnd]?.kind === ":") {
      if (isGroup || phraseEnd === i) return null;
      isGroup = true;
      i = phraseEnd + 1;
      continue;
    }
    const element = readElement(tokens, i, phraseEnd);
    if (element === null) return null;
    if (element.mailbox !== null) mailboxes.push(element.mailbox);
    i = element.next;
    const after = tokens[i]?.kind;
    if (after !== undefined && after !== "," && !(after === ";" && isGroup)) return null;
  }
}

/** The mailbox that a listed one is at `host`, our own domain. */
export function qualify(listed: ListedMailbox, host: Domain): Mailbox {
  return { localPart: listed.localPart, domain: listed.domain ?? host };
}

/** Adds `@host` to the mailboxes of a list that lack a domain; nothing else changes. Text that is no list comes back
 * as it is. */
export function completeAddressList(text: string, host: Domain): string {
  const missing = (parseAddressList(text) ?? []).filter((one) => one.domain === null);
  let completed = "";
  let from = 0;
  for (const { end } of missing) {
    completed += `${text.slice(from, end)}@${host}`;
    from = end;
  }
  return completed + text.slice(from);
}

/** Puts `address` in the place of the only mailbox of a list, whose display name stays; in the place of the whole list
 * when it holds none or several, or is no list. */
export function replaceAddress(text: string, address: string): string {
  const [only, second] = parseAddressList(text) ?? [];
  if (only === undefined || second !== undefined || /[:;]/.test(text)) return ` <${address}>`;
  return text.slice(0, only.span[0]) + address + text.slice(only.span[1]);
}

/** `kind` is the character itself for specials. Values are decoded. */
interface Token {
  readonly kind: "atom" | "quoted" | "literal" | "<" | ">" | "@" | "," | ";" | ":" | ".";
  readonly value: string;
  readonly start: number;
  /** Just past the token. */
  readonly end: number;
}

function isSpecial(char: string): char is "<" | ">" | "@" | "," | ";" | ":" | "." {
  return "<>@,;:.".includes(char);
}

/** Null for unbalanced text and characters that stand nowhere. */
function tokenize(text: string): Token[] | null {
  const tokens: Token[] = [];
  let i = 0;
  while (i < text.length) {
    const char = text.charAt(i);
    if (char === " " || char === "\t" || char === "\r" || char === "\n") {
      i++;
    } else if (char === "(") {
      i = skipComment(text, i);
      if (i < 0) return null;
    } else if (isSpecial(char)) {
      tokens.push({ kind: char, value: char, start: i, end: ++i });
    } else if (char === '"' || char === "[") {
      const token = char === '"' ? readQuoted(text, i) : readLiteral(text, i);
      if (token === null) return null;
      tokens.push(token);
      i = token.end;
    } else {
      const start = i;
      while (i < text.length && isAtomCode(text.charCodeAt(i))) i++;
      if (i === start) return null;
      tokens.push({ kind: "atom", value: text.slice(start, i), start, end: i });
    }
  }
  return tokens;
}

/** All but blanks, controls and RFC 5322 §3.2.3 specials; 8-bit and beyond for display names. */
function isAtomCode(code: number): boolean {
  return code > 0x20 && code !== 0x7f && !'()<>[]:;@\\,."'.includes(String.fromCharCode(code));
}

/** Where the comment at `start` ends, nested ones included; -1 when it does not. */
function skipComment(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === "\\") i++;
    else if (char === "(") depth++;
    else if (char === ")" && --depth === 0) return i + 1;
  }
  return -1;
}

function readQuoted(text: string, start: number): Token | null {
  let value = "";
  for (let i = start + 1; i < text.length; i++) {
    const char = text.charAt(i);
    if (char === '"') return { kind: "quoted", value, start, end: i + 1 };
    if (char === "\\") value += text.charAt(++i);
    // RFC 5322 §3.2.2: a fold inside a quoted string stands for its blank.
    else if (char !== "\r" && char !== "\n") value += char;
  }
  return null;
}

function readLiteral(text: string, start: number): Token | null {
  const close = text.indexOf("]", start);
  return close < 0 ? null : { kind: "literal", value: text.slice(start, close + 1), start, end: close + 1 };
}

function skipWords(tokens: readonly Token[], start: number): number {
  let i = start;
  while (tokens[i]?.kind === "atom" || tokens[i]?.kind === "quoted" || tokens[i]?.kind === ".") i++;
  return i;
}

type Element = { readonly mailbox: ListedMailbox | null; readonly next: number };

/** Reads `phrase <addr>` or `addr`, whose words end at `phraseEnd`. */
function readElement(tokens: readonly Token[], start: number, phraseEnd: number): Element | null {
  if (tokens[phraseEnd]?.kind === "<") return readAngle(tokens, phraseEnd);
  const plain = readAddrSpec(tokens, start, phraseEnd);
  if (plain === null || tokens[plain.next]?.kind !== "<") return plain;
  // QUIRK: `ann@x.test <ann@x.test>` is what programs write that do not quote display names.
  const angle = readAngle(tokens, plain.next);
  return angle === null || angle.mailbox === null
    ? null
    : { ...angle, mailbox: { ...angle.mailbox, name: plain.mailbox } };
}

function readAngle(tokens: readonly Token[], start: number): Element | null {
  if (tokens[start + 1]?.kind === ">") return { mailbox: null, next: start + 2 };
  const inner = skipRoute(tokens, start + 1);
  const spec = readAddrSpec(tokens, inner, skipWords(tokens, inner));
  return spec !== null && tokens[spec.next]?.kind === ">" ? { ...spec, next: spec.next + 1 } : null;
}

/** RFC 5322 §4.4 obs-route: `@a,@b:` is passed over. */
function skipRoute(tokens: readonly Token[], start: number): number {
  if (tokens[start]?.kind !== "@") return start;
  let i = start;
  while (tokens[i] !== undefined && tokens[i]?.kind !== ":" && tokens[i]?.kind !== ">") i++;
  return tokens[i]?.kind === ":" ? i + 1 : start;
}

function readAddrSpec(tokens: readonly Token[], start: number, wordsEnd: number): Element | null {
  const words = joinWords(tokens.slice(start, wordsEnd));
  const end = tokens[wordsEnd - 1]?.end;
  const from = tokens[start]?.start;
  if (words === null || end === undefined || from === undefined) return null;
  const localPart = unicodeOf(words);
  if (!isLocalPart(localPart) || !/^[ -~\u00a0-\uffff]*$/.test(localPart)) return null;
  if (tokens[wordsEnd]?.kind !== "@") {
    return { mailbox: { localPart, domain: null, end, span: [from, end], name: null }, next: wordsEnd };
  }
  const literal = tokens[wordsEnd + 1];
  const next = literal?.kind === "literal" ? wordsEnd + 2 : skipWords(tokens, wordsEnd + 1);
  const parts = tokens.slice(wordsEnd + 1, next);
  const text = literal?.kind === "literal" ? literal.value : joinWords(parts);
  if (text === null || parts.some((part) => part.kind === "quoted")) return null;
  const domain = parseUnicodeDomain(unicodeOf(text));
  const until = tokens[next - 1]?.end ?? end;
  return domain === null ? null : { mailbox: { localPart, domain, end, span: [from, until], name: null }, next };
}

/** Octets that are UTF-8 as the text that they are; anything else is that text. */
function unicodeOf(text: string): string {
  if (isAscii(text) || /[^\0-\xff]/.test(text)) return text;
  return decodeUtf8(text) ?? text;
}

/** Words joined by single dots, decoded; null when they are not that. */
function joinWords(words: readonly Token[]): string | null {
  if (words.length % 2 === 0 || words.some((word, i) => (word.kind === ".") !== (i % 2 === 1))) return null;
  return words.map((word) => word.value).join("");
}

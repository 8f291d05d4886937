/** Who a message says it is from: the addresses in its From and Sender fields (RFC 5322 §3.6.2), read so that no reader of
 * mail finds others there. What could be read in two ways is not read at all. */

import { Buffer } from "node:buffer";
import { formatMailbox, type Mailbox, parseMailbox } from "./address.ts";
import { type ListedMailbox, parseAddressList } from "./address_list.ts";
import { decodeEncodedWords } from "./encoded_word.ts";
import { editedFieldLengthMax } from "./header_edit.ts";
import { fieldNameLength, isBlank } from "./header.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Most addresses that the From and Sender fields of a message may name. Each is a question to a table. */
export const authorsMax = 100;

/** Fields that say who a message is from. */
export type AuthorField = "From" | "Sender";

/** An address that a message says it is from. */
export interface Author {
  /** Where it stands. */
  readonly field: AuthorField;
  /** Its domain as A-labels. */
  readonly mailbox: Mailbox;
}

/** What a header section says of its authors. */
export type Authorship =
  /** At least one. Each address once, in the order of the fields, those in display names and comments with them. */
  | { readonly kind: "named"; readonly authors: readonly Author[] }
  /** `missing`: no such field, or no address in it. `double`: two such fields. `unreadable`: no addresses of RFC 5322, or
   * such as could be read in two ways. `tooMany`: more than `authorsMax`. */
  | { readonly kind: "unclear"; readonly field: AuthorField; readonly fault: AuthorFault };

/** Why it is not clear who a message is from. */
export type AuthorFault = "missing" | "double" | "unreadable" | "tooMany";

/** Watches a header section as it passes by, and changes nothing of it. It stands behind all that changes it: what counts
 * is what a reader gets. Content is as stored: no dot-stuffing, line ends CRLF. Holds at most two fields of
 * `editedFieldLengthMax` octets, and a line or a piece of that length. */
export class AuthorScanner {
  readonly #found: Record<AuthorField, string[]> = { From: [], Sender: [] };
  /** The field that a line with a blank in front goes on with; null for any other. */
  #field: AuthorField | null = null;
  #line = "";
  /** The line goes on behind what was taken of it. */
  #isRest = false;
  #isDone = false;

  /** Takes content, and returns it. */
  push(bytes: Buffer): Buffer {
    if (this.#isDone) return bytes;
    const text = this.#line + bytes.toString("latin1");
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0 && !this.#isDone; end = text.indexOf("\n", start)) {
      const line = text.slice(start, end);
      this.#take(line.endsWith("\r") ? line.slice(0, -1) : line);
      this.#isRest = false;
      start = end + 1;
    }
    this.#line = this.#isDone ? "" : text.slice(start);
    if (this.#line.length > editedFieldLengthMax) this.#takePart();
    return bytes;
  }

  /** The content has ended. Nothing is left of it. */
  finish(): Buffer {
    if (!this.#isDone && this.#line !== "") this.#take(this.#line);
    this.#isDone = true;
    this.#line = "";
    return Buffer.alloc(0);
  }

  /** What was found, once the header section has ended. */
  get authorship(): Authorship {
    const { From, Sender } = this.#found;
    return authorshipOf(From, Sender);
  }

  /** A line that is too long to be held: what is kept of it makes its field too long to be read. */
  #takePart(): void {
    this.#take(this.#line);
    this.#isRest = true;
    this.#line = "";
  }

  #take(line: string): void {
    if (line === "" && !this.#isRest) {
      this.#isDone = true;
      return;
    }
    if (this.#isRest || isBlank(line.charCodeAt(0))) return this.#append(line);
    const length = fieldNameLength(line);
    this.#field = length < 0 ? null : authorFieldOf(line.slice(0, length));
    if (this.#field === null) return;
    const values = this.#found[this.#field];
    // A second one is one too many, whatever it says, and so is a third.
    if (values.length < 2) values.push(line.slice(line.indexOf(":", length) + 1));
  }

  #append(text: string): void {
    const values = this.#field === null ? undefined : this.#found[this.#field];
    const value = values?.pop();
    if (value === undefined) return;
    values?.push(value.length > editedFieldLengthMax ? value : value + text);
  }
}

/** What From and Sender fields say, given by their values, one character per octet, without line ends. Pure. */
export function authorshipOf(from: readonly string[], sender: readonly string[]): Authorship {
  if (from.length > 1 || sender.length > 1) {
    return { kind: "unclear", field: from.length > 1 ? "From" : "Sender", fault: "double" };
  }
  const authors = new Map<string, Author>();
  for (const [field, value] of [["From", from[0]], ["Sender", sender[0]]] as const) {
    // RFC 5322 §3.6: From is a must, Sender is not.
    if (value === undefined && field === "Sender") continue;
    const read = value === undefined ? "missing" : readAuthors(value);
    if (typeof read === "string") return { kind: "unclear", field, fault: read };
    // RFC 5322 §3.6.2: Sender is one mailbox.
    if (field === "Sender" && read.listed > 1) return { kind: "unclear", field, fault: "unreadable" };
    for (const mailbox of read.mailboxes) {
      const key = formatMailbox(mailbox);
      if (!authors.has(key)) authors.set(key, { field, mailbox });
    }
    if (authors.size > authorsMax) return { kind: "unclear", field, fault: "tooMany" };
  }
  return { kind: "named", authors: [...authors.values()] };
}

function authorFieldOf(name: string): AuthorField | null {
  const lower = name.toLowerCase();
  return lower === "from" ? "From" : lower === "sender" ? "Sender" : null;
}

/** The addresses of a field, and how many of them are mailboxes of its list. */
function readAuthors(value: string): { readonly mailboxes: readonly Mailbox[]; readonly listed: number } | AuthorFault {
  if (value.length > editedFieldLengthMax) return "unreadable";
  const text = decodeUtf8(value);
  if (text === null || misleading.test(text)) return "unreadable";
  const list = parseAddressList(text);
  if (list === null) return "unreadable";
  if (list.length === 0) return "missing";
  if (list.length > authorsMax) return "tooMany";
  const places = [...list, ...list.flatMap(({ name }) => name ?? [])];
  const mailboxes = places.map((one) => plainMailbox(text, one)).filter((mailbox) => mailbox !== null);
  if (mailboxes.length < places.length) return "unreadable";
  let rest = "";
  let from = 0;
  for (const { span: [start, end] } of list) {
    rest += `${text.slice(from, start)} `;
    from = end;
  }
  const named = addressesIn(rest + text.slice(from));
  return named === null ? "unreadable" : { mailboxes: [...mailboxes, ...named], listed: list.length };
}

/** Control characters, and what turns the direction of text around. */
const misleading = /[^\P{Cc}\t]|[\u202d\u202e]/u;

/** The mailbox, if it is written so that all take it for the same: no blanks and comments in it (RFC 5322 §4.4 obs-addr),
 * no route before it, no encoded words (RFC 2047 §5 forbids them there, and some readers decode them), and no quoted local
 * part with signs in it that end one elsewhere. */
function plainMailbox(text: string, { localPart, domain, span: [start, end] }: ListedMailbox): Mailbox | null {
  const address = text.slice(start, end);
  if (domain === null || address.includes("=?") || /=\?|[\s@<>()[\],;:"\\]/.test(localPart)) return null;
  const isOpen = text.slice(0, start).trimEnd().endsWith("<");
  const isClosed = text.slice(end).trimStart().startsWith(">");
  return isOpen === isClosed ? parseMailbox(address, null) : null;
}

/** The addresses that display names, comments and names of groups show: to many readers of mail they are all that is
 * seen. A word without a dot behind its `@` is none. Null when there are some that cannot be told. */
function addressesIn(text: string): readonly Mailbox[] | null {
  const decoded = decodeEncodedWords(text);
  // Some readers take quotes away first, and find more encoded words, or others.
  const bare = decodeEncodedWords(withoutQuotes(text));
  if (decoded === null || bare === null || withoutQuotes(decoded) !== withoutQuotes(bare)) return null;
  if (misleading.test(decoded)) return null;
  // Signs that look like others, or like nothing, make no other address of it.
  const shown = withoutQuotes(decoded.normalize("NFKC").replace(/\p{Cf}/gu, "").replaceAll("\u3002", "."));
  const mailboxes: Mailbox[] = [];
  for (const word of shown.split(/[\s<>()[\],;:]+/)) {
    const parts = word.split("@");
    for (const [at, part] of parts.entries()) {
      const local = part.replace(/^'+/, "");
      const host = withoutDots(/^[\p{L}\p{M}\p{N}._-]*/u.exec(parts[at + 1] ?? "")?.[0] ?? "");
      if (local === "" || !host.includes(".")) continue;
      const mailbox = parseMailbox(`${local}@${host}`, null);
      if (mailbox === null) return null;
      mailboxes.push(mailbox);
    }
  }
  return mailboxes;
}

function withoutQuotes(text: string): string {
  return text.replace(/["\\]/g, "");
}

/** A full stop behind a name ends the sentence. */
function withoutDots(host: string): string {
  let end = host.length;
  while (host[end - 1] === ".") end--;
  return host.slice(0, end);
}

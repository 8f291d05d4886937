/** Edits a header section as it passes by: fields go, addresses are completed, what is missing is added. For mail that
 * is submitted here (RFC 6409 §8); mail that only passes through keeps the fields it came with. */

import { Buffer } from "node:buffer";
import { type Domain, formatMailbox, type Mailbox } from "./address.ts";
import { completeAddressList, parseAddressList, replaceAddress } from "./address_list.ts";
import { type Field, formatFields } from "./header.ts";
import { fieldNameLength, isBlank } from "./header.ts";
import { joinOctets, latin1Octets } from "./octets.ts";

/** Longest field that is looked at whole, octets. A longer one goes or stays as its name says, and is not changed; where
 * the author is to be another, a From so long goes. */
export const editedFieldLengthMax = 64 * 1024;

/** Octets turned into text at once: most header sections fit, and little of a body is touched. */
const windowLength = 4096;

/** What is to be done to a header section. */
export interface HeaderEdits {
  /** Does this field go? `name` is in lower case; `value` is all after the colon, folded as it stands, cut to
   * `editedFieldLengthMax`. */
  readonly isRemoved: (name: string, value: string) => boolean;
  /** The domain of addresses that have none; null: they stay as they are. */
  readonly domain: Domain | null;
  /** Stands in From in place of the author's address; null: From stays. */
  readonly author: Mailbox | null;
  /** Fields to add at the end where they are missing, in this order. Each is asked for once. */
  readonly missing: readonly MissingField[];
}

/** A field that is added. */
export interface MissingField {
  /** As it is to be written. */
  readonly name: string;
  /** What follows the colon and a blank. */
  readonly value: string;
  /** `severalAuthors`: only when From names more than one mailbox. RFC 5322 §3.6.2. */
  readonly when: "always" | "severalAuthors";
}

/** What is known of a message that is submitted. */
export interface SubmissionFacts {
  /** Domain of addresses without. */
  readonly domain: Domain;
  /** The envelope's sender; null for the null path. */
  readonly sender: Mailbox | null;
  /** The sender replaces the author (`senders … masquerade`). */
  readonly isMasquerade: boolean;
  /** A missing From is added. Where it is not, mail without is refused. */
  readonly isAuthorAdded: boolean;
  /** As `formatDate` writes it. */
  readonly date: string;
  /** With its brackets. */
  readonly messageId: string;
}

/** Fields that do not leave with a message. RFC 5322 §3.6.3, §3.6.7. */
const dropped: ReadonlySet<string> = new Set(["bcc", "resent-bcc", "return-path"]);

/** Fields whose addresses get a domain. */
const addressed: ReadonlySet<string> = new Set([
  "from",
  "sender",
  "reply-to",
  "to",
  "cc",
  "resent-from",
  "resent-sender",
  "resent-to",
  "resent-cc",
]);

/** What is done to a message that is submitted (RFC 6409 §8): Bcc and Return-Path go, addresses get a domain, and From,
 * Sender (where From names several), Date and Message-ID are added where they are missing. */
export function submissionEdits(facts: SubmissionFacts): HeaderEdits {
  const { domain, sender, isMasquerade, isAuthorAdded, date, messageId } = facts;
  // RFC 5321 §4.5.5: mail of the null path speaks of other mail; RFC 5322 §3.6 wants an author all the same.
  const author = sender === null ? `<MAILER-DAEMON@${domain}>` : `<${formatMailbox(sender)}>`;
  return {
    isRemoved: (name) => dropped.has(name),
    domain,
    author: isMasquerade ? sender : null,
    missing: [
      ...(isAuthorAdded ? [{ name: "From", value: author, when: "always" } as const] : []),
      { name: "Sender", value: author, when: "severalAuthors" },
      { name: "Date", value: date, when: "always" },
      { name: "Message-ID", value: messageId, when: "always" },
    ],
  };
}

/** Edits the header section of content that arrives in pieces of any size; the result does not depend on how it was cut.
 * Content is as stored: no dot-stuffing, line ends CRLF. Holds at most `editedFieldLengthMax` octets and one piece. What
 * is no header section comes out as it is. */
export class HeaderEditor {
  readonly #edits: HeaderEdits;
  readonly #seen = new Set<string>();
  #authors = 0;
  // Whole lines of the field that is not complete, and the beginning of its next line, or of the next field.
  #field = "";
  #line = "";
  // What happens to the rest of a field that is too long to be held.
  #rest: "held" | "kept" | "removed" = "held";
  // What `#line` goes on with has gone out, or is gone.
  #isLong = false;
  #isDone = false;

  /** Nothing has come yet. */
  constructor(edits: HeaderEdits) {
    this.#edits = edits;
  }

  /** The end of the section has come: what follows needs no `push`. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Takes content, returns what is ready of it; all of it once the section has ended. */
  push(bytes: Buffer): Buffer {
    if (this.#isDone) return bytes;
    let out = "";
    for (let at = 0; at < bytes.length; at += windowLength) {
      const end = Math.min(at + windowLength, bytes.length);
      const { ready, left } = this.#read(bytes.toString("latin1", at, end));
      out += ready;
      // The body passes in one piece.
      if (this.#isDone) return joinOctets([latin1Octets(out), bytes.subarray(end - left)]);
    }
    return latin1Octets(out);
  }

  /** Reads lines. Returns what is ready, and how many octets follow the section once it is over. */
  #read(more: string): { readonly ready: string; readonly left: number } {
    const text = this.#line + more;
    let searched = Math.max(0, this.#line.length - 1);
    let out = "";
    let start = 0;
    for (;;) {
      const end = text.indexOf("\r\n", searched);
      if (end < 0) break;
      out += this.#take(text.slice(start, end + 2));
      start = searched = end + 2;
      if (this.#isDone) return { ready: out, left: text.length - start };
    }
    this.#line = text.slice(start);
    if (this.#field.length + this.#line.length > editedFieldLengthMax) out += this.#release();
    return { ready: out, left: 0 };
  }

  /** The content has ended. Returns what is left of its header section, the last line with its end. */
  finish(): Buffer {
    if (this.#isDone) return Buffer.alloc(0);
    const last = this.#line === "" && !this.#isLong ? "" : this.#take(`${this.#line}\r\n`);
    return latin1Octets(last + this.#settle() + this.#end());
  }

  /** Takes a whole line, or the rest of one; returns what is ready. */
  #take(line: string): string {
    const isRest = this.#isLong;
    this.#isLong = false;
    if (line === "\r\n" && !isRest) return this.#settle() + this.#end() + line;
    if (isRest || (isBlank(line.charCodeAt(0)) && (this.#field !== "" || this.#rest !== "held"))) {
      if (this.#rest !== "held") return this.#rest === "kept" ? line : "";
      this.#field += line;
      return "";
    }
    const out = this.#settle();
    this.#field = line;
    return out;
  }

  /** Too much is held: the field goes out, or is gone. */
  #release(): string {
    const isNext = !this.#isLong && this.#line !== "" && this.#line !== "\r" && !isBlank(this.#line.charCodeAt(0));
    const out = isNext ? this.#settle() : "";
    const text = this.#field + this.#line;
    if (text.length <= editedFieldLengthMax) return out;
    if (this.#rest === "held") this.#rest = this.#judgeLong(text);
    // A CR may be the first half of a line end.
    const end = text.endsWith("\r") ? text.length - 1 : text.length;
    this.#isLong ||= end > this.#field.length;
    this.#field = "";
    this.#line = text.slice(end);
    return this.#rest === "kept" ? out + text.slice(0, end) : out;
  }

  /** The field is complete. Returns what becomes of it. */
  #settle(): string {
    const text = this.#field;
    const rest = this.#rest;
    this.#field = "";
    this.#rest = "held";
    if (rest !== "held" || text === "") return "";
    if (text.length > editedFieldLengthMax) return this.#judgeLong(text) === "kept" ? text : "";
    const length = fieldNameLength(text);
    if (length < 0) return text;
    const name = text.slice(0, length);
    const value = text.slice(text.indexOf(":", length) + 1, -2);
    if (this.#note(name, value, false) === "removed") return "";
    const edited = this.#edit(name.toLowerCase(), value);
    return edited === value || edited.length > editedFieldLengthMax ? text : written({ name, value: edited });
  }

  #judgeLong(text: string): "kept" | "removed" {
    const seen = text.slice(0, editedFieldLengthMax);
    const length = fieldNameLength(seen);
    return length < 0 ? "kept" : this.#note(seen.slice(0, length), seen.slice(seen.indexOf(":", length) + 1), true);
  }

  /** Remembers a field, and says whether it goes. */
  #note(name: string, value: string, isLong: boolean): "kept" | "removed" {
    const lower = name.toLowerCase();
    if (this.#edits.isRemoved(lower, value)) return "removed";
    // One that cannot be changed would keep the author that the client has put there: the missing one is added.
    if (isLong && lower === "from" && this.#edits.author !== null) return "removed";
    this.#seen.add(lower);
    if (lower === "from") this.#authors += this.#edits.author !== null ? 1 : parseAddressList(value)?.length ?? 0;
    return "kept";
  }

  #edit(name: string, value: string): string {
    const { author, domain } = this.#edits;
    if (author !== null && name === "from") {
      const replaced = replaceAddress(value, formatMailbox(author));
      return replaced.length > editedFieldLengthMax ? ` <${formatMailbox(author)}>` : replaced;
    }
    return domain !== null && addressed.has(name) ? completeAddressList(value, domain) : value;
  }

  /** What is added at the end of the section. */
  #end(): string {
    this.#isDone = true;
    const missing = this.#edits.missing.filter(({ name, when }) =>
      !this.#seen.has(name.toLowerCase()) && (when === "always" || this.#authors > 1)
    );
    return missing.map(({ name, value }) => written({ name, value: ` ${value}` })).join("");
  }
}

/** The field with its line end; lines that got too long are folded. */
function written({ name, value }: Field): string {
  return formatFields([{ name, value: value.replaceAll("\r\n", "\n") }]).replaceAll("\n", "\r\n");
}

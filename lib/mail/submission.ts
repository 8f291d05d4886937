/** Makes a message and its envelope out of what a user gives to sendmail. Text is latin1, one character per octet. */

import { type Domain, formatMailbox, type Mailbox, type ReversePath } from "./address.ts";
import { completeAddressList, parseAddressList, qualify } from "./address_list.ts";
import { encodePhrase, encodeQuotedPrintable } from "./codec.ts";
import { type Field, findField, formatFields, isNamed, lineLengthMax, splitHeader } from "./header.ts";

/** What the user gave, and what is known of the user. */
export interface SubmissionRequest {
  /** As read: any line ends. */
  readonly content: string;
  /** Addresses or comma lists of them. */
  readonly recipients: readonly string[];
  /** Take recipients from To, Cc and Bcc too. */
  readonly readRecipients: boolean;
  /** An address, `<address>`, or `<>` and nothing at all for the null path; null when the user named none. */
  readonly sender: string | null;
  /** Full name for a From field that is to be made, null when the user gave none. */
  readonly fullName: string | null;
  /** The user's own name in the system. */
  readonly login: string;
  /** The user's full name in the system. Not used when a sender or a full name was given. */
  readonly systemName: string | null;
  /** Our own domain: the one of addresses without. */
  readonly host: Domain;
  /** For a Date field that is to be made, as `formatDate` writes it. */
  readonly date: string;
  /** Unique, letters and digits: for a Message-ID that is to be made. */
  readonly token: string;
}

/** A message with its envelope, or why there is none. */
export type Submission =
  | {
    readonly kind: "ok";
    readonly sender: ReversePath;
    /** At least one; none twice. */
    readonly recipients: readonly Mailbox[];
    /** Line ends LF, the last line has one. A header section, a blank line, a body. */
    readonly content: string;
  }
  /** `message` is a sentence for the user. */
  | { readonly kind: "badAddress"; readonly message: string }
  | { readonly kind: "noRecipients"; readonly message: string };

/** Makes the message: Bcc, Return-Path and the From line of mailbox files go; From, Date and Message-ID are added
 * where they are missing; addresses get a domain; a body that cannot travel is encoded. Applied to its own result it
 * changes nothing. Never fails otherwise than by its result. */
export function prepareSubmission(request: SubmissionRequest): Submission {
  const text = withoutFromLine(normalizeLineEnds(request.content));
  const split = splitHeader(text);
  const original = split.fields.map(tameField);

  const recipients = gatherRecipients(request, original);
  if (recipients.kind !== "ok") return recipients;
  const sender = chooseSender(request, original);
  if (sender === undefined) return badAddress(request.sender ?? "");

  const fields = original.filter((field) => !dropped.some((name) => isNamed(field, name))).map((field) =>
    completed.some((name) => isNamed(field, name))
      ? { name: field.name, value: completeAddressList(field.value, request.host) }
      : field
  );
  addMissing(fields, request, sender);
  const body = encodeBody(fields, split.body);
  return { kind: "ok", sender, recipients: recipients.mailboxes, content: `${formatFields(fields)}\n${body}` };
}

/** Fields that do not leave with the message. RFC 5322 §3.6.3, §3.6.7. */
const dropped = ["bcc", "resent-bcc", "return-path"];
/** Fields whose addresses get a domain. */
const completed = ["from", "to", "cc"];

function badAddress(text: string): Submission & { readonly kind: "badAddress" } {
  return { kind: "badAddress", message: `syntax error in address: ${text.trim()}` };
}

/** CRLF becomes LF, and the last line gets its end. Bare CRs stay. */
function normalizeLineEnds(content: string): string {
  const text = content.includes("\r\n") ? content.replaceAll("\r\n", "\n") : content;
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

/** Mailbox files and UUCP put `From ann Tue Mar 3 …` before the first field. */
function withoutFromLine(text: string): string {
  let start = 0;
  while (text.startsWith("From ", start) || text.startsWith(">From ", start)) start = text.indexOf("\n", start) + 1;
  return start === 0 ? text : text.slice(start);
}

/** A bare CR or a NUL has no place in a header section: RFC 5322 §2.2. */
function tameField(field: Field): Field {
  const { name, value } = field;
  return value.includes("\r") || value.includes("\0")
    ? { name, value: value.replaceAll("\r", " ").replaceAll("\0", "") }
    : field;
}

function gatherRecipients(
  request: SubmissionRequest,
  fields: readonly Field[],
): { readonly kind: "ok"; readonly mailboxes: readonly Mailbox[] } | Exclude<Submission, { kind: "ok" }> {
  const lists = [...request.recipients];
  if (request.readRecipients) {
    for (const field of fields) {
      if (["to", "cc", "bcc"].some((name) => isNamed(field, name))) lists.push(field.value);
    }
  }
  const mailboxes = new Map<string, Mailbox>();
  for (const list of lists) {
    const listed = parseAddressList(list);
    if (listed === null) return badAddress(list);
    for (const one of listed) {
      const mailbox = qualify(one, request.host);
      mailboxes.set(formatMailbox(mailbox), mailbox);
    }
  }
  if (mailboxes.size === 0) return { kind: "noRecipients", message: "no recipients" };
  return { kind: "ok", mailboxes: [...mailboxes.values()] };
}

/** Undefined when the user named a sender that is no address.
 * QUIRK: without a named sender it is the one of the From field, as OpenSMTPD has it. */
function chooseSender(request: SubmissionRequest, fields: readonly Field[]): ReversePath | undefined {
  if (request.sender !== null) {
    const text = request.sender.trim();
    if (text === "" || text === "<>") return null;
    const listed = parseAddressList(text);
    const [only] = listed ?? [];
    return only === undefined || listed?.length !== 1 ? undefined : qualify(only, request.host);
  }
  const [author] = parseAddressList(findField(fields, "from")?.value ?? "") ?? [];
  return author === undefined ? ownMailbox(request) : qualify(author, request.host);
}

function ownMailbox(request: SubmissionRequest): Mailbox {
  return { localPart: request.login, domain: request.host };
}

/** Adds the fields that RFC 5322 §3.6 wants. */
function addMissing(fields: Field[], request: SubmissionRequest, sender: ReversePath): void {
  if (findField(fields, "from") === null) {
    const name = request.fullName ?? (request.sender === null ? request.systemName : null);
    const phrase = name === null ? "" : encodePhrase(name);
    const address = `<${formatMailbox(sender ?? ownMailbox(request))}>`;
    fields.push({ name: "From", value: phrase === "" ? ` ${address}` : ` ${phrase} ${address}` });
  }
  if (findField(fields, "date") === null) fields.push({ name: "Date", value: ` ${request.date}` });
  if (findField(fields, "message-id") === null) {
    fields.push({ name: "Message-ID", value: ` <${request.token}@${request.host}>` });
  }
}

/** The body as it can travel. Lines of `lineLengthMax` octets and more, bare CRs and NULs make it quoted-printable;
 * where a Content-Transfer-Encoding or a composite type forbids that (RFC 2045 §6.4), CRs become line ends and NULs
 * go, because no server takes them. */
function encodeBody(fields: Field[], body: string): string {
  const isDirty = body.includes("\r") || body.includes("\0");
  if (!isDirty && !hasLongLine(body)) return body;
  const type = findField(fields, "content-type");
  const isComposite = type !== null && /^\s*(multipart|message)\//i.test(type.value);
  if (isComposite || findField(fields, "content-transfer-encoding") !== null) {
    return isDirty ? body.replaceAll("\r", "\n").replaceAll("\0", "") : body;
  }
  const extra = [
    ["MIME-Version", "1.0"],
    ["Content-Type", `text/plain; charset=${charsetOf(body)}`],
    ["Content-Disposition", "inline"],
    ["Content-Transfer-Encoding", "quoted-printable"],
  ] as const;
  for (const [name, value] of extra) {
    if (findField(fields, name) === null) fields.push({ name, value: ` ${value}` });
  }
  return encodeQuotedPrintable(body);
}

/** Looks at one place in each `lineLengthMax` octets. */
function hasLongLine(text: string): boolean {
  let start = 0;
  while (start + lineLengthMax <= text.length) {
    const lf = text.lastIndexOf("\n", start + lineLengthMax - 1);
    if (lf < start) return true;
    start = lf + 1;
  }
  return false;
}

/** RFC 1428 §3 names the charset of 8-bit text of which nothing is known. */
function charsetOf(latin1: string): string {
  if (!/[\u0080-\u00ff]/.test(latin1)) return "us-ascii";
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(latin1, (char) => char.charCodeAt(0)));
    return "utf-8";
  } catch {
    return "unknown-8bit";
  }
}

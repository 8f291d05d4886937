/** Parameters of MAIL and RCPT (RFC 5321 §4.1.1.11): SIZE, BODY, AUTH, and those of DSN (RFC 3461). */

import { replies, type Reply } from "./reply.ts";

/** What the sender asked to be told (RFC 3461): that of the MAIL command and that of one RCPT. */
export interface DsnRequest {
  /** Empty means that no NOTIFY was given. `never` stands alone. */
  readonly notify: readonly ("success" | "failure" | "delay" | "never")[];
  /** RET of the MAIL command, null when absent. */
  readonly ret: "full" | "hdrs" | null;
  /** ENVID, decoded; null when absent. */
  readonly envId: string | null;
  /** ORCPT as `type;address`, address decoded; null when absent. */
  readonly originalRecipient: string | null;
}

/** Parameters of a MAIL command. */
export interface MailParameters {
  /** SIZE in octets, null when absent (RFC 1870 §3). */
  readonly size: number | null;
  /** BODY (RFC 6152 §2, RFC 3030 §3). */
  readonly body: "7bit" | "8bitmime" | "binarymime";
  /** RET, null when absent. */
  readonly ret: DsnRequest["ret"];
  /** ENVID, decoded; null when absent. */
  readonly envId: DsnRequest["envId"];
}

/** Parameters of a RCPT command. */
export type RcptParameters = Pick<DsnRequest, "notify" | "originalRecipient">;

/** Parsed parameters, or the reply that refuses them. */
export type Parsed<T> = { readonly kind: "ok"; readonly value: T } | { readonly kind: "bad"; readonly reply: Reply };

/** Longest ENVID, characters of xtext. RFC 3461 §4.4. */
export const envIdLengthMax = 100;

/** Longest ORCPT, characters with its type. RFC 3461 §4.2. */
export const originalRecipientLengthMax = 500;

const noMail: Parsed<MailParameters> = {
  kind: "ok",
  value: { size: null, body: "7bit", ret: null, envId: null },
};
const noRcpt: Parsed<RcptParameters> = { kind: "ok", value: { notify: [], originalRecipient: null } };

/** Reads what follows the path of a MAIL command: blank-separated `KEY` or `KEY=value`. Keys are
 * case-insensitive. `dsn` says whether RET and ENVID were offered. */
export function parseMailParameters(text: string, dsn: boolean): Parsed<MailParameters> {
  if (text === "") return noMail;
  const values = splitParameters(text);
  if (values.kind === "bad") return values;
  let size: MailParameters["size"] = null;
  let body: MailParameters["body"] = "7bit";
  let ret: MailParameters["ret"] = null;
  let envId: MailParameters["envId"] = null;
  for (const [key, value] of values.value) {
    const bad = { kind: "bad", reply: replies.parameterSyntax(key) } as const;
    if (key === "SIZE") {
      // RFC 1870 §3: 1*20DIGIT.
      if (value === null || !/^[0-9]{1,20}$/.test(value)) return bad;
      size = Number(value);
    } else if (key === "BODY") {
      const word = value?.toUpperCase();
      if (word !== "7BIT" && word !== "8BITMIME" && word !== "BINARYMIME") return bad;
      body = word === "7BIT" ? "7bit" : word === "8BITMIME" ? "8bitmime" : "binarymime";
    } else if (key === "AUTH") {
      // QUIRK: taken and forgotten though AUTH is not offered, as by OpenSMTPD: relays send `AUTH=<>`.
      if (value === null || (value !== "<>" && decodeXtext(value) === null)) return bad;
    } else if (dsn && key === "RET") {
      const word = value?.toUpperCase();
      if (word !== "FULL" && word !== "HDRS") return bad;
      ret = word === "FULL" ? "full" : "hdrs";
    } else if (dsn && key === "ENVID") {
      envId = value === null || value.length > envIdLengthMax ? null : decodeXtext(value);
      if (envId === null) return bad;
    } else {
      return { kind: "bad", reply: replies.parameterUnknown(key) };
    }
  }
  return { kind: "ok", value: { size, body, ret, envId } };
}

/** Reads what follows the path of a RCPT command. `dsn` says whether NOTIFY and ORCPT were offered. */
export function parseRcptParameters(text: string, dsn: boolean): Parsed<RcptParameters> {
  if (text === "") return noRcpt;
  const values = splitParameters(text);
  if (values.kind === "bad") return values;
  let notify: RcptParameters["notify"] = [];
  let originalRecipient: string | null = null;
  for (const [key, value] of values.value) {
    const bad = { kind: "bad", reply: replies.parameterSyntax(key) } as const;
    if (dsn && key === "NOTIFY") {
      const words = value === null ? null : parseNotify(value);
      if (words === null) return bad;
      notify = words;
    } else if (dsn && key === "ORCPT") {
      originalRecipient = value === null ? null : parseOriginalRecipient(value);
      if (originalRecipient === null) return bad;
    } else {
      return { kind: "bad", reply: replies.parameterUnknown(key) };
    }
  }
  return { kind: "ok", value: { notify, originalRecipient } };
}

/** Decodes xtext (RFC 3461 §4): `+` and two upper-case hexadecimal digits stand for an octet. Null when malformed,
 * or when the decoded text would hold a control character: it goes into reports and logs. */
export function decodeXtext(text: string): string | null {
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text)) return null;
  const decoded = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return /^[ -~]*$/.test(decoded) ? decoded : null;
}

/** Encodes printable ASCII as xtext (RFC 3461 §4). */
export function encodeXtext(text: string): string {
  return text.replace(
    /[^!-*,-<>-~]/g,
    (c) => "+" + (c.charCodeAt(0) & 0xff).toString(16).toUpperCase().padStart(2, "0"),
  );
}

// RFC 5321 §4.1.2: esmtp-param = esmtp-keyword ["=" esmtp-value], esmtp-value without "=", blanks and controls.
function splitParameters(text: string): Parsed<ReadonlyMap<string, string | null>> {
  const values = new Map<string, string | null>();
  for (const word of text.split(" ")) {
    if (word === "") continue;
    const equals = word.indexOf("=");
    const key = (equals < 0 ? word : word.slice(0, equals)).toUpperCase();
    const value = equals < 0 ? null : word.slice(equals + 1);
    if (!/^[A-Z0-9][A-Z0-9-]*$/.test(key)) return { kind: "bad", reply: replies.parameterUnknown(key) };
    if (values.has(key)) return { kind: "bad", reply: replies.parameterRepeated(key) };
    if (value !== null && !/^[!-<>-~]+$/.test(value)) return { kind: "bad", reply: replies.parameterSyntax(key) };
    values.set(key, value);
  }
  return { kind: "ok", value: values };
}

// RFC 3461 §4.1: NEVER, or a list of the others.
function parseNotify(value: string): RcptParameters["notify"] | null {
  const words = new Set<"success" | "failure" | "delay" | "never">();
  for (const word of value.toLowerCase().split(",")) {
    if (word !== "success" && word !== "failure" && word !== "delay" && word !== "never") return null;
    words.add(word);
  }
  return words.has("never") && words.size > 1 ? null : [...words];
}

// RFC 3461 §4.2: addr-type ";" xtext.
function parseOriginalRecipient(value: string): string | null {
  const semicolon = value.indexOf(";");
  if (semicolon < 1 || value.length > originalRecipientLengthMax) return null;
  const type = value.slice(0, semicolon);
  const address = decodeXtext(value.slice(semicolon + 1));
  return address === null || address === "" || !/^[A-Za-z0-9-]+$/.test(type) ? null : `${type};${address}`;
}

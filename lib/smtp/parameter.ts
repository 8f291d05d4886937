/** Parameters of MAIL and RCPT (RFC 5321 §4.1.1.11): SIZE, BODY, AUTH, SMTPUTF8, REQUIRETLS, HOLDFOR, HOLDUNTIL,
 * MT-PRIORITY, BY, and those of DSN (RFC 3461). */

import { type DeliverBy, type Handling, plainHandling, priorityMax } from "./handling.ts";
import { replies, type Reply } from "./reply.ts";
import { decodeUtf8Address, decodeXtext } from "../mail/xtext.ts";

/** What the sender asked to be told (RFC 3461): that of the MAIL command and that of one RCPT. */
export interface DsnRequest {
  /** Empty means that no NOTIFY was given. `never` stands alone. */
  readonly notify: readonly ("success" | "failure" | "delay" | "never")[];
  /** RET of the MAIL command, null when absent. */
  readonly ret: "full" | "hdrs" | null;
  /** ENVID, decoded; null when absent. */
  readonly envId: string | null;
  /** ORCPT as `type;address`, address decoded; null when absent. Of type `utf-8` it may hold Unicode (RFC 6533 §3). */
  readonly originalRecipient: string | null;
}

/** Parameters of a MAIL command. */
export interface MailParameters {
  /** SIZE in octets, null when absent (RFC 1870 §3). */
  readonly size: number | null;
  /** What the other parameters ask for on the way. */
  readonly handling: Handling;
  /** RET, null when absent. */
  readonly ret: DsnRequest["ret"];
  /** ENVID, decoded; null when absent. */
  readonly envId: DsnRequest["envId"];
}

/** What MAIL and RCPT may ask for: extensions that are offered here and now, and what bounds them. */
export interface ParameterOffer {
  /** RET, ENVID, NOTIFY and ORCPT (RFC 3461). */
  readonly dsn: boolean;
  /** BODY=BINARYMIME (RFC 3030 §3). */
  readonly binaryMime: boolean;
  /** REQUIRETLS (RFC 8689). */
  readonly requireTls: boolean;
  /** MT-PRIORITY and BY, and with `holdMaxMs` HOLDFOR and HOLDUNTIL: `offered` to those who have said who they are,
   * `allowed` to this client. */
  readonly submission: "none" | "offered" | "allowed";
  /** Longest time that a message is held, ms; 0 when none is (RFC 4865). */
  readonly holdMaxMs: number;
  /** The time, ms since the epoch. */
  readonly now: number;
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
  value: { size: null, handling: plainHandling, ret: null, envId: null },
};
const noRcpt: Parsed<RcptParameters> = { kind: "ok", value: { notify: [], originalRecipient: null } };

/** Reads what follows the path of a MAIL command: blank-separated `KEY` or `KEY=value`. Keys are
 * case-insensitive. What is not offered is unknown. */
export function parseMailParameters(text: string, offer: ParameterOffer): Parsed<MailParameters> {
  if (text === "") return noMail;
  const values = splitParameters(text);
  if (values.kind === "bad") return values;
  const { value: map } = values;
  for (const key of map.keys()) {
    const reply = mailRefusal(key, offer);
    if (reply !== null) return { kind: "bad", reply };
  }
  const read: Read = {};
  for (const [key, value] of map) {
    const reader = Object.hasOwn(mailReaders, key) ? mailReaders[key] : undefined;
    const one = reader?.(value, offer) ?? null;
    if (one === null) return { kind: "bad", reply: replies.parameterSyntax(key) };
    if ("code" in one) return { kind: "bad", reply: one };
    Object.assign(read, one);
  }
  return combine(read, map);
}

type Read = Partial<Omit<MailParameters, "handling"> & Handling>;

/** Reads the value of one key: what it sets, null for bad syntax, or the reply that refuses it. */
type Reader = (value: string | null, offer: ParameterOffer) => Read | Reply | null;

const mailReaders: Readonly<Record<string, Reader>> = {
  // RFC 1870 §3: 1*20DIGIT.
  SIZE: (value) => value !== null && /^[0-9]{1,20}$/.test(value) ? { size: Number(value) } : null,
  BODY: (value, { binaryMime }) => {
    const word = value?.toLowerCase();
    if (word === "7bit" || word === "8bitmime") return { body: word };
    return word === "binarymime" && binaryMime ? { body: word } : null;
  },
  // QUIRK: taken and forgotten though AUTH is not offered, as by OpenSMTPD: relays send `AUTH=<>`.
  AUTH: (value) => value !== null && (value === "<>" || decodeXtext(value) !== null) ? {} : null,
  RET: (value) => {
    const word = value?.toLowerCase();
    return word === "full" || word === "hdrs" ? { ret: word } : null;
  },
  ENVID: (value) => {
    const envId = value === null || value.length > envIdLengthMax ? null : decodeXtext(value);
    return envId === null ? null : { envId };
  },
  // RFC 6531 §3.4 and RFC 8689 §2: no value.
  SMTPUTF8: (value) => value === null ? { smtpUtf8: true } : null,
  REQUIRETLS: (value) => value === null ? { requireTls: true } : null,
  // RFC 6710 §5.
  "MT-PRIORITY": (value) =>
    value !== null && /^(?:0|-?[1-9])$/.test(value) && Math.abs(Number(value)) <= priorityMax
      ? { priority: Number(value) }
      : null,
  // RFC 4865 §4: 1 … 999999999 seconds.
  HOLDFOR: (value, { now, holdMaxMs }) => {
    if (value === null || !/^[1-9][0-9]{0,8}$/.test(value)) return null;
    const ms = Number(value) * 1000;
    return ms > holdMaxMs ? replies.holdTooLong(holdMaxMs) : { holdUntil: now + ms };
  },
  HOLDUNTIL: (value, { now, holdMaxMs }) => {
    const at = value === null ? null : parseDateTime(value);
    if (at === null) return null;
    return at > now + holdMaxMs ? replies.holdTooLong(holdMaxMs) : { holdUntil: at > now ? at : 0 };
  },
  BY: (value, { now }) => {
    const deliverBy = value === null ? null : parseDeliverBy(value, now);
    return deliverBy === null ? null : { deliverBy };
  },
};

/** Why a key may not stand in this MAIL; null when it may. */
function mailRefusal(key: string, offer: ParameterOffer): Reply | null {
  switch (key) {
    case "RET":
    case "ENVID":
      return offer.dsn ? null : replies.parameterUnknown(key);
    case "REQUIRETLS":
      return offer.requireTls ? null : replies.parameterUnknown(key);
    case "HOLDFOR":
    case "HOLDUNTIL":
    case "MT-PRIORITY":
    case "BY":
      if (offer.submission === "none" || (key.startsWith("HOLD") && offer.holdMaxMs === 0)) {
        return replies.parameterUnknown(key);
      }
      return offer.submission === "allowed" ? null : replies.parameterDenied(key);
    default:
      return Object.hasOwn(mailReaders, key) ? null : replies.parameterUnknown(key);
  }
}

function combine(read: Read, given: ReadonlyMap<string, string | null>): Parsed<MailParameters> {
  const { size = null, ret = null, envId = null, ...rest } = read;
  const handling: Handling = { ...plainHandling, ...rest };
  // RFC 4865 §4: one of the two.
  if (given.has("HOLDFOR") && given.has("HOLDUNTIL")) {
    return { kind: "bad", reply: replies.parameterRepeated("HOLDUNTIL") };
  }
  // What is held past its time could only be late.
  if (handling.deliverBy !== null && handling.deliverBy.at <= handling.holdUntil) {
    return { kind: "bad", reply: replies.parameterSyntax("BY") };
  }
  return { kind: "ok", value: { size, handling, ret, envId } };
}

/** Reads what follows the path of a RCPT command. `smtpUtf8` says whether MAIL
 * had SMTPUTF8. */
export function parseRcptParameters(
  text: string,
  { dsn }: Pick<ParameterOffer, "dsn">,
  smtpUtf8: boolean,
): Parsed<RcptParameters> {
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
      originalRecipient = value === null ? null : parseOriginalRecipient(value, smtpUtf8);
      if (originalRecipient === null) return bad;
    } else {
      return { kind: "bad", reply: replies.parameterUnknown(key) };
    }
  }
  return { kind: "ok", value: { notify, originalRecipient } };
}

// RFC 5321 §4.1.2: esmtp-param = esmtp-keyword ["=" esmtp-value], esmtp-value without "=", blanks and controls;
// RFC 6531 §3.3: beyond ASCII as well, and which values have that is for their readers to say.
function splitParameters(text: string): Parsed<ReadonlyMap<string, string | null>> {
  const values = new Map<string, string | null>();
  for (const word of text.split(" ")) {
    if (word === "") continue;
    const equals = word.indexOf("=");
    const key = (equals < 0 ? word : word.slice(0, equals)).toUpperCase();
    const value = equals < 0 ? null : word.slice(equals + 1);
    if (!/^[A-Z0-9][A-Z0-9-]*$/.test(key)) return { kind: "bad", reply: replies.parameterUnknown(key) };
    if (values.has(key)) return { kind: "bad", reply: replies.parameterRepeated(key) };
    if (value !== null && !/^[!-<>-~\u0080-\u{10ffff}]+$/u.test(value)) {
      return { kind: "bad", reply: replies.parameterSyntax(key) };
    }
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

// RFC 3461 §4.2: addr-type ";" xtext. RFC 6533 §3: type utf-8 has an encoding of its own.
function parseOriginalRecipient(value: string, smtpUtf8: boolean): string | null {
  const semicolon = value.indexOf(";");
  if (semicolon < 1 || value.length > originalRecipientLengthMax) return null;
  const type = value.slice(0, semicolon);
  if (!/^[A-Za-z0-9-]+$/.test(type)) return null;
  const encoded = value.slice(semicolon + 1);
  const address = type.toLowerCase() === "utf-8" ? decodeUtf8Address(encoded, smtpUtf8) : decodeXtext(encoded);
  return address === null || address === "" ? null : `${type};${address}`;
}

// RFC 2852 §4: a signed number of seconds, the mode, and T for trace. A message to be returned needs time to be
// delivered in.
function parseDeliverBy(value: string, now: number): DeliverBy | null {
  const match = /^([-+]?[0-9]{1,9});([NR])(T?)$/i.exec(value);
  if (match === null) return null;
  const seconds = Number(match[1]);
  const mode = match[2]?.toUpperCase() === "R" ? "return" : "notify";
  if (mode === "return" && seconds <= 0) return null;
  return { at: Math.max(0, now + seconds * 1000), mode, trace: match[3] !== "" };
}

const daysOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** RFC 3339 §5.6 date-time, as ms since the epoch. */
function parseDateTime(text: string): number | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|([-+])(\d\d):(\d\d))$/i.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second, , offsetHour, offsetMinute] = match.slice(1).map((one) =>
    Number(one ?? 0)
  );
  if (year === undefined || month === undefined || day === undefined || hour === undefined) return null;
  if (minute === undefined || second === undefined || offsetHour === undefined || offsetMinute === undefined) {
    return null;
  }
  if (month < 1 || month > 12 || day < 1 || day > (daysOfMonth[month - 1] ?? 0)) return null;
  if (hour > 23 || minute > 59 || second > 60 || offsetHour > 23 || offsetMinute > 59) return null;
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  // 30 February and the like.
  if (new Date(Date.UTC(year, month - 1, day)).getUTCDate() !== day) return null;
  return Math.max(0, at - (match[7] === "-" ? -1 : 1) * (offsetHour * 60 + offsetMinute) * 60_000);
}

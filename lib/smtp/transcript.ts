/** The form of the files in fixtures/smtp: a session as a text that people can read, and its replay.
 *
 *   # RFC 5321 §2.3.8: what the file is about            conf: size=1000 local
 *   S: 220 mx.test ESMTP *          a line from the server; `*` stands for anything
 *   C: EHLO a.test                  a line from the client; CRLF is added
 *   S: 250-mx.test *
 *   S: ...                          the rest of a reply, up to its last line
 *   C~ "a\r\n\0\x80"                raw octets from the client
 *   C* 70000 "x"                    the same octets again and again
 *   A: expand y@b.test = ok         what an ask is answered: expand … = ok | unknown | denied | temporary | wait,
 *   A: message = none               message = none | wait | 8 digits,
 *   A: commit = io                  commit = committed | noSpace | io | unknown | wait
 *   A: sender x@a.test = allowed    sender ADDRESS = allowed | refused | failed | wait
 *   A: filter ehlo = junk           filter PHASE = proceed | junk | rewrite VALUE | reject REPLY | disconnect REPLY | wait
 *   A: lines = "a\r\nb\r\n"          lines = the lines that take their place | failed | wait; those of a group are asked together
 *   A: authenticate PLAIN = ok ann  authenticate MECHANISM = ok USER [DATA] | challenge TEXT |
 *                                   refused [USER] | malformed [USER] | failed [USER] | limited [USER] | wait
 *   E: tls                          the handshake that the server began is done
 *   M: "a\r\n"                      content that was committed, without our Received field; several lines add up
 *   M: none                         the message was rolled back
 *   T: +301s                        time passes
 *   E: eof                          the client closes; `E: shutdown`: the daemon stops
 *   X: closed                       the server closes (need not be said after 221 and 421)
 *
 * Lines from the client that stand together are sent together. Client lines before the first `S:` are sent before
 * the connection is greeted. Asks that no `A:` speaks of go well.
 * `conf:` knows size, recipients, mails, hops, header (octets), fields, linelength, hold (s), idle (s), errors, junk, unknown,
 * hello, data, message, grace (s), rate (octets a second), local, submission, lmtp, dsn, tls=offered|required|implicit,
 * auth=optional|required (with mechanisms=PLAIN,LOGIN unless told), sender, header-from, masquerade, filters=PHASE,…,
 * lenient=QUIRK,… (none for none at all), and `feed=whole` for files about when something is sent; all others are also
 * fed octet by octet and in random pieces. */

import { Buffer } from "node:buffer";
import { defaultSessionBounds } from "./session_bounds.ts";
import { quirks } from "./lenient.ts";
import { filterPhases, type SessionAnswer, type SessionConfig } from "./session_face.ts";

/** What the client, the clock or the daemon does. */
export type TranscriptInput =
  | { readonly kind: "connect" }
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "eof" | "shutdown" | "tls" };

/** How an ask is answered. */
export interface TranscriptAnswer {
  /** Kind of the ask. */
  readonly ask: SessionAnswer["kind"];
  /** Address of a recipient or a sender, phase of a filter, mechanism; else empty. */
  readonly subject: string;
  /** With what follows it. `wait` leaves the ask open until the next answer of its kind. */
  readonly word: string;
}

/** Something that is done, and all that is expected to follow. */
export interface TranscriptStep {
  /** Line of the file where it begins, from 1. */
  readonly line: number;
  /** What is done, in order. */
  readonly inputs: readonly TranscriptInput[];
  /** Answers to asks, in order. */
  readonly answers: readonly TranscriptAnswer[];
  /** Patterns of the lines that the server sends. */
  readonly replies: readonly { readonly pattern: string; readonly line: number }[];
  /** Content committed; `none`: rolled back; null: not looked at. */
  readonly content: { readonly kind: "committed"; readonly text: string } | { readonly kind: "none" } | null;
  /** The server closes, which need not be said after 221 and 421. */
  readonly isClosed: boolean;
}

/** What a file says of the listener. */
export type TranscriptConfig = Omit<SessionConfig, "session" | "hostname" | "maskSource" | "zone">;

/** A file, understood. */
export interface Transcript {
  /** What the session is told of its listener. */
  readonly config: TranscriptConfig;
  /** False when the moment matters at which something is sent: it cannot be fed in pieces. */
  readonly isDivisible: boolean;
  /** In order of the file. */
  readonly steps: readonly TranscriptStep[];
}

/** The file cannot be understood. */
export interface TranscriptError {
  /** From 1. */
  readonly line: number;
  /** What is wrong, as a clause. */
  readonly message: string;
}

/** Reads a file. */
export function parseTranscript(
  text: string,
): { readonly kind: "ok"; readonly transcript: Transcript } | {
  readonly kind: "bad";
  readonly error: TranscriptError;
} {
  const conf = /^#.*\sconf:(.*)$/m.exec(text)?.[1] ?? "";
  const settings = parseSettings(conf);
  if (typeof settings === "string") return { kind: "bad", error: { line: 1, message: settings } };
  const steps: StepDraft[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    if (raw === "" || raw.startsWith("#")) continue;
    const message = takeLine(steps, raw, index + 1);
    if (message !== null) return { kind: "bad", error: { line: index + 1, message } };
  }
  return { kind: "ok", transcript: { ...settings, steps } };
}

type StepDraft = {
  -readonly [K in keyof TranscriptStep]: TranscriptStep[K] extends readonly (infer T)[] ? T[] : TranscriptStep[K];
};

/** Adds one line of the file to the steps. Returns what is wrong with it, or null. */
function takeLine(steps: StepDraft[], raw: string, line: number): string | null {
  // Octets of several characters and a comment behind blanks are for people.
  const rest = raw.slice(2).trim();
  switch (raw.slice(0, 2)) {
    case "C:":
      return takeInput(steps, line, { kind: "bytes", bytes: Buffer.from(`${raw.slice(3)}\r\n`, "utf8") });
    case "C~": {
      const bytes = parseString(rest);
      return bytes === null ? "a string in quotes is expected" : takeInput(steps, line, { kind: "bytes", bytes });
    }
    case "C*": {
      const [, count, quoted] = /^([0-9]+) (".*")$/.exec(rest) ?? [];
      const bytes = quoted === undefined ? null : parseString(quoted);
      if (bytes === null) return "a number and a string in quotes are expected";
      return takeInput(steps, line, { kind: "bytes", bytes: Buffer.alloc(bytes.length * Number(count), bytes) });
    }
    case "T:": {
      const seconds = /^\+([0-9]+)s$/.exec(rest)?.[1];
      if (seconds === undefined) return "a time such as +301s is expected";
      return takeInput(steps, line, { kind: "time", ms: Number(seconds) * 1000 });
    }
    case "E:":
      if (rest !== "eof" && rest !== "shutdown" && rest !== "tls") return "eof, shutdown or tls is expected";
      return takeInput(steps, line, { kind: rest });
  }
  if (steps.length === 0) steps.push(newStep(line, [{ kind: "connect" }]));
  const step = steps[steps.length - 1];
  if (step === undefined) return "nothing comes before this";
  switch (raw.slice(0, 2)) {
    case "S:":
      // Early input comes before the greeting.
      step.replies.push({ pattern: rest, line });
      return null;
    case "A:": {
      const answer = parseAnswer(rest);
      if (answer === null) return "an answer is expected, such as: expand y@b.test = ok";
      step.answers.push(answer);
      return null;
    }
    case "M:":
      return takeContent(step, rest);
    case "X:":
      if (rest !== "closed") return "closed is expected";
      step.isClosed = true;
      return null;
    default:
      return "a line begins with S: C: C~ C* A: M: T: E: X: or #";
  }
}

function newStep(line: number, inputs: TranscriptInput[]): StepDraft {
  return { line, inputs, answers: [], replies: [], content: null, isClosed: false };
}

/** What is sent together is one input. */
function takeInput(steps: StepDraft[], line: number, input: TranscriptInput): null {
  const step = steps[steps.length - 1];
  const isOpen = step !== undefined && step.answers.length + step.replies.length === 0 && step.content === null &&
    !step.isClosed;
  if (!isOpen) {
    steps.push(newStep(line, [input]));
    return null;
  }
  const last = step.inputs[step.inputs.length - 1];
  if (last?.kind === "bytes" && input.kind === "bytes") {
    step.inputs[step.inputs.length - 1] = { kind: "bytes", bytes: Buffer.concat([last.bytes, input.bytes]) };
  } else {
    step.inputs.push(input);
  }
  return null;
}

function takeContent(step: StepDraft, rest: string): string | null {
  if (rest === "none") {
    step.content = { kind: "none" };
    return null;
  }
  const bytes = parseString(rest);
  if (bytes === null) return "none or a string in quotes is expected";
  const before = step.content?.kind === "committed" ? step.content.text : "";
  step.content = { kind: "committed", text: before + bytes.toString("latin1") };
  return null;
}

const answerWords: Readonly<Record<TranscriptAnswer["ask"], RegExp>> = {
  recipient: /^(?:ok|unknown|denied|temporary|wait)$/,
  message: /^(?:none|wait|[0-9a-f]{8})$/,
  commit: /^(?:committed|noSpace|io|unknown|wait)$/,
  sender: /^(?:allowed|refused|failed|wait)$/,
  filter: /^(?:proceed|junk|wait|rewrite .+|(?:reject|disconnect) [45][0-9]{2} .+)$/,
  lines: /^(?:".*"|failed|wait)$/,
  authenticate: /^(?:ok \S+(?: .+)?|challenge(?: .+)?|(?:refused|malformed|failed|limited)(?: \S+)?|wait)$/,
};

function parseAnswer(rest: string): TranscriptAnswer | null {
  const form = /^(expand|message|commit|lines|sender|filter|authenticate)(?: (\S+))? = (.+)$/;
  const [, kind, subject = "", word = ""] = form.exec(rest) ?? [];
  const isBare = kind === "message" || kind === "commit" || kind === "lines";
  if (kind === undefined || isBare !== (subject === "")) return null;
  const ask = kind === "expand" ? "recipient" : kind;
  return isAskKind(ask) && answerWords[ask].test(word) ? { ask, subject, word } : null;
}

function isAskKind(word: string): word is TranscriptAnswer["ask"] {
  return Object.hasOwn(answerWords, word);
}

/** The limits of transcripts are those of a daemon without any configuration; policy/ has them, and stands above. */
function parseSettings(conf: string): Omit<Transcript, "steps"> | string {
  const limits = {
    maxMessageSize: 36_700_160,
    maxRecipients: 1000,
    maxMails: 100,
    maxHops: 100,
    maxHoldMs: 7 * 86_400_000,
    maxHeaderSize: 262_144,
    maxHeaders: 1000,
    maxLineLength: 65_535,
    idleTimeoutMs: 300_000,
  };
  let config: TranscriptConfig = { limits, local: false };
  let isDivisible = true;
  for (const word of conf.split(" ")) {
    const [key, value = ""] = word.split("=");
    const number = /^[0-9]+$/.test(value) ? Number(value) : NaN;
    const more = settingOf(key ?? "", value, config);
    if (word === "") continue;
    else if (word === "feed=whole") isDivisible = false;
    else if (more !== null) config = { ...config, ...more };
    else if (Number.isNaN(number)) return `conf: does not know ${word}`;
    else if (key === "size") limits.maxMessageSize = number;
    else if (key === "recipients") limits.maxRecipients = number;
    else if (key === "mails") limits.maxMails = number;
    else if (key === "hops") limits.maxHops = number;
    else if (key === "hold") limits.maxHoldMs = number * 1000;
    else if (key === "header") limits.maxHeaderSize = number;
    else if (key === "fields") limits.maxHeaders = number;
    else if (key === "linelength") limits.maxLineLength = number;
    else if (key === "idle") limits.idleTimeoutMs = number * 1000;
    else return `conf: does not know ${word}`;
  }
  return { config, isDivisible };
}

/** Words of `conf:` that bound the client's patience and its errors; times are in seconds. */
const boundKeys: Readonly<Record<string, keyof typeof defaultSessionBounds>> = {
  errors: "maxErrors",
  junk: "maxJunkCommands",
  unknown: "maxUnknownRecipients",
  hello: "helloTimeoutMs",
  data: "dataTimeoutMs",
  message: "messageTimeoutMs",
  rate: "minRate",
  grace: "rateGraceMs",
};

/** What a word says of the listener; null for a word that is none of these. */
function settingOf(key: string, value: string, { auth, bounds }: TranscriptConfig): Partial<TranscriptConfig> | null {
  const bound = boundKeys[key];
  if (bound !== undefined && /^[0-9]+$/.test(value)) {
    const number = Number(value) * (bound.endsWith("Ms") ? 1000 : 1);
    return { bounds: { ...(bounds ?? defaultSessionBounds), [bound]: number } };
  }
  const mechanisms = auth?.mechanisms ?? ["PLAIN", "LOGIN"];
  switch (key) {
    case "local":
      return { local: true };
    case "submission":
      return { submission: true };
    case "masquerade":
      return { masquerade: true };
    case "dsn":
      return { dsn: true };
    case "sender":
      return { checksSender: true };
    case "header-from":
      return { checksSender: true, bindsAuthor: true };
    case "lmtp":
      return { lmtp: true };
    case "tls":
      return value === "offered" || value === "required" || value === "implicit" ? { tls: value } : null;
    case "auth":
      return value === "optional" || value === "required" ? { auth: { mode: value, mechanisms } } : null;
    case "mechanisms":
      return { auth: { mode: auth?.mode ?? "optional", mechanisms: value.split(",") } };
    case "filters": {
      const known = [...filterPhases, "data-line"] as const;
      const phases = value.split(",").flatMap((word) => known.filter((phase) => phase === word));
      return { filters: new Set(phases) };
    }
    case "lenient":
      return { lenient: new Set(value.split(",").flatMap((word) => quirks.filter((quirk) => quirk === word))) };
    default:
      return null;
  }
}

/** Octets of a text in double quotes with the escapes \r \n \t \0 \\ \" and \xHH. Null when it is none. */
export function parseString(quoted: string): Buffer | null {
  if (!/^"(?:[^"\\]|\\(?:[rnt0\\"]|x[0-9a-fA-F]{2}))*"$/.test(quoted)) return null;
  const plain: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", "0": "\0" };
  return Buffer.from(
    quoted.slice(1, -1).replace(
      /\\(x[0-9a-fA-F]{2}|.)/g,
      (_, escape: string) =>
        escape.length > 1 ? String.fromCharCode(parseInt(escape.slice(1), 16)) : plain[escape] ?? escape,
    ),
    "latin1",
  );
}

/** True when the lines of a server fit the patterns: `*` stands for any text, `...` for lines up to the last one of
 * a reply. */
export function fitsPatterns(lines: readonly string[], patterns: readonly string[]): boolean {
  let at = 0;
  for (const pattern of patterns) {
    if (pattern === "...") {
      while (lines[at]?.[3] === "-") at++;
      if (lines[at] === undefined) return false;
      at++;
    } else {
      const line = lines[at++];
      if (line === undefined || !fitsPattern(line, pattern)) return false;
    }
  }
  return at === lines.length;
}

function fitsPattern(line: string, pattern: string): boolean {
  const parts = pattern.split("*");
  const [first = "", ...rest] = parts;
  if (!line.startsWith(first)) return false;
  let at = first.length;
  for (const [index, part] of rest.entries()) {
    if (index === rest.length - 1) return line.length - at >= part.length && line.endsWith(part);
    at = line.indexOf(part, at);
    if (at < 0) return false;
    at += part.length;
  }
  return at === line.length;
}

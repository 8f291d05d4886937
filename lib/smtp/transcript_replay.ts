/** Plays a transcript against the server session and tells where the two part. */

import { Buffer } from "node:buffer";
import { formatMailbox } from "../mail/address.ts";
import { parseDomain } from "../mail/domain.ts";
import { parseReply, replies, type Reply } from "./reply.ts";
import { ServerSession } from "./session.ts";
import type {
  AuthResult,
  FilterVerdict,
  SessionAnswer,
  SessionAsk,
  SessionEffect,
  SessionEvent,
  TlsInfo,
} from "./session_face.ts";
import {
  fitsPatterns,
  parseString,
  type Transcript,
  type TranscriptAnswer,
  type TranscriptStep,
} from "./transcript.ts";

/** How input reaches the machine. */
export interface Feeding {
  /** Cuts input into pieces, in order and complete. */
  readonly cut: (bytes: Buffer) => readonly Buffer[];
  /** Answers asks only when all input of a step has been fed, as when the daemon is slow. */
  readonly answersLate: boolean;
}

/** What the machine did in one step of a transcript. */
export interface StepRecord {
  /** Lines of the server. */
  readonly lines: readonly string[];
  /** Content committed. */
  readonly committed: readonly string[];
  /** Messages rolled back. */
  readonly rollbacks: number;
  /** The server has closed. */
  readonly isClosed: boolean;
}

/** The result of a replay: what was seen, and the first thing that is not as the transcript says. */
export interface Replay {
  /** One for each step played. */
  readonly records: readonly StepRecord[];
  /** Null when there is none; line 0 stands for the machine as a whole. */
  readonly difference: { readonly line: number; readonly message: string } | null;
}

/** The moment at which transcripts begin: 2026-03-03T09:04:05Z, an hour behind local time. */
export const transcriptStart: number = Date.UTC(2026, 2, 3, 9, 4, 5);

/** Plays the whole transcript, or up to the first difference. */
export function replayTranscript(transcript: Transcript, feeding: Feeding): Replay {
  const player = new Player(transcript, feeding);
  const records: StepRecord[] = [];
  for (const step of transcript.steps) {
    const { record, difference } = player.play(step);
    records.push(record);
    const found = difference ?? compare(step, record);
    if (found !== null) return { records, difference: found };
  }
  return { records, difference: null };
}

/** The file with its `S:` lines replaced by what the machine says now, for review. Lines that fit stay as they are;
 * where the number of lines differs, new ones stand in place of the old. */
export function updateTranscript(text: string, transcript: Transcript, feeding: Feeding): string {
  const lines = text.split("\n");
  const player = new Player(transcript, feeding);
  for (const step of transcript.steps) {
    const { record } = player.play(step);
    const patterns = step.replies.map((reply) => reply.pattern);
    const [first] = step.replies;
    if (first === undefined || fitsPatterns(record.lines, patterns)) continue;
    for (const reply of step.replies) lines[reply.line - 1] = removed;
    lines[first.line - 1] = record.lines.map((line) => `S: ${line}`).join("\n");
  }
  return lines.filter((line) => line !== removed).join("\n");
}

// No line of a file.
const removed = "\0";

function compare(step: TranscriptStep, record: StepRecord): Replay["difference"] {
  const { line } = step;
  const patterns = step.replies.map((reply) => reply.pattern);
  if (!fitsPatterns(record.lines, patterns)) {
    const at = step.replies.findIndex((_, index) =>
      !fitsPatterns(record.lines.slice(0, index + 1), patterns.slice(0, index + 1))
    );
    const place = step.replies[at]?.line ?? line;
    return { line: place, message: `the server said ${JSON.stringify(record.lines)}, not ${JSON.stringify(patterns)}` };
  }
  const illegal = illegalReply(record.lines);
  if (illegal !== null) return { line, message: `not a legal reply: ${illegal}` };
  const isLast = /^(?:221|421) /.test(record.lines[record.lines.length - 1] ?? "");
  if (record.isClosed !== (step.isClosed || isLast)) {
    return { line, message: record.isClosed ? "the server closed" : "the server did not close" };
  }
  if (step.content?.kind === "none" && (record.committed.length > 0 || record.rollbacks !== 1)) {
    return { line, message: `${record.committed.length} commits and ${record.rollbacks} rollbacks` };
  }
  if (step.content?.kind === "committed") {
    const content = record.committed.map(withoutReceived).join("");
    if (record.committed.length === 0) return { line, message: "nothing was committed" };
    if (content !== step.content.text) return { line, message: `the content is ${JSON.stringify(content)}` };
  }
  return null;
}

/** The first lines that make no Reply, or whose status is not of the code's class. */
function illegalReply(lines: readonly string[]): string | null {
  let first = 0;
  for (let at = 0; at < lines.length; at++) {
    if (lines[at]?.[3] === "-") continue;
    const reply = parseReply(lines.slice(first, at + 1));
    if (reply === null || /^[245]\.\d+\.\d+/.test(reply.lines[0] ?? "")) return lines.slice(first, at + 1).join(" / ");
    first = at + 1;
  }
  return first < lines.length ? lines.slice(first).join(" / ") : null;
}

/** Content after the field that we put first. */
function withoutReceived(content: string): string {
  return content.replace(/^(X-Spam: Yes\r\n)?Received:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*/, "$1");
}

class Player {
  readonly #feeding: Feeding;
  readonly #session: ServerSession;
  #at = transcriptStart;
  #ask: SessionAsk | null = null;
  #isWaiting = false;
  #answers: TranscriptAnswer[] = [];
  #difference: Replay["difference"] = null;
  #messages = 0;
  #pieces = new Map<string, Uint8Array[]>();
  #written: Uint8Array[] = [];
  #committed: string[] = [];
  #rollbacks = 0;
  #isClosed = false;
  #isSecuring = false;

  readonly #isImplicit: boolean;

  constructor(transcript: Transcript, feeding: Feeding) {
    this.#isImplicit = transcript.config.tls === "implicit";
    const hostname = parseDomain("mx.test");
    if (hostname === null) throw new Error("mx.test is a domain");
    this.#feeding = feeding;
    this.#session = new ServerSession({
      session: "0123456789abcdef",
      hostname,
      ...transcript.config,
      maskSource: false,
      zone: () => ({ offsetMinutes: 60, name: "CET" }),
    });
  }

  play(step: TranscriptStep): { record: StepRecord; difference: Replay["difference"] } {
    this.#answers = [...step.answers];
    this.#difference = null;
    this.#written = [];
    this.#committed = [];
    this.#rollbacks = 0;
    for (const input of step.inputs) {
      if (input.kind === "bytes") {
        for (const piece of this.#feeding.cut(input.bytes)) {
          // The machine may not keep what it was lent.
          const lent = Buffer.from(piece);
          this.#feed({ kind: "bytes", at: this.#at, bytes: lent });
          lent.fill("?");
        }
      } else if (input.kind === "connect") {
        const tls = this.#isImplicit ? transcriptTls : null;
        this.#feed({ kind: "connected", at: this.#at, address: "192.0.2.7", hostname: "<unknown>", tls });
      } else if (input.kind === "tls") {
        if (!this.#isSecuring) this.#difference ??= { line: step.line, message: "the server did not begin TLS" };
        this.#isSecuring = false;
        this.#feed({ kind: "tls", at: this.#at, tls: transcriptTls });
      } else if (input.kind === "time") {
        this.#at += input.ms;
        const deadline = this.#session.deadline;
        if (deadline !== null && deadline <= this.#at) this.#feed({ kind: "tick", at: this.#at });
      } else {
        this.#feed({ kind: input.kind, at: this.#at });
      }
    }
    this.#settle(step.line);
    const [unused] = this.#answers;
    if (unused !== undefined && this.#difference === null) {
      this.#difference = { line: step.line, message: `nobody asked: ${unused.ask} ${unused.subject}` };
    }
    const text = Buffer.concat(this.#written).toString("latin1");
    if (text !== "" && !text.endsWith("\r\n")) this.#difference = { line: step.line, message: "half a line was sent" };
    const lines = text === "" ? [] : text.slice(0, -2).split("\r\n");
    return {
      record: { lines, committed: this.#committed, rollbacks: this.#rollbacks, isClosed: this.#isClosed },
      difference: this.#difference,
    };
  }

  #feed(event: SessionEvent): void {
    this.#perform(this.#session.step(event));
    if (!this.#feeding.answersLate) this.#settle(0);
  }

  /** Answers the open ask, and those that follow from the answers. */
  #settle(line: number): void {
    while (this.#ask !== null && !this.#isClosed) {
      const ask: SessionAsk = this.#ask;
      const next = this.#answers[0];
      const isNamed = next?.ask === ask.kind;
      if (!isNamed && this.#isWaiting) return;
      let word = "";
      if (isNamed && next !== undefined) {
        const subject = subjectOf(ask);
        if (subject !== next.subject) {
          this.#difference ??= { line, message: `the machine asked about ${subject}, not ${next.subject}` };
        }
        this.#answers.shift();
        word = next.word;
      }
      this.#isWaiting = word === "wait";
      if (this.#isWaiting) return;
      this.#ask = null;
      this.#perform(this.#session.step({ kind: "answer", at: this.#at, answer: this.#answerTo(ask, word) }));
    }
  }

  #answerTo(ask: SessionAsk, word: string): SessionAnswer {
    switch (ask.kind) {
      case "message":
        this.#messages++;
        return { kind: "message", id: word === "none" ? null : word || String(this.#messages).padStart(8, "0") };
      case "recipient":
        return { kind: "recipient", reply: recipientReply(word, formatMailbox(ask.rcpt)) };
      case "commit": {
        const result = word === "noSpace" || word === "io" || word === "unknown" ? word : "committed";
        if (result === "committed") this.#commit(ask);
        return { kind: "commit", result };
      }
      case "sender":
        return { kind: "sender", result: word === "refused" || word === "failed" ? word : "allowed" };
      case "filter":
        return { kind: "filter", decision: filterVerdict(word) };
      case "lines":
        return { kind: "lines", lines: linesOf(word, ask.lines) };
      case "authenticate":
        return { kind: "authenticate", result: authResult(word) };
    }
  }

  #commit(ask: Extract<SessionAsk, { kind: "commit" }>): void {
    const content = Buffer.concat(this.#pieces.get(ask.message) ?? []);
    this.#pieces.delete(ask.message);
    if (content.length !== ask.size) {
      this.#difference ??= { line: 0, message: `${ask.size} octets were announced, ${content.length} sent` };
    }
    this.#committed.push(content.toString("latin1"));
  }

  #perform(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (this.#isClosed) this.#difference ??= { line: 0, message: `${effect.kind} after close` };
      if (effect.kind === "write") this.#written.push(effect.bytes);
      else if (effect.kind === "ask") this.#ask = effect.ask;
      else if (effect.kind === "startTls") this.#isSecuring = true;
      else if (effect.kind === "close") this.#isClosed = true;
      else if (effect.kind === "rollback") {
        this.#rollbacks++;
        this.#pieces.delete(effect.message);
      } else if (effect.kind === "body") {
        const pieces = this.#pieces.get(effect.message) ?? [];
        pieces.push(effect.bytes);
        this.#pieces.set(effect.message, pieces);
      }
    }
  }
}

/** TLS as transcripts have it, with a client that has shown no certificate. */
export const transcriptTls: TlsInfo = {
  version: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  bits: 256,
  client: "none",
  fingerprint: null,
  serverName: null,
};

function subjectOf(ask: SessionAsk): string {
  switch (ask.kind) {
    case "recipient":
      return formatMailbox(ask.rcpt);
    case "sender":
      return ask.sender === null ? "<>" : formatMailbox(ask.sender);
    case "filter":
      return ask.phase;
    case "authenticate":
      return ask.mechanism;
    default:
      return "";
  }
}

function filterVerdict(word: string): FilterVerdict {
  const [, kind, rest = ""] = /^(\S+)(?: (.*))?$/.exec(word) ?? [];
  if (kind === "rewrite") return { kind, value: rest };
  if (kind === "junk") return { kind };
  if (kind !== "reject" && kind !== "disconnect") return { kind: "proceed" };
  const reply = parseReply([rest]);
  if (reply === null) throw new Error(`no reply: ${rest}`);
  return { kind, reply };
}

/** The same lines where nothing is said. */
function linesOf(word: string, asked: readonly string[]): readonly string[] | null {
  if (word === "failed") return null;
  const text = parseString(word)?.toString("latin1");
  return text === undefined ? asked : text.split("\r\n").slice(0, -1);
}

function authResult(word: string): AuthResult {
  const [, kind, rest = ""] = /^(\S+)(?: (.*))?$/.exec(word) ?? [];
  if (kind === "challenge") return { kind, text: rest };
  if (kind === "refused" || kind === "malformed" || kind === "failed" || kind === "limited") {
    return { kind, username: rest };
  }
  const [username = "ann", data = null] = rest.split(" ");
  return { kind: "accepted", username, data };
}

function recipientReply(word: string, address: string): Reply {
  if (word === "unknown") return replies.invalidRecipient(address);
  if (word === "denied") return replies.relayDenied(address);
  return word === "temporary" ? replies.temporaryFailure(address) : replies.recipientOk;
}

/** The control protocol's lines, read and written: requests on the daemon's side, answers on smtpctl's. Pure. */

import type { ConfigError } from "../policy/error.ts";
import { Buffer } from "node:buffer";
import { scrub } from "../event_log.ts";
import { type EvpId, type MsgId, parseEvpId, parseMsgId } from "../spool/id.ts";
import { isTraceSubject } from "../policy/trace.ts";
import { questionOf } from "./explain_parse.ts";
import {
  type ControlAnswer,
  type ControlHello,
  type ControlItem,
  type ControlRequest,
  type ControlTarget,
  controlVersion,
  isSubsystem,
} from "./control.ts";

/** The `error` form of an answer: what a bad line is to be answered with. */
export type ControlError = Extract<ControlAnswer, { readonly kind: "error" }>;

/** Longest answer line, octets: a piece of content in base64 fits. */
export const controlAnswerMax = 1024 * 1024;

/** Longest table name in a request, characters. */
const tableNameMax = 255;

/** Cuts a byte stream into lines. Line ends are LF; the last, unended line is never given. */
export class ControlLines {
  readonly #max: number;
  #held: Uint8Array[] = [];
  #heldLength = 0;

  /** `max`: longest line without its LF, octets. */
  constructor(max: number) {
    this.#max = max;
  }

  /** The lines that `bytes` complete. Null when a line is too long: the connection cannot go on. */
  push(bytes: Uint8Array): readonly string[] | null {
    const lines: string[] = [];
    let start = 0;
    for (let end = bytes.indexOf(lf); end >= 0; end = bytes.indexOf(lf, start)) {
      if (!this.#hold(bytes.subarray(start, end))) return null;
      lines.push(this.#take());
      start = end + 1;
    }
    // What stays is copied: the reader may use its buffer again.
    return this.#hold(bytes.slice(start)) ? lines : null;
  }

  #hold(part: Uint8Array): boolean {
    this.#heldLength += part.length;
    if (part.length > 0) this.#held.push(part);
    return this.#heldLength <= this.#max;
  }

  #take(): string {
    const line = Buffer.concat(this.#held).toString("utf8");
    this.#held = [];
    this.#heldLength = 0;
    return line;
  }
}

/** Reads the first line of a connection. Null when smtpctl speaks our version, else the answer to give before closing. */
export function parseControlHello(line: string): ControlError | null {
  const value = parseObject(line);
  if (value === null || value.kind !== "hello" || typeof value.version !== "number") {
    return badRequest("The first line has to be a hello");
  }
  if (value.version === controlVersion) return null;
  return {
    kind: "error",
    code: "incompatible",
    message: "incompatible smtpctl and smtpd: install the same version of both, then restart smtpd",
  };
}

/** Reads a request, strictly: unknown kinds, missing, wrong or additional members are errors, with the answer to give. */
export function parseControlRequest(line: string): ControlRequest | ControlError {
  const value = parseObject(line);
  if (value === null) return badRequest("A request is one JSON object");
  const { kind } = value;
  if (typeof kind !== "string" || !Object.hasOwn(members, kind)) return badRequest("Unknown request");
  const member = members[kind] ?? null;
  if (Object.keys(value).length !== (member === null ? 1 : 2)) {
    return badRequest(`The request ${kind} has other members`);
  }
  const request = requestOf(kind, member === null ? undefined : value[member]);
  return request ?? badRequest(`The request ${kind} needs a valid ${member}`);
}

/** The line of the hello, with its line end. */
export function formatControlHello(): string {
  return formatLine({ kind: "hello", version: controlVersion } satisfies ControlHello);
}

/** The line of a request, with its line end. */
export function formatControlRequest(request: ControlRequest): string {
  return formatLine(request);
}

/** The line of an answer, with its line end. */
export function formatControlAnswer(answer: ControlAnswer): string {
  return formatLine(answer);
}

/** Reads an answer. The envelope inside an item is taken as it comes: the daemon of the same version made it.
 * Null when it is no answer. */
export function parseControlAnswer(line: string): ControlAnswer | null {
  const value = parseObject(line);
  switch (value?.kind) {
    case "item": {
      const item = itemOf(value.item);
      return item === null ? null : { kind: "item", item };
    }
    case "done":
      return typeof value.count === "number" ? { kind: "done", count: value.count } : null;
    case "error": {
      const { code, message } = value;
      return isErrorCode(code) && typeof message === "string" ? { kind: "error", code, message } : null;
    }
    default:
      return null;
  }
}

type JsonObject = { readonly [name: string]: unknown };
type TargetKind = "showQueue" | "schedule" | "remove" | "pauseEnvelope" | "resumeEnvelope";

const lf = 10;

/** The one member that each kind of request has besides `kind`. */
const members: Readonly<Record<string, string | null>> = {
  showQueue: "target",
  showEnvelope: "envelope",
  showMessage: "message",
  showStats: null,
  showStatus: null,
  schedule: "target",
  remove: "target",
  pause: "what",
  resume: "what",
  pauseEnvelope: "target",
  resumeEnvelope: "target",
  updateTable: "table",
  explain: "question",
  trace: "subjects",
  untrace: "subjects",
  reload: "check",
  stop: null,
} satisfies Record<ControlRequest["kind"], string | null>;

function requestOf(kind: string, member: unknown): ControlRequest | null {
  switch (kind) {
    case "showStats":
    case "showStatus":
    case "stop":
      return { kind };
    case "showEnvelope": {
      const envelope = evpIdOf(member);
      return envelope && { kind, envelope };
    }
    case "showMessage": {
      const message = msgIdOf(member);
      return message && { kind, message };
    }
    case "pause":
    case "resume":
      return isSubsystem(member) ? { kind, what: member } : null;
    case "reload":
      return typeof member === "boolean" ? { kind, check: member } : null;
    case "updateTable":
      return isTableName(member) ? { kind, table: member } : null;
    case "explain": {
      const question = questionOf(member);
      return question && { kind, question };
    }
    case "trace":
    case "untrace":
      return Array.isArray(member) && member.every(isTraceSubject) ? { kind, subjects: member } : null;
    default: {
      const target = targetOf(member);
      return target && isTargetKind(kind) ? { kind, target } : null;
    }
  }
}

function isTargetKind(kind: string): kind is TargetKind {
  return members[kind] === "target";
}

function targetOf(value: unknown): ControlTarget | null {
  if (!isObject(value)) return null;
  const size = Object.keys(value).length;
  if (value.kind === "all") return size === 1 ? { kind: "all" } : null;
  if (size !== 2) return null;
  if (value.kind === "message") {
    const message = msgIdOf(value.message);
    return message && { kind: "message", message };
  }
  const envelope = value.kind === "envelope" ? evpIdOf(value.envelope) : null;
  return envelope && { kind: "envelope", envelope };
}

function itemOf(value: unknown): ControlItem | null {
  if (!isObject(value)) return null;
  switch (value.kind) {
    case "envelope":
      return isObject(value.envelope) && evpIdOf(value.envelope.id) !== null && isRunState(value.state)
        ? value as ControlItem & { kind: "envelope" }
        : null;
    case "content":
      return typeof value.base64 === "string" ? { kind: "content", base64: value.base64 } : null;
    case "stat": {
      const { key, value: count } = value;
      return typeof key === "string" && typeof count === "number" ? { kind: "stat", key, value: count } : null;
    }
    case "status": {
      const { what, running } = value;
      return isSubsystem(what) && typeof running === "boolean" ? { kind: "status", what, running } : null;
    }
    // Made by the daemon of the same version, like envelopes.
    case "trace":
      return isObject(value.event) ? value as ControlItem & { kind: "trace" } : null;
    case "explained":
      return isObject(value.answer) ? value as ControlItem & { kind: "explained" } : null;
    case "configuration":
      return isStatus(value.status) ? value as ControlItem & { kind: "configuration" } : null;
    case "change":
      return isChange(value.change) ? value as ControlItem & { kind: "change" } : null;
    case "problem": {
      const { severity, text } = value;
      const isSeverity = severity === "error" || severity === "warning";
      if (!isSeverity || typeof text !== "string") return null;
      return { kind: "problem", severity, text, error: isConfigError(value.error) ? value.error : null };
    }
    case "reload": {
      const { outcome, version } = value;
      if (typeof version !== "number") return null;
      return outcome === "inForce" || outcome === "checked" || outcome === "refused"
        ? { kind: "reload", outcome, version }
        : null;
    }
    default:
      return null;
  }
}

function isStatus(value: unknown): boolean {
  if (!isObject(value) || typeof value.file !== "string") return false;
  const { version, loadedAt, failure } = value;
  if (typeof version !== "number" || typeof loadedAt !== "number") return false;
  return failure === null ||
    (isObject(failure) && typeof failure.at === "number" && typeof failure.reason === "string");
}

function isChange(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { group, kind, what, from, to } = value;
  return [group, kind, what, from, to].every((one) => typeof one === "string");
}

/** Are the members that are shown or handed on there? */
function isConfigError(value: unknown): value is ConfigError {
  if (!isObject(value)) return false;
  const { file, message, hint } = value;
  const isPlaced = typeof value.line === "number" && typeof value.column === "number";
  return isPlaced && typeof file === "string" && typeof message === "string" &&
    (hint === null || typeof hint === "string");
}

function isRunState(value: unknown): boolean {
  if (!isObject(value)) return false;
  return (value.kind === "pending" && typeof value.inMs === "number") ||
    (value.kind === "inflight" && typeof value.sinceMs === "number") || value.kind === "suspended";
}

function isErrorCode(value: unknown): value is ControlError["code"] {
  return value === "badRequest" || value === "notFound" || value === "already" || value === "failed" ||
    value === "incompatible";
}

function isTableName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= tableNameMax && scrub(value) === value;
}

function msgIdOf(value: unknown): MsgId | null {
  return typeof value === "string" ? parseMsgId(value) : null;
}

function evpIdOf(value: unknown): EvpId | null {
  return typeof value === "string" ? parseEvpId(value) : null;
}

function parseObject(line: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function badRequest(message: string): ControlError {
  return { kind: "error", code: "badRequest", message };
}

function formatLine(value: ControlHello | ControlRequest | ControlAnswer): string {
  return JSON.stringify(value) + "\n";
}

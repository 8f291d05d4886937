/** One life of a program that filters (smtpd-filters(7), version 0.7): bytes and questions in, effects out. Sans-IO.
 * A program that says what nobody asked, or what makes no sense, is of no more use: its machine ends, and what was asked
 * has no answer. Answers may come in any order. */

import { Buffer } from "node:buffer";
import { scrub } from "../event_log.ts";
import { assert, assertNever } from "../fault.ts";
import { latin1Octets } from "../mail/octets.ts";
import { decodeUtf8, encodeUtf8 } from "../mail/utf8.ts";
import {
  type FilterPhaseName,
  filterProtocol,
  type FilterQuery,
  type FilterReport,
  type FilterSubsystem,
  formatFields,
  formatFilterReport,
  formatFilterTime,
  parseFilterResult,
  parseRegistration,
} from "./filter_line.ts";
import { areLines } from "./line_groups.ts";
import type { FilterVerdict } from "./session_face.ts";

/** Longest line of a program, octets: a line of a message as long as OpenSMTPD takes one, and what stands before it. */
export const filterLineMax: number = 128 * 1024;
/** How long a program may take to say what it wants to hear of, ms. */
export const filterHandshakeMs = 10_000;
/** How long an answer may take, ms; about a message's lines, from its last one. A program that thinks longer is ended. */
export const filterAnswerMs = 60_000;
/** Most questions and messages that a program is at. */
export const filterAsksMax = 1000;
/** Most lines of one message that a program says before they are wanted, octets with CRLF. */
export const filterHeldMax: number = 128 * 1024 * 1024;
/** Longest text of a program in a message for people, characters. */
const shownMax = 200;
/** QUIRK: programs may look for the version of the smtpd that they were made for. */
const version = "7.8.0-portable";

/** What a program is told first. */
export interface FilterSetup {
  /** Where it is attached. */
  readonly subsystems: readonly FilterSubsystem[];
  /** How long a client may be silent, seconds. */
  readonly sessionTimeoutS: number;
  /** Our name in Authentication-Results fields (`admd`). */
  readonly admd: string;
  /** Default `filterHeldMax`. */
  readonly heldMax?: number;
}

/** One question, or all lines of one message. Both have 16 hexadecimal digits; a session has each token once. */
export interface FilterTicket {
  /** Name of the session. */
  readonly session: string;
  /** Names the question. OpenSMTPD has the same token for all questions of a phase; programs send back what they get. */
  readonly token: string;
}

/** What happens to a program. `at` is ms since the epoch. */
export type FilterEvent =
  | { readonly kind: "started"; readonly at: number }
  | { readonly kind: "bytes"; readonly at: number; readonly bytes: Uint8Array }
  /** `parameters` as `queryParameters` makes them. Answered by one `verdict`. */
  | FilterTicket & {
    readonly kind: "ask";
    readonly at: number;
    readonly phase: FilterQuery;
    readonly parameters: readonly string[];
  }
  /** Lines of a message, as the session asks about them. Answered by one `lines`, at once but for the last. */
  | FilterTicket & {
    readonly kind: "lines";
    readonly at: number;
    readonly lines: readonly string[];
    /** The message begins with them. */
    readonly isFirst: boolean;
    readonly isLast: boolean;
  }
  | {
    readonly kind: "report";
    readonly at: number;
    readonly subsystem: FilterSubsystem;
    readonly session: string;
    readonly report: FilterReport;
  }
  /** The session is gone, and all events of it have been: nothing of it is answered any more. */
  | { readonly kind: "over"; readonly session: string }
  | { readonly kind: "tick"; readonly at: number }
  /** It is gone; `how` says with what status. */
  | { readonly kind: "ended"; readonly at: number; readonly how: string };

/** What is to be done about it. After `end` the machine has no answers. */
export type FilterEffect =
  | { readonly kind: "write"; readonly bytes: Uint8Array }
  /** The program has said what it wants to hear of. */
  | { readonly kind: "ready" }
  /** Null: there is no answer. */
  | FilterTicket & { readonly kind: "verdict"; readonly verdict: FilterVerdict | null }
  /** What takes the place of the lines, in the form of the session's answer, which judges it. Null: there is none. */
  | FilterTicket & { readonly kind: "lines"; readonly lines: readonly string[] | null }
  /** The program has something to tell: event `filter-report`. For people it is to be scrubbed. */
  | { readonly kind: "report"; readonly session: string; readonly text: string }
  /** Kill the program, if it still runs: `reason` is for people, and scrubbed. */
  | { readonly kind: "end"; readonly reason: string };

/** What the program is at. */
interface Asked extends FilterTicket {
  readonly phase: FilterQuery | "data-line";
  /** Lines of the message that came back and were not wanted yet. */
  held: string[];
  heldLength: number;
  /** Null for a message that goes on. */
  until: number | null;
}

/** The machine. */
export class FilterMachine {
  readonly #setup: FilterSetup;
  readonly #phases = new Set<string>();
  readonly #events = new Set<string>();
  /** By session and token, in the order of their times; messages that go on stand anywhere. */
  readonly #asked = new Map<string, Asked>();
  /** Sessions that are not over, with the tokens that an answer may have: those of messages that were given up, too. */
  readonly #sessions = new Map<string, Set<string>>();
  #state: "new" | "registering" | "ready" | "ended" = "new";
  #registerUntil = 0;
  #rest: Buffer = Buffer.alloc(0);
  #effects: FilterEffect[] = [];

  /** Nothing is said before `started`. */
  constructor(setup: FilterSetup) {
    this.#setup = setup;
  }

  /** Has the program registered the phase? In no other is it asked: what the client said passes. */
  hasPhase(phase: FilterPhaseName): boolean {
    return this.#phases.has(phase);
  }

  /** Has it registered the event? Of no other it is told. */
  hasEvent(subsystem: FilterSubsystem, event: FilterReport["event"]): boolean {
    return this.#events.has(`${subsystem} ${event}`) || this.#events.has(`${subsystem} *`);
  }

  /** When a `tick` is wanted, ms since the epoch; null for not at all. */
  get deadline(): number | null {
    if (this.#state === "registering") return this.#registerUntil;
    for (const { until } of this.#asked.values()) if (until !== null) return until;
    return null;
  }

  /** Takes an event; what follows is done in order. */
  step(event: FilterEvent): FilterEffect[] {
    this.#effects = [];
    this.#take(event);
    return this.#effects;
  }

  #take(event: FilterEvent): void {
    switch (event.kind) {
      case "started":
        assert(this.#state === "new", "a program starts once");
        return this.#greet(event.at);
      case "bytes":
        if (this.#state !== "ended") this.#bytes(event.bytes);
        return;
      case "ask":
        return this.#ask(event);
      case "lines":
        return this.#lines(event);
      case "report": {
        const { at, subsystem, session, report } = event;
        if (this.#state !== "ready" || !this.hasEvent(subsystem, report.event)) return;
        this.#tokensOf(session);
        return this.#write([formatFilterReport(at, subsystem, session, report)]);
      }
      case "over":
        for (const token of this.#sessions.get(event.session) ?? []) this.#asked.delete(event.session + token);
        this.#sessions.delete(event.session);
        return;
      case "tick":
        return this.#tick(event.at);
      case "ended":
        return this.#end(`it ended with ${event.how}`);
      default:
        return assertNever(event);
    }
  }

  #greet(at: number): void {
    this.#state = "registering";
    this.#registerUntil = at + filterHandshakeMs;
    const { subsystems, sessionTimeoutS, admd } = this.#setup;
    const config = [
      ["smtpd-version", version],
      ["protocol", filterProtocol],
      ["smtp-session-timeout", String(sessionTimeoutS)],
      ...subsystems.map((one) => ["subsystem", one]),
      ["admd", admd],
      ["ready"],
    ];
    this.#write(config.map((fields) => formatFields(["config", ...fields])));
  }

  #ask({ at, session, token, phase, parameters }: Extract<FilterEvent, { readonly kind: "ask" }>): void {
    if (this.#state !== "ready" || this.#asked.size >= filterAsksMax) return this.#decide(session, token, null);
    if (!this.hasPhase(phase)) return this.#decide(session, token, { kind: "proceed" });
    this.#open(session, token, phase, at + filterAnswerMs);
    this.#write([formatFields([...queryHead(at, phase, session, token), ...parameters])]);
  }

  #lines(event: Extract<FilterEvent, { readonly kind: "lines" }>): void {
    const { at, session, token, lines, isFirst, isLast } = event;
    const answer = (all: readonly string[] | null) => this.#effects.push({ kind: "lines", session, token, lines: all });
    if (this.#state !== "ready") return void answer(null);
    if (!this.hasPhase("data-line")) return void answer(lines);
    if (isFirst) this.#giveUp(session);
    const known = this.#asked.get(session + token);
    // What began in an earlier life of the program is not gone on with, and a line end would be a line of a sender's.
    const isKnown = isFirst ? this.#asked.size < filterAsksMax : known !== undefined;
    if (!isKnown || !areLines(lines, Infinity)) {
      this.#giveUp(session);
      return void answer(null);
    }
    const asked = known ?? this.#open(session, token, "data-line", null);
    const head = formatFields([...queryHead(at, "data-line", session, token), ""]);
    // As in SMTP: a line that begins with a dot gets another, and a dot alone is the end.
    const all = lines.map((line) => `${head}${line.startsWith(".") ? "." : ""}${line}\n`).join("");
    const bytes = latin1Octets(isLast ? `${all}${head}.\n` : all);
    if (bytes.length > 0) this.#effects.push({ kind: "write", bytes });
    if (!isLast) {
      answer(asked.held);
      asked.held = [];
      asked.heldLength = 0;
      return;
    }
    // Behind all whose time is over earlier.
    asked.until = at + filterAnswerMs;
    this.#asked.delete(session + token);
    this.#asked.set(session + token, asked);
  }

  #open(session: string, token: string, phase: Asked["phase"], until: number | null): Asked {
    const tokens = this.#tokensOf(session);
    assert(isId(session) && isId(token) && !tokens.has(token), `token ${token} is new in session ${session}`);
    tokens.add(token);
    const asked = { session, token, phase, held: [], heldLength: 0, until };
    this.#asked.set(session + token, asked);
    return asked;
  }

  #tokensOf(session: string): Set<string> {
    const tokens = this.#sessions.get(session) ?? new Set();
    this.#sessions.set(session, tokens);
    return tokens;
  }

  /** A message of the session that has not come to its end never will: what is said of it is not heard. */
  #giveUp(session: string): void {
    for (const token of this.#sessions.get(session) ?? []) {
      const asked = this.#asked.get(session + token);
      if (asked?.phase !== "data-line") continue;
      this.#asked.delete(session + token);
      if (asked.until !== null) this.#effects.push({ kind: "lines", session, token, lines: null });
    }
  }

  #bytes(bytes: Uint8Array): void {
    let all = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    while (this.#state !== "ended") {
      const lf = all.indexOf(0x0a);
      if (lf > filterLineMax || (lf < 0 && all.length > filterLineMax)) {
        this.#end(`its line is longer than ${filterLineMax} octets`);
      } else if (lf < 0) break;
      else this.#line(all.toString("latin1", 0, lf));
      all = all.subarray(lf + 1);
    }
    if (this.#state !== "ended") this.#rest = all;
  }

  /** Takes a line, one character for each octet. */
  #line(line: string): void {
    if (this.#state === "registering") return this.#register(line);
    const [word, ...fields] = line.split("|");
    if (word === "filter-result" || word === "filter-dataline") return this.#answer(word, fields, line);
    if (word === "report") return this.#tell(fields, line);
    const isLate = word === "register";
    this.#endAt(isLate ? "it registers when it has said that it is ready" : "it says what is no answer", line);
  }

  #register(line: string): void {
    const found = parseRegistration(line);
    switch (found.kind) {
      case "ready":
        this.#state = "ready";
        return void this.#effects.push({ kind: "ready" });
      case "phase":
        return void this.#phases.add(found.name);
      case "event":
        return void this.#events.add(found.name);
      case "wrong":
        return this.#endAt(found.problem, line);
    }
  }

  #answer(word: string, [session = "", token = "", ...rest]: readonly string[], line: string): void {
    if (!isId(session) || !isId(token) || rest.length === 0) {
      return this.#endAt("its answer names no session and token", line);
    }
    const tokens = this.#sessions.get(session);
    // A session that is gone.
    if (tokens === undefined) return;
    if (!tokens.has(token)) return this.#endAt("it answers what it was not asked", line);
    const asked = this.#asked.get(session + token);
    // A message that was given up.
    if (asked === undefined) return;
    const { phase } = asked;
    if ((word === "filter-dataline") !== (phase === "data-line")) {
      return this.#endAt(`it answers in another way than it was asked (${phase})`, line);
    }
    if (phase === "data-line") return this.#hold(asked, rest.join("|"));
    const result = parseFilterResult(phase, rest);
    if (result === null) return this.#endAt(`its answer in phase ${phase} makes no sense`, line);
    this.#close(asked);
    if (result.report !== null) this.#effects.push({ kind: "report", session, text: result.report });
    this.#decide(session, token, result.verdict);
  }

  #hold(asked: Asked, line: string): void {
    const { session, token, held } = asked;
    if (line !== ".") {
      held.push(line.startsWith(".") ? line.slice(1) : line);
      asked.heldLength += line.length + 2;
      const { heldMax = filterHeldMax } = this.#setup;
      if (asked.heldLength > heldMax) this.#end(`it makes more than ${heldMax} octets of a message`);
    } else if (asked.until === null) this.#end("it ends a message that goes on");
    else {
      this.#close(asked);
      this.#effects.push({ kind: "lines", session, token, lines: held });
    }
  }

  /** `report|TIME|smtp-in|SESSION|TEXT`. QUIRK: OpenSMTPD ends itself at such a line. */
  #tell([time = "", subsystem, session = "", ...rest]: readonly string[], line: string): void {
    const text = decodeUtf8(rest.join("|"));
    const isWhole = /^[0-9]{1,12}\.[0-9]{1,9}$/.test(time) && subsystem === "smtp-in" && isId(session);
    if (!isWhole || rest.length === 0 || text === null) return this.#endAt("its report makes no sense", line);
    if (this.#sessions.has(session)) this.#effects.push({ kind: "report", session, text });
  }

  #tick(at: number): void {
    const isRegistering = this.#state === "registering";
    if (this.deadline === null || at < this.deadline) return;
    const ms = isRegistering ? filterHandshakeMs : filterAnswerMs;
    this.#end(isRegistering ? `it has registered nothing for ${ms / 1000} s` : `it took longer than ${ms / 1000} s`);
  }

  #decide(session: string, token: string, verdict: FilterVerdict | null): void {
    this.#effects.push({ kind: "verdict", session, token, verdict });
  }

  #close({ session, token }: Asked): void {
    this.#asked.delete(session + token);
    this.#sessions.get(session)?.delete(token);
  }

  #endAt(problem: string, line: string): void {
    this.#end(`${problem}: "${scrub((decodeUtf8(line) ?? line).slice(0, shownMax))}"`);
  }

  #end(reason: string): void {
    if (this.#state === "ended") return;
    const isReady = this.#state === "ready";
    this.#state = "ended";
    this.#rest = Buffer.alloc(0);
    for (const { session, token, phase, until } of this.#asked.values()) {
      if (phase !== "data-line") this.#decide(session, token, null);
      else if (until !== null) this.#effects.push({ kind: "lines", session, token, lines: null });
    }
    this.#asked.clear();
    this.#sessions.clear();
    this.#effects.push({ kind: "end", reason: isReady ? reason : `${reason}, before it was ready` });
  }

  #write(lines: readonly string[]): void {
    const bytes = latin1Octets(lines.map((line) => `${encodeUtf8(line)}\n`).join(""));
    this.#effects.push({ kind: "write", bytes });
  }
}

function queryHead(at: number, phase: FilterQuery | "data-line", session: string, token: string): readonly string[] {
  return ["filter", filterProtocol, formatFilterTime(at), "smtp-in", phase, session, token];
}

function isId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

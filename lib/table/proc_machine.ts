/** One life of a helper that speaks the table protocol (smtpd-tables(7), version 0.1): bytes and questions in, effects
 * out. It is asked one thing at a time, as OpenSMTPD does, whatever comes in between waits. Sans-IO. */

import { Buffer } from "node:buffer";
import { scrub } from "../event_log.ts";
import { assertNever } from "../fault.ts";
import { type ProcAnswer, type ProcAsk, procServices } from "./proc.ts";
import { procLineMax } from "./proc_limit.ts";
import type { Service } from "./table.ts";

/** How long a helper may take to say which services it has, ms. */
export const procHandshakeMs = 10_000;
/** How long a question may take, ms, from when it is asked. A helper that thinks longer is ended. */
export const procBudgetMs = 5000;
/** Most questions that wait for a helper. */
export const procQueueMax = 1000;
/** Longest text of a helper in a message for people, characters. */
const procTextMax = 200;
/** QUIRK: helpers may look for the version of the smtpd that they were made for. */
const version = "7.8.0-portable";

/** What happens to a helper. `at` is ms since the epoch. */
export type ProcEvent =
  | { readonly kind: "started"; readonly at: number }
  | { readonly kind: "bytes"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "ask"; readonly at: number; readonly request: number; readonly ask: ProcAsk }
  | { readonly kind: "tick"; readonly at: number }
  /** It is gone; `how` says with what status. */
  | { readonly kind: "ended"; readonly at: number; readonly how: string };

/** What is to be done about it. After `end` the machine is of no more use, and every question is answered. */
export type ProcEffect =
  | { readonly kind: "write"; readonly bytes: Uint8Array }
  /** The helper is ready and has these services. */
  | { readonly kind: "ready"; readonly services: readonly Service[] }
  | { readonly kind: "answer"; readonly request: number; readonly answer: ProcAnswer }
  /** Kill the helper, if it still runs: `reason` is for people, and scrubbed. */
  | { readonly kind: "end"; readonly reason: string };

interface Waiting {
  readonly request: number;
  readonly ask: ProcAsk;
  readonly until: number;
}

/** The machine. */
export class ProcMachine {
  readonly #table: string;
  readonly #services = new Set<Service>();
  readonly #waiting: Waiting[] = [];
  #state: "new" | "registering" | "ready" | "ended" = "new";
  /** What the helper is at, and the id that it was asked with. */
  #current: { readonly waiting: Waiting; readonly id: string } | null = null;
  #registerUntil = 0;
  #ids = 0;
  #rest: Buffer = Buffer.alloc(0);
  #effects: ProcEffect[] = [];

  /** `table` is the table's name. */
  constructor(table: string) {
    this.#table = table;
  }

  /** When a `tick` is wanted, ms since the epoch; null for not at all. */
  get deadline(): number | null {
    if (this.#state === "ended" || this.#state === "new") return null;
    // Those that wait do so in the order of their times.
    const times = this.#waiting.slice(0, 1).map((one) => one.until);
    if (this.#current !== null) times.push(this.#current.waiting.until);
    if (this.#state === "registering") times.push(this.#registerUntil);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Takes an event; what follows is done in order. */
  step(event: ProcEvent): ProcEffect[] {
    this.#effects = [];
    if (this.#state === "ended") {
      if (event.kind === "ask") this.#answer(event.request, { kind: "failed", reason: "the helper does not run" });
    } else this.#take(event);
    return this.#effects;
  }

  #take(event: ProcEvent): void {
    switch (event.kind) {
      case "started":
        this.#state = "registering";
        this.#registerUntil = event.at + procHandshakeMs;
        for (const line of [`smtpd-version|${version}`, "protocol|0.1", `tablename|${this.#table}`, "ready"]) {
          this.#write(`config|${line}`);
        }
        return;
      case "bytes":
        return this.#bytes(event.bytes, event.at);
      case "ask":
        return this.#ask(event.request, event.ask, event.at);
      case "tick":
        return this.#tick(event.at);
      case "ended":
        return this.#end(
          this.#state === "ready" ? `it ended with ${event.how}` : neverReady(`it ended with ${event.how}`),
        );
      default:
        return assertNever(event);
    }
  }

  #bytes(bytes: Uint8Array, at: number): void {
    let all = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    for (let lf = all.indexOf(0x0a); lf >= 0 && !this.#isEnded(); lf = all.indexOf(0x0a)) {
      if (lf > procLineMax) break;
      this.#line(all.subarray(0, lf), at);
      all = all.subarray(lf + 1);
    }
    this.#rest = all;
    if (all.length > procLineMax) return this.#end(`its line is longer than ${procLineMax} octets`);
    // The old protocol was binary: its first frame holds zeros, and no line end would ever come.
    if (this.#state === "registering" && all.includes(0)) this.#end(neverReady("it answers in binary"));
  }

  #isEnded(): boolean {
    return this.#state === "ended";
  }

  #line(bytes: Buffer, at: number): void {
    if (bytes.includes(0)) {
      return this.#end(this.#state === "ready" ? "its line holds a NUL" : neverReady("it answers in binary"));
    }
    const line = bytes.toString("utf8");
    if (this.#state === "registering") this.#register(line, at);
    else this.#reply(line, at);
  }

  #register(line: string, at: number): void {
    const [word, name, ...others] = line.split("|");
    const service = procServices.find((one) => one === name);
    if (word !== "register" || others.length > 0) return this.#end(neverReady(`it says ${shown(line)}`));
    if (name !== "ready") {
      if (service === undefined) return this.#end(`it registers an unknown service: ${shown(line)}`);
      this.#services.add(service);
      return;
    }
    if (this.#services.size === 0) return this.#end("it registers no service");
    this.#state = "ready";
    this.#effects.push({ kind: "ready", services: [...this.#services] });
    this.#next(at);
  }

  #ask(request: number, ask: ProcAsk, at: number): void {
    const failed = (reason: string) => this.#answer(request, { kind: "failed", reason });
    // One more line would be one more question, of a sender's choosing.
    if ("key" in ask && /[\r\n\0]/.test(ask.key)) return failed("the key holds a line end");
    if (this.#waiting.length >= procQueueMax) return failed(`${procQueueMax} questions wait for the helper`);
    this.#waiting.push({ request, ask, until: at + procBudgetMs });
    this.#next(at);
  }

  /** Asks the next question when the helper is free. */
  #next(at: number): void {
    while (this.#state === "ready" && this.#current === null) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) return;
      const { ask, request } = waiting;
      if (ask.kind !== "update" && !this.#services.has(ask.service)) {
        this.#answer(request, { kind: "noService" });
        continue;
      }
      const id = (this.#ids = (this.#ids + 1) >>> 0).toString(16).padStart(8, "0");
      this.#current = { waiting, id };
      this.#write(`table|0.1|${timeText(at)}|${this.#table}|${askText(ask, id)}`);
    }
  }

  #reply(line: string, at: number): void {
    const current = this.#current;
    if (current === null) return this.#end(`it speaks without being asked: ${shown(line)}`);
    const { ask, request } = current.waiting;
    const [word = "", id, verdict, ...others] = line.split("|");
    if (!resultWords[ask.kind].includes(word) || id !== current.id) {
      return this.#end(`it answers something else than it was asked (${ask.kind} ${current.id}): ${shown(line)}`);
    }
    const answer = readVerdict(ask, verdict ?? "", others.join("|"));
    if (answer === null) return this.#end(`its answer to ${ask.kind} makes no sense: ${shown(line)}`);
    this.#current = null;
    this.#answer(request, answer);
    this.#next(at);
  }

  #tick(at: number): void {
    if (this.#state === "registering" && at >= this.#registerUntil) {
      return this.#end(neverReady(`it has registered nothing for ${procHandshakeMs / 1000} s`));
    }
    if (this.#current !== null && at >= this.#current.waiting.until) {
      return this.#end(`it took longer than ${procBudgetMs / 1000} s to answer`);
    }
    while (this.#waiting[0] !== undefined && at >= this.#waiting[0].until) {
      const reason = `no answer in ${procBudgetMs / 1000} s: others are asked first`;
      this.#answer(this.#waiting.shift()!.request, { kind: "failed", reason });
    }
  }

  #end(reason: string): void {
    this.#state = "ended";
    const asked = [...(this.#current === null ? [] : [this.#current.waiting]), ...this.#waiting.splice(0)];
    this.#current = null;
    for (const { request } of asked) this.#answer(request, { kind: "failed", reason });
    this.#effects.push({ kind: "end", reason });
  }

  #answer(request: number, answer: ProcAnswer): void {
    this.#effects.push({ kind: "answer", request, answer });
  }

  #write(line: string): void {
    this.#effects.push({ kind: "write", bytes: Buffer.from(`${line}\n`, "utf8") });
  }
}

/** The words that answer each question. QUIRK: the manual page has an example of a fetch answered by `lookup-result`,
 * and helpers were written after it; OpenSMTPD itself wants `fetch-result`. */
const resultWords: Readonly<Record<ProcAsk["kind"], readonly string[]>> = {
  update: ["update-result"],
  check: ["check-result"],
  lookup: ["lookup-result"],
  fetch: ["fetch-result", "lookup-result"],
};

/** Null for an answer that the question cannot have. */
function readVerdict(ask: ProcAsk, verdict: string, rest: string): ProcAnswer | null {
  if (verdict === "error") {
    return { kind: "failed", reason: `the helper reports an error${rest === "" ? "" : `: ${shown(rest)}`}` };
  }
  switch (ask.kind) {
    case "update":
      return verdict === "ok" && rest === "" ? { kind: "found", value: "" } : null;
    case "check":
      if (rest !== "") return null;
      return verdict === "found" ? { kind: "found", value: "" } : verdict === "not-found" ? { kind: "absent" } : null;
    case "lookup":
    case "fetch":
      if (verdict === "not-found" && rest === "") return { kind: "absent" };
      if (verdict !== "found" || rest === "") return null;
      // deno-lint-ignore no-control-regex -- control characters are exactly what is looked for
      if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(rest)) return null;
      return { kind: "found", value: rest };
    default:
      return assertNever(ask);
  }
}

function askText(ask: ProcAsk, id: string): string {
  switch (ask.kind) {
    case "update":
      return `update|${id}`;
    case "fetch":
      return `fetch|${ask.service}|${id}`;
    case "check":
    case "lookup":
      return `${ask.kind}|${ask.service}|${id}|${ask.key}`;
    default:
      return assertNever(ask);
  }
}

/** Seconds and six digits of microseconds. */
function timeText(at: number): string {
  const ms = Math.max(0, Math.floor(at));
  return `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, "0")}000`;
}

function neverReady(what: string): string {
  return `${what} before it was ready: it has to speak the table protocol 0.1 (smtpd-tables(7)); ` +
    `helpers made for OpenSMTPD before 7.6 speak another and have to be replaced by a later release`;
}

function shown(line: string): string {
  return `"${scrub(line.slice(0, procTextMax))}"`;
}

/** smtpctl's answers on their way to standard output: what is printed when, for each request. */

import { Buffer } from "node:buffer";
import { scrub } from "../lib/event_log.ts";
import { assertNever } from "../lib/fault.ts";
import type { ControlItem, ControlRequest, ControlTarget } from "../lib/daemon/control.ts";
import type { MsgId } from "../lib/spool/id.ts";
import type { ExplainedAnswer } from "../lib/daemon/explanation.ts";
import type { ExplainQuestion } from "../lib/policy/explain.ts";
import type { TraceEvent } from "../lib/policy/trace.ts";
import { formatExplanation, statusRefused } from "./explain_view.ts";
import {
  formatEnvelopeRecord,
  formatQueueRecord,
  formatStats,
  planQueue,
  type QueueEntry,
  queueJson,
  type Stat,
  statsJson,
  type Status,
  viewEnvelope,
  viewQueueEntry,
  viewQueueFoot,
  viewQueueHead,
  viewStats,
  viewStatus,
} from "./smtpctl_view.ts";
import { configurationJson, ReloadView, viewConfiguration } from "./smtpctl_reload.ts";
import type { Screen, TablePlan } from "./terminal_table.ts";

/** Where the answer goes. */
export interface Printer {
  /** Null when it is no terminal. */
  readonly screen: Screen | null;
  /** Ms since the epoch. */
  now(): number;
  /** Writes to standard output. */
  write(bytes: string | Uint8Array): Promise<void>;
  /** Writes one line, or several, to standard error. */
  complain(text: string): void;
}

/** How to print. */
export interface RunOptions {
  readonly json: boolean;
  /** What we are called, for messages. */
  readonly name: string;
}

/** Something that a view is given: the daemon's item, or an entry read without it. */
export type ViewItem = ControlItem | { readonly kind: "offline"; readonly entry: QueueEntry };

/** Prints what comes, and what is to come last. */
export interface View {
  item(item: ViewItem): void | Promise<void>;
  /** All has come. Returns the exit status. */
  done(count: number): Promise<number>;
}

/** Entries that the widths of the table are made for; later ones are cut. */
const planLength = 500;

/** Characters gathered before they are written. */
const writeLength = 64 * 1024;

/** The view of what a request is answered with. */
export function viewOf(request: ControlRequest, printer: Printer, options: RunOptions): View {
  switch (request.kind) {
    case "showQueue":
      return new QueueView(printer, options);
    case "showEnvelope":
      return new EnvelopeView(printer, options);
    case "showMessage":
      return new MessageView(request.message, printer, options);
    case "showStats":
      return listView<Stat>(
        printer,
        (item) => item.kind === "stat" ? item : null,
        (stats) =>
          options.json
            ? jsonText(statsJson(stats))
            : printer.screen === null
            ? formatStats(stats)
            : viewStats(stats, printer.screen),
      );
    case "showStatus":
      return listView<Status | Configured>(
        printer,
        (item) => item.kind === "status" || item.kind === "configuration" ? item : null,
        (all) =>
          options.json ? jsonText(Object.fromEntries(all.map(statusJson))) : all.map(statusText(printer)).join(""),
      );
    case "reload":
      return new ReloadView(printer, options);
    case "schedule":
      return countView(request.target, "scheduled", printer, options);
    case "remove":
      return countView(request.target, "removed", printer, options);
    case "pauseEnvelope":
      return countView(request.target, "paused", printer, options);
    case "resumeEnvelope":
      return countView(request.target, "resumed", printer, options);
    case "explain":
      return explainView(request.question, printer, options);
    case "pause":
    case "resume":
    case "updateTable":
    case "trace":
    case "untrace":
    case "stop":
      return simpleView(printer, options);
    default:
      assertNever(request);
  }
}

type Configured = Extract<ControlItem, { readonly kind: "configuration" }>;

function statusJson(item: Status | Configured): readonly [string, unknown] {
  if (item.kind === "configuration") return ["configuration", configurationJson(item.status)];
  return [item.what, item.running ? "running" : "paused"];
}

function statusText(printer: Printer): (item: Status | Configured) => string {
  const screen = printer.screen ?? { color: false };
  return (item) => item.kind === "configuration" ? viewConfiguration(item.status) : viewStatus([item], screen);
}

/** `show queue`. Entries are printed as they come; a table's first ones wait until its widths are known. */
class QueueView implements View {
  readonly #printer: Printer;
  readonly #json: boolean;
  readonly #waiting: QueueEntry[] = [];
  readonly #messages = new Set<MsgId>();
  #plan: TablePlan | null = null;
  #text = "";
  #count = 0;

  constructor(printer: Printer, options: RunOptions) {
    this.#printer = printer;
    this.#json = options.json;
  }

  async item(item: ViewItem): Promise<void> {
    const entry = entryOf(item);
    if (entry === null) return;
    this.#count++;
    if (this.#json) this.#addJson(entry);
    else if (this.#printer.screen === null) this.#text += formatQueueRecord(entry, this.#printer.now());
    else this.#addRow(entry, this.#printer.screen);
    if (this.#text.length >= writeLength) await this.#write();
  }

  async done(): Promise<number> {
    const { screen } = this.#printer;
    if (this.#json) this.#text += this.#count === 0 ? "[]\n" : "\n]\n";
    else if (screen !== null && this.#count === 0) this.#text += "The queue is empty.\n";
    else if (screen !== null) {
      this.#addWaiting(screen);
      this.#text += viewQueueFoot(this.#count, this.#messages.size);
    }
    await this.#write();
    return 0;
  }

  #addJson(entry: QueueEntry): void {
    this.#text += (this.#count === 1 ? "[\n" : ",\n") + JSON.stringify(queueJson(entry, this.#printer.now()));
  }

  #addRow(entry: QueueEntry, screen: Screen): void {
    this.#messages.add(entry.envelope.message);
    if (this.#plan !== null) this.#text += viewQueueEntry(entry, this.#plan, screen, this.#printer.now());
    else if (this.#waiting.push(entry) >= planLength) this.#addWaiting(screen);
  }

  #addWaiting(screen: Screen): void {
    if (this.#plan !== null) return;
    const now = this.#printer.now();
    const plan = planQueue(this.#waiting, screen, now);
    this.#text += viewQueueHead(plan, screen);
    for (const entry of this.#waiting) this.#text += viewQueueEntry(entry, plan, screen, now);
    this.#plan = plan;
    this.#waiting.length = 0;
  }

  async #write(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    if (text !== "") await this.#printer.write(text);
  }
}

/** `show envelope`. */
class EnvelopeView implements View {
  readonly #printer: Printer;
  readonly #json: boolean;

  constructor(printer: Printer, options: RunOptions) {
    this.#printer = printer;
    this.#json = options.json;
  }

  async item(item: ViewItem): Promise<void> {
    const entry = entryOf(item);
    if (entry === null) return;
    const { screen } = this.#printer;
    const now = this.#printer.now();
    if (this.#json) await this.#printer.write(jsonText(queueJson(entry, now)));
    else if (screen === null) await this.#printer.write(formatEnvelopeRecord(entry.envelope));
    else await this.#printer.write(viewEnvelope(entry, screen, now));
  }

  done(): Promise<number> {
    return Promise.resolve(0);
  }
}

/** What a listing shows of an item; null for an item of another kind. */
function entryOf(item: ViewItem): QueueEntry | null {
  return item.kind === "envelope" ? item : item.kind === "offline" ? item.entry : null;
}

/** `show message`. LF line ends, as files on this system have them; in JSON the octets as stored. A terminal does not
 * get control characters that a stranger wrote. */
class MessageView implements View {
  readonly #message: MsgId;
  readonly #printer: Printer;
  readonly #json: boolean;
  readonly #pieces: Buffer[] = [];
  #heldCr = false;

  constructor(message: MsgId, printer: Printer, options: RunOptions) {
    this.#message = message;
    this.#printer = printer;
    this.#json = options.json;
  }

  async item(item: ViewItem): Promise<void> {
    if (item.kind !== "content") return;
    const octets = Buffer.from(item.base64, "base64");
    if (this.#json || this.#printer.screen !== null) this.#pieces.push(octets);
    else await this.#printer.write(this.#withLf(octets));
  }

  async done(): Promise<number> {
    const octets = Buffer.concat(this.#pieces);
    if (this.#json) {
      const base64 = octets.toString("base64");
      await this.#printer.write(jsonText({ message: this.#message, size: octets.length, base64 }));
    } else if (this.#printer.screen !== null) {
      const lines = octets.toString("utf8").replaceAll("\r\n", "\n").split("\n");
      const shown = lines.map((line) => line.split("\t").map((part) => scrub(part)).join("\t")).join("\n");
      await this.#printer.write(shown);
    } else if (this.#heldCr) await this.#printer.write("\r");
    return 0;
  }

  #withLf(octets: Buffer): Buffer {
    const text = (this.#heldCr ? "\r" : "") + octets.toString("latin1");
    this.#heldCr = text.endsWith("\r");
    return Buffer.from((this.#heldCr ? text.slice(0, -1) : text).replaceAll("\r\n", "\n"), "latin1");
  }
}

/** Gathers items and prints them all. */
function listView<Item>(
  printer: Printer,
  pick: (item: ViewItem) => Item | null,
  print: (items: readonly Item[]) => string,
): View {
  const items: Item[] = [];
  return {
    item(item) {
      const picked = pick(item);
      if (picked !== null) items.push(picked);
    },
    async done() {
      await printer.write(print(items));
      return 0;
    },
  };
}

/** `3 envelopes scheduled`. A target that nothing was done to has failed, unless it is all. */
function countView(target: ControlTarget, verb: string, printer: Printer, options: RunOptions): View {
  return {
    item() {},
    async done(count) {
      const text = `${count} envelope${count > 1 ? "s" : ""} ${verb}`;
      await printer.write(options.json ? jsonText({ [verb]: count }) : `${text}\n`);
      if (count > 0 || target.kind === "all") return 0;
      if (verb === "scheduled") {
        printer.complain(
          `${options.name}: what is paused has to be resumed first, what is in flight is being tried now`,
        );
      }
      return 1;
    },
  };
}

/** `explain`. */
function explainView(question: ExplainQuestion, printer: Printer, options: RunOptions): View {
  const events: TraceEvent[] = [];
  let answer: ExplainedAnswer | null = null;
  return {
    item(item) {
      if (item.kind === "trace") events.push(item.event);
      if (item.kind === "explained") answer = item.answer;
    },
    async done() {
      if (answer === null) return 1;
      await printer.write(formatExplanation({ question, events, answer }, printer.screen, options.json));
      return answer.kind === "refused" ? statusRefused : 0;
    },
  };
}

function simpleView(printer: Printer, options: RunOptions): View {
  return {
    item() {},
    async done() {
      await printer.write(options.json ? jsonText({ succeeded: true }) : "command succeeded\n");
      return 0;
    },
  };
}

function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2) + "\n";
}

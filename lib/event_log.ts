/** What the daemon tells its log: typed events, and the lines they become. Lines of kinds that OpenSMTPD
 * has too read as its lines do (`<session> smtp connected address=… host=…`), so that existing log readers work. */

import type { Clock, LogPriority, LogSink, Random } from "./port.ts";

/** A field's value. Text is scrubbed and, where it has a blank, quoted when the line is made. */
export type LogValue = string | number | boolean;

/** One event. `session` is 16 hexadecimal digits, empty when the event belongs to no session. */
export interface LogEvent {
  /** How urgent it is. */
  readonly priority: LogPriority;
  /** Name of the SMTP session, as `sessionName` makes it. */
  readonly session: string;
  /** Who speaks: a subsystem of the daemon. */
  readonly from: "smtp" | "mta" | "mda" | "queue" | "lookup" | "control" | "smtpd";
  /** What happened, in one or two words: `connected`, `failed-command`, `delivery`. */
  readonly what: string;
  /** Details, in the order in which they are written. */
  readonly fields: Readonly<Record<string, LogValue>>;
}

/** Takes events; roles pass it around instead of a sink so that the form of lines is decided in one place. */
export type Log = (event: LogEvent) => void;

/** A new name for a session: 16 hexadecimal digits. */
export function sessionName(random: Pick<Random, "u32">): string {
  const half = () => random.u32().toString(16).padStart(8, "0");
  return half() + half();
}

/** Form of lines: key=value text, the same behind a time where nobody else adds one, or JSON objects. */
export type LogStyle = "text" | "timed" | "json";

/** Makes the line of an event; `now` is ms since the epoch, and no part of plain text. Pure. */
export function formatEvent(event: LogEvent, style: "text"): string;
/** The same, in any form. */
export function formatEvent(event: LogEvent, style: LogStyle, now: number): string;
export function formatEvent(event: LogEvent, style: LogStyle, now: number = 0): string {
  if (style === "json") {
    // Who speaks is no `from` here: that is a field of many events, and names a sender.
    return JSON.stringify({
      time: new Date(now).toISOString(),
      priority: event.priority,
      ...(event.session === "" ? {} : { session: event.session }),
      subsystem: event.from,
      what: event.what,
      ...event.fields,
    });
  }
  const head = event.session === "" ? `${event.from}: ${event.what}` : `${event.session} ${event.from} ${event.what}`;
  let line = style === "timed" ? `${new Date(now).toISOString()} ${head}` : head;
  for (const [key, value] of Object.entries(event.fields)) line += ` ${key}=${formatValue(value)}`;
  return line;
}

/** Writes events to a sink, one line each. */
export function logTo(sink: LogSink, style: LogStyle, clock: Pick<Clock, "now">): Log {
  return (event) => sink.write(event.priority, formatEvent(event, style, clock.now()));
}

/** A span of time as `4d2h5m1s`: whole seconds that have passed. Parts that are zero are left out; `0s` for less than a
 * second. `ms` below zero, of a clock that was put back, is zero. */
export function formatSpan(ms: number): string {
  let rest = Math.max(0, Math.floor(ms / 1000));
  let text = "";
  for (const [unit, seconds] of [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const) {
    const count = Math.floor(rest / seconds);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * seconds;
  }
  return text === "" ? "0s" : text;
}

/** Makes text from a peer harmless in a line for people: control characters, CR and LF become `?`. */
export function scrub(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are exactly what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "?");
}

function formatValue(value: LogValue): string {
  if (typeof value !== "string") return String(value);
  const text = scrub(value);
  if (text !== "" && !/[\s"=]/.test(text)) return text;
  if (/^<[^\s"]*>$/.test(text)) return text;
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

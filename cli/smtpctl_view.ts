/** What smtpctl prints, made of what the daemon says: for people, for programs that know OpenSMTPD's lines, and as
 * JSON. Pure. */

import { formatSpan, scrub } from "../lib/event_log.ts";
import { formatMailbox, type ReversePath } from "../lib/mail/address.ts";
import type { LocalExec } from "../lib/policy/exec.ts";
import type { ControlItem, RunState } from "../lib/daemon/control.ts";
import { describeHandling } from "../lib/smtp/handling.ts";
import type { Envelope } from "../lib/spool/envelope.ts";
import {
  type Cell,
  type Column,
  cut,
  paint,
  planTable,
  type Screen,
  type Style,
  tableHead,
  tableLine,
  type TablePlan,
} from "./terminal_table.ts";

/** An envelope and where it stands; `offline` when it was read from disk and nobody works on it. */
export interface QueueEntry {
  readonly envelope: Envelope;
  readonly state: RunState | { readonly kind: "offline" };
}

/** One counter. */
export type Stat = Extract<ControlItem, { readonly kind: "stat" }>;

/** Whether a part of the daemon runs. */
export type Status = Extract<ControlItem, { readonly kind: "status" }>;

const queueColumns: readonly Column[] = [
  { title: "ENVELOPE", align: "left", cutTo: null, drop: 0 },
  { title: "FROM", align: "left", cutTo: 16, drop: 1 },
  { title: "TO", align: "left", cutTo: 16, drop: 0 },
  { title: "AGE", align: "right", cutTo: null, drop: 2 },
  { title: "TRIES", align: "right", cutTo: null, drop: 3 },
  { title: "STATE", align: "left", cutTo: null, drop: 0 },
];

/** The widest that these columns get; the table is planned before all of it is known. */
const widestCells = ["", "", "", "59m", "", "sending 59m"].map((text): Cell => ({ text, style: "plain" }));

/** Widths for a table of these entries; entries that come later are cut to fit. `now`: ms since the epoch. */
export function planQueue(entries: readonly QueueEntry[], screen: Screen, now: number): TablePlan {
  return planTable(queueColumns, [...entries.map((entry) => queueCells(entry, now)), widestCells], screen.width);
}

/** The titles of the table. */
export function viewQueueHead(plan: TablePlan, screen: Screen): string {
  return tableHead(queueColumns, plan, screen);
}

/** One envelope: a row, and below it what the last attempt came to. */
export function viewQueueEntry(entry: QueueEntry, plan: TablePlan, screen: Screen, now: number): string {
  const row = tableLine(queueColumns, queueCells(entry, now), plan, screen);
  const { last, kind } = entry.envelope;
  if (last === null) return row;
  const reason = cut(`  ${scrub(last.text)}`, screen.width);
  return `${row}${paint(reason, kind === "bounce" ? "red" : "dim", screen)}\n`;
}

/** The line below the table. */
export function viewQueueFoot(envelopes: number, messages: number): string {
  return `${envelopes} envelope${envelopes === 1 ? "" : "s"} of ${messages} message${messages === 1 ? "" : "s"}\n`;
}

/** OpenSMTPD's line of `show queue`:
 * `evpid|src|agent|flags|sender|rcpt|dest|ctime|expire|lasttry|retry|runstate|delay|error`. */
export function formatQueueRecord({ envelope, state }: QueueEntry, now: number): string {
  const [runstate, delay] = runStateOf({ envelope, state }, now);
  return [
    envelope.id,
    sourceOf(envelope),
    envelope.kind,
    flagsOf(envelope).join(","),
    addressField(envelope.sender),
    addressField(envelope.rcpt),
    addressField(envelope.dest),
    seconds(envelope.createdAt),
    seconds(envelope.expiresAt),
    seconds(envelope.lastTryAt),
    envelope.attempts,
    runstate,
    delay,
    vis(envelope.last?.text ?? ""),
  ].join("|") + "\n";
}

/** All of an envelope, for people. */
export function viewEnvelope(entry: QueueEntry, screen: Screen, now: number): string {
  const { envelope } = entry;
  const { origin, dsn, local, last } = envelope;
  const orcpt = dsn.originalRecipient === null ? [] : [`original recipient ${dsn.originalRecipient}`];
  const asked = [...dsn.notify.map((one) => `on ${one}`), ...(dsn.ret ? [`return ${dsn.ret}`] : []), ...orcpt];
  const peer = origin.address === "local" ? "local" : `${origin.hostname} [${origin.address.replace(/[[\]]/g, "")}]`;
  const lines: [string, string][] = [
    ["Envelope", envelope.id],
    ["Message", envelope.message],
    ["State", queueCells(entry, now)[5]?.text ?? ""],
    ["From", envelope.sender === null ? "<>" : formatMailbox(envelope.sender)],
    ["To", formatMailbox(envelope.rcpt)],
    ["Goes to", formatMailbox(envelope.dest)],
    ["Action", `${envelope.action} (${envelope.kind})`],
    ["User", local?.user ?? ""],
    ["Sub-address", local?.subAddress ?? ""],
    ["Came from", `${peer}, helo ${origin.helo}, to ${origin.smtpName}`],
    ["Logged in as", origin.username],
    ["Tag", origin.tag],
    ["TLS", origin.tls ? "yes" : ""],
    ["Created", timeText(envelope.createdAt, now)],
    ["Expires", timeText(envelope.expiresAt, now)],
    ["Attempts", String(envelope.attempts)],
    ["Last attempt", envelope.lastTryAt === 0 ? "" : timeText(envelope.lastTryAt, now)],
    ["Next attempt", entry.state.kind === "inflight" ? "" : timeText(envelope.nextAt, now)],
    ["Last answer", last === null ? "" : `${last.text}${last.by === "" ? "" : ` (${last.by})`}`],
    ["Notice asked", asked.join(", ")],
    ["ENVID", dsn.envId ?? ""],
    ["Asked for", describeHandling(envelope.handling, (time) => timeText(time, now))],
  ];
  const shown = lines.filter(([, value]) => value !== "");
  return shown.map(([name, value]) => `${paint(name.padEnd(14), "bold", screen)}${scrub(value)}\n`).join("");
}

/** The fields of OpenSMTPD's envelope files, `name: value`, empty ones left out. */
export function formatEnvelopeRecord(envelope: Envelope): string {
  const { origin, dsn, last, local } = envelope;
  const [, escClass = "", escCode = ""] = /^(\d)\.(\d+\.\d+)$/.exec(last?.enhanced ?? "") ?? [];
  const bits = { success: 1, failure: 2, delay: 4, never: 8 };
  const fields: [string, string | number | null][] = [
    ["version", 3],
    ["dispatcher", envelope.action],
    ["tag", origin.tag],
    ["type", envelope.kind],
    ["smtpname", origin.smtpName],
    ["helo", origin.helo],
    ["hostname", origin.hostname],
    ["username", origin.username],
    ["errorline", last?.text ?? ""],
    ["sockaddr", origin.address],
    ["sender", envelope.sender === null ? "@" : formatMailbox(envelope.sender)],
    ["rcpt", formatMailbox(envelope.rcpt)],
    ["dest", formatMailbox(envelope.dest)],
    ["ctime", seconds(envelope.createdAt)],
    ["last-try", seconds(envelope.lastTryAt)],
    ["last-bounce", seconds(envelope.lastWarnAt)],
    ["ttl", seconds(envelope.expiresAt - envelope.createdAt)],
    ["retry", envelope.attempts],
    ["flags", flagsOf(envelope).filter((flag) => flag !== "suspend").join(" ").replace("auth", "authenticated")],
    ["dsn-notify", dsn.notify.reduce((sum, one) => sum + bits[one], 0)],
    ["dsn-ret", dsn.ret?.toUpperCase() ?? ""],
    ["dsn-envid", dsn.envId ?? ""],
    ["dsn-orcpt", dsn.originalRecipient ?? ""],
    ["esc-class", escClass],
    ["esc-code", escCode.replace(".", "")],
    ["mda-exec", local === null || local.exec === null ? "" : mdaExec(local.exec)],
    ["mda-subaddress", local?.subAddress ?? ""],
    ["mda-user", local?.user ?? ""],
  ];
  return fields.filter(([, value]) => value !== "" && value !== null)
    .map(([name, value]) => `${name}: ${vis(String(value))}\n`).join("");
}

/** As it would stand in an alias. */
function mdaExec({ kind, text }: LocalExec): string {
  return { file: "", command: "|", maildir: "maildir:" }[kind] + text;
}

/** An envelope as JSON has it: times in ISO 8601, UTC; what there is none of is null. */
export function queueJson({ envelope, state }: QueueEntry, now: number): Readonly<Record<string, unknown>> {
  const { id, message, kind, action, attempts, local, origin, dsn, last } = envelope;
  return {
    id,
    message,
    agent: kind,
    action,
    state: state.kind,
    source: sourceOf(envelope),
    flags: flagsOf(envelope),
    sender: envelope.sender && formatMailbox(envelope.sender),
    rcpt: formatMailbox(envelope.rcpt),
    dest: formatMailbox(envelope.dest),
    user: local?.user ?? null,
    subAddress: local?.subAddress || null,
    exec: local?.exec ?? null,
    created: isoTime(envelope.createdAt),
    expires: isoTime(envelope.expiresAt),
    attempts,
    lastAttempt: isoTime(envelope.lastTryAt),
    nextAttempt: state.kind === "inflight" || state.kind === "suspended" ? null : isoTime(envelope.nextAt),
    startedAt: state.kind === "inflight" ? isoTime(now - state.sinceMs) : null,
    last,
    origin,
    dsn,
  };
}

/** `key=value` lines, sorted. With `uptime`, seconds, comes `uptime.human`. */
export function formatStats(stats: readonly Stat[]): string {
  return statLines(stats).map(([key, value]) => `${key}=${value}\n`).join("");
}

/** The same for people. */
export function viewStats(stats: readonly Stat[], screen: Screen): string {
  const lines = statLines(stats);
  const width = Math.max(...lines.map(([key]) => key.length), 0);
  return lines.map(([key, value]) => `${paint(key, "cyan", screen)}${" ".repeat(width - key.length)}  ${value}\n`).join(
    "",
  );
}

/** The counters as one JSON object. */
export function statsJson(stats: readonly Stat[]): Readonly<Record<string, number>> {
  return Object.fromEntries(sortStats(stats).map(({ key, value }) => [key, value]));
}

/** `MDA running`: one line for each part. */
export function viewStatus(statuses: readonly Status[], screen: Pick<Screen, "color">): string {
  return statuses.map(({ what, running }) => {
    const word = running ? paint("running", "green", screen) : paint("paused", "yellow", screen);
    return `${what.toUpperCase()} ${word}\n`;
  }).join("");
}

/** A span of time for people: its greatest one or two units, `3h20m`. */
export function roughDuration(ms: number, unitsShown: 1 | 2 = 2): string {
  const parts = formatSpan(ms).match(/\d+[dhms]/g) ?? [];
  return parts.slice(0, unitsShown).join("");
}

/** Text with control characters in the manner of vis(3): `\n`, `\033`, `\\`. */
export function vis(text: string): string {
  const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
  return text.replace(notVisible, (char) => short[char] ?? octal(char));
}

// deno-lint-ignore no-control-regex -- control characters are what is looked for
const notVisible = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\\]/g;

function octal(char: string): string {
  const bytes = [...new TextEncoder().encode(char)];
  return bytes.map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}

function queueCells({ envelope, state }: QueueEntry, now: number): readonly Cell[] {
  const plain = (text: string): Cell => ({ text: scrub(text), style: "plain" });
  const rcpt = formatMailbox(envelope.rcpt);
  const dest = formatMailbox(envelope.dest);
  return [
    { text: envelope.id, style: "cyan" },
    plain(envelope.sender === null ? "<>" : formatMailbox(envelope.sender)),
    plain(rcpt === dest ? rcpt : `${rcpt} → ${dest}`),
    plain(roughDuration(now - envelope.createdAt, 1)),
    plain(String(envelope.attempts)),
    stateCell(state),
  ];
}

function stateCell(state: QueueEntry["state"]): Cell {
  const cell = (text: string, style: Style): Cell => ({ text, style });
  switch (state.kind) {
    case "pending":
      return state.inMs <= 0 ? cell("due", "cyan") : cell(`in ${roughDuration(state.inMs)}`, "plain");
    case "inflight":
      return cell(`sending ${roughDuration(state.sinceMs, 1)}`, "green");
    case "suspended":
      return cell("paused", "yellow");
    case "offline":
      return cell("offline", "dim");
  }
}

function runStateOf({ envelope, state }: QueueEntry, now: number): readonly [string, number | ""] {
  switch (state.kind) {
    case "pending":
      return ["pending", seconds(state.inMs)];
    case "inflight":
      return ["inflight", seconds(state.sinceMs)];
    case "suspended":
      return ["pending", seconds(envelope.nextAt - now)];
    case "offline":
      return ["offline", ""];
  }
}

function sourceOf({ origin }: Envelope): string {
  if (origin.address === "local") return "local";
  if (origin.address.includes(":")) return "inet6";
  return /^[\d.]+$/.test(origin.address) ? "inet4" : "?";
}

function flagsOf(envelope: Envelope): readonly string[] {
  const isBounce = envelope.kind === "bounce" || (envelope.sender === null && envelope.origin.address === "local");
  return [
    ...(isBounce ? ["bounce"] : []),
    ...(envelope.origin.username === "" ? [] : ["auth"]),
    ...(envelope.suspended ? ["suspend"] : []),
  ];
}

/** `user@domain`, `@` for the null path. A `|` would end the column. */
function addressField(path: ReversePath): string {
  return path === null ? "@" : vis(formatMailbox(path)).replaceAll("|", "\\174");
}

function statLines(stats: readonly Stat[]): readonly (readonly [string, string])[] {
  return sortStats(stats).flatMap(({ key, value }) => {
    const line = [scrub(key), String(value)] as const;
    return key === "uptime" ? [line, ["uptime.human", formatSpan(value * 1000)] as const] : [line];
  });
}

function sortStats(stats: readonly Stat[]): readonly Stat[] {
  return [...stats].sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

function timeText(time: number, now: number): string {
  const away = time > now ? `in ${roughDuration(time - now)}` : `${roughDuration(now - time)} ago`;
  return `${isoTime(time)?.replace("T", " ").replace("Z", " UTC")} (${away})`;
}

/** Null for 0, which stands for never. */
function isoTime(time: number): string | null {
  return time === 0 ? null : new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Whole ones, as ISO times here have them. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

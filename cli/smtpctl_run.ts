/** Carries out one request of smtpctl: asks the daemon, or its spool when there is none, and prints the answer. */

import { failureJson } from "./failure.ts";
import { Buffer } from "node:buffer";
import { scrub } from "../lib/event_log.ts";
import { Fault } from "../lib/fault.ts";
import type { ControlItem, ControlRequest } from "../lib/daemon/control.ts";
import { type MsgId, msgIdOfEvp } from "../lib/spool/id.ts";
import type { SpoolFilter } from "../lib/spool/store.ts";
import type { ControlEnd } from "./control_client.ts";
import type { OfflineSpool } from "./smtpctl_offline.ts";
import type { SpoolPlace } from "./smtpctl_spool.ts";
import { type Printer, type RunOptions, type View, viewOf } from "./smtpctl_answer.ts";

/** Whom to ask. */
export interface Daemon {
  /** Where it keeps its state, and where it listens: for messages. */
  readonly state: string;
  readonly socket: string;
  /** The command that starts one there. */
  readonly start: string;
  /** Rejects with the Faults of `callControl`. */
  call(request: ControlRequest, onItem: (item: ControlItem) => void | Promise<void>): Promise<ControlEnd>;
  /** Where its spool is on disk, and the spool; null when there is none. */
  openSpool(): Promise<{ readonly place: SpoolPlace; readonly spool: OfflineSpool | null }>;
}

/** Carries out `request`; returns the exit status: 0, or 1 when it has failed, with a message on standard error. */
export async function runRequest(
  request: ControlRequest,
  daemon: Daemon,
  printer: Printer,
  options: RunOptions,
): Promise<number> {
  const view = viewOf(request, printer, options);
  try {
    const end = await daemon.call(request, (item) => view.item(item));
    if (end.kind === "error") return fail(printer, options, end.message);
    return await view.done(end.count);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    // A daemon that goes down has no time for answers.
    if (error.kind === "closed" && request.kind === "stop") return await view.done(0);
    if (error.kind !== "unavailable") return fail(printer, options, error.message, hintOf(error, daemon));
    return await withoutDaemon(request, daemon, printer, options, view);
  }
}

/** Shows what is on disk. Requests that need a daemon fail. */
async function withoutDaemon(
  request: ControlRequest,
  daemon: Daemon,
  printer: Printer,
  options: RunOptions,
  view: View,
): Promise<number> {
  const down = "smtpd doesn't seem to be running";
  const hint = `No smtpd listens at ${daemon.socket}.\n` +
    `Start one with: ${daemon.start}   or name another's directory with --state DIR or SMTPD_STATE.`;
  const isReading = request.kind === "showQueue" || request.kind === "showEnvelope" || request.kind === "showMessage";
  if (!isReading) return fail(printer, options, down, hint);
  try {
    const { place, spool } = await daemon.openSpool();
    const where = `${place.path}: ${place.why}`;
    if (spool === null) return fail(printer, options, down, `${hint}\nThere is no queue at ${where}.`);
    const doubt = place.isGuess ? `\nThe queue of smtpd may be somewhere else than at ${where}` : "";
    printer.complain(`${options.name}: ${down}; this is its queue on disk${doubt}`);
    if (request.kind === "showMessage") return await showOfflineMessage(request.message, spool, printer, options, view);
    let count = 0;
    for await (const envelope of spool.envelopes(filterOf(request))) {
      await view.item({ kind: "offline", entry: { envelope, state: { kind: "offline" } } });
      count++;
    }
    if (count === 0 && request.kind === "showEnvelope") {
      return fail(printer, options, `There is no envelope ${request.envelope} in the queue`);
    }
    return await view.done(count);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return fail(printer, options, down, error.message);
  }
}

async function showOfflineMessage(
  message: MsgId,
  spool: OfflineSpool,
  printer: Printer,
  options: RunOptions,
  view: View,
): Promise<number> {
  const content = await spool.content(message);
  if (content === null) return fail(printer, options, `There is no message ${message} in the queue`);
  for await (const piece of content) {
    await view.item({ kind: "content", base64: Buffer.from(piece).toString("base64") });
  }
  return await view.done(1);
}

function filterOf(request: Extract<ControlRequest, { readonly kind: "showQueue" | "showEnvelope" }>): SpoolFilter {
  if (request.kind === "showEnvelope") return { message: msgIdOfEvp(request.envelope), envelope: request.envelope };
  const { target } = request;
  if (target.kind === "all") return {};
  return target.kind === "message"
    ? { message: target.message }
    : { message: msgIdOfEvp(target.envelope), envelope: target.envelope };
}

function fail(printer: Printer, options: RunOptions, message: string, hint = ""): number {
  if (options.json) printer.complain(failureJson(message, hint));
  else printer.complain(`${options.name}: ${scrub(message)}${hint === "" ? "" : `\n${hint}`}`);
  return 1;
}

function hintOf(fault: Fault, daemon: Daemon): string {
  return fault.kind === "denied"
    ? `need root privileges, or those of the user who started smtpd in ${daemon.state}`
    : "";
}

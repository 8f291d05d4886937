/** The log lines of outgoing mail, in OpenSMTPD's form. */

import type { LogEvent } from "../event_log.ts";
import { formatMailbox, formatPath, type ReversePath } from "../mail/address.ts";
import type { Outcome } from "./outcome.ts";
import type { TaskRecipient } from "./task.ts";

/** The session in lines of deliveries that never had one. */
export const noSession = "0000000000000000";

/** Where an attempt went. */
export interface Attempt {
  /** 16 hexadecimal digits. */
  readonly session: string;
  /** Our address, empty when there was no connection. */
  readonly source: string;
  /** `192.0.2.1 (mx.test)`, empty when it went nowhere. */
  readonly relay: string;
}

/** `<session> mta delivery evpid=… from=… to=… rcpt=… source=… relay=… delay=… result=… stat=…`. `now` in ms. */
export function deliveryEvent(
  attempt: Attempt,
  sender: ReversePath,
  recipient: TaskRecipient,
  outcome: Outcome,
  now: number,
): LogEvent {
  const isForwarded = formatMailbox(recipient.rcpt) !== formatMailbox(recipient.dest);
  return {
    priority: "info",
    session: attempt.session,
    from: "mta",
    what: "delivery",
    fields: {
      evpid: recipient.envelope,
      from: formatPath(sender),
      to: formatPath(recipient.dest),
      rcpt: isForwarded ? formatPath(recipient.rcpt) : "-",
      source: attempt.source,
      relay: attempt.relay,
      delay: formatDelay(now - recipient.createdAt),
      result: resultOf(outcome),
      stat: outcome.text,
    },
  };
}

/** `Ok`, `TempFail` or `PermFail`. */
export function resultOf(outcome: Outcome): "Ok" | "TempFail" | "PermFail" {
  if (outcome.kind === "delayed") return "TempFail";
  return outcome.kind === "failed" ? "PermFail" : "Ok";
}

/** A span of time as `4d2h5m1s`; parts that are zero are left out, `0s` for less than a second. */
export function formatDelay(ms: number): string {
  let rest = Math.max(0, Math.floor(ms / 1000));
  let text = "";
  for (const [unit, seconds] of [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const) {
    const count = Math.floor(rest / seconds);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * seconds;
  }
  return text === "" ? "0s" : text;
}

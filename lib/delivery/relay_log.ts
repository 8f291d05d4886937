/** The log lines of outgoing mail, in OpenSMTPD's form. */

import { formatSpan, type LogEvent } from "../event_log.ts";
import { formatMailbox, formatPath, type ReversePath } from "../mail/address.ts";
import { type Outcome, resultOf } from "./outcome.ts";
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
      delay: formatSpan(now - recipient.createdAt),
      result: resultOf(outcome),
      stat: outcome.text,
    },
  };
}

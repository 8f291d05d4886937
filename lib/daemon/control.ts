/** The control protocol: what smtpctl asks of a running daemon over the control socket, and the answers.
 * Both are JSON, one object per line, LF ended, UTF-8. A request is answered by zero or more `item` lines and
 * then one `done` or `error` line. Requests of a connection are answered in order. */

import type { ExplainQuestion } from "../policy/explain.ts";
import type { Change } from "../policy/difference.ts";
import type { TraceEvent, TraceSubject } from "../policy/trace.ts";
import type { Envelope } from "../spool/envelope.ts";
import type { EvpId, MsgId } from "../spool/id.ts";
import type { ExplainedAnswer } from "./explanation.ts";
import type { ConfigError } from "../policy/error.ts";
import type { ConfigurationStatus } from "./reload.ts";

/** Version of this protocol; smtpctl and smtpd must agree. */
export const controlVersion = 1;

/** Longest request line accepted, octets. */
export const controlLineMax = 4096;

/** What an envelope command applies to. */
export type ControlTarget =
  | { readonly kind: "all" }
  | { readonly kind: "message"; readonly message: MsgId }
  | { readonly kind: "envelope"; readonly envelope: EvpId };

/** What can be paused: local delivery, relaying, the taking of mail. */
export type Subsystem = "mda" | "mta" | "smtp";

/** All of them. */
export const subsystems: readonly Subsystem[] = ["mda", "mta", "smtp"];

/** Is it the name of one? */
export function isSubsystem(value: unknown): value is Subsystem {
  return subsystems.some((one) => one === value);
}

/** First line on every connection. */
export interface ControlHello {
  /** Tells the line from a request. */
  readonly kind: "hello";
  /** `controlVersion` of who connects. */
  readonly version: number;
}

/** What smtpctl may ask: its commands, one each. */
export type ControlRequest =
  | { readonly kind: "showQueue"; readonly target: ControlTarget }
  | { readonly kind: "showEnvelope"; readonly envelope: EvpId }
  | { readonly kind: "showMessage"; readonly message: MsgId }
  | { readonly kind: "showStats" }
  | { readonly kind: "showStatus" }
  | { readonly kind: "schedule"; readonly target: ControlTarget }
  | { readonly kind: "remove"; readonly target: ControlTarget }
  | { readonly kind: "pause"; readonly what: Subsystem }
  | { readonly kind: "resume"; readonly what: Subsystem }
  | { readonly kind: "pauseEnvelope"; readonly target: ControlTarget }
  | { readonly kind: "resumeEnvelope"; readonly target: ControlTarget }
  | { readonly kind: "updateTable"; readonly table: string }
  | { readonly kind: "explain"; readonly question: ExplainQuestion }
  | { readonly kind: "trace"; readonly subjects: readonly TraceSubject[] }
  | { readonly kind: "untrace"; readonly subjects: readonly TraceSubject[] }
  /** With `check`, only says what would change. */
  | { readonly kind: "reload"; readonly check: boolean }
  | { readonly kind: "stop" };

/** Where an envelope stands now. `inMs` is the time to the next attempt, negative when overdue. */
export type RunState =
  | { readonly kind: "pending"; readonly inMs: number }
  | { readonly kind: "inflight"; readonly sinceMs: number }
  | { readonly kind: "suspended" };

/** One thing that was asked for; how many come, the last answer says. */
export type ControlItem =
  | { readonly kind: "envelope"; readonly envelope: Envelope; readonly state: RunState }
  /** A piece of message content, base64, CRLF line ends inside. */
  | { readonly kind: "content"; readonly base64: string }
  | { readonly kind: "stat"; readonly key: string; readonly value: number }
  | { readonly kind: "status"; readonly what: Subsystem; readonly running: boolean }
  /** A step of an explanation. */
  | { readonly kind: "trace"; readonly event: TraceEvent }
  /** What its steps came to; the last item. */
  | { readonly kind: "explained"; readonly answer: ExplainedAnswer }
  | { readonly kind: "configuration"; readonly status: ConfigurationStatus }
  /** A difference between the configuration that was and the one that is now, or would be. */
  | { readonly kind: "change"; readonly change: Change }
  /** Something to tell about a configuration file, as `smtpd -n` prints it; `error` is null for what has no place. */
  | {
    readonly kind: "problem";
    readonly severity: "error" | "warning";
    readonly text: string;
    readonly error: ConfigError | null;
  }
  /** How a reload ended: `version` is in force, or would be, or (of one that is refused) still is. */
  | { readonly kind: "reload"; readonly outcome: "inForce" | "checked" | "refused"; readonly version: number };

/** What the daemon says: items, if any, then `done` or `error`, once. */
export type ControlAnswer =
  | { readonly kind: "item"; readonly item: ControlItem }
  /** `count`: envelopes touched, or items shown. */
  | { readonly kind: "done"; readonly count: number }
  /** `message` is a sentence for a person that says what to do. */
  | {
    readonly kind: "error";
    readonly code: "badRequest" | "notFound" | "already" | "failed" | "incompatible";
    readonly message: string;
  };

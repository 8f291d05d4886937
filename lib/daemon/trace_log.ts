/** Decisions in the log: what `smtpctl trace` and `smtpd -T` switch on. */

import type { Log, LogValue } from "../event_log.ts";
import { formatMailbox, formatPath } from "../mail/address.ts";
import type { Candidate } from "../policy/expand.ts";
import { type TraceEvent, type Tracer, type TraceSubject, traceSubjectOf } from "../policy/trace.ts";

/** A tracer that logs what `subjects` are about; null when there are none. Each line names the sender and the recipient. */
export function logTracer(log: Log, subjects: ReadonlySet<TraceSubject>, candidate: Candidate): Tracer {
  if (subjects.size === 0) return null;
  const about = { from: formatPath(candidate.sender), to: `<${formatMailbox(candidate.rcpt)}>` };
  return (event) => {
    const subject = traceSubjectOf(event);
    if (!subjects.has(subject)) return;
    const fields = { ...about, node: event.node, ...fieldsOf(event) };
    log({ priority: "info", session: "", from: "lookup", what: `trace-${subject}`, fields });
  };
}

function fieldsOf(event: TraceEvent): Readonly<Record<string, LogValue>> {
  switch (event.kind) {
    case "node":
      return { [event.element]: event.text, ...(event.parent === null ? {} : { parent: event.parent }) };
    case "rule": {
      const last = event.tests.at(-1);
      const rule = { rule: `${event.place.file}:${event.place.line}`, verdict: event.verdict };
      return event.verdict === "matched" || last === undefined
        ? { ...rule, text: event.text }
        : { ...rule, test: last.option, subject: last.subject };
    }
    case "filter": {
      const { phase, filter, test, decision } = event;
      return { phase, filter, test: test.option, subject: test.subject, result: test.holds ?? "failed", decision };
    }
    case "lookup": {
      const { table, service, key, answer } = event;
      const found = answer.kind === "found" && answer.value !== null
        ? { value: shownValue(service, answer.value) }
        : {};
      const why = answer.kind === "failed" ? { reason: answer.reason } : {};
      return { table, service, key, result: answer.kind, ...found, ...why };
    }
    case "forward":
      return { forward: event.path, text: event.text };
    case "target":
      return { target: event.target, action: event.action ?? "", text: event.text };
    case "dropped":
      return { dropped: event.reason };
    case "refused":
      return { refused: event.reply, reason: event.reason };
    case "note":
      return { note: event.text };
  }
}

/** A value for people; passwords are none of them. */
export function shownValue(service: string, value: string): string {
  return service === "credentials" ? "***" : value;
}

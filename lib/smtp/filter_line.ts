/** Lines to and from programs that filter (smtpd-filters(7), version 0.7). Fields stand between `|`; what somebody else
 * has written stands last, where a `|` is part of it. */

import { decodeUtf8 } from "../mail/utf8.ts";
import { filterReply } from "./reply.ts";
import { type FilterPhase, filterPhases, type FilterVerdict, type SessionAsk } from "./session_face.ts";

/** Version of the protocol. Its parts are numbers, for whoever compares. */
export const filterProtocol = "0.7";

/** Which side of mail a program hears of. */
export type FilterSubsystem = "smtp-in" | "smtp-out";

/** What happens in a session, or in one with another server, and what programs are told of it, in this order. `fcrdns` is
 * `pass`, `fail` or `error`, as is `result` of `link-auth`; other results are `ok`, `permfail` or `tempfail`. `source` and
 * `destination` are `ip:port`, `[ip6]:port` or `unix:PATH`, `method` is HELO, EHLO or LHLO, `tls` `version:cipher:bits`,
 * `address` what stands between `<` and `>`, `size` octets with our own fields, `from` `builtin` or `proc`. Ids of messages
 * have 8 hexadecimal digits, of envelopes 16. */
export const filterEvents = {
  "link-connect": ["rdns", "fcrdns", "source", "destination"],
  "link-greeting": ["hostname"],
  "link-identify": ["method", "identity"],
  "link-tls": ["tls"],
  "link-auth": ["result", "username"],
  "link-disconnect": [],
  "tx-reset": ["message"],
  "tx-begin": ["message"],
  "tx-mail": ["message", "result", "address"],
  "tx-rcpt": ["message", "result", "address"],
  "tx-envelope": ["message", "envelope"],
  "tx-data": ["message", "result"],
  "tx-commit": ["message", "size"],
  "tx-rollback": ["message"],
  "protocol-client": ["line"],
  "protocol-server": ["line"],
  "filter-report": ["from", "filter", "text"],
  "filter-response": ["phase", "decision", "parameter"],
  "timeout": [],
} as const;

/** Something that has happened. Programs are told; nobody answers. `parameter` of a response is empty where the decision
 * has none. What a client says in an AUTH exchange is no `line` for a program: the caller writes `hiddenSecret`. */
export type FilterReport = {
  [E in keyof typeof filterEvents]:
    & { readonly event: E }
    & Readonly<Record<(typeof filterEvents)[E][number], string>>;
}[keyof typeof filterEvents];

/** Phases that a program can be asked in. */
export type FilterQuery = FilterPhase | "starttls" | "rset" | "quit" | "noop";

/** Phases that it may register. `help` and `wiz` are never asked about. */
export type FilterPhaseName = FilterQuery | "data-line" | "help" | "wiz";

const phaseNames: readonly string[] = [...filterPhases, "starttls", "rset", "quit", "noop", "data-line", "help", "wiz"];

/** Stands for what a client keeps to itself. */
export const hiddenSecret = "********";

/** QUIRK: two phases have other names in reports than in questions. */
const reportedPhases: Readonly<Record<string, string>> = { connect: "connected", starttls: "tls" };

/** Line ends of any reader, and other control characters but the tab. */
// deno-lint-ignore no-control-regex -- control characters are exactly what is looked for
const unfit = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/g;

/** Fields as a line, without its end. What could end the line is `?`, and so is a `|` but in the last field. */
export function formatFields(fields: readonly string[]): string {
  const texts = fields.map((field) => field.replace(unfit, "?"));
  return texts.map((text, at) => at < texts.length - 1 ? text.replaceAll("|", "?") : text).join("|");
}

/** `at`, ms since the epoch, as seconds and six digits of microseconds. */
export function formatFilterTime(at: number): string {
  const us = Math.max(0, Math.round(at * 1000));
  return `${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, "0")}`;
}

/** A report as a line, without its end. The response that may stand behind AUTH is left out. */
export function formatFilterReport(at: number, from: FilterSubsystem, session: string, report: FilterReport): string {
  const values: Readonly<Record<string, string>> = report;
  const fields = filterEvents[report.event].map((name) => values[name] ?? "");
  if (report.event === "protocol-client") {
    fields[0] = report.line.replace(/^(\s*auth\s+\S+)\s[^]*$/i, `$1 ${hiddenSecret}`);
  } else if (report.event === "filter-response") {
    fields[0] = reportedPhases[report.phase] ?? report.phase;
    if (report.parameter === "") fields.pop();
  }
  return formatFields(["report", filterProtocol, formatFilterTime(at), from, report.event, session, ...fields]);
}

/** What a program is asked, of what the session asks. That has a command's whole argument; of MAIL and RCPT programs see
 * the address alone, as it was read. */
export function queryParameters(
  { phase, parameter, facts }: Extract<SessionAsk, { readonly kind: "filter" }>,
): readonly string[] {
  if (phase === "mail-from") return [facts.sender ?? ""];
  if (phase === "rcpt-to") return [facts.rcpt ?? ""];
  if (phase !== "connect") return [parameter];
  // A name may hold anything, an address has no `|`.
  const at = parameter.lastIndexOf("|");
  return [parameter.slice(0, Math.max(0, at)), parameter.slice(at + 1)];
}

/** What a line registers: a phase, an event as `smtp-in tx-mail` or `smtp-out *`, that there is no more; or what is wrong
 * with it. */
export type Registration =
  | { readonly kind: "ready" }
  | { readonly kind: "phase" | "event"; readonly name: string }
  | { readonly kind: "wrong"; readonly problem: string };

/** Reads a line of a program that is not ready yet. */
export function parseRegistration(line: string): Registration {
  if (line === "register|ready") return { kind: "ready" };
  const wrong = (problem: string): Registration => ({ kind: "wrong", problem });
  const [word, kind, subsystem, name = "", ...others] = line.split("|");
  if (word !== "register" || (kind !== "report" && kind !== "filter") || name === "" || others.length > 0) {
    return wrong("it does not register as it should");
  }
  const isOut = subsystem === "smtp-out" && kind === "report";
  if (subsystem !== "smtp-in" && !isOut) return wrong("it registers for an unknown subsystem");
  if (kind === "filter") {
    return phaseNames.includes(name) ? { kind: "phase", name } : wrong("it registers an unknown phase");
  }
  if (name !== "*" && !Object.hasOwn(filterEvents, name)) return wrong("it registers an unknown event");
  return { kind: "event", name: `${subsystem} ${name}` };
}

/** Reads what stands behind session and token of a `filter-result`; one character of a field is one octet. `report` is
 * what the program wants told. Null for what makes no sense. */
export function parseFilterResult(
  phase: FilterQuery,
  [decision, ...rest]: readonly string[],
): { readonly verdict: FilterVerdict; readonly report: string | null } | null {
  if (rest.length === 0) {
    const isPlain = decision === "proceed" || (decision === "junk" && phase !== "commit");
    return isPlain ? { verdict: { kind: decision }, report: null } : null;
  }
  const text = decodeUtf8(rest.join("|"));
  if (text === null || text === "" || text.search(unfit) >= 0) return null;
  switch (decision) {
    case "rewrite":
      return { verdict: { kind: "rewrite", value: text }, report: null };
    case "reject":
    case "disconnect": {
      const reply = filterReply(text);
      // RFC 5321 §3.8: 421 closes the connection.
      return { verdict: { kind: reply.code === 421 ? "disconnect" : decision, reply }, report: null };
    }
    case "report":
      // QUIRK: OpenSMTPD takes the text for the command's new argument.
      return { verdict: { kind: "proceed" }, report: text };
    default:
      return null;
  }
}

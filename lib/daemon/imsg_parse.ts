/** What roles that talk to strangers say to lookup and queue, checked member by member. Such a role may have been taken
 * over; then it may lie, but not end those it speaks to, nor slip line ends into what they write to others. Pure. */

import { scrub } from "../event_log.ts";
import { type ExplainedRoute, routeAddressesMax, routeHostsMax } from "../delivery/explain_route.ts";
import type { RouteHost } from "../delivery/mx.ts";
import { type Outcome, outcomeTextMax } from "../delivery/outcome.ts";
import { type SpfFinding, spfFindingsMax, spfResults } from "../trust/spf_result.ts";
import { parseHandling } from "../smtp/handling.ts";
import type { DsnRequest } from "../smtp/parameter.ts";
import { type EvpId, type MsgId, parseEvpId, parseMsgId } from "../spool/id.ts";
import {
  countOf,
  fieldsOf,
  imsgTextMax,
  isPrintable,
  isReadable,
  listOf,
  mailboxOf,
  pathOf,
  textOf,
} from "./fields.ts";
import { parseSessionQuestion, sessionOf } from "./session_parse.ts";
import { procLineMax } from "../table/proc_limit.ts";
import {
  type DeliveryToLookup,
  type DeliveryToQueue,
  envelopesPerMessageMax,
  type RoleStats,
  type SessionClaim,
  type SmtpInToLookup,
  type SmtpInToQueue,
  type TableHostToLookup,
  type VerifierToLookup,
} from "./imsg.ts";

/** Most counters of an smtp-in, and most gauges. */
export const statsMax = 64;

/** A message of smtp-in to lookup; null when it is none. */
export function parseSmtpInToLookup(value: unknown): SmtpInToLookup | null {
  const fields = fieldsOf(value);
  if (fields?.["kind"] === "session") return parseSessionQuestion(fields);
  if (fields === null || fields["kind"] !== "expand") return null;
  const [request, message] = [countOf(fields["request"]), msgIdOf(fields["message"])];
  const [session, listener] = [sessionOf(fields["session"]), countOf(fields["listener"])];
  const [claim, sender] = [claimOf(fields["claim"]), pathOf(fields["sender"])];
  const [rcpt, dsn, handling] = [mailboxOf(fields["rcpt"]), dsnOf(fields["dsn"]), parseHandling(fields["handling"])];
  if (request === null || message === null || claim === null || sender === undefined) return null;
  if (session === null || listener === null || rcpt === null || dsn === null || handling === null) return null;
  return { kind: "expand", request, message, session, listener, claim, sender, rcpt, dsn, handling };
}

/** A message of smtp-in to queue; null when it is none. */
export function parseSmtpInToQueue(value: unknown): SmtpInToQueue | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const kind = fields["kind"];
  if (kind === "wantIds") return { kind };
  if (kind === "stats") {
    const stats = statsOf(fields["stats"]);
    return stats === null ? null : { kind, stats };
  }
  const message = msgIdOf(fields["message"]);
  if (message === null) return null;
  switch (kind) {
    case "body":
    case "rollback":
      return { kind, message };
    case "commit": {
      const [size, requests] = [countOf(fields["size"]), requestsOf(fields["requests"])];
      return size === null || requests === null ? null : { kind, message, size, requests };
    }
    default:
      return null;
  }
}

/** A message of delivery to queue; null when it is none. */
export function parseDeliveryToQueue(value: unknown): DeliveryToQueue | null {
  const fields = fieldsOf(value);
  const kind = fields?.["kind"];
  if (fields !== null && kind === "outcome") {
    const [envelope, at] = [evpIdOf(fields["envelope"]), countOf(fields["at"])];
    const outcome = outcomeOf(fields["outcome"]);
    return envelope === null || at === null || outcome === null ? null : { kind, envelope, outcome, at };
  }
  if (fields !== null && kind === "needChunk") {
    const [request, seq, message] = [countOf(fields["request"]), countOf(fields["seq"]), msgIdOf(fields["message"])];
    return request === null || seq === null || message === null ? null : { kind, request, seq, message };
  }
  if (fields !== null && kind === "route") {
    const [request, route] = [countOf(fields["request"]), routeOf(fields["route"])];
    const spf = listOf(fields["spf"], spfFindingsMax, findingOf);
    return request === null || route === null || spf === null ? null : { kind, request, route, spf };
  }
  return null;
}

/** A message of delivery to lookup; null when it is none. */
export function parseDeliveryToLookup(value: unknown): DeliveryToLookup | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const kind = fields["kind"];
  const [request, table] = [countOf(fields["request"]), textOf(fields["table"])];
  if (request === null || table === null) return null;
  if (kind === "relay") {
    const domain = textOf(fields["domain"]);
    return domain === null ? null : { kind, request, table, domain };
  }
  if (kind === "source") return { kind, request, table };
  if (kind === "helo") {
    const address = textOf(fields["address"]);
    return address === null ? null : { kind, request, table, address };
  }
  const user = textOf(fields["user"]);
  const account = fields["account"] === null ? null : textOf(fields["account"]);
  if (kind !== "user" || user === null || (account === null && fields["account"] !== null)) return null;
  return { kind, request, table, user, account };
}

/** A message of a verifier to lookup; null when it is none. */
export function parseVerifierToLookup(value: unknown): VerifierToLookup | null {
  const fields = fieldsOf(value);
  const request = countOf(fields?.["request"]);
  if (fields === null || request === null) return null;
  const { kind, result, problem, octets } = fields;
  if (kind === "salted") {
    if (typeof octets !== "string" || !/^[A-Za-z0-9+/]{43}=$/.test(octets)) return null;
    return { kind, request, octets };
  }
  if (kind !== "checked" || (problem !== null && typeof problem !== "string")) return null;
  if (result !== "right" && result !== "wrong" && result !== "failed") return null;
  return { kind, request, result, problem: problem === null ? null : scrub(problem.slice(0, imsgTextMax)) };
}

/** A message of a table's host to lookup; null when it is none. */
export function parseTableHostToLookup(value: unknown): TableHostToLookup | null {
  const fields = fieldsOf(value);
  const request = countOf(fields?.["request"]);
  const answer = fieldsOf(fields?.["answer"]);
  if (fields?.["kind"] !== "answer" || request === null || answer === null) return null;
  switch (answer["kind"]) {
    case "found": {
      const found = answer["value"];
      if (typeof found !== "string" || found.length > procLineMax || /[\0\r\n]/.test(found)) return null;
      return { kind: "answer", request, answer: { kind: "found", value: found } };
    }
    case "absent":
    case "noService":
      return { kind: "answer", request, answer: { kind: answer["kind"] } };
    case "failed": {
      const { reason } = answer;
      if (typeof reason !== "string") return null;
      return { kind: "answer", request, answer: { kind: "failed", reason: scrub(reason.slice(0, imsgTextMax)) } };
    }
    default:
      return null;
  }
}

function claimOf(value: unknown): SessionClaim | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const { address, hostname, helo, smtpName, username, tls } = fields;
  if (![address, hostname, helo, smtpName, username].every((one) => textOf(one) !== null)) return null;
  if (typeof tls !== "boolean") return null;
  const text = (one: unknown) => textOf(one) ?? "";
  return {
    address: text(address),
    hostname: text(hostname),
    helo: text(helo),
    smtpName: text(smtpName),
    username: text(username),
    tls,
  };
}

function dsnOf(value: unknown): DsnRequest | null {
  const fields = fieldsOf(value);
  if (fields === null || !Array.isArray(fields["notify"])) return null;
  const { ret, envId, originalRecipient } = fields;
  const notify = fields["notify"].filter(isNotify);
  if (notify.length !== fields["notify"].length || new Set(notify).size !== notify.length) return null;
  if (ret !== null && ret !== "full" && ret !== "hdrs") return null;
  if (envId !== null && !isPrintable(envId)) return null;
  if (originalRecipient !== null && !isReadable(originalRecipient)) return null;
  return { notify, ret, envId, originalRecipient };
}

function isNotify(value: unknown): value is DsnRequest["notify"][number] {
  return value === "success" || value === "failure" || value === "delay" || value === "never";
}

function routeOf(value: unknown): ExplainedRoute | null {
  const fields = fieldsOf(value);
  const via = textOf(fields?.["via"]);
  if (fields === null || via === null) return null;
  switch (fields["kind"]) {
    case "unasked":
      return { kind: "unasked", via };
    case "none": {
      const { reason } = fields;
      return typeof reason === "string" ? { kind: "none", via, reason: scrub(reason.slice(0, outcomeTextMax)) } : null;
    }
    case "hosts": {
      const [port, hosts] = [countOf(fields["port"]), listOf(fields["hosts"], routeHostsMax, hostOf)];
      return port === null || hosts === null ? null : { kind: "hosts", via, port, hosts };
    }
    default:
      return null;
  }
}

function findingOf(value: unknown): SpfFinding | null {
  const fields = fieldsOf(value);
  const [address, result] = [textOf(fields?.["address"]), spfResults.find((known) => known === fields?.["result"])];
  return address === null || result === undefined ? null : { address, result };
}

function hostOf(value: unknown): RouteHost | null {
  const fields = fieldsOf(value);
  const [name, preference] = [textOf(fields?.["name"]), countOf(fields?.["preference"])];
  const addresses = listOf(fields?.["addresses"], routeAddressesMax, textOf);
  return name === null || preference === null || addresses === null ? null : { name, preference, addresses };
}

function outcomeOf(value: unknown): Outcome | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const { kind, enhanced, text, by } = fields;
  if (kind !== "delivered" && kind !== "relayed" && kind !== "delayed" && kind !== "failed") return null;
  if (typeof enhanced !== "string" || !/^[245]\.[0-9]{1,3}\.[0-9]{1,3}$/.test(enhanced)) return null;
  if (typeof text !== "string" || typeof by !== "string") return null;
  return { kind, enhanced, text: scrub(text.slice(0, outcomeTextMax)), by: scrub(by.slice(0, imsgTextMax)) };
}

function statsOf(value: unknown): RoleStats | null {
  const fields = fieldsOf(value);
  const [gauges, counters] = [numbersOf(fields?.["gauges"]), numbersOf(fields?.["counters"])];
  return gauges === null || counters === null ? null : { gauges, counters };
}

function numbersOf(value: unknown): Readonly<Record<string, number>> | null {
  const fields = fieldsOf(value);
  const entries = Object.entries(fields ?? {});
  if (fields === null || entries.length > statsMax) return null;
  const numbers: Record<string, number> = {};
  for (const [name, count] of entries) {
    if (!/^[a-z.-]{1,64}$/.test(name) || typeof count !== "number" || !Number.isFinite(count)) return null;
    numbers[name] = count;
  }
  return numbers;
}

/** Each stands for one envelope at least, and once: one that came again would have its envelopes made again. */
function requestsOf(value: unknown): readonly number[] | null {
  if (!Array.isArray(value) || value.length > envelopesPerMessageMax) return null;
  return value.every((one) => countOf(one) !== null) && new Set(value).size === value.length ? value : null;
}

function msgIdOf(value: unknown): MsgId | null {
  return typeof value === "string" ? parseMsgId(value) : null;
}

function evpIdOf(value: unknown): EvpId | null {
  return typeof value === "string" ? parseEvpId(value) : null;
}

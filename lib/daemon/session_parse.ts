/** Questions of smtp-in about its sessions, checked member by member as in imsg_parse.ts. Pure. */

import { scrub } from "../event_log.ts";
import { commandLineLengthMax } from "../smtp/framing.ts";
import { type FilterFacts, type FilterPhase, filterPhases } from "../smtp/session_face.ts";
import { countOf, type Fields, fieldsOf, pathOf, textOf } from "./fields.ts";
import type { SessionQuestion } from "./imsg.ts";

/** Longest response of a SASL exchange, octets. RFC 4954 §4 has lines of 12,288; base64 takes a quarter of it away. */
export const responseLengthMax = 9_216;

/** A question about a session; null when it is none. */
export function parseSessionQuestion(fields: Fields): SessionQuestion | null {
  const session = sessionOf(fields["session"]);
  const [request, listener] = [countOf(fields["request"]), countOf(fields["listener"])];
  const address = textOf(fields["address"]);
  const ask = askOf(fields["ask"]);
  if (request === null || listener === null || session === null || address === null || ask === null) return null;
  return { kind: "session", request, session, listener, address, ask };
}

/** Name of a session; null for what is none. */
export function sessionOf(value: unknown): string | null {
  return typeof value === "string" && /^[0-9a-f]{16}$/.test(value) ? value : null;
}

function askOf(value: unknown): SessionQuestion["ask"] | null {
  const fields = fieldsOf(value);
  const kind = fields?.["kind"];
  if (fields === null) return null;
  switch (kind) {
    case "name":
    case "end":
    case "hostname":
      return { kind };
    case "authenticate": {
      const [step, response] = [countOf(fields["step"]), fields["response"]];
      const mechanism = textOf(fields["mechanism"]);
      const { certificate } = fields;
      if (mechanism === null || step === null || !isResponse(response) || !isFingerprint(certificate)) return null;
      return { kind, mechanism, step, response, certificate };
    }
    case "sender": {
      const username = textOf(fields["username"]);
      const sender = pathOf(fields["sender"]);
      return username === null || sender === undefined ? null : { kind, username, sender };
    }
    case "filter": {
      const { parameter } = fields;
      const [phase, facts] = [phaseOf(fields["phase"]), factsOf(fields["facts"])];
      if (!isParameter(parameter) || phase === null || facts === null) return null;
      return { kind, phase, parameter, facts };
    }
    default:
      return null;
  }
}

function isResponse(value: unknown): value is string | null {
  return value === null ||
    (typeof value === "string" && value.length <= responseLengthMax && /^[\0-\xff]*$/.test(value));
}

/** Of a certificate, where there is one. */
function isFingerprint(value: unknown): value is string | null {
  return value === null || (typeof value === "string" && /^[0-9a-f]{64}$/.test(value));
}

/** A command's argument: as long as a line of the client's may be. */
function isParameter(value: unknown): value is string {
  if (typeof value !== "string" || value.length > commandLineLengthMax) return false;
  // Octets of UTF-8 may stand in it.
  const ascii = value.replace(/[\x80-\xff]/g, "");
  return scrub(ascii) === ascii;
}

function phaseOf(value: unknown): FilterPhase | null {
  return filterPhases.find((phase) => phase === value) ?? null;
}

function factsOf(value: unknown): FilterFacts | null {
  const fields = fieldsOf(value);
  const [helo, username] = [textOf(fields?.["helo"]), textOf(fields?.["username"])];
  if (fields === null || helo === null || username === null) return null;
  const sender = fields["sender"] === null ? null : textOf(fields["sender"]);
  const rcpt = fields["rcpt"] === null ? null : textOf(fields["rcpt"]);
  if ((sender === null && fields["sender"] !== null) || (rcpt === null && fields["rcpt"] !== null)) return null;
  return { helo, username, sender, rcpt };
}

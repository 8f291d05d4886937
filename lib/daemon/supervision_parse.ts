/** What roles say to the supervisor, checked. A role that strangers talk to may have been taken over: whatever it sends,
 * the supervisor must neither fall over it nor take a number that is text for an account. Pure. */

import { scrub } from "../event_log.ts";
import { parseExec } from "../policy/exec.ts";
import { type ForwardFile, forwardLengthMax, isForwardProblem } from "../policy/forward.ts";
import { type AuthLevel, authSourcesHandedMax } from "../trust/auth_limit.ts";
import { isSubsystem, type Subsystem, subsystems } from "./control.ts";
import { listOf } from "./fields.ts";
import type { AgentRequest, FromRole } from "./supervision.ts";

/** Longest text in a message of a role, characters. */
export const roleTextMax = 8192;

/** Largest user or group id: that of (uid_t)-2; -1 means "no change" to the system. */
const accountIdMax = 0xfffffffe;

/** A message of a role; null when it is none. Members that do not belong are left out. */
export function parseFromRole(value: unknown): FromRole | null {
  if (typeof value !== "object" || value === null) return null;
  const fields: Fields = { ...value };
  const kind = fields["kind"];
  switch (kind) {
    case "received":
    case "serving":
    case "stopDaemon":
      return { kind };
    case "ready":
    case "inForce": {
      const version = countOf(fields["version"]);
      return version === null ? null : { kind, version };
    }
    case "notReady": {
      const reason = textOf(fields["reason"]);
      return reason === null ? null : { kind, reason: scrub(reason) };
    }
    case "reload": {
      const [request, check] = [countOf(fields["request"]), fields["check"]];
      return request === null || typeof check !== "boolean" ? null : { kind, request, check };
    }
    case "mayDeliver": {
      const [owner, table, user] = [ownerOf(fields), textOf(fields["table"]), textOf(fields["user"])];
      const account = fields["account"] === null ? null : textOf(fields["account"]);
      if (owner === null || table === null || user === null) return null;
      return account === null && fields["account"] !== null ? null : { kind, table, user, account, ...owner };
    }
    case "mayRun": {
      const [action, user, exec] = [textOf(fields["action"]), textOf(fields["user"]), parseExec(fields["exec"])];
      return action === null || user === null || exec === null ? null : { kind, action, user, exec };
    }
    case "needForward":
      return needForwardOf(fields);
    case "forwardRead": {
      const file = forwardOf(fields["file"]);
      return file === null ? null : { kind, file };
    }
    case "distrust": {
      const name = textOf(fields["name"]);
      return name === null ? null : { kind, name };
    }
    case "authLevels": {
      const levels = listOf(fields["levels"], authSourcesHandedMax, levelOf);
      return levels === null ? null : { kind, levels };
    }
    case "paused": {
      const paused = pausedOf(fields["paused"]);
      return paused === null ? null : { kind, paused };
    }
    case "needAgent": {
      const request = requestOf(fields);
      return request === null ? null : { kind, ...request };
    }
    default:
      return null;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function needForwardOf(fields: Fields): FromRole | null {
  const [request, name] = [idOf(fields["request"]), textOf(fields["name"])];
  const [uid, gid, home] = [idOf(fields["uid"]), idOf(fields["gid"]), textOf(fields["home"])];
  if (request === null || name === null || uid === null || gid === null || home === null) return null;
  return { kind: "needForward", request, name, uid, gid, home };
}

function requestOf(fields: Fields): AgentRequest | null {
  const owner = ownerOf(fields);
  const [key, action, user] = [textOf(fields["key"]), textOf(fields["action"]), textOf(fields["user"])];
  const exec = fields["exec"] === null ? null : parseExec(fields["exec"]);
  if (exec === null && fields["exec"] !== null) return null;
  if (owner === null || key === null || action === null || user === null) return null;
  return { key, action, user, ...owner, exec };
}

function ownerOf(fields: Fields): Pick<AgentRequest, "uid" | "gid" | "home" | "accountHome"> | null {
  const [uid, gid] = [idOf(fields["uid"]), idOf(fields["gid"])];
  const [home, accountHome] = [textOf(fields["home"]), textOf(fields["accountHome"])];
  return uid === null || gid === null || home === null || accountHome === null ? null : { uid, gid, home, accountHome };
}

function forwardOf(value: unknown): ForwardFile | null {
  if (typeof value !== "object" || value === null) return null;
  const fields: Fields = { ...value };
  switch (fields["kind"]) {
    case "absent":
      return { kind: "absent" };
    case "text": {
      const { text } = fields;
      return typeof text === "string" && text.length < forwardLengthMax ? { kind: "text", text } : null;
    }
    case "refused": {
      const { problem } = fields;
      const detail = textOf(fields["detail"]);
      return isForwardProblem(problem) && detail !== null ? { kind: "refused", problem, detail } : null;
    }
    default:
      return null;
  }
}

function levelOf(value: unknown): AuthLevel | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [source, level]: readonly unknown[] = value;
  if (typeof source !== "string" || !/^[0-9a-f.:]{2,39}(\/64)?$/.test(source)) return null;
  return typeof level === "number" && Number.isFinite(level) && level > 0 ? [source, level] : null;
}

/** Each at most once. */
function pausedOf(value: unknown): readonly Subsystem[] | null {
  if (!Array.isArray(value) || value.length > subsystems.length || !value.every(isSubsystem)) return null;
  return new Set(value).size === value.length ? value : null;
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function idOf(value: unknown): number | null {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= accountIdMax ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value.length <= roleTextMax && !value.includes("\0") ? value : null;
}

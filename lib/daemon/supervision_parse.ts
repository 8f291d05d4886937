/** What roles say to the supervisor, checked. A role that strangers talk to may have been taken over: whatever it sends,
 * the supervisor must neither fall over it nor take a number that is text for an account. Pure. */

import { scrub } from "../event_log.ts";
import { isSubsystem, type Subsystem, subsystems } from "./control.ts";
import type { AgentRequest, FromRole } from "./supervision.ts";

/** Longest text in a message of a role, characters. */
export const roleTextMax = 4096;

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
      const owner = ownerOf(fields);
      return owner === null ? null : { kind, ...owner };
    }
    case "distrust": {
      const name = textOf(fields["name"]);
      return name === null ? null : { kind, name };
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

function requestOf(fields: Fields): AgentRequest | null {
  const owner = ownerOf(fields);
  const [key, action, user] = [textOf(fields["key"]), textOf(fields["action"]), textOf(fields["user"])];
  return owner === null || key === null || action === null || user === null ? null : { key, action, user, ...owner };
}

function ownerOf(fields: Fields): Pick<AgentRequest, "uid" | "gid" | "home"> | null {
  const [uid, gid, home] = [idOf(fields["uid"]), idOf(fields["gid"]), textOf(fields["home"])];
  return uid === null || gid === null || home === null ? null : { uid, gid, home };
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

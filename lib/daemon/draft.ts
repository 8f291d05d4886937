/** The envelopes that a recipient comes to. */

import type { Target } from "../policy/expand.ts";
import type { Policy } from "../policy/policy.ts";
import type { EnvelopeDraft, ExpandRequest } from "./imsg.ts";
import { ttlOf } from "./lifetime.ts";

/** The envelope of a target, as it is offered to queue and as `explain` shows it. */
export function draftOf(
  policy: Pick<Policy, "actions" | "queue">,
  ask: Pick<ExpandRequest, "sender" | "rcpt" | "origin" | "dsn" | "handling">,
  target: Target,
): EnvelopeDraft {
  const { sender, rcpt, origin, dsn, handling } = ask;
  const { action, dest } = target;
  const local = target.kind === "local"
    ? { user: target.user, subAddress: target.subAddress, exec: target.exec }
    : null;
  const ttlMs = ttlOf(policy, action);
  return { kind: local === null ? "mta" : "mda", action, sender, rcpt, dest, local, origin, dsn, handling, ttlMs };
}

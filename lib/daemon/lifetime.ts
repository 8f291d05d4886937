/** How long delivery is tried: what the configuration says now, not when the message came in. */

import type { Policy } from "../policy/policy.ts";
import type { Envelope } from "../spool/envelope.ts";
import type { SpoolStore } from "../spool/store.ts";

/** How long delivery of mail of an action is tried, ms. */
export function ttlOf({ actions, queue }: Pick<Policy, "actions" | "queue">, action: string): number {
  return actions[action]?.ttlMs ?? queue.ttlMs;
}

/** When delivery is given up, ms since the epoch, of a message that came in at `createdAt`. RFC 4865 §4: the time begins
 * when the message is released. RFC 2852 §4.1.4: it ends when the sender wants it back. */
export function expiryOf({ createdAt, handling }: Pick<Envelope, "createdAt" | "handling">, ttlMs: number): number {
  const at = Math.max(createdAt, handling.holdUntil) + ttlMs;
  const { deliverBy } = handling;
  return deliverBy?.mode === "return" ? Math.min(deliverBy.at, at) : at;
}

/** A store whose envelopes are given up when `policy` says, whatever was in force when they came in. Notices, and mail of
 * actions that are no more, keep the time that they have. */
export function datedStore(store: SpoolStore, policy: () => Pick<Policy, "actions" | "queue">): SpoolStore {
  const dated = (envelope: Envelope): Envelope => {
    const { actions, queue } = policy();
    if (envelope.kind === "bounce" || actions[envelope.action] === undefined) return envelope;
    const expiresAt = expiryOf(envelope, ttlOf({ actions, queue }, envelope.action));
    return expiresAt === envelope.expiresAt ? envelope : { ...envelope, expiresAt };
  };
  return {
    apply: (changes) => store.apply(changes),
    due: async (kind, now, after, limit) => (await store.due(kind, now, after, limit)).map(dated),
    nextDueAfter: (kind, after) => store.nextDueAfter(kind, after),
    async envelope(id) {
      const envelope = await store.envelope(id);
      return envelope === null ? null : dated(envelope);
    },
    message: (id) => store.message(id),
    chunk: (message, seq) => store.chunk(message, seq),
    list: async (filter, after, limit) => (await store.list(filter, after, limit)).map(dated),
    counts: () => store.counts(),
    has: (id) => store.has(id),
    recover: () => store.recover(),
    close: () => store.close(),
  };
}

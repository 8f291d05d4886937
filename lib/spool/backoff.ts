/** When to try again, when to give up, when to tell the sender that it takes long. All times are ms since the epoch. */

import type { Envelope } from "./envelope.ts";

/** Unit of the retry times: the n-th attempt is due `n^2` units after the envelope's creation. */
const retryUnitMs: Readonly<Record<Envelope["kind"], number>> = { mta: 400_000, mda: 10_000, bounce: 10_000 };

/** When the attempt after `attempts` failed ones is due: the first of the times `createdAt + unit * n^2`,
 * `n >= attempts`, that is later than `now`. Times that passed while the daemon was down are not made up for.
 * A relay that fails at once is tried at 0, 6 m 40 s, 26 m 40 s, 1 h, 1 h 46 m 40 s ... after creation, 30 times in
 * four days. RFC 5321 §4.5.4.1 wants at least 30 minutes between attempts, after the first ones. */
export function nextAttempt(kind: Envelope["kind"], createdAt: number, attempts: number, now: number): number {
  const unit = retryUnitMs[kind];
  const passed = Math.floor(Math.sqrt(Math.max(0, now - createdAt) / unit));
  // The root may be off by one in the last place: begin one lower.
  let n = Math.max(attempts, passed - 1, 0);
  while (createdAt + unit * n * n <= now) n++;
  return createdAt + unit * n * n;
}

/** True when no attempt may be made any more. */
export function isExpired(envelope: Pick<Envelope, "expiresAt">, now: number): boolean {
  return now >= envelope.expiresAt;
}

/** Whether a delay warning is due after a failed attempt: of `warnAfterMs`, in its order, the first interval that
 * the next attempt reaches and that no warning was sent for. Returns the moment it stands for (creation plus
 * interval), which becomes `lastWarnAt`; null for no warning. */
export function warningDue(
  envelope: Pick<Envelope, "createdAt" | "nextAt" | "lastWarnAt">,
  warnAfterMs: readonly number[],
): number | null {
  for (const interval of warnAfterMs) {
    const at = envelope.createdAt + interval;
    if (envelope.nextAt >= at && envelope.lastWarnAt < at) return at;
  }
  return null;
}

/** A judge for schedules, and the outcomes that it knows. */

import type { Envelope, LastStatus } from "../../lib/spool/envelope.ts";
import type { Judge } from "../../lib/spool/schedule.ts";

export const delivered: LastStatus = { kind: "delivered", enhanced: "2.0.0", text: "ok", by: "" };
export const delayed: LastStatus = { kind: "delayed", enhanced: "4.0.0", text: "later", by: "" };
export const failed: LastStatus = { kind: "failed", enhanced: "5.0.0", text: "never", by: "" };

/** Delays by 100, turns failures into notices, lets notices go. */
export const judge: Judge = (envelope, status, now) => {
  const retried = { ...envelope, attempts: envelope.attempts + 1, nextAt: Math.min(now + 100, envelope.expiresAt) };
  if (status.kind === "delayed") return { next: retried, notice: null, log: [] };
  if (status.kind !== "failed" || envelope.kind === "bounce") return { next: null, notice: null, log: [] };
  const notice: Envelope = { ...envelope, kind: "bounce", nextAt: now + 1000, expiresAt: now + 9999, last: status };
  return { next: notice, notice: null, log: [] };
};

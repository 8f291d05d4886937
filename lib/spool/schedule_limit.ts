/** Bounds of the schedule, apart from it: delivery has to hold as much and needs nothing else of it. */

/** Bounds of a Schedule. */
export interface ScheduleLimits {
  /** Due envelopes of a kind held in memory. */
  readonly window: number;
  /** Envelopes under way, of all kinds: what delivery holds at once, and what is not durable yet. */
  readonly inFlight: number;
  /** Envelopes of a batch. */
  readonly batch: number;
}

/** 2,000 of a kind ready, 2,000 under way, 100 in a batch (RFC 5321 §4.5.3.1.8). OpenSMTPD has 5,000 under way; here
 * short content goes along, and what is over costs no copy of it. */
export const scheduleLimits: ScheduleLimits = { window: 2000, inFlight: 2000, batch: 100 };

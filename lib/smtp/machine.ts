/** The one form of all our state machines: events in, effects out. */

/** A sans-IO machine. Time arrives inside events; there is no clock, no socket and no randomness behind it. */
export interface Machine<Event, Effect> {
  /** Synchronous, total, bounded; never throws for anything a peer can send. */
  step(event: Event): Effect[];
}

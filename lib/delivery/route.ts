/** What is known of the addresses that mail goes to: how many connections each has, and which are to be left alone
 * for a while because they failed. Shared by all relays, since many domains have the same hosts. */

import { type MtaLimits, routePenaltyMs } from "./limits.ts";
import type { Outcome } from "./outcome.ts";

/** One address and port. Times are those of one clock that never goes back. */
export interface RouteState {
  /** `192.0.2.1:25`, `[2001:db8::1]:25`. */
  readonly key: string;
  /** Open or opening. */
  connections: number;
  /** Of these, not ready yet. */
  opening: number;
  /** A connection has become ready, and none has failed since: several may be opened at once. */
  validated: boolean;
  /** Failures in a row, less one for each penalty that has run out. */
  failures: number;
  /** Not to be used before this; 0 when it may be. */
  disabledUntil: number;
  /** No further connection before this. */
  nextOpenAt: number;
  /** Why it is disabled: what mail that can only go this way is told. */
  lastFailure: Outcome | null;
}

/** The addresses in use or in disgrace; at most `routesMax` of them. */
export class RouteBook {
  readonly #limits: MtaLimits;
  readonly #whenValid: () => void;
  readonly #routes = new Map<string, RouteState>();

  /** Knows nothing yet. `whenValid` is called when the first connection to an address is ready: there may be more now. */
  constructor(limits: MtaLimits, whenValid: () => void) {
    this.#limits = limits;
    this.#whenValid = whenValid;
  }

  /** The state of an address; a new one if need be. */
  at(address: string, port: number): RouteState {
    const key = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    const known = this.#routes.get(key);
    if (known !== undefined) return known;
    if (this.#routes.size >= this.#limits.routesMax) this.#forget();
    const fresh: RouteState = {
      key,
      connections: 0,
      opening: 0,
      validated: false,
      failures: 0,
      disabledUntil: 0,
      nextOpenAt: 0,
      lastFailure: null,
    };
    this.#routes.set(key, fresh);
    return fresh;
  }

  /** Is the address to be left alone? A penalty that has run out lets it be tried, and weighs one less. */
  isDisabled(route: RouteState, now: number): boolean {
    if (route.disabledUntil === 0) return false;
    if (now < route.disabledUntil) return true;
    route.disabledUntil = 0;
    route.failures = Math.max(0, route.failures - 1);
    return false;
  }

  /** May one more connection be opened now? Until the first is ready, there is one at a time. */
  hasRoom(route: RouteState, now: number): boolean {
    if (route.connections >= this.#limits.connectionsPerHostMax || now < route.nextOpenAt) return false;
    return route.validated || route.opening === 0;
  }

  /** A connection is being made. */
  opening(route: RouteState, now: number): void {
    route.connections++;
    route.opening++;
    route.nextOpenAt = now + this.#limits.connectionDelayMs;
  }

  /** It is ready. */
  ready(route: RouteState): void {
    const isFirst = !route.validated;
    route.opening--;
    route.validated = true;
    route.failures = 0;
    route.lastFailure = null;
    if (isFirst) this.#whenValid();
  }

  /** It failed before it was ready. An address that serves us on other connections is only given a pause: it may have
   * a limit of its own. Any other is disabled for 15 s x failures², at most an hour. */
  failed(route: RouteState, now: number, why: Outcome): void {
    route.opening--;
    route.connections--;
    if (route.validated && route.connections > route.opening) {
      route.nextOpenAt = now + this.#limits.reconnectDelayMs;
      return;
    }
    route.validated = false;
    route.failures++;
    route.disabledUntil = now + routePenaltyMs(route.failures, this.#limits);
    route.lastFailure = why;
  }

  /** A connection is over that was ready, or that we gave up ourselves before it was. */
  closed(route: RouteState, wasReady: boolean): void {
    route.connections--;
    if (!wasReady) route.opening--;
  }

  /** Lifts its penalty and its pause. */
  pardon(route: RouteState): void {
    route.failures = 0;
    route.disabledUntil = 0;
    route.nextOpenAt = 0;
  }

  /** Makes room: drops the oldest entry that has no connection. */
  #forget(): void {
    for (const [key, route] of this.#routes) {
      if (route.connections > 0) continue;
      this.#routes.delete(key);
      return;
    }
  }
}

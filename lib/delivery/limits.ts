/** How much outgoing mail may ask of other people's servers, and of us. Names and values are those of OpenSMTPD's
 * `mta limit`, where it has the limit. */

import type { MtaLimitPolicy } from "../policy/limit.ts";
import { type ClientLimits, clientLimits } from "../smtp/client_face.ts";
import { scheduleLimits } from "../spool/schedule_limit.ts";

/** Limits of outgoing mail. Times in ms. */
export interface MtaLimits {
  /** max-conn-per-host: connections to one address and port, whatever relays they are for. */
  readonly connectionsPerHostMax: number;
  /** max-conn-per-relay. */
  readonly connectionsPerRelayMax: number;
  /** Connections in all. */
  readonly connectionsMax: number;
  /** conn-delay-route: least time between two connections to one address, once the first is ready.
   * OpenSMTPD waits 5 s; mail that is due goes faster without, and `connectionsPerHostMax` still holds. */
  readonly connectionDelayMs: number;
  /** reconn-delay-route: pause after a host that serves us refuses one more connection. */
  readonly reconnectDelayMs: number;
  /** How long the hosts found for a relay are used before they are looked up again. */
  readonly routesFreshMs: number;
  /** How long to wait before a limit that was met is looked at again. */
  readonly limitRetryMs: number;
  /** How long a host may take to accept a connection. */
  readonly connectTimeoutMs: number;
  /** session-keepalive: how long the last idle connection of a relay waits for more mail. */
  readonly keepaliveMs: number;
  /** How long the others do. */
  readonly spareKeepaliveMs: number;
  /** How long a closing connection may take to send what it still holds. */
  readonly closeGraceMs: number;
  /** Recipients of one transaction. RFC 5321 §4.5.3.1.8: servers take at least 100. */
  readonly recipientsPerTransactionMax: number;
  /** Tasks in hand. More than queue gives out: when it is restarted, those of the last one may still be under way. */
  readonly tasksMax: number;
  /** MX hosts of a domain that are considered, best first. */
  readonly hostsMax: number;
  /** Addresses of a host that are considered. */
  readonly addressesPerHostMax: number;
  /** Addresses whose failures are remembered. */
  readonly routesMax: number;
  /** First penalty of an address that fails before it is ready; it grows with the square of the failures. */
  readonly penaltyBaseMs: number;
  /** Where penalties stop growing. */
  readonly penaltyMaxMs: number;
  /** inet4, inet6: the one address family that may be used; null for both. */
  readonly family: 4 | 6 | null;
  /** Times and counts of each session. */
  readonly session: ClientLimits;
}

/** The limits without any configuration. */
export const mtaLimits: MtaLimits = {
  connectionsPerHostMax: 10,
  connectionsPerRelayMax: 100,
  connectionsMax: 500,
  connectionDelayMs: 0,
  reconnectDelayMs: 3_000,
  routesFreshMs: 60_000,
  limitRetryMs: 5_000,
  connectTimeoutMs: 30_000,
  keepaliveMs: 10_000,
  spareKeepaliveMs: 2_000,
  closeGraceMs: 5_000,
  recipientsPerTransactionMax: 100,
  tasksMax: 2 * scheduleLimits.inFlight,
  hostsMax: 20,
  addressesPerHostMax: 8,
  routesMax: 10_000,
  penaltyBaseMs: 15_000,
  penaltyMaxMs: 3_600_000,
  family: null,
  session: clientLimits,
};

/** The limits that `mta limit` lines come to. Those of its keys that count what does not exist here (OpenSMTPD's
 * connectors) are left out. */
export function mtaLimitsOf(set: MtaLimitPolicy): MtaLimits {
  return {
    ...mtaLimits,
    family: set.family,
    connectionsPerHostMax: set.maxConnPerHost,
    connectionsPerRelayMax: set.maxConnPerRelay,
    connectionDelayMs: set.connDelayRouteMs,
    reconnectDelayMs: set.reconnDelayRouteMs,
    keepaliveMs: set.sessionKeepaliveMs,
    session: {
      ...clientLimits,
      messagesMax: set.sessionMailMax,
      refusedRecipientsMax: set.maxFailuresPerSession,
    },
  };
}

/** How long an address is left alone after its `failures`th failure in a row, ms: 15 s x failures², at most 1 h. */
export function routePenaltyMs(failures: number, limits: MtaLimits): number {
  return Math.min(limits.penaltyBaseMs * failures * failures, limits.penaltyMaxMs);
}

/** May another connection be opened? `waiting`: messages without a connection; `opening`: connections that will
 * each take one; `open`: all connections, those included. Beyond two, there must be two messages waiting for each
 * connection, so that a short burst does not open many (OpenSMTPD's rule). */
export function wantsConnection(waiting: number, opening: number, open: number): boolean {
  return opening < waiting && !(open > 2 && open >= waiting / 2);
}

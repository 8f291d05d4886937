/** Limits of delivery that smtpd.conf sets: `mda limit`, `mta limit`, `scheduler limit`. Defaults are OpenSMTPD's. */

/** `mda limit`. */
export interface MdaLimitPolicy {
  /** Deliveries at once. Default 50. */
  readonly maxSession: number;
  /** Of one user. Default 7. */
  readonly maxSessionPerUser: number;
  /** Waiting for a user before more are left in the queue. Default 50. */
  readonly taskHigh: number;
  /** Waiting when more are taken again. Default 30. */
  readonly taskLow: number;
  /** How many are taken again at once. Default 10. */
  readonly taskRelease: number;
}

/** `mta limit`: keys as in smtpd.conf, in camel case. Delays are in ms. */
export interface MtaLimitPolicy {
  /** Null for both address families. */
  readonly family: 4 | 6 | null;
  readonly maxConnPerHost: number;
  readonly maxConnPerRoute: number;
  readonly maxConnPerSource: number;
  readonly maxConnPerConnector: number;
  readonly maxConnPerRelay: number;
  readonly maxConnPerDomain: number;
  readonly connDelayHostMs: number;
  readonly connDelayRouteMs: number;
  readonly connDelaySourceMs: number;
  readonly connDelayConnectorMs: number;
  readonly connDelayRelayMs: number;
  readonly connDelayDomainMs: number;
  readonly reconnDelayRouteMs: number;
  readonly sessionMailMax: number;
  readonly sessionTransactionDelayMs: number;
  readonly sessionKeepaliveMs: number;
  readonly maxFailuresPerSession: number;
  readonly taskHigh: number;
  readonly taskLow: number;
  readonly taskRelease: number;
}

/** `scheduler limit`. */
export interface SchedulerPolicy {
  /** Envelopes under way. Default 5,000. */
  readonly maxInflight: number;
  /** Envelopes given out at once. Default 10. */
  readonly maxSchedule: number;
  /** Envelopes of one answer to a listing. Default 256. */
  readonly maxEnvelopeBatch: number;
  /** Messages of one answer to a listing. Default 1,024. */
  readonly maxMessageBatch: number;
}

/** What holds without an `mda limit` line. */
export const defaultMdaLimits: MdaLimitPolicy = {
  maxSession: 50,
  maxSessionPerUser: 7,
  taskHigh: 50,
  taskLow: 30,
  taskRelease: 10,
};

/** What holds without an `mta limit` line. */
export const defaultMtaLimits: MtaLimitPolicy = {
  family: null,
  maxConnPerHost: 10,
  maxConnPerRoute: 5,
  maxConnPerSource: 100,
  maxConnPerConnector: 20,
  maxConnPerRelay: 100,
  maxConnPerDomain: 100,
  connDelayHostMs: 0,
  connDelayRouteMs: 5_000,
  connDelaySourceMs: 0,
  connDelayConnectorMs: 0,
  connDelayRelayMs: 2_000,
  connDelayDomainMs: 0,
  reconnDelayRouteMs: 3_000,
  sessionMailMax: 100,
  sessionTransactionDelayMs: 0,
  sessionKeepaliveMs: 10_000,
  maxFailuresPerSession: 25,
  taskHigh: 50,
  taskLow: 30,
  taskRelease: 10,
};

/** What holds without a `scheduler limit` line. */
export const defaultSchedulerPolicy: SchedulerPolicy = {
  maxInflight: 5000,
  maxSchedule: 10,
  maxEnvelopeBatch: 256,
  maxMessageBatch: 1024,
};

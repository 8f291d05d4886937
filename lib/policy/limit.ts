/** Limits that smtpd.conf sets: `smtp limit`, `mda limit`, `mta limit`, `scheduler limit`. Defaults are OpenSMTPD's where
 * it has them. */

/** `smtp limit`: what clients may use up before they have said anything worth it, and how long they may take. */
export interface FrontLimits {
  /** Sessions at once, of all clients together. Default 20,000. */
  readonly maxSession: number;
  /** Sessions at once of one client: an IPv4 address, or a /64 network of IPv6. Default 100. */
  readonly maxSessionPerSource: number;
  /** New connections of one client within a minute. Default 600. */
  readonly maxConnPerMinute: number;
  /** Wrong commands after which a session ends. Default 100. */
  readonly maxErrors: number;
  /** Commands such as NOOP and RSET that a session may have for each message that is taken. Default 100. */
  readonly maxJunkCommands: number;
  /** Refused recipients after which a session ends. Default 100. */
  readonly maxUnknownRecipients: number;
  /** Time until the first command, ms. Default 300,000. */
  readonly helloTimeoutMs: number;
  /** Longest silence within a message, ms. Default 300,000. */
  readonly dataTimeoutMs: number;
  /** Time for the whole of a message, ms. Default 3,600,000. */
  readonly messageTimeoutMs: number;
  /** Time for a TLS handshake, ms. Default 60,000. */
  readonly tlsTimeoutMs: number;
  /** Time for a PROXY header, ms. Default 30,000. */
  readonly proxyTimeoutMs: number;
  /** Octets per second that a message comes with at least, on average; 0 for any speed. Default 100. */
  readonly minRate: number;
  /** How long a message may come slower, ms. Default 300,000. */
  readonly rateGraceMs: number;
}

/** What holds without an `smtp limit` line. */
export const defaultFrontLimits: FrontLimits = {
  maxSession: 20_000,
  maxSessionPerSource: 100,
  maxConnPerMinute: 600,
  maxErrors: 100,
  maxJunkCommands: 100,
  maxUnknownRecipients: 100,
  helloTimeoutMs: 300_000,
  dataTimeoutMs: 300_000,
  messageTimeoutMs: 3_600_000,
  minRate: 100,
  rateGraceMs: 300_000,
  tlsTimeoutMs: 60_000,
  proxyTimeoutMs: 30_000,
};

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
  /** Connections to one address. Default 10. */
  readonly maxConnPerHost: number;
  /** Connections from one source to one address. Default 5. */
  readonly maxConnPerRoute: number;
  /** Connections from one source. Default 100. */
  readonly maxConnPerSource: number;
  /** Connections of one relay from one source. Default 20. */
  readonly maxConnPerConnector: number;
  /** Connections of one relay. Default 100. */
  readonly maxConnPerRelay: number;
  /** Connections for one destination domain. Default 100. */
  readonly maxConnPerDomain: number;
  /** Least time between two connections to one address. Default 0. */
  readonly connDelayHostMs: number;
  /** Between two from one source to one address. Default 0. */
  readonly connDelayRouteMs: number;
  /** Between two from one source. Default 0. */
  readonly connDelaySourceMs: number;
  /** Between two of one relay from one source. Default 0. */
  readonly connDelayConnectorMs: number;
  /** Between two of one relay. Default 0. */
  readonly connDelayRelayMs: number;
  /** Between two for one destination domain. Default 0. */
  readonly connDelayDomainMs: number;
  /** Between the end of one connection and the next on its route. Default 3 s. */
  readonly reconnDelayRouteMs: number;
  /** Messages of a session. Default 100. */
  readonly sessionMailMax: number;
  /** Wait before each message of a session but the first. Default 0. */
  readonly sessionTransactionDelayMs: number;
  /** How long an idle session waits for more mail. Default 10 s. */
  readonly sessionKeepaliveMs: number;
  /** Recipients refused in a row that end a session. Default 25. */
  readonly maxFailuresPerSession: number;
  /** Messages waiting for a relay before more are left in the queue. Default 50. */
  readonly taskHigh: number;
  /** Messages waiting when more are taken again. Default 30. */
  readonly taskLow: number;
  /** How many are taken again at once. Default 10. */
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
  // OpenSMTPD waits 5 s between connections to one address, and 2 s between those of one relay. Mail that is due goes
  // faster without, and the limits of connections still hold.
  connDelayRouteMs: 0,
  connDelaySourceMs: 0,
  connDelayConnectorMs: 0,
  connDelayRelayMs: 0,
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

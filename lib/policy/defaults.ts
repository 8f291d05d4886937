/** What holds where smtpd.conf says nothing. */

import type { Domain } from "../mail/address.ts";
import { bodyLineLengthMax, fieldsMax, headerLengthMax } from "../smtp/framing.ts";
import { defaultFrontLimits, defaultMdaLimits, defaultMtaLimits, defaultSchedulerPolicy } from "./limit.ts";
import { usualLenience } from "./lenient.ts";
import { defaultAuthLimits } from "../trust/auth_limit.ts";
import type { Listener, ListenerOptions, ListenerTls, Policy, QueuePolicy, RelayAction, SmtpLimits } from "./policy.ts";

/** What holds when no `queue` or `bounce` line says otherwise. */
export const defaultQueuePolicy: QueuePolicy = {
  ttlMs: 4 * 86_400_000,
  directory: null,
  warnAfterMs: [4 * 3_600_000],
  compression: false,
  encryption: null,
};

/** What holds when no `smtp` line says otherwise. */
export const defaultSmtpLimits: SmtpLimits = {
  ...defaultFrontLimits,
  ...defaultAuthLimits,
  maxMessageSize: 36_700_160,
  maxRecipients: 1000,
  maxMails: 100,
  subAddressDelimiter: "+",
  maxHops: 100,
  maxHoldMs: 7 * 86_400_000,
  maxHeaderSize: headerLengthMax,
  maxHeaders: fieldsMax,
  maxLineLength: bodyLineLengthMax,
  idleTimeoutMs: 300_000,
  except: null,
  lenient: usualLenience,
};

/** A listener without TLS. */
export const defaultListenerTls: ListenerTls = {
  mode: "none",
  verify: false,
  pki: [],
  ca: null,
  ciphers: null,
  protocols: null,
};

/** A listener without options. */
export function defaultListenerOptions(hostname: Domain): ListenerOptions {
  return { tag: "", hostname, filter: null, maskSource: false, dsn: true };
}

/** A network listener without options, its address and line left out. */
export function defaultInetOptions(
  hostname: Domain,
): Omit<Extract<Listener, { readonly kind: "inet" }>, "on" | "address" | "port" | "place"> {
  return {
    ...defaultListenerOptions(hostname),
    kind: "inet",
    tls: defaultListenerTls,
    auth: { mode: "none" },
    hostnames: null,
    receivedAuth: false,
    proxy: null,
    lmtp: false,
    senders: null,
  };
}

/** A relay without options, its name and line left out. */
export const defaultRelay: Omit<RelayAction, "name" | "place"> = {
  kind: "relay",
  host: null,
  domain: null,
  backup: null,
  tls: { mode: "opportunistic", verify: true },
  helo: null,
  heloSource: null,
  source: null,
  mailFrom: null,
  auth: null,
  pki: null,
  ca: null,
  ciphers: null,
  protocols: null,
  filter: null,
  srs: false,
  ttlMs: null,
};

/** How long an address that SRS has rewritten is good for without an `srs ttl` line, days. */
export const srsTtlDays = 4;

/** A policy without a line; `serverName` is our own host name. */
export function emptyPolicy(serverName: Domain): Policy {
  return {
    serverName,
    tables: {},
    listeners: [],
    actions: {},
    rules: [],
    queue: defaultQueuePolicy,
    smtp: defaultSmtpLimits,
    mda: { wrappers: {}, limits: defaultMdaLimits },
    mta: { maxDeferred: 100, limits: defaultMtaLimits, domainLimits: {} },
    scheduler: defaultSchedulerPolicy,
    srs: null,
    pki: {},
    ca: {},
    filters: {},
    processes: {},
    ciphers: null,
    admd: serverName,
  };
}

/** `limit` lines: keys and numbers. */

import { parseUnicodeDomain } from "../mail/domain.ts";
import type { LimitExpr, MtaDirective } from "./ast.ts";
import { suggest } from "./error.ts";
import type { MdaLimitPolicy, MtaLimitPolicy, SchedulerPolicy } from "./limit.ts";
import type { MtaPolicy, SmtpLimits } from "./policy.ts";
import { fail, type Scope } from "./scope.ts";

/** Keys of a line, by the members they set. `unit` is how many of the member's units one of the line's is: 1000 for
 * seconds kept as ms. `least` is the smallest number that makes sense, `most` the largest where it is not
 * `limitMax`. */
export type LimitKeys<T> = Readonly<
  Record<string, { readonly member: keyof T; readonly unit: number; readonly least: number; readonly most?: number }>
>;

function count<T>(member: keyof T): LimitKeys<T>[string] {
  return { member, unit: 1, least: 1 };
}

function seconds<T>(member: keyof T): LimitKeys<T>[string] {
  return { member, unit: 1000, least: 0 };
}

/** Some time must be left. */
function patience<T>(member: keyof T): LimitKeys<T>[string] {
  return { member, unit: 1000, least: 1 };
}

/** Keys of `smtp limit`. OpenSMTPD has the first two. */
export const smtpLimitKeys: LimitKeys<SmtpLimits> = {
  "max-mails": count("maxMails"),
  "max-rcpt": count("maxRecipients"),
  "max-hold": seconds("maxHoldMs"),
  "max-header-size": count("maxHeaderSize"),
  "max-headers": count("maxHeaders"),
  "max-hops": count("maxHops"),
  // RFC 5321 §4.5.3.1.6: a server takes lines of 1,000 octets, whatever else it takes.
  "max-line-length": { member: "maxLineLength", unit: 1, least: 1000 },
  "max-session": count("maxSession"),
  "max-session-per-source": count("maxSessionPerSource"),
  "max-conn-per-minute": count("maxConnPerMinute"),
  "max-errors": count("maxErrors"),
  "max-junk-commands": count("maxJunkCommands"),
  "max-unknown-rcpt": count("maxUnknownRecipients"),
  "hello-timeout": patience("helloTimeoutMs"),
  "command-timeout": patience("idleTimeoutMs"),
  "data-timeout": patience("dataTimeoutMs"),
  "message-timeout": patience("messageTimeoutMs"),
  "tls-timeout": patience("tlsTimeoutMs"),
  "proxy-timeout": patience("proxyTimeoutMs"),
  "max-auth-failures": count("maxAuthFailures"),
  "auth-failure-window": patience("authFailureWindowMs"),
  "max-auth-checks": { member: "maxAuthChecks", unit: 1, least: 1, most: 64 },
  "max-auth-queue": count("maxAuthQueue"),
  "min-rate": { member: "minRate", unit: 1, least: 0 },
  "rate-grace": seconds("rateGraceMs"),
};

/** Both sides of delivery have them. */
const taskKeys = {
  "task-hiwat": count("taskHigh"),
  "task-lowat": { member: "taskLow", unit: 1, least: 0 },
  "task-release": count("taskRelease"),
} as const;

/** Keys of `mda limit`. */
export const mdaLimitKeys: LimitKeys<MdaLimitPolicy> = {
  "max-session": count("maxSession"),
  "max-session-per-user": count("maxSessionPerUser"),
  ...taskKeys,
};

/** Keys of `mta limit`. */
export const mtaLimitKeys: LimitKeys<MtaLimitPolicy> = {
  "max-conn-per-host": count("maxConnPerHost"),
  "max-conn-per-route": count("maxConnPerRoute"),
  "max-conn-per-source": count("maxConnPerSource"),
  "max-conn-per-connector": count("maxConnPerConnector"),
  "max-conn-per-relay": count("maxConnPerRelay"),
  "max-conn-per-domain": count("maxConnPerDomain"),
  "conn-delay-host": seconds("connDelayHostMs"),
  "conn-delay-route": seconds("connDelayRouteMs"),
  "conn-delay-source": seconds("connDelaySourceMs"),
  "conn-delay-connector": seconds("connDelayConnectorMs"),
  "conn-delay-relay": seconds("connDelayRelayMs"),
  "conn-delay-domain": seconds("connDelayDomainMs"),
  "reconn-delay-route": seconds("reconnDelayRouteMs"),
  "session-mail-max": count("sessionMailMax"),
  "session-transaction-delay": seconds("sessionTransactionDelayMs"),
  "session-keepalive": seconds("sessionKeepaliveMs"),
  "max-failures-per-session": count("maxFailuresPerSession"),
  ...taskKeys,
};

/** Keys of `scheduler limit`. */
export const schedulerLimitKeys: LimitKeys<SchedulerPolicy> = {
  "max-inflight": count("maxInflight"),
  "max-schedule": count("maxSchedule"),
  "max-evp-batch-size": count("maxEnvelopeBatch"),
  "max-msg-batch-size": count("maxMessageBatch"),
};

/** Largest number of a limit: a signed 32-bit one, as OpenSMTPD keeps them. */
export const limitMax = 2 ** 31 - 1;

/** The limits with those of a line. `what` names the line in errors: `mta`. */
export function applyLimits<T extends object>(
  scope: Scope,
  limits: T,
  exprs: readonly LimitExpr[],
  keys: LimitKeys<T>,
  what: "session" | "mda" | "mta" | "scheduler",
): T {
  const changes: Partial<Record<keyof T, number>> = {};
  for (const { name, value } of exprs) {
    const key = Object.hasOwn(keys, name.text) ? keys[name.text] : undefined;
    if (key === undefined) {
      const hint = suggest(name.text, Object.keys(keys), (one) => `\`${one}\``) ??
        `it is one of ${Object.keys(keys).join(", ")}`;
      fail(scope, name.span, `invalid ${what} limit keyword: ${name.text}`, hint);
      continue;
    }
    const most = key.most ?? Math.floor(limitMax / key.unit);
    if (value.value < key.least || value.value > most) {
      const hint = value.value < key.least ? `it is at least ${key.least}` : `it is at most ${most}`;
      fail(scope, value.span, `invalid ${what} limit: ${value.value}`, hint);
      continue;
    }
    changes[key.member] = value.value * key.unit;
  }
  return { ...limits, ...changes };
}

/** What an `mta` line makes of the policy. Limits for a domain start from those for all, as they are on that line. */
export function resolveMta(scope: Scope, mta: MtaPolicy, directive: MtaDirective): MtaPolicy {
  if (directive.kind === "mta-max-deferred") {
    const { value, span } = directive.value;
    if (value >= 0 && value <= limitMax) return { ...mta, maxDeferred: value };
    fail(scope, span, `invalid max-deferred: ${value}`, `it is a number from 0 to ${limitMax}`);
    return mta;
  }
  const apply = (limits: MtaLimitPolicy): MtaLimitPolicy => {
    const changed = applyLimits(scope, limits, directive.limits, mtaLimitKeys, "mta");
    const [family, second] = directive.families;
    if (second !== undefined) fail(scope, second.span, "address family already specified");
    return family === undefined ? changed : { ...changed, family: family.family };
  };
  if (directive.domain === null) return { ...mta, limits: apply(mta.limits) };
  const { text, span } = directive.domain;
  const domain = parseUnicodeDomain(text);
  const own = domain !== null && Object.hasOwn(mta.domainLimits, domain) ? mta.domainLimits[domain] : undefined;
  const limits = apply(own ?? mta.limits);
  if (domain !== null) return { ...mta, domainLimits: { ...mta.domainLimits, [domain]: limits } };
  fail(scope, span, `not a valid domain name: ${text}`);
  return mta;
}

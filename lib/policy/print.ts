/** A policy as smtpd.conf: what `smtpd --print` writes. Macros and includes are gone, what holds anyway is left out, and
 * tables and chains without a name stand where they are used. Read again it gives the same policy, but for places, for
 * the numbers of tables and chains without a name, and for addresses that interfaces and names have by then. */

import { defaultMdaLimits, defaultMtaLimits, defaultSchedulerPolicy } from "./limit.ts";
import type { MtaLimitPolicy } from "./limit.ts";
import { defaultQueuePolicy, defaultSmtpLimits, emptyPolicy } from "./defaults.ts";
import type { Policy } from "./policy.ts";
import { printAction } from "./print_action.ts";
import { printFilter, printProcess } from "./print_filter.ts";
import { printListeners } from "./print_listen.ts";
import { printRule } from "./print_match.ts";
import { printTables, type Shown } from "./print_table.ts";
import { printDelay, printWord } from "./print_word.ts";

/** Stands where a secret is left out. It is no word: what is printed then does not load, instead of loading without. */
export const hiddenSecret = "***";

/** Writes the policy. With `secrets` hidden, keys and the values of inline tables of credentials are `hiddenSecret`, so
 * that the text can be shown around and does not load. Lines end in LF. */
export function printPolicy(policy: Policy, secrets: "shown" | "hidden"): string {
  const shown: Shown = { policy, secrets };
  const groups: readonly (readonly string[])[] = [
    [...printSettings(policy), ...printQueue(shown)],
    printLimits(policy),
    Object.entries(policy.mda.wrappers).map(([name, command]) =>
      `mda wrapper ${printWord(name)} ${printWord(command)}`
    ),
    Object.values(policy.pki).flatMap((one) => {
      const head = `pki ${printWord(one.name)}`;
      return [
        `${head} cert ${printWord(one.cert)}`,
        `${head} key ${printWord(one.key)}`,
        ...(one.dhe === "none" ? [] : [`${head} dhe ${one.dhe}`]),
      ];
    }),
    Object.values(policy.ca).map((one) => `ca ${printWord(one.name)} cert ${printWord(one.cert)}`),
    printTables(shown),
    printSrs(shown),
    Object.values(policy.processes).flatMap((one) => printProcess(policy, one)),
    Object.values(policy.filters).flatMap((one) => printFilter(shown, one)),
    printListeners(shown),
    Object.values(policy.actions).map((one) => printAction(shown, one)),
    policy.rules.map((one) => printRule(shown, one)),
  ];
  return groups.filter((lines) => lines.length > 0).map((lines) => lines.join("\n") + "\n").join("\n");
}

function printSettings(policy: Policy): readonly string[] {
  const none = emptyPolicy(policy.serverName);
  const { smtp } = policy;
  const lines: string[] = [];
  if (policy.admd !== none.admd) lines.push(`admd ${printWord(policy.admd)}`);
  if (policy.ciphers !== null) lines.push(`smtp ciphers ${printWord(policy.ciphers)}`);
  if (smtp.maxMessageSize !== defaultSmtpLimits.maxMessageSize) {
    lines.push(`smtp max-message-size ${smtp.maxMessageSize}`);
  }
  if (smtp.subAddressDelimiter !== defaultSmtpLimits.subAddressDelimiter) {
    lines.push(`smtp sub-addr-delim ${printWord(smtp.subAddressDelimiter)}`);
  }
  const limits = [
    ...(smtp.maxMails === defaultSmtpLimits.maxMails ? [] : [`max-mails ${smtp.maxMails}`]),
    ...(smtp.maxRecipients === defaultSmtpLimits.maxRecipients ? [] : [`max-rcpt ${smtp.maxRecipients}`]),
  ];
  if (limits.length > 0) lines.push(`smtp limit ${limits.join(" ")}`);
  return lines;
}

function printQueue({ policy: { queue }, secrets }: Shown): readonly string[] {
  const lines: string[] = [];
  if (queue.ttlMs !== defaultQueuePolicy.ttlMs) lines.push(`queue ttl ${printDelay(queue.ttlMs)}`);
  if (queue.directory !== null) lines.push(`queue directory ${printWord(queue.directory)}`);
  if (queue.compression) lines.push("queue compression");
  if (queue.encryption?.kind === "ask") lines.push("queue encryption");
  if (queue.encryption?.kind === "key") {
    lines.push(`queue encryption ${secrets === "shown" ? printWord(queue.encryption.key) : hiddenSecret}`);
  }
  if (queue.warnAfterMs.join() !== defaultQueuePolicy.warnAfterMs.join()) {
    lines.push(`bounce warn-interval ${queue.warnAfterMs.map(printDelay).join(", ")}`);
  }
  return lines;
}

function printSrs({ policy: { srs }, secrets }: Shown): readonly string[] {
  if (srs === null) return [];
  const key = (text: string): string => secrets === "shown" ? printWord(text) : hiddenSecret;
  return [
    `srs key ${key(srs.key)}`,
    ...(srs.backupKey === null ? [] : [`srs key backup ${key(srs.backupKey)}`]),
    ...(srs.ttlDays === 4 ? [] : [`srs ttl ${srs.ttlDays}d`]),
  ];
}

function printLimits({ mda, mta, scheduler }: Policy): readonly string[] {
  const lines: string[] = [];
  const add = (head: string, keys: readonly string[]): void => {
    if (keys.length > 0) lines.push(`${head} ${keys.join(" ")}`);
  };
  const local = mda.limits;
  add("mda limit", [
    ...changed("max-session", local.maxSession, defaultMdaLimits.maxSession),
    ...changed("max-session-per-user", local.maxSessionPerUser, defaultMdaLimits.maxSessionPerUser),
    ...changed("task-hiwat", local.taskHigh, defaultMdaLimits.taskHigh),
    ...changed("task-lowat", local.taskLow, defaultMdaLimits.taskLow),
    ...changed("task-release", local.taskRelease, defaultMdaLimits.taskRelease),
  ]);
  if (mta.maxDeferred !== 100) lines.push(`mta max-deferred ${mta.maxDeferred}`);
  add("mta limit", mtaKeys(mta.limits, defaultMtaLimits));
  for (const [domain, limits] of Object.entries(mta.domainLimits)) {
    const keys = mtaKeys(limits, mta.limits);
    // A domain without limits of its own has a line all the same.
    add(`mta limit for domain ${printWord(domain)}`, keys.length > 0 ? keys : mtaKeys(limits, null).slice(0, 1));
  }
  add("scheduler limit", [
    ...changed("max-inflight", scheduler.maxInflight, defaultSchedulerPolicy.maxInflight),
    ...changed("max-schedule", scheduler.maxSchedule, defaultSchedulerPolicy.maxSchedule),
    ...changed("max-evp-batch-size", scheduler.maxEnvelopeBatch, defaultSchedulerPolicy.maxEnvelopeBatch),
    ...changed("max-msg-batch-size", scheduler.maxMessageBatch, defaultSchedulerPolicy.maxMessageBatch),
  ]);
  return lines;
}

function changed(key: string, value: number, from: number | null): readonly string[] {
  return value === from ? [] : [`${key} ${value}`];
}

/** Keys that differ from `base`; all of them without one. Delays are written in seconds. */
function mtaKeys(limits: MtaLimitPolicy, base: MtaLimitPolicy | null): readonly string[] {
  const count = (key: string, pick: (one: MtaLimitPolicy) => number): readonly string[] =>
    changed(key, pick(limits), base === null ? null : pick(base));
  const delay = (key: string, pick: (one: MtaLimitPolicy) => number): readonly string[] =>
    count(key, (one) => Math.round(pick(one) / 1000));
  return [
    ...(limits.family === (base?.family ?? null) || limits.family === null ? [] : [`inet${limits.family}`]),
    ...count("max-conn-per-host", (one) => one.maxConnPerHost),
    ...count("max-conn-per-route", (one) => one.maxConnPerRoute),
    ...count("max-conn-per-source", (one) => one.maxConnPerSource),
    ...count("max-conn-per-connector", (one) => one.maxConnPerConnector),
    ...count("max-conn-per-relay", (one) => one.maxConnPerRelay),
    ...count("max-conn-per-domain", (one) => one.maxConnPerDomain),
    ...delay("conn-delay-host", (one) => one.connDelayHostMs),
    ...delay("conn-delay-route", (one) => one.connDelayRouteMs),
    ...delay("conn-delay-source", (one) => one.connDelaySourceMs),
    ...delay("conn-delay-connector", (one) => one.connDelayConnectorMs),
    ...delay("conn-delay-relay", (one) => one.connDelayRelayMs),
    ...delay("conn-delay-domain", (one) => one.connDelayDomainMs),
    ...delay("reconn-delay-route", (one) => one.reconnDelayRouteMs),
    ...count("session-mail-max", (one) => one.sessionMailMax),
    ...delay("session-transaction-delay", (one) => one.sessionTransactionDelayMs),
    ...delay("session-keepalive", (one) => one.sessionKeepaliveMs),
    ...count("max-failures-per-session", (one) => one.maxFailuresPerSession),
    ...count("task-hiwat", (one) => one.taskHigh),
    ...count("task-lowat", (one) => one.taskLow),
    ...count("task-release", (one) => one.taskRelease),
  ];
}

/** A policy as smtpd.conf: what `smtpd --print` writes. Macros and includes are gone, what holds anyway is left out, and
 * tables and chains without a name stand where they are used. Read again it gives the same policy, but for places, for
 * the numbers of tables and chains without a name, and for addresses that interfaces and names have by then. */

import { defaultQueuePolicy, defaultSmtpLimits, emptyPolicy } from "./defaults.ts";
import { defaultMdaLimits, defaultMtaLimits, defaultSchedulerPolicy, type MtaLimitPolicy } from "./limit.ts";
import { lenientLines } from "./lenient.ts";
import type { Policy } from "./policy.ts";
import { printAction } from "./print_action.ts";
import { printFilter, printProcess } from "./print_filter.ts";
import { printListeners } from "./print_listen.ts";
import { printRule } from "./print_match.ts";
import { hiddenSecret, printTable, printTables, type Shown } from "./print_table.ts";
import { printDelay, printWord } from "./print_word.ts";
import { mdaLimitKeys, mtaLimitKeys, schedulerLimitKeys, smtpLimitKeys } from "./resolve_limit.ts";

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
    policy.smtp.except === null ? [] : [`smtp limit except ${printTable(shown, policy.smtp.except.table)}`],
    lenientLines(policy.smtp.lenient, ({ table }) => printTable(shown, table)),
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
  const limits = changedKeys(smtp, defaultSmtpLimits, smtpLimitKeys);
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
  add("mda limit", changedKeys(mda.limits, defaultMdaLimits, mdaLimitKeys));
  if (mta.maxDeferred !== emptyMaxDeferred) lines.push(`mta max-deferred ${mta.maxDeferred}`);
  // Limits of a domain start from those for all as they are on that line: here from what holds anyway.
  for (const [domain, limits] of Object.entries(mta.domainLimits)) {
    lines.push([`mta limit for domain ${printWord(domain)}`, ...mtaKeys(limits)].join(" "));
  }
  add("mta limit", mtaKeys(mta.limits));
  add("scheduler limit", changedKeys(scheduler, defaultSchedulerPolicy, schedulerLimitKeys));
  return lines;
}

const emptyMaxDeferred = 100;

function mtaKeys(limits: MtaLimitPolicy): readonly string[] {
  return [
    ...(limits.family === null ? [] : [`inet${limits.family}`]),
    ...changedKeys(limits, defaultMtaLimits, mtaLimitKeys),
  ];
}

function changedKeys<T>(
  limits: T,
  base: T,
  keys: Readonly<Record<string, { readonly member: keyof T; readonly unit: number }>>,
): readonly string[] {
  return Object.entries(keys).flatMap(([key, { member, unit }]) =>
    limits[member] === base[member] ? [] : [`${key} ${Number(limits[member]) / unit}`]
  );
}

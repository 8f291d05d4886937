/** The settings of a policy: all that is one value and has one name. For showing what has changed. Pure. */

import { formatSpan } from "../event_log.ts";
import { assert } from "../fault.ts";
import type { Named } from "./difference.ts";
import type { MdaLimitPolicy, MtaLimitPolicy, SchedulerPolicy } from "./limit.ts";
import type { Policy, SmtpLimits } from "./policy.ts";
import { smtpLimitKeys } from "./resolve_limit.ts";

/** Every setting, by the words that set it in smtpd.conf. */
export function settingsOf(policy: Policy): readonly Named[] {
  const { queue, smtp, mda, mta, srs } = policy;
  return [
    setting("server name", policy.serverName),
    setting("admd", policy.admd),
    setting("smtp ciphers", policy.ciphers ?? "the library's"),
    setting("smtp max-message-size", smtp.maxMessageSize),
    ...smtpLimits(smtp),
    setting("smtp limit except", smtp.except?.networks.join(", ") ?? "none"),
    setting("smtp lenient", lenientText(smtp)),
    setting("smtp sub-addr-delim", smtp.subAddressDelimiter),
    setting("queue ttl", formatSpan(queue.ttlMs)),
    setting("queue compression", queue.compression ? "yes" : "no"),
    secret("queue encryption", queue.encryption === null ? "no" : "yes", JSON.stringify(queue.encryption)),
    setting("bounce warn-interval", queue.warnAfterMs.map(formatSpan).join(", ") || "never"),
    ...limits("mda limit", mda.limits),
    ...Object.entries(mda.wrappers).map(([name, command]) => setting(`mda wrapper "${name}"`, `"${command}"`)),
    setting("mta max-deferred", mta.maxDeferred),
    ...limits("mta limit", mta.limits),
    ...Object.entries(mta.domainLimits).flatMap(([domain, own]) => limits(`mta limit for domain ${domain}`, own)),
    ...limits("scheduler limit", policy.scheduler),
    secret("srs key", srs === null ? "none" : "set", JSON.stringify(srs?.key ?? null)),
    secret("srs key backup", srs?.backupKey == null ? "none" : "set", JSON.stringify(srs?.backupKey ?? null)),
    ...(srs === null ? [] : [setting("srs ttl", `${srs.ttlDays}d`)]),
  ];
}

function setting(name: string, value: string | number): Named {
  return { name, line: `${name} ${value}`, value: String(value), content: String(value) };
}

/** One whose value is not for showing. */
function secret(name: string, shown: string, content: string): Named {
  return { name, line: `${name} ${shown}`, value: shown, content };
}

function lenientText({ lenient }: SmtpLimits): string {
  const texts = lenient.map(({ quirk, from }) => from === null ? quirk : `${quirk} from ${from.networks.join(", ")}`);
  return texts.length === 0 ? "none" : texts.join("; ");
}

function smtpLimits(smtp: SmtpLimits): readonly Named[] {
  return Object.entries(smtpLimitKeys).map(([key, { member }]) => {
    const value = smtp[member];
    assert(typeof value === "number", "a limit is a number");
    return setting(`smtp limit ${key}`, member.endsWith("Ms") ? formatSpan(value) : value);
  });
}

/** Limits by their names in smtpd.conf: `connDelayHostMs` is `conn-delay-host`, in seconds there. */
function limits(words: string, all: MdaLimitPolicy | MtaLimitPolicy | SchedulerPolicy): readonly Named[] {
  return Object.entries(all).map(([key, value]: [string, number | null]) => {
    const isSpan = key.endsWith("Ms");
    const name = (isSpan ? key.slice(0, -2) : key).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return setting(`${words} ${name}`, value === null ? "none" : isSpan ? formatSpan(value) : value);
  });
}

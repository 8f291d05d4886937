/** Lines that set one thing for the whole daemon: `queue`, `bounce`, `smtp`, `srs`, `mda wrapper`, `admd`. */

import { parseNet } from "../mail/ip.ts";
import type { BounceDirective, MdaDirective, QueueDirective, SmtpDirective, SrsDirective, Word } from "./ast.ts";
import { checkCommand as checkTemplate } from "./command.ts";
import { namedOnly, sortLenience } from "./lenient.ts";
import type { QueuePolicy, SmtpLimits } from "./policy.ts";
import { applyLimits, smtpLimitKeys } from "./resolve_limit.ts";
import { resolveNetworks } from "./resolve_networks.ts";
import { fail, type Scope, warn } from "./scope.ts";
import { parseDelay, parseSize } from "./unit.ts";

/** Most delays of a `bounce warn-interval` line. */
export const warnIntervalsMax = 4;

/** How a delay is written. */
export const delayHint = "write a number and one of s, m, h, d, such as 4h";

/** Length of a queue's key, characters: one octet each, as AES-256 needs them. */
export const queueKeyLength = 32;

/** What `srs` lines have said so far. */
export interface DraftSrs {
  /** Null before the line `srs key`. */
  readonly key: string | null;
  /** `srs key backup`. */
  readonly backupKey: string | null;
  /** `srs ttl`. */
  readonly ttlDays: number;
}

/** What a `queue` line makes of the policy. */
export function resolveQueue(scope: Scope, queue: QueuePolicy, directive: QueueDirective): QueuePolicy {
  switch (directive.kind) {
    case "queue-ttl":
      return { ...queue, ttlMs: resolveTtl(scope, directive.delay) ?? queue.ttlMs };
    case "queue-directory": {
      const { text, span } = directive.path;
      if (!text.startsWith("/")) fail(scope, span, `invalid queue directory: ${text}`, "write an absolute path");
      return { ...queue, directory: text };
    }
    case "queue-compression":
      return { ...queue, compression: true };
    case "queue-encryption":
      return { ...queue, encryption: readQueueKey(scope, directive.key) };
  }
}

/** Reads the delay of a `ttl`. Null when an error has been told. */
export function resolveTtl(scope: Scope, { text, span }: Word): number | null {
  return parseDelay(text) ?? fail(scope, span, `invalid ttl delay: ${text}`, delayHint);
}

function readQueueKey(scope: Scope, key: Word | null): QueuePolicy["encryption"] {
  if (key === null || key.text === "stdin" || key.text === "-") return { kind: "ask" };
  // What is not ASCII takes more octets than characters.
  if (/^[!-~]*$/.test(key.text) && key.text.length === queueKeyLength) return { kind: "key", key: key.text };
  const wrong = /^[!-~]*$/.test(key.text)
    ? `it has ${key.text.length} characters, not ${queueKeyLength}`
    : "it has characters that are not printable ASCII";
  return fail(scope, key.span, `invalid queue key: ${wrong}`, "make one with: openssl rand -hex 16");
}

/** What an `smtp` line makes of the policy, `smtp ciphers` left out. */
export function resolveSmtp(scope: Scope, smtp: SmtpLimits, directive: SmtpDirective): SmtpLimits {
  switch (directive.kind) {
    case "smtp-size": {
      const { text, span } = directive.size;
      const size = parseSize(text);
      if (size === null) fail(scope, span, `invalid size: ${text}`, "write a number of octets, such as 35M");
      return { ...smtp, maxMessageSize: size ?? smtp.maxMessageSize };
    }
    case "smtp-delimiter": {
      const { text, span } = directive.delimiter;
      if ([...text].length !== 1) fail(scope, span, "subaddressing-delimiter must be one character");
      else if (!/^[!-?A-~]$/.test(text)) {
        fail(scope, span, "sub-addr-delim uses invalid character", "use a printable character other than `@`");
      }
      return { ...smtp, subAddressDelimiter: text };
    }
    case "smtp-limit":
      return applyLimits(scope, smtp, directive.limits, smtpLimitKeys, "session");
    case "smtp-except":
      return { ...smtp, except: resolveNetworks(scope, directive.table, "`smtp limit except`") ?? smtp.except };
    case "smtp-lenient":
      return { ...smtp, lenient: resolveLenient(scope, smtp.lenient, directive) };
    case "smtp-ciphers":
      return smtp;
  }
}

/** What a `smtp lenient` line makes of what passes. */
function resolveLenient(
  scope: Scope,
  lenient: SmtpLimits["lenient"],
  { quirk: { name: quirk, span }, negated, from }: Extract<SmtpDirective, { readonly kind: "smtp-lenient" }>,
): SmtpLimits["lenient"] {
  if (negated) {
    if (from !== null) fail(scope, from.span, "`!` with `from`: what does not pass passes for nobody");
    return lenient.filter((one) => one.quirk !== quirk);
  }
  const networks = from === null ? null : resolveNetworks(scope, from, "`smtp lenient`");
  if (from === null && namedOnly.includes(quirk)) {
    const hint = `with it a client can hide one message in another: write \`smtp lenient ${quirk} from ADDRESSES\``;
    fail(scope, span, `\`${quirk}\` passes for named clients only`, hint);
  }
  if (from !== null && networks === null) return lenient;
  if (from !== null && networks?.networks.some((one) => parseNet(one)?.prefixLength === 0)) {
    const hint = namedOnly.includes(quirk) ? "whoever it is can then hide one message in another" : null;
    warn(scope, from.span, `everybody is let do \`${quirk}\``, hint);
  }
  const isKnown = lenient.some((one) => one.quirk === quirk && one.from === null && networks === null);
  return isKnown ? lenient : sortLenience([...lenient, { quirk, from: networks }]);
}

/** The delays of a `bounce` line, ms. */
export function resolveBounce(scope: Scope, directive: BounceDirective): readonly number[] {
  const delays: number[] = [];
  for (const [index, { text, span }] of directive.delays.entries()) {
    const ms = parseDelay(text);
    if (ms === null) fail(scope, span, `invalid bounce delay: ${text}`, delayHint);
    else if (index < warnIntervalsMax) delays.push(ms);
    else warn(scope, span, `more than ${warnIntervalsMax} delays: ${text} is ignored`);
  }
  return delays;
}

const dayMs = 86_400_000;

/** What an `srs` line makes of what stood above. */
export function resolveSrs(scope: Scope, srs: DraftSrs, directive: SrsDirective): DraftSrs {
  if (directive.kind === "srs-ttl") {
    const { text, span } = directive.delay;
    const ttlMs = resolveTtl(scope, directive.delay);
    if (ttlMs === null) return srs;
    if (ttlMs < dayMs) fail(scope, span, `ttl delay "${text}" is too short`, "it is at least 1d");
    else if (ttlMs % dayMs !== 0) warn(scope, span, `only whole days of "${text}" count`);
    return { ...srs, ttlDays: Math.floor(ttlMs / dayMs) };
  }
  const { text, span } = directive.key;
  if (text === "") fail(scope, span, "an srs key is empty", "make one with: openssl rand -base64 24");
  if (directive.backup) {
    if (!scope.hasSrsKey) {
      fail(scope, directive.key.span, "a backup key needs an srs key above it", "add a line: srs key SECRET");
    }
    return { ...srs, backupKey: text };
  }
  scope.hasSrsKey = true;
  return { ...srs, key: text };
}

/** Declares the wrapper of an `mda wrapper` line. */
export function resolveWrapper(scope: Scope, { name, command }: Extract<MdaDirective, { kind: "mda-wrapper" }>): void {
  if (scope.wrappers.has(name.text)) {
    fail(scope, name.span, `mda wrapper already declared with that name: ${name.text}`);
    return;
  }
  checkCommand(scope, command, true);
  if (command.text.trim() !== "" && !/%\{mda[}[:]/i.test(command.text)) {
    const hint = "%{mda} stands for the command of the action: without it nothing is delivered";
    warn(scope, command.span, "this wrapper never runs the delivery itself", hint);
  }
  scope.wrappers.set(name.text, command.text);
}

/** Checks a command with format specifiers; only wrappers know `%{mda}`. */
export function checkCommand(scope: Scope, { text, span }: Word, isWrapper: boolean): void {
  const wrong = checkTemplate(text, isWrapper ? "wrapper" : "plain");
  if (text.trim() === "") fail(scope, span, "the command is empty");
  else if (wrong !== null) fail(scope, span, `invalid command: ${wrong}`);
}

/** The authserv-id of an `admd` line. Null when an error has been told. */
export function resolveAdmd(scope: Scope, { text, span }: Word): string | null {
  if (/^[ -~]+$/.test(text)) return text;
  return fail(scope, span, `not a valid admd: ${text}`, "use printable ASCII only");
}

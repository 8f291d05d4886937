/** From smtpd.conf to a Policy: reads, checks and freezes. No input or output of its own. */

import type { FaultKind } from "../fault.ts";
import { parseIp } from "../mail/ip.ts";
import type { BounceDirective, Directive, QueueDirective, SmtpDirective } from "./ast.ts";
import { collectErrors, type ConfigError, suggest } from "./error.ts";
import { parseConfig, type ParsedConfig } from "./parser.ts";
import { defaultListenerOptions, defaultQueuePolicy, defaultSmtpLimits, emptyPolicy } from "./defaults.ts";
import type { Policy, QueuePolicy, SmtpLimits } from "./policy.ts";
import { delayHint, resolveAction } from "./resolve_action.ts";
import { resolveListen } from "./resolve_listen.ts";
import { resolveMatch } from "./resolve_match.ts";
import { builtinTables, declareTable } from "./resolve_table.ts";
import { type ConfigSource, fail, makeScope, type Scope, warn } from "./scope.ts";
import { parseDelay, parseSize } from "./unit.ts";

export type { ConfigSource, FileText } from "./scope.ts";

/** A policy, or every error of the configuration in the order of places. Warnings do not hinder. */
export type LoadResult =
  | { readonly kind: "ok"; readonly policy: Policy; readonly warnings: readonly ConfigError[] }
  | { readonly kind: "errors"; readonly errors: readonly ConfigError[] };

/** Most delays of a `bounce warn-interval` line. */
export const warnIntervalsMax = 4;

/** Loads a configuration. The policy is frozen all the way down. Never throws: errors of all lines come back at once,
 * with warnings among them. */
export function loadPolicy(source: ConfigSource): LoadResult {
  const parsed = parse(source);
  const scope = makeScope(source, parsed.directives);
  scope.problems.push(...parsed.problems);
  for (const spec of builtinTables(source)) scope.tables.set(spec.name, spec);
  const draft: Draft = { queue: { ...defaultQueuePolicy }, smtp: { ...defaultSmtpLimits } };
  for (const directive of parsed.directives) resolveDirective(scope, draft, directive);
  // A line that could not be read may have been meant as a rule.
  const isRead = parsed.problems.every((problem) => problem.severity === "warning");
  if (isRead && !parsed.directives.some((one) => one.kind === "match")) {
    fail(scope, parsed.end, "no rules, nothing to do", "add a `match` line");
  }
  const errors = collectErrors(scope.problems);
  if (errors.some((error) => error.severity === "error")) return { kind: "errors", errors };
  if (!scope.listeners.some((listener) => listener.kind === "socket")) {
    scope.listeners.unshift({ ...defaultListenerOptions(source.serverName), kind: "socket", place: null });
  }
  const policy: Policy = {
    ...emptyPolicy(source.serverName),
    tables: Object.fromEntries(scope.tables),
    listeners: scope.listeners,
    actions: Object.fromEntries(scope.actions),
    rules: scope.rules,
    queue: draft.queue,
    smtp: draft.smtp,
  };
  return { kind: "ok", policy: freeze(policy), warnings: errors };
}

/** The host names that `listen` lines name: what `ConfigSource.resolveHost` will be asked for. Interfaces and addresses
 * are left out. */
export function hostNames(source: Omit<ConfigSource, "resolveHost">): readonly string[] {
  const names = parse(source).directives.flatMap((directive) =>
    directive.kind === "listen" && directive.on !== null ? [directive.on.text] : []
  );
  const isOther = (name: string): boolean =>
    parseIp(name) !== null || source.interfaces.some((one) => one.name === name);
  return [...new Set(names.filter((name) => !isOther(name)))];
}

interface Draft {
  queue: QueuePolicy;
  smtp: SmtpLimits;
}

function parse(source: Omit<ConfigSource, "resolveHost">): ParsedConfig {
  return parseConfig({
    path: source.path,
    macros: source.macros,
    readFile: (path) => {
      const file = source.readFile(path);
      return file.kind === "ok" ? { text: file.text } : { failure: describeReadFault(file.fault) };
    },
  });
}

/** Why a file of the configuration cannot be read, in words. */
export function describeReadFault(fault: FaultKind): string {
  return faultWords[fault] ?? "it cannot be read";
}

const faultWords: Readonly<Partial<Record<FaultKind, string>>> = {
  notFound: "no such file",
  denied: "permission denied",
  malformed: "it is not UTF-8 text",
};

function resolveDirective(scope: Scope, draft: Draft, directive: Directive): void {
  switch (directive.kind) {
    case "table":
      return declareTable(scope, directive);
    case "listen":
      return resolveListen(scope, directive);
    case "action":
      return resolveAction(scope, directive);
    case "match":
      return resolveMatch(scope, directive);
    case "queue-ttl":
    case "queue-directory":
      draft.queue = resolveQueue(scope, draft.queue, directive);
      return;
    case "smtp-size":
    case "smtp-limit":
    case "smtp-delimiter":
      draft.smtp = resolveSmtp(scope, draft.smtp, directive);
      return;
    case "bounce":
      draft.queue = { ...draft.queue, warnAfterMs: resolveBounce(scope, directive) };
      return;
    case "broken":
    default:
      return;
  }
}

function resolveQueue(scope: Scope, queue: QueuePolicy, directive: QueueDirective): QueuePolicy {
  if (directive.kind === "queue-ttl") {
    const { text, span } = directive.delay;
    const ttlMs = parseDelay(text);
    if (ttlMs === null) fail(scope, span, `invalid ttl delay: ${text}`, delayHint);
    return { ...queue, ttlMs: ttlMs ?? queue.ttlMs };
  }
  if (directive.kind !== "queue-directory") return queue;
  const { text, span } = directive.path;
  if (!text.startsWith("/")) fail(scope, span, `invalid queue directory: ${text}`, "write an absolute path");
  return { ...queue, directory: text };
}

function resolveSmtp(scope: Scope, smtp: SmtpLimits, directive: SmtpDirective): SmtpLimits {
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
      return directive.limits.reduce((limits, { name, value }) => {
        if (value.value < 1) fail(scope, value.span, `invalid session limit: ${value.value}`, "it is at least 1");
        if (name.text === "max-mails") return { ...limits, maxMails: value.value };
        if (name.text === "max-rcpt") return { ...limits, maxRecipients: value.value };
        const hint = suggest(name.text, ["max-mails", "max-rcpt"], (one) => `\`${one}\``);
        fail(scope, name.span, `invalid session limit keyword: ${name.text}`, hint);
        return limits;
      }, smtp);
    default:
      return smtp;
  }
}

function resolveBounce(scope: Scope, directive: BounceDirective): readonly number[] {
  const delays: number[] = [];
  for (const [index, { text, span }] of directive.delays.entries()) {
    const ms = parseDelay(text);
    if (ms === null) fail(scope, span, `invalid bounce delay: ${text}`, delayHint);
    else if (index < warnIntervalsMax) delays.push(ms);
    else warn(scope, span, `more than ${warnIntervalsMax} delays: ${text} is ignored`);
  }
  return delays;
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    for (const member of Object.values(value)) freeze(member);
    Object.freeze(value);
  }
  return value;
}

/** From smtpd.conf to a Policy: reads, checks and freezes. No input or output of its own. */

import { parseIp } from "../mail/ip.ts";
import type { Directive } from "./ast.ts";
import { defaultListenerOptions, emptyPolicy, srsTtlDays } from "./defaults.ts";
import { collectErrors, type ConfigError } from "./error.ts";
import type { MdaLimitPolicy } from "./limit.ts";
import { parseConfig, type ParsedConfig } from "./parser.ts";
import type { Policy } from "./policy.ts";
import { resolveAction } from "./resolve_action.ts";
import { checkWanted, finishPki, resolveCertificate, resolveCiphers } from "./resolve_certificate.ts";
import { resolveFilter, resolveProc } from "./resolve_filter.ts";
import { applyLimits, mdaLimitKeys, resolveMta, schedulerLimitKeys } from "./resolve_limit.ts";
import { resolveListen } from "./resolve_listen.ts";
import { resolveMatch } from "./resolve_match.ts";
import {
  type DraftSrs,
  resolveAdmd,
  resolveBounce,
  resolveQueue,
  resolveSmtp,
  resolveSrs,
  resolveWrapper,
} from "./resolve_settings.ts";
import { builtinTables, declareTable } from "./resolve_table.ts";
import { type ConfigSource, describeReadFault, fail, makeScope, type Scope } from "./scope.ts";

export type { ConfigSource, FileText } from "./scope.ts";
export { describeReadFault } from "./scope.ts";

/** A policy, or every error of the configuration in the order of places. Warnings do not hinder. */
export type LoadResult =
  | {
    readonly kind: "ok";
    readonly policy: Policy;
    readonly warnings: readonly ConfigError[];
    /** The lines that it was made of. */
    readonly config: ParsedConfig;
  }
  | { readonly kind: "errors"; readonly errors: readonly ConfigError[] };

/** Loads a configuration. The policy is frozen all the way down. Never throws: errors of all lines come back at once,
 * with warnings among them. */
export function loadPolicy(source: ConfigSource): LoadResult {
  const parsed = parse(source);
  const scope = makeScope(source, parsed.directives);
  scope.problems.push(...parsed.problems);
  for (const spec of builtinTables(source)) scope.tables.set(spec.name, spec);
  const empty = emptyPolicy(source.serverName);
  const draft: Draft = { ...empty, mda: empty.mda.limits, srs: { key: null, backupKey: null, ttlDays: srsTtlDays } };
  for (const directive of parsed.directives) resolveDirective(scope, draft, directive);
  const pki = finishPki(scope);
  checkWanted(scope);
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
  const { queue, smtp, mta, scheduler, srs, ciphers, admd } = draft;
  const policy: Policy = {
    serverName: source.serverName,
    tables: Object.fromEntries(scope.tables),
    listeners: scope.listeners,
    actions: Object.fromEntries(scope.actions),
    rules: scope.rules,
    queue,
    smtp,
    mda: { wrappers: Object.fromEntries(scope.wrappers), limits: draft.mda },
    mta,
    scheduler,
    srs: srs.key === null ? null : { ...srs, key: srs.key },
    pki,
    ca: Object.fromEntries(scope.ca),
    filters: Object.fromEntries(scope.filters),
    processes: Object.fromEntries(scope.processes),
    ciphers,
    admd,
  };
  return { kind: "ok", policy: freeze(policy), warnings: errors, config: parsed };
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

/** What lines that set one thing have come to so far. */
type Draft =
  & { -readonly [Key in "queue" | "smtp" | "mta" | "scheduler" | "ciphers" | "admd"]: Policy[Key] }
  & { mda: MdaLimitPolicy; srs: DraftSrs };

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
    case "filter":
      return resolveFilter(scope, directive);
    case "proc":
      return resolveProc(scope, directive);
    case "pki":
    case "ca":
      return resolveCertificate(scope, directive);
    case "mda-wrapper":
      return resolveWrapper(scope, directive);
    default:
      return resolveSetting(scope, draft, directive);
  }
}

/** A line that sets one thing for the whole daemon. */
function resolveSetting(scope: Scope, draft: Draft, directive: Directive): void {
  switch (directive.kind) {
    case "queue-ttl":
    case "queue-directory":
    case "queue-compression":
    case "queue-encryption":
      draft.queue = resolveQueue(scope, draft.queue, directive);
      return;
    case "smtp-ciphers":
      draft.ciphers = resolveCiphers(scope, directive.ciphers);
      return;
    case "smtp-size":
    case "smtp-limit":
    case "smtp-except":
    case "smtp-lenient":
    case "smtp-delimiter":
      draft.smtp = resolveSmtp(scope, draft.smtp, directive);
      return;
    case "bounce":
      draft.queue = { ...draft.queue, warnAfterMs: resolveBounce(scope, directive) };
      return;
    case "mda-limit":
      draft.mda = applyLimits(scope, draft.mda, directive.limits, mdaLimitKeys, "mda");
      return;
    case "mta-max-deferred":
    case "mta-limit":
      draft.mta = resolveMta(scope, draft.mta, directive);
      return;
    case "scheduler-limit":
      draft.scheduler = applyLimits(scope, draft.scheduler, directive.limits, schedulerLimitKeys, "scheduler");
      return;
    case "srs-key":
    case "srs-ttl":
      draft.srs = resolveSrs(scope, draft.srs, directive);
      return;
    case "admd":
      draft.admd = resolveAdmd(scope, directive.id) ?? draft.admd;
      return;
    default:
  }
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    for (const member of Object.values(value)) freeze(member);
    Object.freeze(value);
  }
  return value;
}

/** What a configuration asks for and this version does not do yet. Nothing of it is dropped in silence: `smtpd -n` warns
 * of it, the daemon logs it at its start, and what demands protection that cannot be given is not done at all. */

import type { Directive } from "./ast.ts";
import type { ConfigError } from "./error.ts";
import { defaultMdaLimits, defaultMtaLimits, defaultSchedulerPolicy } from "./limit.ts";
import { membersOf } from "./filter_phase.ts";
import { expandKnown } from "./format.ts";
import type { Listener, LocalAction, Place, Policy, RelayAction } from "./policy.ts";
import { relayBar } from "./relay_bar.ts";
import { mdaLimitKeys, mtaLimitKeys, schedulerLimitKeys } from "./resolve_limit.ts";

/** Something that has no effect, or not the one that was asked for. */
export interface InactiveNotice {
  /** It does not hinder the start. */
  readonly severity: "warning";
  /** The line; null where the policy does not keep it. */
  readonly place: Place | null;
  /** What kind of line a setting has, of which the policy keeps no place; null for all else. */
  readonly setting: Directive["kind"] | null;
  /** What is not active, and what happens instead. One line. */
  readonly message: string;
}

/** Everything in the policy that is not active, in the order of its lines; what has no line comes last. */
export function inactiveNotices(policy: Policy): readonly InactiveNotice[] {
  const found: InactiveNotice[] = [];
  const tell = (place: Place | null, message: string | null): void => {
    if (message === null || found.some((one) => samePlace(one.place, place) && one.message === message)) return;
    found.push({ severity: "warning", place, setting: null, message });
  };
  for (const listener of policy.listeners) tell(listener.place, listenerNotice(policy, listener));
  for (const action of Object.values(policy.actions)) {
    if (action.kind === "local") tell(action.place, localNotice(action));
    else for (const one of relayNotices(policy, action)) tell(action.place, one);
  }
  for (const { name, place } of Object.values(policy.processes)) {
    tell(place, `the process \`${name}\` is not started: filters that are programs are not active yet`);
  }
  for (const { kind, name, place } of Object.values(policy.filters)) {
    if (kind === "process") tell(place, `the filter \`${name}\` is a program: those are not active yet`);
  }
  for (const { setting, message } of settingNotices(policy)) {
    found.push({ severity: "warning", place: null, setting, message });
  }
  return found.sort((a, b) => order(a.place, b.place));
}

/** A notice as `smtpd -n` shows it. `file` is that of the whole configuration. */
export function noticeError({ severity, place, message }: InactiveNotice, file: string): ConfigError {
  return {
    ...(place ?? { file, line: 0, column: 0 }),
    severity,
    length: 0,
    message,
    hint: null,
    excerpt: "",
    notes: [],
  };
}

/** What an agent may reach is fixed before it sees any mail. */
function localNotice({ method }: LocalAction): string | null {
  if (method.kind !== "lmtp" || expandKnown(method.destination, { username: "x", directory: "/x" }) !== null) {
    return null;
  }
  return "only `%{user.username}` and `%{user.directory}` can stand in the destination of lmtp: mail of this action " +
    "waits in the queue";
}

/** Keys of `mda limit` and `mta limit` that delivery keeps to: those of `mtaLimitsOf` and of `LocalDelivery`. */
const activeLimits: readonly string[] = [
  "max-session",
  "max-session-per-user",
  "max-conn-per-host",
  "max-conn-per-relay",
  "conn-delay-route",
  "reconn-delay-route",
  "session-keepalive",
  "session-mail-max",
  "max-failures-per-session",
];

function listenerNotice({ filters }: Policy, { kind, filter }: Listener): string | null {
  if (filter === null || membersOf(filters, filter).every((one) => one.kind !== "process")) return null;
  return kind === "socket"
    ? "a filter of this listener is a program, which is not active yet: mail from here passes without it"
    : "a filter of this listener is a program, which is not active yet: all clients are answered 421 here";
}

function relayNotices(policy: Policy, action: RelayAction): readonly string[] {
  const bar = relayBar(action, null);
  if (bar !== null) return [`${bar}: mail of this action waits in the queue`];
  const notices: string[] = [];
  for (const url of urlsOf(policy, action)) {
    const why = relayBar(action, url);
    if (why !== null) notices.push(`${why}: mail for ${url} waits in the queue`);
  }
  if (action.pki !== null) notices.push("`pki` is not active yet: there is no TLS for relaying");
  if (action.ca !== null) notices.push("`ca` is not active yet: there is no TLS for relaying");
  if (action.protocols !== null) notices.push("`protocols` is not active yet: there is no TLS for relaying");
  if (action.filter !== null) notices.push("`filter` is not active yet: no filter is told of this mail");
  return notices;
}

/** URLs that stand in the configuration itself. */
function urlsOf(policy: Policy, { host, domain }: RelayAction): readonly string[] {
  return [host, domain].flatMap((name) => {
    const table = name === null ? undefined : policy.tables[name];
    return table?.kind === "static" ? table.entries.map(([key, value]) => value ?? key) : [];
  });
}

function settingNotices(
  { queue, mda, mta, scheduler, admd, serverName }: Policy,
): readonly { readonly setting: Directive["kind"]; readonly message: string }[] {
  const notices: { setting: Directive["kind"]; message: string }[] = [];
  const tell = (setting: Directive["kind"], message: string) => void notices.push({ setting, message });
  if (queue.compression) {
    tell("queue-compression", "`queue compression` is not active yet: messages are stored as they are");
  }
  if (queue.encryption !== null) {
    tell("queue-encryption", "`queue encryption` is not active yet: messages are stored in clear text");
  }
  const mtaKeys = [mta.limits, ...Object.values(mta.domainLimits)].flatMap((limits) =>
    changedKeys(limits, defaultMtaLimits, mtaLimitKeys).filter((key) => !activeLimits.includes(key))
  );
  const mdaKeys = changedKeys(mda.limits, defaultMdaLimits, mdaLimitKeys).filter((key) => !activeLimits.includes(key));
  const limits: readonly (readonly [setting: Directive["kind"], line: string, keys: readonly string[]])[] = [
    ["mda-limit", "mda limit", mdaKeys],
    ["mta-limit", "mta limit", [...new Set(mtaKeys)]],
    ["mta-max-deferred", "mta max-deferred", mta.maxDeferred === 100 ? [] : [String(mta.maxDeferred)]],
    ["scheduler-limit", "scheduler limit", changedKeys(scheduler, defaultSchedulerPolicy, schedulerLimitKeys)],
  ];
  for (const [setting, line, keys] of limits) {
    if (keys.length > 0) tell(setting, `\`${line}\` of ${keys.join(", ")} is not active yet: our own limits hold`);
  }
  if (admd !== serverName) tell("admd", "`admd` is not active yet: no filter is told of it");
  return notices;
}

/** The keys of a `limit` line whose members are not what they are without it. */
function changedKeys<T>(
  limits: T,
  defaults: T,
  keys: Readonly<Record<string, { readonly member: keyof T }>>,
): readonly string[] {
  return Object.entries(keys).filter(([, { member }]) => limits[member] !== defaults[member]).map(([key]) => key);
}

function samePlace(a: Place | null, b: Place | null): boolean {
  return a === b || (a !== null && b !== null && a.file === b.file && a.line === b.line);
}

/** By line; files in the order of their names. */
function order(a: Place | null, b: Place | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1;
}

/** What a policy lets through, or keeps out, that is hardly meant: open relays, hosted domains that nobody outside can
 * write to, forwards and reports that go nowhere. */

import { assertNever } from "../fault.ts";
import { parseExpansionValue } from "./alias.ts";
import { ownTraffic, strangersAt, type Traffic, type TrafficJudge } from "./check_traffic.ts";
import type { Action, LocalAction, Policy, Rule } from "./policy.ts";
import { type InetListener, isPublic, mayServeOthers } from "./uses.ts";

/** Something that is hardly meant. */
export type Trap =
  /** Everybody may send to everybody through us. `claims`: those who claim an address or a name. */
  | { readonly kind: "openRelay"; readonly rule: Rule; readonly claims: boolean }
  /** Mail for these domains is taken from this machine only. */
  | { readonly kind: "unreachable"; readonly rule: Rule; readonly what: string }
  /** Nothing that comes from outside through this listener is taken. */
  | { readonly kind: "deafListener"; readonly listener: InetListener }
  /** Who logs in here may send to nobody elsewhere. */
  | { readonly kind: "loginForNothing"; readonly listener: InetListener }
  /** Local mail of this machine goes away by an earlier relay. */
  | { readonly kind: "relayedFirst"; readonly rule: Rule; readonly by: Rule }
  /** Nothing takes what is forwarded, or reported, to other servers. `alias` names one that goes there. */
  | {
    readonly kind: "noWayOut";
    readonly rule: Rule;
    readonly forwards: boolean;
    readonly reports: boolean;
    readonly alias: string | null;
  }
  /** Senders are to be checked by who is logged in, and nobody can. */
  | { readonly kind: "idleSenders"; readonly listener: InetListener }
  /** `match auth` and no listener asks who it is. */
  | { readonly kind: "noLogin"; readonly rule: Rule }
  /** `match tls` and no listener speaks TLS. */
  | { readonly kind: "noTls"; readonly rule: Rule }
  /** No listener has such a tag. */
  | { readonly kind: "noTag"; readonly rule: Rule; readonly tag: string };

/** Finds them, in no particular order. `values` gives the values of an alias or virtual table, null when its content is
 * not known. */
export function findTraps(
  policy: Policy,
  judge: TrafficJudge,
  values: (table: string) => readonly string[] | null,
): readonly Trap[] {
  const unreachable = unreachableDomains(policy, judge);
  return [
    ...openRelays(policy, judge),
    ...unreachable,
    ...deafListeners(policy, judge, unreachable.length > 0),
    ...relayedFirst(policy, judge),
    ...noWayOut(policy, judge, values),
    ...idleOptions(policy, judge),
  ];
}

function openRelays(policy: Policy, judge: TrafficJudge): readonly Trap[] {
  const found = new Map<Rule, Trap>();
  for (const listener of policy.listeners) {
    if (!mayServeOthers(listener) || listener.auth.mode === "required" || listener.tls.verify) continue;
    const first = strangersAt(listener).map((traffic) => relayFor(policy, judge, traffic));
    const rule = first[0];
    if (rule === undefined || rule === null || first.some((one) => one !== rule)) continue;
    const claims = rule.mailFrom !== null || rule.helo !== null || rule.from.kind === "rdns";
    found.set(rule, { kind: "openRelay", rule, claims });
  }
  return [...found.values()];
}

/** The rule by which this traffic is relayed; null when none does. Senders avoid what stands in their way. */
function relayFor(policy: Policy, judge: TrafficJudge, traffic: Traffic): Rule | null {
  for (const rule of policy.rules) {
    const isRelay = actionOf(policy, rule)?.kind === "relay";
    const verdict = judge.judge(rule, traffic, isRelay ? "theirs" : "not theirs");
    if (verdict === "no") continue;
    if (isRelay) return rule;
    if (verdict === "yes") return null;
  }
  return null;
}

function unreachableDomains(policy: Policy, judge: TrafficJudge): readonly Trap[] {
  if (!policy.listeners.some(isPublic)) return [];
  const isHosted = (rule: Rule): boolean =>
    actionOf(policy, rule)?.kind === "local" && rule.for.kind === "domain" && !rule.for.criterion.negated;
  return policy.rules.flatMap((rule): readonly Trap[] => {
    if (rule.for.kind !== "domain" || !isHosted(rule) || isForOthers(rule)) return [];
    const { table, regex } = rule.for.criterion;
    const keys = regex ? null : judge.keys(table);
    const isTaken = (domain: string | null): boolean =>
      policy.rules.some((other) => isForAnybody(other) && mayTake(policy, judge, other, table, domain));
    if (keys === null) return isTaken(null) ? [] : [{ kind: "unreachable", rule, what: "these domains" }];
    const lost = keys.find((key) => !isTaken(key.replaceAll("*", "x")));
    return lost === undefined ? [] : [{ kind: "unreachable", rule, what: lost }];
  });
}

/** May a rule take mail for a domain, or for one of a table that cannot be looked into? */
function mayTake(policy: Policy, judge: TrafficJudge, rule: Rule, table: string, domain: string | null): boolean {
  if (actionOf(policy, rule) === null) return false;
  switch (rule.for.kind) {
    case "any":
      return rule.rcptTo === null || domain === null || rcptMayBe(judge, rule, domain);
    case "local":
      return rule.for.negated || domain === null || judge.has("<localnames>", "domain", domain) === true;
    case "domain": {
      const { criterion } = rule.for;
      if (criterion.table === table || domain === null || criterion.negated) return true;
      return judge.has(criterion.table, criterion.regex ? "regex" : "domain", domain) !== false;
    }
    default:
      return assertNever(rule.for);
  }
}

function rcptMayBe(judge: TrafficJudge, { rcptTo }: Rule, domain: string): boolean {
  if (rcptTo === null || rcptTo.regex || rcptTo.negated) return true;
  const keys = judge.keys(rcptTo.table);
  return keys === null || keys.some((key) => !key.includes("@") || key.endsWith("@") || key.endsWith(`@${domain}`)) ||
    keys.some((key) => key.includes("*"));
}

/** Is the rule for mail from elsewhere, whoever sends it? */
function isForAnybody(rule: Rule): boolean {
  const isFree = (rule.auth === null || isNegatedAuth(rule)) && rule.tls !== true && rule.helo === null;
  return isForOthers(rule) && isFree && (rule.mailFrom === null || rule.mailFrom.negated);
}

/** Does `from` let in mail that does not come from this machine? */
function isForOthers({ from }: Rule): boolean {
  switch (from.kind) {
    case "any":
    case "src":
    case "rdns":
      return true;
    case "local":
    case "socket":
      return from.negated;
    default:
      return assertNever(from);
  }
}

function deafListeners(policy: Policy, judge: TrafficJudge, isTold: boolean): readonly Trap[] {
  const found = new Map<string, Trap>();
  for (const listener of policy.listeners.filter(isPublic)) {
    const key = `${listener.place.file}:${listener.place.line}:${listener.place.column}`;
    if (found.has(key)) continue;
    const hasLogin = listener.auth.mode !== "none" || listener.tls.verify;
    const isOpen = policy.rules.some((rule) =>
      actionOf(policy, rule) !== null && isForOthers(rule) && hasTag(judge, rule, listener.tag) &&
      (rule.auth === null || hasLogin || isNegatedAuth(rule))
    );
    if (!isOpen && !isTold) found.set(key, { kind: "deafListener", listener });
    if (!isOpen || listener.auth.mode === "none") continue;
    const users = strangersAt(listener).map((one): Traffic => ({ ...one, isAuthenticated: true }));
    const isServed = users.some((one) => policy.rules.some((rule) => judge.judge(rule, one, "unknown") !== "no"));
    if (!isServed) found.set(key, { kind: "loginForNothing", listener });
  }
  return [...found.values()];
}

function isNegatedAuth({ auth }: Rule): boolean {
  return auth !== null && (auth.kind === "any" ? auth.negated : auth.criterion.negated);
}

function hasTag(judge: TrafficJudge, { tag }: Rule, name: string): boolean {
  if (tag === null) return true;
  return (judge.has(tag.table, tag.regex ? "regex" : "string", name) ?? !tag.negated) !== tag.negated;
}

/** `match for any action "relay"` above `match … for local action "local"`. */
function relayedFirst(policy: Policy, judge: TrafficJudge): readonly Trap[] {
  const found: Trap[] = [];
  for (const [index, rule] of policy.rules.entries()) {
    if (actionOf(policy, rule)?.kind !== "local" || rule.for.kind === "any" || !takesOwn(rule)) continue;
    if (rule.for.kind === "local" ? rule.for.negated : rule.for.criterion.negated) continue;
    const by = policy.rules.slice(0, index).find((other) =>
      actionOf(policy, other)?.kind === "relay" && other.for.kind === "any" && takesOwn(other) && isBare(other) &&
      // Its mail would be taken away on purpose if it asked for something.
      isBare(rule) && (rule.tag === null || hasTag(judge, other, ""))
    );
    if (by !== undefined) found.push({ kind: "relayedFirst", rule, by });
  }
  return found;
}

/** Does the rule take mail that this machine itself sends? */
function takesOwn({ from }: Rule): boolean {
  return from.kind === "any" || (from.kind === "local" && !from.negated);
}

/** Nothing but `from`, `for` and the outcome. */
function isBare(rule: Rule): boolean {
  return rule.tag === null && rule.helo === null && rule.auth === null && rule.tls === null &&
    rule.mailFrom === null && rule.rcptTo === null;
}

function noWayOut(
  policy: Policy,
  judge: TrafficJudge,
  values: (table: string) => readonly string[] | null,
): readonly Trap[] {
  const isDecided = (traffic: Traffic): boolean =>
    policy.rules.some((rule) => judge.judge(rule, traffic, "unknown") !== "no");
  const locals = policy.rules.filter((rule) => actionOf(policy, rule)?.kind === "local");
  const outside = locals.find(isForOthers);
  const reports = outside !== undefined && policy.listeners.some(isPublic) && !isDecided(ownTraffic.report);
  const cannotForward = !isDecided(ownTraffic.forward);
  const forwarding = cannotForward ? forwardOf(policy, judge, locals, values) : null;
  const rule = forwarding?.rule ?? outside;
  if (rule === undefined || (!reports && forwarding === null)) return [];
  return [{ kind: "noWayOut", rule, forwards: forwarding !== null, reports, alias: forwarding?.alias ?? null }];
}

/** A rule whose aliases, or whose users' .forward files, send mail elsewhere. */
function forwardOf(
  policy: Policy,
  judge: TrafficJudge,
  locals: readonly Rule[],
  values: (table: string) => readonly string[] | null,
): { readonly rule: Rule; readonly alias: string | null } | null {
  const isOwn = (domain: string): boolean => {
    const traffic = { ...ownTraffic.forward, dest: `x@${domain}` };
    return policy.rules.some((rule) => judge.judge(rule, traffic, "unknown") !== "no");
  };
  for (const rule of locals) {
    const action = actionOf(policy, rule);
    if (action?.kind !== "local") continue;
    for (const table of [action.alias, action.virtual]) {
      for (const value of table === null ? [] : values(table) ?? []) {
        const alias = remoteTarget(value, isOwn);
        if (alias !== null) return { rule, alias };
      }
    }
  }
  // Files that users write are no more than likely: without mail from elsewhere they are not worth a word.
  if (!policy.listeners.some(isPublic)) return null;
  const forwarding = locals.find((rule) => {
    const action = actionOf(policy, rule);
    return action?.kind === "local" && readsForward(action) && isForOthers(rule);
  });
  return forwarding === undefined ? null : { rule: forwarding, alias: null };
}

/** An address of a value that no rule knows; null when there is none. */
function remoteTarget(value: string, isOwn: (domain: string) => boolean): string | null {
  const parsed = parseExpansionValue(value);
  if (parsed.kind === "error") return null;
  for (const node of parsed.nodes) {
    if (node.kind === "address" && !isOwn(node.domain)) return `${node.localPart}@${node.domain}`;
  }
  return null;
}

/** Users' own .forward files count: the delivery runs as the recipient. */
function readsForward(action: LocalAction): boolean {
  return action.user === null && action.method.kind !== "expand-only";
}

function idleOptions(policy: Policy, judge: TrafficJudge): readonly Trap[] {
  const listeners = policy.listeners.filter((one) => one.kind === "inet");
  const hasLogin = listeners.some((one) => one.auth.mode !== "none");
  const hasTls = listeners.some((one) => one.tls.mode !== "none");
  const idleSenders = listeners.filter((one) => one.senders !== null && one.auth.mode === "none");
  const idleTests = policy.rules.flatMap((rule): readonly Trap[] => {
    const traps: Trap[] = [];
    if (rule.auth !== null && !isNegatedAuth(rule) && !hasLogin && listeners.length > 0) {
      traps.push({ kind: "noLogin", rule });
    }
    if (rule.tls === true && !hasTls) traps.push({ kind: "noTls", rule });
    const isTagged = policy.listeners.some((one) => hasTag(judge, rule, one.tag));
    const tags = rule.tag === null ? null : judge.keys(rule.tag.table);
    if (!isTagged && tags !== null) traps.push({ kind: "noTag", rule, tag: tags.join(", ") });
    return traps;
  });
  return [...idleSenders.map((listener): Trap => ({ kind: "idleSenders", listener })), ...idleTests];
}

/** What a rule does; null for a reject. */
function actionOf(policy: Policy, { outcome }: Rule): Action | null {
  return outcome.kind === "reject" ? null : policy.actions[outcome.name] ?? null;
}

/** Looks through a policy that loads without errors, for what is hardly meant: rules that can never match, open relays,
 * domains that nobody outside can write to, names that nothing uses. */

import { assertNever } from "../fault.ts";
import type { Declared } from "./ast.ts";
import { filterTraps } from "./check_filter.ts";
import { ConfigLines, lineName, lineNames } from "./check_lines.ts";
import { checkLogins } from "./check_logins.ts";
import { checkSenders } from "./check_senders.ts";
import { type Shadow, shadowedRules } from "./check_shadow.ts";
import { TrafficJudge } from "./check_traffic.ts";
import { findTraps, type Trap } from "./check_traps.ts";
import { unusedMacros, unusedNames } from "./check_unused.ts";
import type { Problem, Span } from "./error.ts";
import type { ParsedConfig } from "./parser.ts";
import type { Policy, Rule, TableName } from "./policy.ts";
import { printWord } from "./print_word.ts";

/** Entries of a table, as they are now. Value is null in a list. */
export type TableContent = readonly (readonly [key: string, value: string | null])[];

/** What is looked through. */
export interface CheckInput {
  /** What the configuration decides. */
  readonly policy: Policy;
  /** The lines that it was made of. */
  readonly config: ParsedConfig;
  /** Content of tables in files, as far as it could be read. Only traps are judged by it: files change. */
  readonly contents: ReadonlyMap<TableName, TableContent>;
}

/** Finds what is hardly meant. All of it is a warning. Pure; the order is not that of the lines. */
export function checkPolicy({ policy, config, contents }: CheckInput): readonly Problem[] {
  const lines = new ConfigLines(policy, config.directives);
  const keys = new Map([...contents].map(([name, entries]) => [name, entries.map(([key]) => key)]));
  const judge = new TrafficJudge(policy, keys);
  const entriesOf = (name: TableName): TableContent | null => {
    const spec = policy.tables[name];
    return spec?.kind === "static" ? spec.entries : contents.get(name) ?? null;
  };
  const keysOf = (name: TableName) => entriesOf(name)?.map(([key]) => key) ?? null;
  const valuesOf = (name: TableName) => entriesOf(name)?.flatMap(([, value]) => value ?? []) ?? null;
  const shadows = shadowedRules(policy);
  const dead = new Set(shadows.map(({ index }) => policy.rules[index]));
  return [
    ...shadows.map((shadow) => tellShadow(policy, lines, shadow)),
    ...findTraps(policy, judge, valuesOf).filter((trap) => !("rule" in trap) || !dead.has(trap.rule))
      .map((trap) => tellTrap(policy, lines, trap)),
    ...filterTraps(policy).map(({ filter, message, hint }) =>
      warning(lines.declaration("filter", filter), message, hint)
    ),
    ...unusedNames(policy).map(({ kind, name }) => tellUnused(lines, kind, name)),
    ...checkLogins(policy, config),
    ...checkSenders(policy, config, { keysOf, valuesOf }),
    ...unusedMacros(config).map(({ name, span }) => warning(span, `nothing uses the macro ${name}`, null)),
  ];
}

function warning(span: Span, message: string, hint: string | null): Problem {
  return { severity: "warning", span, message, hint };
}

function tellShadow(policy: Policy, lines: ConfigLines, shadow: Shadow): Problem {
  const rule = policy.rules[shadow.index]!;
  const span = lines.rule(rule);
  if (shadow.kind === "impossible") {
    return warning(span, "this rule can never match: its options exclude each other", "delete it, or one of them");
  }
  const by = shadow.by.map((index) => policy.rules[index]!);
  const name = lineNames(by.map((one) => one.place), rule.place);
  const verb = by.length > 1 ? "already do" : "already does";
  const message = `this rule can never match, because ${name} ${verb}`;
  return warning(span, message, hintShadow(rule, by, name, shadow.isSame));
}

function hintShadow(rule: Rule, by: readonly Rule[], name: string, isSame: boolean): string {
  const isAlike = by.every((one) => JSON.stringify(one.outcome) === JSON.stringify(rule.outcome));
  if (isSame && isAlike) return `it says the same as ${name}: delete one of them`;
  if (isSame) return `it matches the same mail as ${name}, and the first match wins: delete one of them`;
  if (isAlike) return `${name} covers it: delete this one`;
  return `the first match wins: put this one above ${name}, or delete it`;
}

function tellTrap(policy: Policy, lines: ConfigLines, trap: Trap): Problem {
  switch (trap.kind) {
    case "openRelay":
      return tellOpenRelay(lines, trap);
    case "unreachable":
      return warning(
        lines.rule(trap.rule),
        `mail for ${trap.what} is taken from this machine only: everybody else is refused`,
        "a rule without `from` is for this machine: write `match from any for domain …`",
      );
    case "deafListener":
      return warning(
        lines.listen(trap.listener.place).span,
        `nothing is taken here from other machines: no rule that fits says \`from any\``,
        "add `match from any for …`, or listen on the loopback interface only",
      );
    case "loginForNothing":
      return warning(
        lines.listen(trap.listener.place).span,
        "who logs in here can send nothing to other servers: no rule matches it",
        'add `match from any auth for any action "RELAY"`',
      );
    case "relayedFirst": {
      const name = lineName(trap.by.place, trap.rule.place);
      return warning(
        lines.rule(trap.rule),
        `mail of this machine never comes here: ${name} relays it first`,
        `the first match wins: put this one above ${name}`,
      );
    }
    case "noWayOut":
      return tellNoWayOut(lines, trap);
    case "idleSenders":
      return warning(
        lines.listen(trap.listener.place).span,
        "`senders` has no effect here: nobody can log in",
        "add `auth <TABLE>`, and `tls` with a `pki`",
      );
    case "noLogin":
      return warning(
        lines.rule(trap.rule),
        "no listener has `auth`: only `sendmail` on this machine counts as authenticated",
        "write `listen on … tls pki … auth` where clients are to log in",
      );
    case "noTls":
      return warning(
        lines.rule(trap.rule),
        "this rule can never match: no listener has TLS",
        "write `listen on … tls pki …`",
      );
    case "noTag":
      return warning(
        lines.ruleTag(trap.rule),
        `this rule can never match: no listener has the tag ${trap.tag}`,
        tagHint(policy),
      );
    default:
      return assertNever(trap);
  }
}

function tagHint(policy: Policy): string {
  const tags = new Set(policy.listeners.flatMap(({ tag }) => tag === "" ? [] : [tag]));
  return tags.size === 0 ? "write `listen on … tag …`" : `listeners have: ${[...tags].join(", ")}`;
}

function tellOpenRelay(lines: ConfigLines, { rule, claims }: Extract<Trap, { kind: "openRelay" }>): Problem {
  if (claims) {
    return warning(
      lines.rule(rule),
      "anyone who claims to be one of these may relay to anywhere",
      "these are what the client says: add `auth`, or use `from src` with your networks",
    );
  }
  return warning(
    lines.rule(rule),
    "anyone may relay to anywhere: this is an open relay",
    "for clients that log in:  match from any auth for any …\nfor this machine alone:   match from local for any …",
  );
}

function tellNoWayOut(lines: ConfigLines, trap: Extract<Trap, { kind: "noWayOut" }>): Problem {
  const { rule, forwards, reports, alias } = trap;
  const forward = `mail that is forwarded to other servers${alias === null ? "" : `, such as to ${alias},`}`;
  const report = "reports to senders elsewhere";
  const message = !reports
    ? `${forward} is refused: no rule takes it`
    : !forwards
    ? `${report} are dropped: no rule takes them`
    : `${forward} and ${report} are refused: no rule takes them`;
  return warning(
    lines.rule(rule),
    message,
    'they count as sent from here: add `match from local for any action "RELAY"`',
  );
}

function tellUnused(lines: ConfigLines, kind: Declared, name: string): Problem {
  const span = lines.declaration(kind, name);
  switch (kind) {
    case "table":
      return warning(span, `nothing uses the table <${name}>`, null);
    case "action":
      return warning(
        span,
        `no rule uses the action "${name}"`,
        "mail that was queued for it still needs it; else delete it",
      );
    case "filter":
      return warning(span, `nothing uses the filter ${name}`, `write \`listen on … filter ${printWord(name)}\``);
    case "proc":
      return warning(span, `no filter uses the process ${name}`, `write \`filter NAME proc ${printWord(name)}\``);
    case "pki":
      return warning(span, `nothing uses the certificate ${name}`, `write \`listen on … tls pki ${printWord(name)}\``);
    case "ca":
      return warning(
        span,
        `nothing uses the authorities ${name}`,
        `write \`listen on … tls-require verify ca ${printWord(name)}\``,
      );
    case "mda-wrapper":
      return warning(span, `no action uses the wrapper ${name}`, `write \`action … wrapper ${printWord(name)}\``);
    default:
      return assertNever(kind);
  }
}

/** Names in a configuration: where each is declared and where it is used. For editors, which jump from one to the
 * other. */

import type {
  ActionOption,
  Declared,
  Directive,
  FilterExpr,
  ListenOption,
  MatchOption,
  TableExpr,
  Word,
} from "./ast.ts";
import type { Span } from "./error.ts";

/** A name, where it stands. */
export interface NameUse {
  /** What it names. */
  readonly kind: Declared;
  /** Without quotes and angle brackets. */
  readonly name: string;
  /** Where it stands. */
  readonly span: Span;
}

/** The name that a line declares; null for lines that declare none, and for those of which the name is lost. */
export function declarationOf(directive: Directive): NameUse | null {
  const named = (kind: Declared, { text, span }: Word): NameUse => ({ kind, name: text, span });
  switch (directive.kind) {
    case "table":
    case "action":
    case "filter":
    case "proc":
    case "pki":
    case "ca":
    case "mda-wrapper":
      return named(directive.kind, directive.name);
    case "broken": {
      const { declares, name } = directive;
      return declares === null || declares === "match" || name === null ? null : named(declares, name);
    }
    default:
      return null;
  }
}

/** The names that a line uses, in its order. Tables without a name are left out. */
export function referencesOf(directive: Directive): readonly NameUse[] {
  switch (directive.kind) {
    case "listen":
      return directive.options.flatMap(ofListen);
    case "action":
      return directive.options.flatMap(ofAction);
    case "smtp-lenient":
      return tableOf(directive.from);
    case "smtp-except":
      return tableOf(directive.table);
    case "match":
      return [...directive.options.flatMap(ofMatch), ...word("action", directive.action)];
    case "filter": {
      const { body } = directive;
      if (body.kind === "proc") return word("proc", body.proc);
      if (body.kind === "chain") return body.members.flatMap((one) => word("filter", one));
      return body.kind === "phase" ? tableOf(body.condition.pattern?.table ?? null) : [];
    }
    default:
      return [];
  }
}

function ofListen(option: ListenOption): readonly NameUse[] {
  switch (option.kind) {
    case "pki":
    case "ca":
      return word(option.kind, option.word);
    case "filter":
      return filterOf(option.filter);
    case "hostnames":
    case "auth":
    case "auth-external":
    case "auth-optional":
    case "senders":
      return tableOf(option.table);
    case "proxy":
    case "proxy-v2":
      return tableOf(option.from);
    default:
      return [];
  }
}

function ofAction(option: ActionOption): readonly NameUse[] {
  switch (option.kind) {
    case "pki":
    case "ca":
      return word(option.kind, option.word);
    case "wrapper":
      return word("mda-wrapper", option.word);
    case "filter":
      return filterOf(option.filter);
    case "alias":
    case "virtual":
    case "userbase":
    case "host":
    case "domain":
    case "src":
    case "helo-src":
    case "auth":
      return tableOf(option.table);
    default:
      return [];
  }
}

function ofMatch(option: MatchOption): readonly NameUse[] {
  return "pattern" in option ? tableOf(option.pattern?.table ?? null) : [];
}

function filterOf(filter: FilterExpr): readonly NameUse[] {
  return filter.kind === "name" ? word("filter", filter.name) : filter.members.flatMap((one) => word("filter", one));
}

function tableOf(table: TableExpr | null): readonly NameUse[] {
  return table?.kind === "name" ? [{ kind: "table", name: table.name, span: table.span }] : [];
}

function word(kind: Declared, name: Word | null): readonly NameUse[] {
  return name === null ? [] : [{ kind, name: name.text, span: name.span }];
}

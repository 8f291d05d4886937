/** What is known while a configuration is resolved from its first line to its last. */

import type { FaultKind } from "../fault.ts";
import type { Domain } from "../mail/address.ts";
import type { TableSpec } from "../table/table.ts";
import type { Declared, Directive, Items } from "./ast.ts";
import { type Problem, type Span, suggest } from "./error.ts";
import type { Filter, FilterProcess } from "./filter.ts";
import type { Action, Authority, Listener, Rule, TableName } from "./policy.ts";
import type { DraftPki } from "./resolve_certificate.ts";

/** Everything of the machine that a configuration depends on. */
export interface ConfigSource {
  /** Path of the main file, as messages show it. */
  readonly path: string;
  /** Text of a file. Included paths are absolute, or relative to the same directory as `path`. */
  readonly readFile: (path: string) => FileText;
  /** Addresses of the network interfaces, as literals without brackets; one entry per address. */
  readonly interfaces: readonly { readonly name: string; readonly address: string }[];
  /** Addresses of a host name, as literals without brackets; none when it has none. See `hostNames`. */
  readonly resolveHost: (name: string) => readonly string[];
  /** Our own name: /etc/mailname, else the system's. */
  readonly serverName: Domain;
  /** Absolute path of the program `table-NAME` that serves tables of kind NAME; null when it is not installed. */
  readonly tableHelper: (name: string) => string | null;
  /** Is a file that may be executed at this absolute path? */
  readonly isProgram: (path: string) => boolean;
  /** Port of a service by its name, as /etc/services has it; null when it has none. */
  readonly servicePort: (name: string) => number | null;
  /** `-D name=value` of the command line. */
  readonly macros: ReadonlyMap<string, string>;
}

/** Text of a file, or why there is none. */
export type FileText =
  | { readonly kind: "ok"; readonly text: string }
  | { readonly kind: "failed"; readonly fault: FaultKind };

/** Why a file of the configuration cannot be read, in words. */
export function describeReadFault(fault: FaultKind): string {
  return faultWords[fault] ?? "it cannot be read";
}

const faultWords: Readonly<Partial<Record<FaultKind, string>>> = {
  notFound: "no such file",
  denied: "permission denied",
  malformed: "it is not UTF-8 text",
};

/** What has been declared up to the line being resolved. */
export interface Scope {
  /** The machine. */
  readonly source: ConfigSource;
  /** What was wrong so far. */
  readonly problems: Problem[];
  /** Tables declared so far, built-in and anonymous ones among them. */
  readonly tables: Map<TableName, TableSpec>;
  /** Entries of inline tables with their places, for checks of what they are used for. */
  readonly items: Map<TableName, Items>;
  /** Uses of inline tables whose entries have been checked, as `purpose table`. */
  readonly checked: Set<string>;
  /** Actions declared so far. */
  readonly actions: Map<string, Action>;
  /** Listeners so far. */
  readonly listeners: Listener[];
  /** Rules so far. */
  readonly rules: Rule[];
  /** Filters so far, chains without a name among them. */
  readonly filters: Map<string, Filter>;
  /** Programs of filters so far. */
  readonly processes: Map<string, FilterProcess>;
  /** Certificates so far, perhaps not whole yet. */
  readonly pki: Map<string, DraftPki>;
  /** Authorities so far. */
  readonly ca: Map<string, Authority>;
  /** Wrappers so far: their commands. */
  readonly wrappers: Map<string, string>;
  /** Certificates and authorities that relays name: they may be declared further down. */
  readonly wanted: { readonly kind: "pki" | "ca"; readonly name: string; readonly span: Span }[];
  /** Every declaration of the files, also those further down and broken ones. */
  readonly declared: Readonly<Record<Declared, Declarations>>;
  /** Anonymous tables so far. */
  anonymous: number;
  /** Chains without a name so far. */
  chains: number;
  /** An `srs key` line stands above. */
  hasSrsKey: boolean;
}

/** Names of one kind. */
export interface Declarations {
  /** Where each name is declared first. */
  readonly places: ReadonlyMap<string, Span>;
  /** Names of broken declarations: no error tells that they are missing. */
  readonly broken: ReadonlySet<string>;
  /** A declaration broke off before its name: any name may have been meant. */
  readonly isNameLost: boolean;
}

/** Makes the scope above the first line. */
export function makeScope(source: ConfigSource, directives: readonly Directive[]): Scope {
  return {
    source,
    problems: [],
    tables: new Map(),
    items: new Map(),
    checked: new Set(),
    actions: new Map(),
    listeners: [],
    rules: [],
    filters: new Map(),
    processes: new Map(),
    pki: new Map(),
    ca: new Map(),
    wrappers: new Map(),
    wanted: [],
    declared: {
      "table": collect(directives, "table"),
      "action": collect(directives, "action"),
      "filter": collect(directives, "filter"),
      "proc": collect(directives, "proc"),
      "pki": collect(directives, "pki"),
      "ca": collect(directives, "ca"),
      "mda-wrapper": collect(directives, "mda-wrapper"),
    },
    anonymous: 0,
    chains: 0,
    hasSrsKey: false,
  };
}

/** Tells an error. Returns null, for the caller to pass on. */
export function fail(scope: Scope, span: Span, message: string, hint: string | null = null): null {
  scope.problems.push({ severity: "error", span, message, hint });
  return null;
}

/** Tells something that is probably not meant. */
export function warn(scope: Scope, span: Span, message: string, hint: string | null = null): void {
  scope.problems.push({ severity: "warning", span, message, hint });
}

/** Tells that a name is not declared above this line, unless its declaration has an error of its own.
 * Returns null, for the caller to pass on. */
export function failMissing(
  scope: Scope,
  kind: Declared,
  name: string,
  span: Span,
  quote: (name: string) => string,
): null {
  const { places, broken, isNameLost } = scope.declared[kind];
  if (broken.has(name) || isNameLost) return null;
  const below = places.get(name);
  const hint = below === undefined ? suggest(name, places.keys(), quote) : "declare it above this line";
  return fail(scope, span, `${missing[kind]}: ${quote(name)}`, hint);
}

/** As OpenSMTPD says it. */
const missing: Readonly<Record<Declared, string>> = {
  "table": "no such table",
  "action": "no such action",
  "filter": "no filter exist with that name",
  "proc": "no processor exist with that name",
  "pki": "pki name not found",
  "ca": "ca name not found",
  "mda-wrapper": "no mda wrapper with that name",
};

/** Tells that a name is taken: `message` ends before it. `first` is the line that has it; null when none is known. */
export function failTaken(
  scope: Scope,
  word: { readonly text: string; readonly span: Span },
  message: string,
  first: { readonly line: number } | null,
): null {
  const hint = first === null ? null : `the first one is on line ${first.line}`;
  return fail(scope, word.span, `${message}: ${word.text}`, hint);
}

/** Tells of an option that stands twice. */
export function failTwice(scope: Scope, given: Set<string>, what: string, span: Span): void {
  if (given.has(what)) fail(scope, span, `${what} already specified for this dispatcher`);
  given.add(what);
}

function collect(directives: readonly Directive[], kind: Declared): Declarations {
  const places = new Map<string, Span>();
  const broken = new Set<string>();
  let isNameLost = false;
  for (const directive of directives) {
    const name = directive.kind === kind
      ? directive.name
      : directive.kind === "broken" && directive.declares === kind
      ? directive.name
      : undefined;
    if (name === undefined) continue;
    if (name === null) {
      isNameLost = true;
      continue;
    }
    // Host names are alike in any case of letters.
    const text = kind === "pki" || kind === "ca" ? name.text.toLowerCase() : name.text;
    if (directive.kind === "broken") broken.add(text);
    if (!places.has(text)) places.set(text, name.span);
  }
  return { places, broken, isNameLost };
}

/** `action` lines. */

import type { ActionDirective, ActionOption, TableExpr, Word } from "./ast.ts";
import { placeOf, type Span } from "./error.ts";
import { defaultRelay } from "./defaults.ts";
import { checkFormat } from "./format.ts";
import { builtinTable, type LocalMethod, type TableName } from "./policy.ts";
import { type Purpose, resolveTable } from "./resolve_table.ts";
import { fail, type Scope } from "./scope.ts";
import { parseDelay } from "./unit.ts";

/** Declares the action of an `action` line. */
export function resolveAction(scope: Scope, directive: ActionDirective): void {
  const name = directive.name.text;
  const place = placeOf(directive.span);
  const options = readOptions(scope, directive.options);
  if (scope.actions.has(name)) {
    const first = scope.actions.get(name)?.place;
    const hint = first === undefined ? null : `the first one is on line ${first.line}`;
    fail(scope, directive.name.span, `dispatcher already declared with that name: ${name}`, hint);
    return;
  }
  if (name === "") {
    fail(scope, directive.name.span, "an action needs a name");
    return;
  }
  const { ttlMs } = options;
  if (directive.method.kind === "relay") {
    scope.actions.set(name, { ...defaultRelay, name, host: options.tables.get("host") ?? null, ttlMs, place });
    return;
  }
  scope.actions.set(name, {
    kind: "local",
    name,
    method: readMaildir(scope, directive.method.kind === "maildir" ? directive.method.path : null),
    wrapper: null,
    user: options.user,
    alias: options.tables.get("alias") ?? null,
    virtual: options.tables.get("virtual") ?? null,
    userbase: options.tables.get("userbase") ?? builtinTable.getpwnam,
    ttlMs,
    place,
  });
}

function readMaildir(scope: Scope, path: Word | null): LocalMethod {
  if (path === null) return { kind: "maildir", path: null, junk: false };
  const wrong = checkFormat(path.text);
  if (wrong !== null) fail(scope, path.span, `invalid path of a maildir: ${wrong}`);
  else if (!/^(\/|~\/|%\{)/.test(path.text)) {
    fail(scope, path.span, `invalid path of a maildir: it is not absolute`, "begin it with `/` or with `~/`");
  }
  return { kind: "maildir", path: path.text, junk: false };
}

interface ActionOptions {
  readonly tables: ReadonlyMap<string, TableName>;
  readonly user: string | null;
  readonly ttlMs: number | null;
}

function readOptions(scope: Scope, options: readonly ActionOption[]): ActionOptions {
  const tables = new Map<string, TableName>();
  const given = new Set<string>();
  let user: string | null = null;
  let ttlMs: number | null = null;
  const addTable = (purpose: Purpose, expr: TableExpr, span: Span): void => {
    const earlier = purpose === "alias" || purpose === "virtual"
      ? (["alias", "virtual"] as const).find((one) => given.has(one))
      : [...given].find((one) => one === purpose);
    if (earlier !== undefined) {
      const hint = earlier === purpose ? null : "an action has an alias table or a virtual table, not both";
      fail(scope, span, `${earlier} mapping already specified for this dispatcher`, hint);
    }
    given.add(purpose);
    const table = resolveTable(scope, expr, purpose, false);
    if (table !== null) tables.set(purpose, table);
  };
  for (const option of options) {
    switch (option.kind) {
      case "user":
        if (user !== null) fail(scope, option.span, "user already specified for this dispatcher");
        user = option.user.text;
        if (user === "") fail(scope, option.user.span, "a user needs a name");
        break;
      case "ttl":
        ttlMs = parseDelay(option.delay.text);
        if (ttlMs === null) {
          fail(scope, option.delay.span, `invalid ttl delay: ${option.delay.text}`, delayHint);
        }
        break;
      case "alias":
      case "virtual":
      case "userbase":
      case "host":
        addTable(option.kind, option.table, option.span);
        break;
      default:
    }
  }
  return { tables, user, ttlMs };
}

/** How a delay is written. */
export const delayHint = "write a number and one of s, m, h, d, such as 4h";

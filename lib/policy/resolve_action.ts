/** `action` lines of local delivery, and what all actions have. Relays: resolve_relay.ts. */

import type { ActionDirective, ActionMethod, ActionOption, Word } from "./ast.ts";
import { placeOf, type Span } from "./error.ts";
import { checkFormat } from "./format.ts";
import { lmtpDestinationHint, parseLmtpDestination } from "./lmtp_destination.ts";
import { builtinTable, type LocalMethod, type TableName } from "./policy.ts";
import { printWord } from "./print_word.ts";
import { resolveRelay } from "./resolve_relay.ts";
import { checkCommand, resolveTtl } from "./resolve_settings.ts";
import { type Purpose, resolveTable } from "./resolve_table.ts";
import { fail, failMissing, failTaken, failTwice, type Scope, warn } from "./scope.ts";

/** Declares the action of an `action` line. */
export function resolveAction(scope: Scope, directive: ActionDirective): void {
  const { name, method } = directive;
  const place = placeOf(directive.span);
  const first = scope.actions.get(name.text);
  if (first !== undefined) {
    failTaken(scope, name, "dispatcher already declared with that name", first.place);
    return;
  }
  if (name.text === "") {
    fail(scope, name.span, "an action needs a name");
    return;
  }
  if (method.kind === "relay") {
    scope.actions.set(name.text, resolveRelay(scope, name.text, directive.options, place));
    return;
  }
  const options = readOptions(scope, method, directive.options);
  scope.actions.set(name.text, {
    kind: "local",
    name: name.text,
    method: readMethod(scope, method),
    ...options,
    place,
  });
}

function readMethod(scope: Scope, method: Exclude<ActionMethod, { readonly kind: "relay" }>): LocalMethod {
  switch (method.kind) {
    case "maildir":
      return readMaildir(scope, method.path, method.junk);
    case "lmtp":
      checkDestination(scope, method.destination);
      return { kind: "lmtp", destination: method.destination.text, rcptTo: method.rcptTo };
    case "mda":
      checkCommand(scope, method.command, false);
      return { kind: "mda", command: method.command.text };
    default:
      return { kind: method.kind === "relay" ? "mbox" : method.kind };
  }
}

function readMaildir(scope: Scope, path: Word | null, junk: boolean): LocalMethod {
  if (path === null) return { kind: "maildir", path: null, junk };
  const wrong = checkFormat(path.text);
  if (wrong !== null) fail(scope, path.span, `invalid path of a maildir: ${wrong}`);
  else if (!/^(\/|~\/|%\{)/.test(path.text)) {
    fail(scope, path.span, `invalid path of a maildir: it is not absolute`, "begin it with `/` or with `~/`");
  }
  return { kind: "maildir", path: path.text, junk };
}

/** With specifiers it is known only when there is mail. */
function checkDestination(scope: Scope, { text, span }: Word): void {
  if (text.includes("%{")) {
    const wrong = checkFormat(text);
    if (wrong !== null) fail(scope, span, `invalid destination of lmtp: ${wrong}`);
    return;
  }
  if (parseLmtpDestination(text) === null) {
    fail(scope, span, `invalid destination of lmtp: ${text}`, lmtpDestinationHint);
  }
}

interface LocalOptions {
  readonly wrapper: string | null;
  readonly user: string | null;
  readonly alias: TableName | null;
  readonly virtual: TableName | null;
  readonly userbase: TableName;
  readonly ttlMs: number | null;
}

type Draft = { -readonly [Key in keyof LocalOptions]: LocalOptions[Key] };

/** Null leaves what was there: an error has been told. */
function setTable(found: Draft, kind: "alias" | "virtual" | "userbase", table: TableName | null): void {
  if (table !== null) found[kind] = table;
}

function readOptions(scope: Scope, method: ActionMethod, options: readonly ActionOption[]): LocalOptions {
  const found: Draft = {
    wrapper: null,
    user: null,
    alias: null,
    virtual: null,
    userbase: builtinTable.getpwnam,
    ttlMs: null,
  };
  const given = new Set<string>();
  for (const option of options) {
    switch (option.kind) {
      case "user":
        failTwice(scope, given, option.kind, option.span);
        checkUser(scope, method, option.user, option.span);
        found.user = option.user.text;
        break;
      case "ttl":
        found.ttlMs = resolveTtl(scope, option.delay);
        break;
      case "alias":
      case "virtual":
      case "userbase":
        failMapping(scope, given, option.kind, option.span);
        setTable(found, option.kind, resolveTable(scope, option.table, option.kind, false));
        break;
      case "wrapper":
        failTwice(scope, given, option.kind, option.span);
        found.wrapper = readWrapper(scope, method, option.word, option.span);
        break;
      default:
    }
  }
  return found;
}

function checkUser(scope: Scope, { kind }: ActionMethod, { text, span }: Word, keyword: Span): void {
  if (text === "") fail(scope, span, "a user needs a name");
  if (kind === "mbox") {
    const hint = "mbox writes each user's mail as that user";
    fail(scope, keyword, "user may not be specified for this dispatcher", hint);
  } else if (kind === "forward-only" || kind === "expand-only") {
    fail(scope, keyword, `user may not be specified for ${kind}`, "nothing is delivered by this action itself");
  }
}

function readWrapper(scope: Scope, method: ActionMethod, { text, span }: Word, keyword: Span): string | null {
  if (method.kind === "forward-only" || method.kind === "expand-only") {
    warn(scope, keyword, `\`wrapper\` has no effect with \`${method.kind}\`: nothing is delivered by it`);
  }
  return scope.wrappers.has(text) ? text : failMissing(scope, "mda-wrapper", text, span, printWord);
}

function failMapping(scope: Scope, given: Set<string>, purpose: Purpose, span: Span): void {
  const rivals = purpose === "alias" || purpose === "virtual" ? ["alias", "virtual"] : [purpose];
  const earlier = rivals.find((one) => given.has(one));
  given.add(purpose);
  if (earlier === undefined) return;
  const hint = earlier === purpose ? null : "an action has an alias table or a virtual table, not both";
  fail(scope, span, `${earlier} mapping already specified for this dispatcher`, hint);
}

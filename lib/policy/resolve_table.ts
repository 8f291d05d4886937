/** Tables of a configuration: their declarations, and what options refer to. */

import { formatIp, parseIp, parseNet } from "../mail/ip.ts";
import { literalOfAddress, parseUnicodeDomain } from "../mail/domain.ts";
import { parseUserinfo } from "../table/service.ts";
import { compileRegex } from "../table/regex.ts";
import type { TableSpec } from "../table/table.ts";
import { parseExpansionValue } from "./alias.ts";
import type { Items, Pattern, TableDirective, TableExpr, Word } from "./ast.ts";
import { type EntryLint, lintDomain, lintFingerprint, lintMailaddr, lintSenders, lintSource } from "./entry_lint.ts";
import { placeOf } from "./error.ts";
import { builtinTable, type Criterion, type TableName } from "./policy.ts";
import { parseRelayUrl } from "./relay_url.ts";
import { resolveBackend } from "./resolve_backend.ts";
import { resolveCache } from "./resolve_cache.ts";
import { type ConfigSource, fail, failMissing, type Scope, warn } from "./scope.ts";

/** What an option wants a table for. */
export type Purpose =
  | "tag"
  | "from"
  | "rdns"
  | "domain"
  | "helo"
  | "auth"
  | "mail-from"
  | "rcpt-to"
  | "alias"
  | "virtual"
  | "userbase"
  | "host"
  | "relay-domain"
  | "source"
  | "helo-source"
  | "credentials"
  | "auth-external"
  | "hostnames"
  | "senders"
  | "networks";

/** Shape that each purpose needs. */
const shapes: Readonly<Record<Purpose, "list" | "map" | "either">> = {
  "tag": "list",
  "from": "either",
  "rdns": "list",
  "domain": "list",
  "helo": "list",
  "auth": "either",
  "mail-from": "either",
  "rcpt-to": "either",
  "alias": "map",
  "virtual": "map",
  "userbase": "map",
  "host": "list",
  "relay-domain": "map",
  "source": "either",
  "helo-source": "map",
  "credentials": "map",
  "auth-external": "map",
  "hostnames": "map",
  "senders": "map",
  "networks": "list",
};

/** Maps as they can be written in the place of a table. */
const examples: Readonly<Partial<Record<Purpose, string>>> = {
  "alias": "{ root = ann }",
  "virtual": '{ "info@example.com" = ann }',
  "userbase": '{ ann = "1000:1000:/home/ann" }',
  "relay-domain": '{ "example.com" = "smtp://mx.example.com" }',
  "helo-source": '{ "192.0.2.1" = "mx.example.com" }',
  "auth-external": '{ "9f86d0…0f00a08" = ann }',
  "credentials": '{ label = "user:password" }',
  "hostnames": '{ "192.0.2.1" = "mx.example.com" }',
  "senders": '{ ann = "ann@example.com" }',
};

/** How messages call a purpose, where it is not by its own name. */
const labels: Readonly<Partial<Record<Purpose, string>>> = {
  "relay-domain": "host",
  "credentials": "auth",
};

/** What tables of users can be used for: they have no other entries. */
const userPurposes: Readonly<Partial<Record<TableSpec["kind"], readonly Purpose[]>>> = {
  getpwnam: ["userbase"],
  passwd: ["userbase", "credentials", "alias"],
};

/** Shape that a purpose needs. */
export function shapeFor(purpose: Purpose): "list" | "map" | "either" {
  return shapes[purpose];
}

/** How messages call a purpose. */
export function labelOf(purpose: Purpose): string {
  return labels[purpose] ?? purpose;
}

/** Tables that are there without being declared. */
export function builtinTables(source: ConfigSource): readonly TableSpec[] {
  const ips = source.interfaces.flatMap(({ address }) => parseIp(address) ?? []);
  const addresses = ips.map((ip) => formatIp(ip));
  const names = ["localhost", source.serverName];
  for (const [i, ip] of ips.entries()) {
    const text = addresses[i]!;
    names.push(ip.version === 4 ? text : `[${text}]`);
    const literal = literalOfAddress(text);
    if (literal !== null) names.push(literal);
  }
  const list = (name: TableName, keys: readonly string[]): TableSpec => ({
    kind: "static",
    name,
    shape: "list",
    entries: [...new Set(keys)].map((key) => [key, null]),
  });
  return [
    list(builtinTable.localhost, ["local", ...addresses]),
    list(builtinTable.anyhost, ["local", "0.0.0.0/0", "::/0"]),
    list(builtinTable.localnames, names),
    list(builtinTable.anydestination, ["*"]),
    { kind: "getpwnam", name: builtinTable.getpwnam },
  ];
}

/** Declares the table of a `table` line. */
export function declareTable(scope: Scope, { name, content, options }: TableDirective): void {
  if (scope.tables.has(name.text)) {
    const hint = scope.declared.table.places.has(name.text) ? "each table is declared once" : null;
    fail(scope, name.span, `table already declared with that name: ${name.text}`, hint);
    return;
  }
  if (name.text === "" || name.text.startsWith("<")) {
    fail(scope, name.span, `invalid name of a table: "${name.text}"`);
    return;
  }
  if (content.kind === "items") addInline(scope, name.text, content.items);
  else {
    const spec = resolveBackend(scope, name.text, content.word);
    // A table that cannot be used is declared all the same: one mistake, one error.
    scope.tables.set(name.text, spec ?? { kind: "file", name: name.text, path: "/" });
    if (spec === null) return;
  }
  const spec = scope.tables.get(name.text);
  if (spec !== undefined) scope.tables.set(name.text, resolveCache(scope, spec, options));
}

/** The name of the table that an option means. Declares anonymous ones. Null when an error has been told. */
export function resolveTable(scope: Scope, expr: TableExpr, purpose: Purpose, regex: boolean): TableName | null {
  const name = expr.kind === "name" ? builtinName(scope, expr.name) : `<dynamic:${scope.anonymous++}>`;
  if (expr.kind === "items") addInline(scope, name, expr.items);
  else if (expr.kind === "word") addInline(scope, name, { shape: "list", entries: [expr.word], span: expr.span });
  const spec = scope.tables.get(name);
  if (spec === undefined) return failMissing(scope, "table", name, expr.span, (one) => `<${one}>`);
  const wanted = shapes[purpose];
  const isWrongShape = spec.kind === "static" && wanted !== "either" && spec.shape !== wanted;
  const users = userPurposes[spec.kind];
  if (isWrongShape || (users !== undefined && !users.includes(purpose))) {
    const hint = isWrongShape
      ? shapeHint(scope, expr, wanted, purpose)
      : `it holds users: use it for ${users?.map(labelOf).join(", ")}`;
    const what = shownName(expr, name);
    return fail(scope, expr.span, `${what} may not be used for ${labelOf(purpose)} lookups`, hint);
  }
  const items = scope.items.get(name);
  if (items !== undefined && regex) checkRegexes(scope, items);
  if (items !== undefined && !regex && !scope.checked.has(`${purpose} ${name}`)) {
    scope.checked.add(`${purpose} ${name}`);
    checkItems(scope, items, purpose);
  }
  return name;
}

/** OpenSMTPD takes a wrong expression too, and it never matches. */
function checkRegexes(scope: Scope, items: Items): void {
  const keys = items.shape === "list" ? items.entries : items.entries.map(([key]) => key);
  for (const { text, span } of keys) {
    if (compileRegex(text) !== null || scope.checked.has(`regex ${span.start}`)) continue;
    scope.checked.add(`regex ${span.start}`);
    warn(scope, span, `"${text}" is no regular expression: it never matches`, "see regex(7), extended expressions");
  }
}

/** `<localhost>` is the built-in table, unless the file has one of that name. OpenSMTPD's grammar cannot name them. */
function builtinName(scope: Scope, name: string): TableName {
  const isBuiltin = Object.values(builtinTable).some((one) => one === `<${name}>`);
  return isBuiltin && !scope.declared.table.places.has(name) ? `<${name}>` : name;
}

/** The test that `[regex] tables` stands for. Null when an error has been told. */
export function resolvePattern(scope: Scope, pattern: Pattern, purpose: Purpose, negated: boolean): Criterion | null {
  const { regex } = pattern;
  const table = resolveTable(scope, pattern.table, purpose, regex);
  return table === null ? null : { table, regex, negated };
}

/** Entries of an inline table, as they stand there; none for any other table. */
export function inlineWords(scope: Scope, table: TableName): readonly Word[] {
  const items = scope.items.get(table);
  return items === undefined ? [] : items.shape === "list" ? items.entries : items.entries.map(([, value]) => value);
}

/** How a message calls a table: one without a name by how it stands there. */
function shownName(expr: TableExpr, name: TableName): string {
  switch (expr.kind) {
    case "name":
      return `table "${name.startsWith("<") ? name : `<${name}>`}"`;
    case "word":
      return `"${expr.word.text}"`;
    default:
      return "this table";
  }
}

function shapeHint(scope: Scope, expr: TableExpr, wanted: "list" | "map" | "either", purpose: Purpose): string {
  if (expr.kind === "word") {
    const { text } = expr.word;
    if (scope.tables.has(text)) return `did you mean <${text}>?`;
    const example = examples[purpose] ?? "{ key = value }";
    if (wanted === "map") return `name a table that is a map, as <NAME>, or write it here: ${example}`;
  }
  return wanted === "list"
    ? "a list is wanted here, and it holds pairs of key and value"
    : "a map is wanted here, and it holds keys without values";
}

function addInline(scope: Scope, name: TableName, items: Items): void {
  const entries = new Map<string, string | null>();
  const firsts = new Map<string, Word>();
  const keys = items.shape === "list" ? items.entries : items.entries.map(([key]) => key);
  for (const [index, key] of keys.entries()) {
    const first = firsts.get(key.text);
    if (first === undefined) firsts.set(key.text, key);
    else {
      const message = `key "${key.text}" stands twice in one table, here and on line ${placeOf(first.span).line}`;
      warn(scope, key.span, message, items.shape === "list" ? "delete one" : "the last one counts: delete one");
    }
    entries.set(key.text, items.shape === "list" ? null : items.entries[index]![1].text);
  }
  scope.tables.set(name, { kind: "static", name, shape: items.shape, entries: [...entries] });
  scope.items.set(name, items);
}

function checkItems(scope: Scope, items: Items, purpose: Purpose): void {
  const check = checks[purpose];
  if (check === undefined) return;
  for (const entry of items.entries) {
    const [key, value] = "text" in entry ? [entry, null] : entry;
    const word = check.of === "key" ? key : value;
    if (word !== null) check.check(scope, word);
  }
}

/** What entries of inline tables have to look like. */
const checks: Readonly<
  Partial<Record<Purpose, { readonly of: "key" | "value"; readonly check: (scope: Scope, word: Word) => void }>>
> = {
  "alias": { of: "value", check: checkAlias },
  "virtual": { of: "value", check: checkAlias },
  "userbase": { of: "value", check: checkUser },
  "host": { of: "key", check: checkUrl },
  "relay-domain": { of: "value", check: checkUrl },
  "from": { of: "key", check: checkNet },
  "domain": { of: "key", check: lint(lintDomain) },
  "helo": { of: "key", check: lint(lintDomain) },
  "mail-from": { of: "key", check: lint(lintMailaddr) },
  "rcpt-to": { of: "key", check: lint(lintMailaddr) },
  "source": { of: "key", check: checkAddress },
  "hostnames": { of: "value", check: checkName },
  "auth-external": { of: "key", check: lint(lintFingerprint) },
  "helo-source": { of: "value", check: checkName },
  "senders": { of: "value", check: lint(lintSenders) },
};

function lint(judge: (text: string) => EntryLint | null): (scope: Scope, word: Word) => void {
  return (scope, { text, span }) => {
    const found = judge(text);
    if (found !== null) warn(scope, span, found.message, found.hint);
  };
}

function checkAlias(scope: Scope, value: Word): void {
  const parsed = parseExpansionValue(value.text);
  if (parsed.kind === "error") fail(scope, value.span, parsed.message);
}

function checkUrl(scope: Scope, { text, span }: Word): void {
  const parsed = parseRelayUrl(text);
  if (parsed.kind === "error") {
    fail(scope, span, `invalid relay URL: ${parsed.message}`, "write it as smtp://host or smtp://host:port");
    return;
  }
}

/** OpenSMTPD takes any value, and the mail of such a user waits. */
function checkUser(scope: Scope, { text, span }: Word): void {
  if (parseUserinfo(text) !== null) return;
  warn(scope, span, `"${text}" is no user: it is not uid:gid:home`, "write it as 1000:1000:/home/ann");
}

function checkAddress(scope: Scope, { text, span }: Word): void {
  if (parseIp(text) === null) {
    fail(scope, span, `not a valid address: ${text}`, "write it as 192.0.2.1 or 2001:db8::1");
    return;
  }
  lint((one) => lintSource(one, scope.source.interfaces.map(({ address }) => address)))(scope, { text, span });
}

function checkName(scope: Scope, { text, span }: Word): void {
  if (parseUnicodeDomain(text) === null) fail(scope, span, `not a valid domain name: ${text}`);
}

/** OpenSMTPD takes any word; one that is no address never matches. */
function checkNet(scope: Scope, { text, span }: Word): void {
  if (text.toLowerCase() === "local" || parseNet(text) !== null) return;
  warn(scope, span, `"${text}" is no address and no network: it never matches`, null);
}

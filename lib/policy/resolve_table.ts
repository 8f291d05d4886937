/** Tables of a configuration: their declarations, and what options refer to. */

import { formatIp, parseIp, parseNet } from "../mail/ip.ts";
import { literalOfAddress } from "../mail/domain.ts";
import type { TableSpec } from "../table/table.ts";
import { parseExpansionValue } from "./alias.ts";
import type { Items, TableDirective, TableExpr, Word } from "./ast.ts";
import { suggest } from "./error.ts";
import { builtinTable, type TableName } from "./policy.ts";
import { laterRelayUrl, parseRelayUrl } from "./relay_url.ts";
import { type ConfigSource, fail, failMissing, type Scope, warn } from "./scope.ts";

/** What an option wants a table for. */
export type Purpose =
  | "tag"
  | "from"
  | "domain"
  | "mail-from"
  | "rcpt-to"
  | "alias"
  | "virtual"
  | "userbase"
  | "host";

/** Shape that each purpose needs. */
const shapes: Readonly<Record<Purpose, "list" | "map" | "either">> = {
  "tag": "list",
  "from": "either",
  "domain": "list",
  "mail-from": "either",
  "rcpt-to": "either",
  "alias": "map",
  "virtual": "map",
  "userbase": "map",
  "host": "list",
};

/** Kinds of tables that OpenSMTPD or its table packages have and we do not have yet. */
const laterBackends = ["getpwnam", "ldap", "mysql", "passwd", "postgres", "proc", "redis", "socketmap", "sqlite"];

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
export function declareTable(scope: Scope, { name, content }: TableDirective): void {
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
    const spec = readConfig(scope, name.text, content.word);
    // A table that cannot be used is declared all the same: one mistake, one error.
    scope.tables.set(name.text, spec ?? { kind: "file", name: name.text, path: "/" });
  }
}

/** The name of the table that an option means. Declares anonymous ones. Null when an error has been told. */
export function resolveTable(scope: Scope, expr: TableExpr, purpose: Purpose, regex: boolean): TableName | null {
  const name = expr.kind === "name" ? expr.name : `<dynamic:${scope.anonymous++}>`;
  if (expr.kind === "items") addInline(scope, name, expr.items);
  else if (expr.kind === "word") addInline(scope, name, { shape: "list", entries: [expr.word], span: expr.span });
  const spec = scope.tables.get(name);
  if (spec === undefined) return failMissing(scope, "table", name, expr.span, (one) => `<${one}>`);
  const wanted = shapes[purpose];
  if (spec.kind === "static" && wanted !== "either" && spec.shape !== wanted) {
    const quoted = name.startsWith("<") ? name : `<${name}>`;
    fail(
      scope,
      expr.span,
      `table "${quoted}" may not be used for ${purpose} lookups`,
      shapeHint(scope, expr, wanted),
    );
    return null;
  }
  const items = scope.items.get(name);
  if (items !== undefined && !regex && !scope.checked.has(`${purpose} ${name}`)) {
    scope.checked.add(`${purpose} ${name}`);
    checkItems(scope, items, purpose);
  }
  return name;
}

function shapeHint(scope: Scope, expr: TableExpr, wanted: "list" | "map"): string {
  if (expr.kind === "word" && scope.tables.has(expr.word.text)) return `did you mean <${expr.word.text}>?`;
  return wanted === "list"
    ? "a list is wanted here, and it holds pairs of key and value"
    : "a map is wanted here, and it holds keys without values";
}

function addInline(scope: Scope, name: TableName, items: Items): void {
  const entries = new Map<string, string | null>();
  const keys = items.shape === "list" ? items.entries : items.entries.map(([key]) => key);
  for (const [index, key] of keys.entries()) {
    if (entries.has(key.text)) {
      warn(scope, key.span, `key "${key.text}" stands twice in one table: the last one counts`);
    }
    entries.set(key.text, items.shape === "list" ? null : items.entries[index]![1].text);
  }
  scope.tables.set(name, { kind: "static", name, shape: items.shape, entries: [...entries] });
  scope.items.set(name, items);
}

/** Reads `backend:path`, or a path alone. */
function readConfig(scope: Scope, name: string, word: Word): TableSpec | null {
  const { text, span } = word;
  if (text.startsWith("/")) return { kind: "file", name, path: text };
  const colon = text.indexOf(":");
  const backend = colon === -1 ? text : text.slice(0, colon);
  const path = colon === -1 ? "" : text.slice(colon + 1);
  switch (backend) {
    case "file":
    case "static":
    case "db":
    case "cdb":
      if (path.startsWith("/")) return { kind: backend === "db" || backend === "cdb" ? "cdb" : "file", name, path };
      return fail(
        scope,
        span,
        `invalid backend parameter for table: ${name}`,
        `write an absolute path, such as ${backend}:/etc/mail/${name}`,
      );
    default: {
      if (laterBackends.includes(backend)) {
        return fail(scope, span, `tables of kind \`${backend}\` are not supported yet`);
      }
      const near = suggest(backend, ["file", "db", "cdb", ...laterBackends], (one) => `\`${one}:\``);
      return fail(scope, span, `no such kind of table: \`${backend}\``, near ?? "use file: or db: and a path");
    }
  }
}

function checkItems(scope: Scope, items: Items, purpose: Purpose): void {
  switch (purpose) {
    case "alias":
    case "virtual":
      if (items.shape === "map") { for (const [, value] of items.entries) checkAlias(scope, value); }
      break;
    case "host":
      if (items.shape === "list") { for (const entry of items.entries) checkUrl(scope, entry); }
      break;
    case "from":
      if (items.shape === "list") { for (const entry of items.entries) checkNet(scope, entry); }
      break;
    default:
      break;
  }
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
  const later = laterRelayUrl(parsed.url);
  if (later !== null) fail(scope, span, later);
}

/** OpenSMTPD takes any word; one that is no address never matches. */
function checkNet(scope: Scope, { text, span }: Word): void {
  if (text.toLowerCase() === "local" || parseNet(text) !== null) return;
  warn(scope, span, `"${text}" is no address and no network: it never matches`, null);
}

/** The files that say how to reach a database and what to ask it: those of table-sqlite(5), table-postgres(5),
 * table-mysql(5), table-redis(5) and table-ldap(5), and a few keywords of our own. Pure. */

import { nearest } from "../nearest.ts";
import { parseConninfo } from "./conninfo.ts";
import { parseLdapUrl } from "./ldap_url.ts";
import type { DatabaseKind, Service } from "./table.ts";

/** What a file says: keywords in the order of their lines. May hold passwords. */
export type TableSettings = readonly (readonly [keyword: string, value: string])[];

/** What became of a file. `line` counts from 1; 0 when the file as a whole lacks something. The message holds no value
 * that may be a password. */
export type ParsedSettings =
  | { readonly kind: "ok"; readonly settings: TableSettings }
  | { readonly kind: "error"; readonly line: number; readonly message: string; readonly hint: string | null };

/** Services that a database can be asked for, as keywords name them: `query_alias`, `alias_filter`. `string` and
 * `regex` are ours; OpenSMTPD's tables lack `relayhost` too. */
export const databaseServices: readonly Service[] = [
  "alias",
  "domain",
  "credentials",
  "netaddr",
  "userinfo",
  "source",
  "mailaddr",
  "mailaddrmap",
  "addrname",
  "relayhost",
  "string",
  "regex",
];

/** Services whose values go round: `fetch_source`, `fetch_relayhost`. */
export const fetchServices: readonly Service[] = ["source", "relayhost"];

/** Reads a file. A keyword ends at a blank or a colon; blanks, and colons before a blank, may stand before the value,
 * which is the rest of the line. Lines that begin with `#` are comments. A keyword stands once. The first mistake is
 * told. */
export function parseTableSettings(kind: DatabaseKind, text: string): ParsedSettings {
  const known = keywordsOf(kind);
  const found = new Map<string, string>();
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const wrong = (message: string, hint: string | null): ParsedSettings => ({
      kind: "error",
      line: index + 1,
      message,
      hint,
    });
    const end = line.search(/[ \t:]/);
    const keyword = end === -1 ? line : line.slice(0, end);
    const value = end === -1 ? "" : line.slice(end + 1).replace(/^(?:\s|:(?=\s|$))+/, "");
    const check = known.get(keyword);
    if (check === undefined) return wrong(`unknown keyword "${keyword}" for a ${kind} table`, hintFor(kind, keyword));
    if (value === "") return wrong(`${keyword} has no value`, `write it as: ${keyword} ${exampleOf(check)}`);
    if (found.has(keyword)) return wrong(`${keyword} stands twice`, "each keyword is given once");
    if (value.includes("\0")) return wrong(`${keyword} has a NUL in its value`, null);
    const problem = checks[check](keyword, value);
    if (problem !== null) return wrong(problem.message, problem.hint);
    found.set(keyword, value);
  }
  const missing = findMissing(kind, found);
  if (missing !== null) return { kind: "error", line: 0, ...missing };
  return { kind: "ok", settings: [...found] };
}

/** The value of a keyword; null when the file does not say. */
export function settingOf(settings: TableSettings, keyword: string): string | null {
  return settings.find(([name]) => name === keyword)?.[1] ?? null;
}

/** How a time is written. */
export const settingTimeHint = "write seconds, or a number with s, m, h or d, up to 366d";

/** Reads a time: seconds, or a number with `s`, `m`, `h` or `d` behind it. In ms. Null for anything else, and for more
 * than a year. */
export function parseSettingMs(value: string): number | null {
  const match = /^([0-9]{1,9})([smhd]?)$/.exec(value);
  if (match === null) return null;
  const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
  const ms = Number(match[1]) * (unitMs[match[2]!] ?? 1000);
  return ms <= settingMsMax ? ms : null;
}

/** Reads a whole number from `min` to `max`. Null for anything else. */
export function parseSettingCount(value: string, min: number, max: number): number | null {
  if (!/^[0-9]{1,10}$/.test(value)) return null;
  const count = Number(value);
  return count >= min && count <= max ? count : null;
}

/** What a place to connect to is written as: `unix:/path` or `/path`, or a host. */
export function socketPathOf(host: string): string | null {
  const path = host.startsWith("unix:") ? host.slice(5) : host;
  return path.startsWith("/") ? path : null;
}

/** Longest time that a keyword takes, ms: a year. */
const settingMsMax = 366 * 86_400_000;
/** Most answers that a cache may be told to hold. */
export const cacheSizeMax = 1_000_000;
/** Largest number of a Redis database. */
const redisDatabaseMax = 65_535;

/** What is wrong, and what to do. */
interface Problem {
  readonly message: string;
  readonly hint: string | null;
}

/** What a value must look like. */
type Check =
  | "text"
  | "path"
  | "host"
  | "port"
  | "ms"
  | "positiveMs"
  | "cacheSize"
  | "count"
  | "redisDatabase"
  | "tls"
  | "conninfo"
  | "ldapUrl"
  | "sqliteQuery"
  | "dollarQuery"
  | "markQuery"
  | "redisQuery"
  | "fetchQuery"
  | "filter"
  | "attributes";

/** Of databases that are asked over a network. */
const serverKeywords: readonly (readonly [string, Check])[] = [
  ["cache_ttl", "ms"],
  ["cache_negative_ttl", "ms"],
  ["cache_size", "cacheSize"],
  ["timeout", "positiveMs"],
];
const fetchKeywords: readonly (readonly [string, Check])[] = [
  ...fetchServices.map((service) => [`fetch_${service}`, "fetchQuery"] as const),
  ["fetch_source_expire", "ms"],
  ["fetch_source_refresh", "count"],
];
const tlsKeywords: readonly (readonly [string, Check])[] = [["tls", "tls"], ["ca", "path"]];
const queryKeywords = (check: Check): readonly (readonly [string, Check])[] =>
  databaseServices.map((service) => [`query_${service}`, check]);

const keywords: Readonly<Record<DatabaseKind, readonly (readonly [string, Check])[]>> = {
  sqlite: [["dbpath", "path"], ...queryKeywords("sqliteQuery"), ...fetchKeywords],
  postgres: [["conninfo", "conninfo"], ...queryKeywords("dollarQuery"), ...fetchKeywords],
  mysql: [
    ["host", "host"],
    ["port", "port"],
    ["socket", "path"],
    ["username", "text"],
    ["password", "text"],
    ["database", "text"],
    ...tlsKeywords,
    ...queryKeywords("markQuery"),
    ...fetchKeywords,
  ],
  redis: [
    ["master", "host"],
    ["master_port", "port"],
    ["slave", "host"],
    ["slave_port", "port"],
    ["username", "text"],
    ["password", "text"],
    ["database", "redisDatabase"],
    ...tlsKeywords,
    ...queryKeywords("redisQuery"),
    ...fetchKeywords,
  ],
  ldap: [
    ["url", "ldapUrl"],
    ["username", "text"],
    ["password", "text"],
    ["basedn", "text"],
    ...tlsKeywords,
    ...databaseServices.flatMap((service): (readonly [string, Check])[] => [
      [`${service}_filter`, "filter"],
      [`${service}_attributes`, "attributes"],
    ]),
  ],
};

/** Words that other software or an earlier manual uses. */
const synonyms: Readonly<Partial<Record<DatabaseKind, Readonly<Record<string, string>>>>> = {
  sqlite: { path: "dbpath", database: "dbpath", file: "dbpath" },
  postgres: { host: "conninfo", dbname: "conninfo", user: "conninfo", password: "conninfo", url: "conninfo" },
  mysql: { user: "username", dbname: "database", server: "host" },
  redis: { server: "master", host: "master", port: "master_port", replica: "slave", user: "username" },
  ldap: { host: "url", server: "url", binddn: "username", bindpw: "password", base: "basedn", dn: "username" },
};

/** How many attributes make a value, as the services of OpenSMTPD have it. */
function attributesOf(service: string): number {
  return service === "credentials" ? 2 : service === "userinfo" ? 3 : 1;
}

function keywordsOf(kind: DatabaseKind): ReadonlyMap<string, Check> {
  return new Map([...keywords[kind], ...(kind === "sqlite" ? [] : serverKeywords)]);
}

function hintFor(kind: DatabaseKind, keyword: string): string | null {
  if (kind === "sqlite" && serverKeywords.some(([one]) => one === keyword)) {
    return "a file of this machine is asked each time, and answers at once: leave the line out";
  }
  const near = synonyms[kind]?.[keyword.toLowerCase()] ?? nearest(keyword, keywordsOf(kind).keys());
  return near === null ? null : `did you mean ${near}?`;
}

/** Of a whole file, what it must say and does not. */
function findMissing(kind: DatabaseKind, found: ReadonlyMap<string, string>): Problem | null {
  const required: Readonly<Record<DatabaseKind, readonly string[]>> = {
    sqlite: ["dbpath"],
    postgres: ["conninfo"],
    mysql: ["username"],
    redis: [],
    ldap: ["url", "basedn"],
  };
  for (const keyword of required[kind]) {
    if (found.has(keyword)) continue;
    const check = keywordsOf(kind).get(keyword) ?? "text";
    return { message: `${keyword} is missing`, hint: `add a line: ${keyword} ${exampleOf(check)}` };
  }
  if (kind === "ldap") return findMissingFilter(found);
  // Redis has a query for every service of its own.
  if (kind === "redis" || [...found.keys()].some((one) => /^(query|fetch)_[a-z]+$/.test(one))) return null;
  return { message: "no query at all", hint: "say what to ask for: query_alias, query_domain, …" };
}

function findMissingFilter(found: ReadonlyMap<string, string>): Problem | null {
  for (const service of databaseServices) {
    const [filter, attributes] = [`${service}_filter`, `${service}_attributes`];
    const missing = found.has(filter) === found.has(attributes) ? null : found.has(filter) ? attributes : filter;
    if (missing !== null) {
      return { message: `${missing} is missing`, hint: `${filter} and ${attributes} go together` };
    }
  }
  if (found.has("password") && !found.has("username")) {
    return { message: "username is missing", hint: "a password goes with the name of its entry" };
  }
  if ([...found.keys()].some((keyword) => keyword.endsWith("_filter"))) return null;
  return { message: "no filter at all", hint: "say what to ask for: alias_filter and alias_attributes, …" };
}

/** Says what is wrong with a value; null when nothing is. Passwords are taken as they are. */
type ValueCheck = (keyword: string, value: string) => Problem | null;

const unless = (good: boolean, message: string, hint: string | null = null) => good ? null : { message, hint };
const checkCount = (min: number, max: number): ValueCheck => (keyword, value) =>
  unless(parseSettingCount(value, min, max) !== null, `${keyword} is no number: ${value}`);
const checkTime = (minMs: number): ValueCheck => (keyword, value) =>
  unless(
    (parseSettingMs(value) ?? -1) >= minMs,
    `${keyword} is no time: ${value}`,
    settingTimeHint,
  );
const checkMark: ValueCheck = (keyword, value) =>
  unless(value.includes("?"), `${keyword} has no place for the key`, "the key stands for a `?`");

const checks: Readonly<Record<Check, ValueCheck>> = {
  text: () => null,
  fetchQuery: () => null,
  path: (keyword, value) => unless(value.startsWith("/"), `${keyword} is no absolute path: ${value}`),
  host: (keyword, value) =>
    unless(
      socketPathOf(value) !== null ||
        /^(?:[A-Za-z0-9._-]+|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)$/.test(value),
      `${keyword} is no host and no path of a socket: ${value}`,
      portHint(keyword, value),
    ),
  port: (keyword, value) => unless(parseSettingCount(value, 1, 65_535) !== null, `${keyword} is no port: ${value}`),
  ms: checkTime(0),
  positiveMs: checkTime(1),
  cacheSize: checkCount(0, cacheSizeMax),
  count: checkCount(0, 2 ** 31 - 1),
  redisDatabase: checkCount(0, redisDatabaseMax),
  tls: (keyword, value) =>
    unless(["no", "require", "verify"].includes(value), `${keyword} is none of no, require, verify: ${value}`),
  conninfo: (_keyword, value) => {
    const parsed = parseConninfo(value);
    return parsed.kind === "ok" ? null : { message: parsed.message, hint: parsed.hint };
  },
  ldapUrl: (keyword, value) =>
    unless(parseLdapUrl(value) !== null, `${keyword} is no address of an LDAP server`, `write ${exampleOf("ldapUrl")}`),
  sqliteQuery: (keyword, value) =>
    unless(/[?:@$]/.test(value), `${keyword} has no place for the key`, "the key stands for a `?`"),
  dollarQuery: checkDollars,
  markQuery: checkMark,
  redisQuery: (keyword, value) =>
    unless(/\S+\s.*%s/.test(value), `${keyword} has no place for the key`, `such as: ${exampleOf("redisQuery")}`),
  filter: checkFilter,
  attributes: checkAttributes,
};

function portHint(keyword: string, value: string): string {
  const port = /:([0-9]+)$/.exec(value)?.[1];
  if (port === undefined) return "write unix:/path for a socket";
  return `the port goes into a line of its own: ${keyword === "host" ? "port" : `${keyword}_port`} ${port}`;
}

function checkAttributes(keyword: string, value: string): Problem | null {
  const names = value.split(",").map((name) => name.trim());
  const want = attributesOf(keyword.slice(0, keyword.indexOf("_")));
  const good = names.length === want && names.every((name) => /^[A-Za-z0-9.-]+(?:;[A-Za-z0-9-]+)*$/.test(name));
  const count = want === 1 ? "one attribute" : `${want} attributes, with commas between them`;
  return unless(good, `${keyword} does not name ${count}: ${value}`);
}

function checkDollars(keyword: string, value: string): Problem | null {
  const hint = "the key stands for `$1`";
  if (!/\$1(?![0-9])/.test(value)) return { message: `${keyword} has no place for the key`, hint };
  const other = /\$([2-9]|1[0-9])/.exec(value);
  return other === null ? null : { message: `${keyword} has a second parameter: $${other[1]}`, hint };
}

function checkFilter(
  keyword: string,
  value: string,
): { readonly message: string; readonly hint: string | null } | null {
  const wrong = /%(?![%ush]).?/.exec(value.replaceAll("%%", ""));
  if (wrong !== null) {
    return {
      message: `${keyword} has an unknown specifier: ${wrong[0]}`,
      hint: "%u is the key, %h the table's name, %% a percent sign",
    };
  }
  const isWhole = value.startsWith("(") && value.endsWith(")");
  return isWhole ? null : { message: `${keyword} is no filter: ${value}`, hint: "write it as: (mail=%u)" };
}

function exampleOf(check: Check): string {
  const examples: Partial<Record<Check, string>> = {
    path: "/etc/mail/smtpd.sqlite",
    host: "db.example.org",
    ms: "30s",
    positiveMs: "5s",
    conninfo: "host='db.example.org' user='maildba' password='…' dbname='mail'",
    ldapUrl: "ldaps://ldap.example.org",
    sqliteQuery: "SELECT destination FROM virtuals WHERE email=?",
    dollarQuery: "SELECT destination FROM virtuals WHERE email=$1",
    markQuery: "SELECT destination FROM virtuals WHERE email=?",
    redisQuery: "GET alias:%s",
    filter: "(mail=%u)",
    attributes: "uid",
  };
  return examples[check] ?? "…";
}

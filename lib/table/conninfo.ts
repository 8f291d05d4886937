/** How to reach a PostgreSQL server, in the two forms of libpq: `keyword=value` words, or a URI. Pure. */

import { nearest } from "../nearest.ts";

/** When TLS is used and what is checked: `sslmode` of libpq. */
export type SslMode = "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";

/** One server to try. */
export interface ConninfoHost {
  /** Host name or address, or the directory of a unix socket, which begins with `/`. */
  readonly host: string;
  /** Name that a certificate must show; null for `host`. */
  readonly name: string | null;
  /** 1 … 65535. */
  readonly port: number;
}

/** What connects us. May hold a password. */
export interface Conninfo {
  /** Tried in this order; at least one. */
  readonly hosts: readonly ConninfoHost[];
  /** The role of the database that we are. */
  readonly user: string;
  /** Null for none. */
  readonly password: string | null;
  /** Name of the database. */
  readonly database: string;
  /** `prefer` unless said. */
  readonly sslMode: SslMode;
  /** File of trusted certificates, PEM, absolute; null for those of the system. */
  readonly rootCertificate: string | null;
  /** What kind of server will do; `any` unless said. */
  readonly target: Target;
  /** Settings of the session, such as `application_name`. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** `target_session_attrs` of libpq. */
export type Target = "any" | "read-write" | "read-only" | "primary" | "standby" | "prefer-standby";

/** What became of a text. The message holds no password. */
export type ParsedConninfo =
  | { readonly kind: "ok"; readonly conninfo: Conninfo }
  | { readonly kind: "error"; readonly message: string; readonly hint: string | null };

/** Where Debian's PostgreSQL has its socket, and libpq looks when no host is given. */
export const postgresSocketDirectory = "/var/run/postgresql";
/** PostgreSQL's port. */
export const postgresPort = 5432;

/** Reads either form. A user must be named: the account that lookups run under is no role of any database. */
export function parseConninfo(text: string): ParsedConninfo {
  const isUri = /^postgres(?:ql)?:\/\//.test(text);
  const words = isUri ? readUri(text) : readWords(text);
  if (typeof words === "string") return { kind: "error", message: words, hint: null };
  const found = new Map<string, string>();
  for (const [keyword, value] of words) {
    if (used.has(keyword)) found.set(keyword, value);
    else if (!harmless.has(keyword)) return unknownWord(keyword);
  }
  return build(found);
}

const sslModes: readonly SslMode[] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
const targets: readonly Target[] = ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"];
const parameterNames = ["application_name", "options"];
const used: ReadonlySet<string> = new Set([
  "host",
  "hostaddr",
  "port",
  "dbname",
  "user",
  "password",
  "sslmode",
  "sslrootcert",
  "target_session_attrs",
  ...parameterNames,
]);
/** Words of libpq that change nothing here: times are the table's `timeout`, text is UTF-8. */
const harmless: ReadonlySet<string> = new Set([
  "connect_timeout",
  "client_encoding",
  "fallback_application_name",
  "keepalives",
  "keepalives_idle",
  "keepalives_interval",
  "keepalives_count",
  "tcp_user_timeout",
  "gssencmode",
  "sslcompression",
  "sslsni",
  "load_balance_hosts",
]);
/** Words of libpq that would change something, and cannot here. */
const refused: ReadonlySet<string> = new Set([
  "channel_binding",
  "gsslib",
  "krbsrvname",
  "passfile",
  "replication",
  "require_auth",
  "requirepeer",
  "service",
  "servicefile",
  "ssl_max_protocol_version",
  "ssl_min_protocol_version",
  "sslcert",
  "sslcrl",
  "sslcrldir",
  "sslkey",
  "sslnegotiation",
  "sslpassword",
]);

function unknownWord(keyword: string): ParsedConninfo {
  if (refused.has(keyword)) {
    return { kind: "error", message: `conninfo: ${keyword} is not supported`, hint: "leave it out" };
  }
  const near = nearest(keyword, [...used, ...harmless]);
  return {
    kind: "error",
    message: `conninfo: unknown word ${keyword}`,
    hint: near === null ? null : `did you mean ${near}?`,
  };
}

function build(found: ReadonlyMap<string, string>): ParsedConninfo {
  const wrong = (message: string, hint: string | null): ParsedConninfo => ({ kind: "error", message, hint });
  const user = found.get("user") ?? "";
  if (user === "") return wrong("conninfo names no user", "add user='…'");
  const hosts = buildHosts(found);
  if (typeof hosts === "string") return wrong(hosts, null);
  const rootCertificate = found.get("sslrootcert") ?? null;
  if (rootCertificate !== null && !rootCertificate.startsWith("/")) {
    return wrong(`conninfo: sslrootcert is no absolute path: ${rootCertificate}`, null);
  }
  const sslMode = oneOf(sslModes, found.get("sslmode") ?? "prefer");
  if (sslMode === null) return wrong("conninfo: unknown sslmode", `use one of ${sslModes.join(", ")}`);
  const target = oneOf(targets, found.get("target_session_attrs") ?? "any");
  if (target === null) return wrong("conninfo: unknown target_session_attrs", `use one of ${targets.join(", ")}`);
  return {
    kind: "ok",
    conninfo: {
      hosts,
      user,
      password: found.get("password") ?? null,
      database: found.get("dbname") ?? user,
      // As libpq has it: who names the authority wants it checked.
      sslMode: sslMode === "require" && rootCertificate !== null ? "verify-ca" : sslMode,
      rootCertificate,
      target,
      parameters: parameterNames.flatMap((name) => found.has(name) ? [[name, found.get(name)!] as const] : []),
    },
  };
}

/** `host`, `hostaddr` and `port` may be lists with commas. A string tells what is wrong. */
function buildHosts(found: ReadonlyMap<string, string>): readonly ConninfoHost[] | string {
  const names = (found.get("host") ?? "").split(",");
  const addresses = (found.get("hostaddr") ?? "").split(",");
  const ports = (found.get("port") ?? "").split(",");
  const count = found.has("hostaddr") ? addresses.length : names.length;
  if (found.has("hostaddr") && found.has("host") && names.length !== count) {
    return "conninfo: host and hostaddr differ in length";
  }
  if (ports.length !== 1 && ports.length !== count) return "conninfo: host and port differ in length";
  const hosts: ConninfoHost[] = [];
  for (let i = 0; i < count; i++) {
    const name = names[i] ?? "";
    const address = addresses[i] ?? "";
    const portText = (ports.length === 1 ? ports[0] : ports[i]) || String(postgresPort);
    const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : 0;
    if (port < 1 || port > 65_535) return `conninfo: invalid port: ${portText}`;
    const host = address || name || postgresSocketDirectory;
    if (!/^(?:\/[^,\s]*|[A-Za-z0-9._-]+|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)$/.test(host)) {
      return `conninfo: invalid host: ${host}`;
    }
    hosts.push({ host, name: address !== "" && name !== "" && !name.startsWith("/") ? name : null, port });
  }
  return hosts;
}

function oneOf<Word extends string>(words: readonly Word[], text: string): Word | null {
  return words.find((word) => word === text) ?? null;
}

/** Reads `keyword = 'value with \' and \\'` words. A string tells what is wrong. */
function readWords(text: string): (readonly [string, string])[] | string {
  const words: (readonly [string, string])[] = [];
  let at = 0;
  const skipBlanks = () => {
    while (/\s/.test(text[at] ?? "")) at++;
  };
  for (skipBlanks(); at < text.length; skipBlanks()) {
    const match = /^([A-Za-z_]+)\s*=\s*/.exec(text.slice(at));
    if (match === null) return `conninfo: a word lacks its "=" after ${words.at(-1)?.[0] ?? "the keyword"}`;
    at += match[0].length;
    const isQuoted = text[at] === "'";
    if (isQuoted) at++;
    let value = "";
    while (at < text.length && (isQuoted ? text[at] !== "'" : !/\s/.test(text[at]!))) {
      if (text[at] === "\\") at++;
      value += text[at++] ?? "";
    }
    if (isQuoted && text[at++] !== "'") return `conninfo: the quote of ${match[1]} is not closed`;
    words.push([match[1]!, value]);
  }
  return words;
}

/** Reads `postgresql://user:password@host:port,host:port/database?word=value`. A string tells what is wrong. */
function readUri(text: string): (readonly [string, string])[] | string {
  const match = /^[a-z]+:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(text);
  if (match === null) return "conninfo: the URI cannot be read";
  const [, login, places = "", database, query] = match;
  const words: [string, string][] = [];
  if (login !== undefined) {
    const colon = login.indexOf(":");
    words.push(["user", colon === -1 ? login : login.slice(0, colon)]);
    if (colon !== -1) words.push(["password", login.slice(colon + 1)]);
  }
  if (places !== "") {
    const split = places.split(",").map((place) => /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/.exec(place));
    if (split.includes(null)) return "conninfo: the URI's host cannot be read";
    words.push(["host", split.map((one) => one![1]!.replace(/^\[(.*)\]$/, "$1")).join(",")]);
    if (split.some((one) => one![2])) words.push(["port", split.map((one) => one![2] ?? "").join(",")]);
  }
  if (database !== undefined && database !== "") words.push(["dbname", database]);
  for (const pair of (query ?? "").split("&").filter((one) => one !== "")) {
    const equals = pair.indexOf("=");
    if (equals < 1) return 'conninfo: a word of the URI lacks its "="';
    words.push([pair.slice(0, equals), pair.slice(equals + 1)]);
  }
  try {
    return words.map(([keyword, value]) => [keyword, decodeURIComponent(value)] as const);
  } catch {
    return "conninfo: the URI has a % that encodes nothing";
  }
}

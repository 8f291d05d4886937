/** Where servers are, by the settings of a table. */

import assert from "node:assert/strict";
import type { ServerAddress, ServerTls } from "../../lib/port_database.ts";
import { conninfoOf, mysqlSocket, serversOf, startsTls } from "../../lib/table/server.ts";
import { parseTableSettings } from "../../lib/table/settings.ts";
import type { DatabaseSpec } from "../../lib/table/spec.ts";
import type { DatabaseKind } from "../../lib/table/table.ts";

const queries: Readonly<Record<DatabaseKind, string>> = {
  sqlite: "query_alias SELECT ?",
  postgres: "query_alias SELECT $1",
  mysql: "query_alias SELECT ?",
  redis: "",
  ldap: "basedn dc=t\nalias_filter (a=%u)\nalias_attributes a",
};

function specOf(kind: DatabaseKind, text: string): DatabaseSpec {
  const parsed = parseTableSettings(kind, `${text}\n${queries[kind]}`);
  assert.equal(parsed.kind, "ok", text);
  return { kind, name: "t", path: "/t", settings: parsed.kind === "ok" ? parsed.settings : [] };
}

const host = (name: string, port: number, cert = name): ServerAddress => ({
  kind: "host",
  host: name,
  port,
  name: cert,
});
const unix = (path: string): ServerAddress => ({ kind: "unix", path });

Deno.test("serversOf() finds the servers of each kind", () => {
  const cases: readonly (readonly [DatabaseKind, string, readonly ServerAddress[], ServerTls | null])[] = [
    ["sqlite", "dbpath /d", [], null],
    ["postgres", "conninfo user=m", [unix("/var/run/postgresql/.s.PGSQL.5432")], { mode: "prefer", ca: null }],
    ["postgres", "conninfo user=m host=/run/pg/ port=7 sslmode=disable", [unix("/run/pg/.s.PGSQL.7")], null],
    ["postgres", "conninfo user=m host=a,b sslmode=require", [host("a", 5432), host("b", 5432)], {
      mode: "require",
      ca: null,
    }],
    ["postgres", "conninfo user=m host=a hostaddr=192.0.2.1 sslmode=verify-full sslrootcert=/ca", [
      host("192.0.2.1", 5432, "a"),
    ], { mode: "verify", ca: "/ca" }],
    ["postgres", "conninfo user=m host=a sslmode=require sslrootcert=/ca", [host("a", 5432)], {
      mode: "authority",
      ca: "/ca",
    }],
    ["mysql", "username m", [unix(mysqlSocket)], null],
    ["mysql", "username m\nhost localhost", [unix(mysqlSocket)], null],
    ["mysql", "username m\nhost localhost\nport 3307", [host("localhost", 3307)], null],
    ["mysql", "username m\nhost db.test\ntls require", [host("db.test", 3306)], { mode: "require", ca: null }],
    ["mysql", "username m\nhost db.test\nca /ca", [host("db.test", 3306)], { mode: "verify", ca: "/ca" }],
    ["mysql", "username m\nhost db.test\nsocket /s", [unix("/s")], null],
    ["mysql", "username m\nhost unix:/s", [unix("/s")], null],
    ["redis", "", [host("127.0.0.1", 6379)], null],
    ["redis", "master unix:/s\nslave 192.0.2.2", [unix("/s"), host("192.0.2.2", 6380)], null],
    ["redis", "master r.test\nmaster_port 1\nslave s.test\nslave_port 2\ntls verify", [
      host("r.test", 1),
      host("s.test", 2),
    ], { mode: "verify", ca: null }],
    ["ldap", "url l.test", [host("l.test", 389)], null],
    ["ldap", "url ldaps://l.test", [host("l.test", 636)], { mode: "verify", ca: null }],
    ["ldap", "url ldaps://l.test\ntls require", [host("l.test", 636)], { mode: "require", ca: null }],
    ["ldap", "url ldap+tls://l.test\nca /ca", [host("l.test", 389)], { mode: "verify", ca: "/ca" }],
    ["ldap", "url ldap://l.test\ntls verify", [host("l.test", 389)], { mode: "verify", ca: null }],
    ["ldap", "url ldapi://%2Fs", [unix("/s")], null],
  ];
  for (const [kind, text, addresses, tls] of cases) {
    assert.deepEqual(serversOf(specOf(kind, text)), { addresses, tls }, `${kind}: ${text}`);
  }
});

Deno.test("startsTls() tells a session that begins without TLS", () => {
  for (
    const [url, want] of [["ldap://l", true], ["ldap+tls://l", true], ["ldaps://l", false], [
      "ldapi://%2Fs",
      false,
    ]] as const
  ) assert.equal(startsTls(specOf("ldap", `url ${url}`)), want, url);
});

Deno.test("settings that nobody checked are a Fault", () => {
  assert.throws(() => conninfoOf({ kind: "postgres", name: "t", path: "/t", settings: [] }), /Cannot use table t/);
  assert.throws(() => serversOf({ kind: "ldap", name: "t", path: "/t", settings: [] }), /Cannot use table t/);
});

/** The files that say how to reach a database. */

import assert from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import {
  databaseServices,
  parseSettingCount,
  parseSettingMs,
  parseTableSettings,
  settingOf,
  settingTimeHint,
  socketPathOf,
} from "../../lib/table/settings.ts";
import type { DatabaseKind } from "../../lib/table/table.ts";

const kinds: readonly DatabaseKind[] = ["sqlite", "postgres", "mysql", "redis", "ldap"];

Deno.test("parseTableSettings() reads the files of OpenSMTPD's table packages", () => {
  const cases: readonly (readonly [DatabaseKind, string, readonly (readonly [string, string])[]])[] = [
    ["sqlite", "dbpath /etc/mail/smtp.sqlite\nquery_alias SELECT d FROM v WHERE email=?;\n", [
      ["dbpath", "/etc/mail/smtp.sqlite"],
      ["query_alias", "SELECT d FROM v WHERE email=?;"],
    ]],
    [
      "postgres",
      "# who\n\n  conninfo host='db' user='m' password='a:b # c'\nquery_domain\tSELECT d FROM t WHERE d=$1;\r\n",
      [["conninfo", "host='db' user='m' password='a:b # c'"], ["query_domain", "SELECT d FROM t WHERE d=$1;"]],
    ],
    ["postgres", "conninfo user=m\nfetch_source SELECT ip FROM s\nfetch_source_expire 10\nfetch_source_refresh 5", [
      ["conninfo", "user=m"],
      ["fetch_source", "SELECT ip FROM s"],
      ["fetch_source_expire", "10"],
      ["fetch_source_refresh", "5"],
    ]],
    ["mysql", "host db.test\nusername m\npassword  : x y \ndatabase d\nquery_mailaddrmap SELECT a FROM t WHERE u=?", [
      ["host", "db.test"],
      ["username", "m"],
      ["password", "x y"],
      ["database", "d"],
      ["query_mailaddrmap", "SELECT a FROM t WHERE u=?"],
    ]],
    ["redis", "master unix:/run/redis.sock\nslave 192.0.2.2\nslave_port 6380\nquery_alias LRANGE aliases:%s 0 -1", [
      ["master", "unix:/run/redis.sock"],
      ["slave", "192.0.2.2"],
      ["slave_port", "6380"],
      ["query_alias", "LRANGE aliases:%s 0 -1"],
    ]],
    ["redis", "", []],
    [
      "ldap",
      "url: ldap.test\nusername: cn=x,dc=t\npassword: p\nbasedn: dc=t\n" +
      "userinfo_filter: (&(objectclass=posixaccount)(uid=%u))\nuserinfo_attributes: uidNumber, gidNumber, homedir\n",
      [
        ["url", "ldap.test"],
        ["username", "cn=x,dc=t"],
        ["password", "p"],
        ["basedn", "dc=t"],
        ["userinfo_filter", "(&(objectclass=posixaccount)(uid=%u))"],
        ["userinfo_attributes", "uidNumber, gidNumber, homedir"],
      ],
    ],
  ];
  for (const [kind, text, settings] of cases) {
    assert.deepEqual(parseTableSettings(kind, text), { kind: "ok", settings }, text);
  }
});

const postgres = "conninfo user=m\nquery_alias SELECT $1";
const ldap = "url ldap://l\nbasedn dc=t\nalias_filter (mail=%u)\nalias_attributes uid";

Deno.test("parseTableSettings() takes our own keywords of all that is asked over a network", () => {
  const ours = "\ncache_ttl 5m\ncache_negative_ttl 0\ncache_size 1000\ntimeout 2s\n";
  const bases = { postgres, mysql: "username m\nquery_alias SELECT ?", redis: "", ldap } as const;
  for (const kind of ["postgres", "mysql", "redis", "ldap"] as const) {
    assert.equal(parseTableSettings(kind, bases[kind] + ours).kind, "ok", kind);
  }
});

Deno.test("parseTableSettings() has a query for every service", () => {
  for (const service of databaseServices) {
    for (
      const [kind, text] of [
        ["sqlite", `dbpath /d\nquery_${service} SELECT ?`],
        ["postgres", `conninfo user=m\nquery_${service} SELECT $1`],
        ["mysql", `username m\nquery_${service} SELECT ?`],
        ["redis", `query_${service} GET ${service}:%s`],
      ] as const
    ) assert.equal(parseTableSettings(kind, text).kind, "ok", text);
  }
});

Deno.test("parseTableSettings() says what is wrong, and where", () => {
  const cases: readonly (readonly [DatabaseKind, string, number, string, string | null])[] = [
    [
      "postgres",
      "conninfo user=m\nquery_alais SELECT $1",
      2,
      'unknown keyword "query_alais" for a postgres table',
      "did you mean query_alias?",
    ],
    ["postgres", "host db", 1, 'unknown keyword "host" for a postgres table', "did you mean conninfo?"],
    ["redis", "# redis\nserver 127.0.0.1", 2, 'unknown keyword "server" for a redis table', "did you mean master?"],
    ["redis", "port 6379", 1, 'unknown keyword "port" for a redis table', "did you mean master_port?"],
    ["ldap", "binddn cn=x", 1, 'unknown keyword "binddn" for a ldap table', "did you mean username?"],
    [
      "sqlite",
      "cache_ttl 5m",
      1,
      'unknown keyword "cache_ttl" for a sqlite table',
      "a file of this machine is asked each time, and answers at once: leave the line out",
    ],
    ["mysql", "frobnicate 1", 1, 'unknown keyword "frobnicate" for a mysql table', null],
    ["sqlite", "dbpath", 1, "dbpath has no value", "write it as: dbpath /etc/mail/smtpd.sqlite"],
    ["sqlite", "dbpath:  \n", 1, "dbpath has no value", "write it as: dbpath /etc/mail/smtpd.sqlite"],
    ["sqlite", "dbpath db", 1, "dbpath is no absolute path: db", null],
    ["sqlite", "dbpath /d\ndbpath /e", 2, "dbpath stands twice", "each keyword is given once"],
    ["sqlite", "query_alias SELECT ?", 0, "dbpath is missing", "add a line: dbpath /etc/mail/smtpd.sqlite"],
    [
      "sqlite",
      "dbpath /d\nquery_alias SELECT 1",
      2,
      "query_alias has no place for the key",
      "the key stands for a `?`",
    ],
    ["sqlite", "dbpath /d", 0, "no query at all", "say what to ask for: query_alias, query_domain, …"],
    [
      "sqlite",
      "dbpath /d\nfetch_source_expire 3",
      0,
      "no query at all",
      "say what to ask for: query_alias, query_domain, …",
    ],
    [
      "postgres",
      "query_alias SELECT $1",
      0,
      "conninfo is missing",
      "add a line: conninfo host='db.example.org' user='maildba' password='…' dbname='mail'",
    ],
    ["postgres", "conninfo host=a", 1, "conninfo names no user", "add user='…'"],
    ["postgres", "query_alias SELECT $10", 1, "query_alias has no place for the key", "the key stands for `$1`"],
    ["postgres", "query_alias SELECT $1, $2", 1, "query_alias has a second parameter: $2", "the key stands for `$1`"],
    ["mysql", "query_alias SELECT ?", 0, "username is missing", "add a line: username …"],
    [
      "mysql",
      "username m\nhost db:3306",
      2,
      "host is no host and no path of a socket: db:3306",
      "the port goes into a line of its own: port 3306",
    ],
    ["mysql", "port 0", 1, "port is no port: 0", null],
    ["mysql", "tls maybe", 1, "tls is none of no, require, verify: maybe", null],
    [
      "redis",
      "master r:6379",
      1,
      "master is no host and no path of a socket: r:6379",
      "the port goes into a line of its own: master_port 6379",
    ],
    ["redis", "master a b", 1, "master is no host and no path of a socket: a b", "write unix:/path for a socket"],
    ["redis", "database -1", 1, "database is no number: -1", null],
    ["redis", "query_alias GET", 1, "query_alias has no place for the key", "such as: GET alias:%s"],
    ["redis", "query_alias %s", 1, "query_alias has no place for the key", "such as: GET alias:%s"],
    ["ldap", "url http://l", 1, "url is no address of an LDAP server", "write ldaps://ldap.example.org"],
    ["ldap", "url ldap://l", 0, "basedn is missing", "add a line: basedn …"],
    [
      "ldap",
      "url ldap://l\nbasedn dc=t",
      0,
      "no filter at all",
      "say what to ask for: alias_filter and alias_attributes, …",
    ],
    [
      "ldap",
      "url ldap://l\nbasedn dc=t\nalias_filter (a=%u)",
      0,
      "alias_attributes is missing",
      "alias_filter and alias_attributes go together",
    ],
    [
      "ldap",
      "url ldap://l\nbasedn dc=t\nalias_attributes a",
      0,
      "alias_filter is missing",
      "alias_filter and alias_attributes go together",
    ],
    [
      "ldap",
      "url ldap://l\nbasedn dc=t\npassword p\nalias_filter (a=%u)\nalias_attributes a",
      0,
      "username is missing",
      "a password goes with the name of its entry",
    ],
    [
      "ldap",
      "alias_filter (a=%x)",
      1,
      "alias_filter has an unknown specifier: %x",
      "%u is the key, %h the table's name, %% a percent sign",
    ],
    ["ldap", "alias_filter a=%u", 1, "alias_filter is no filter: a=%u", "write it as: (mail=%u)"],
    [
      "ldap",
      "credentials_attributes uid",
      1,
      "credentials_attributes does not name 2 attributes, with commas between them: uid",
      null,
    ],
    ["ldap", "alias_attributes a, b", 1, "alias_attributes does not name one attribute: a, b", null],
    ["postgres", "timeout 0", 1, "timeout is no time: 0", settingTimeHint],
    ["postgres", "cache_ttl soon", 1, "cache_ttl is no time: soon", settingTimeHint],
    ["postgres", "cache_size 1000001", 1, "cache_size is no number: 1000001", null],
  ];
  for (const [kind, text, line, message, hint] of cases) {
    assert.deepEqual(parseTableSettings(kind, text), { kind: "error", line, message, hint }, text);
  }
});

Deno.test("parseTableSettings() never shows a password", () => {
  const secret = "hunter2";
  for (
    const [kind, text] of [
      ["postgres", `conninfo user=u password='${secret}`],
      ["postgres", `conninfo password=${secret}`],
      ["postgres", `conninfo postgresql://u:${secret}@a:b:c`],
      ["mysql", `password ${secret}\npassword ${secret}`],
      ["ldap", `url ldap://u:${secret}@l`],
    ] as const
  ) {
    const parsed = parseTableSettings(kind, text);
    assert.equal(parsed.kind, "error");
    assert.ok(!JSON.stringify(parsed).includes(secret), JSON.stringify(parsed));
  }
});

Deno.test("parseTableSettings() never throws", () => {
  fc.assert(fc.property(fc.constantFrom(...kinds), anyText(), (kind, text) => {
    parseTableSettings(kind, text);
  }));
});

Deno.test("settingOf() gives the value of a keyword", () => {
  assert.equal(settingOf([["a", "1"], ["b", "2"]], "b"), "2");
  assert.equal(settingOf([["a", "1"]], "b"), null);
});

Deno.test("parseSettingMs() and parseSettingCount() read numbers and nothing else", () => {
  const times: readonly (readonly [string, number | null])[] = [
    ["0", 0],
    ["5", 5000],
    ["5s", 5000],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    ["366d", 366 * 86_400_000],
    ["367d", null],
    ["999999999", null],
    ["", null],
    ["s", null],
    ["-1", null],
    ["1.5s", null],
    ["5 s", null],
  ];
  for (const [text, want] of times) assert.equal(parseSettingMs(text), want, text);
  for (const [text, want] of [["3", 3], ["1", 1], ["0", null], ["10", null], ["x", null], ["", null]] as const) {
    assert.equal(parseSettingCount(text, 1, 9), want, text);
  }
});

Deno.test("socketPathOf() tells sockets from hosts", () => {
  for (
    const [host, want] of [
      ["unix:/run/s", "/run/s"],
      ["/run/s", "/run/s"],
      ["localhost", null],
      ["unix:s", null],
    ] as const
  ) assert.equal(socketPathOf(host), want, host);
});

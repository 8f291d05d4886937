/** How a PostgreSQL server is reached, in both forms. */

import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { type Conninfo, parseConninfo } from "../../lib/table/conninfo.ts";

function parsed(text: string): Conninfo {
  const result = parseConninfo(text);
  assert.equal(result.kind, "ok", JSON.stringify(result));
  return result.kind === "ok" ? result.conninfo : assert.fail();
}

const bare: Conninfo = {
  hosts: [{ host: "/var/run/postgresql", name: null, port: 5432 }],
  user: "u",
  password: null,
  database: "u",
  sslMode: "prefer",
  rootCertificate: null,
  target: "any",
  parameters: [],
};

Deno.test("parseConninfo() reads words and URIs", () => {
  const host = (host: string, port = 5432, name: string | null = null) => ({ host, name, port });
  const cases: readonly (readonly [string, Partial<Conninfo>])[] = [
    ["user=u", {}],
    ["  user = 'u'  ", {}],
    ["host='db.example.com' user='u' password='Rules!' dbname='mail'", {
      hosts: [host("db.example.com")],
      password: "Rules!",
      database: "mail",
    }],
    ["host=/run/pg port=5433 user=u", { hosts: [host("/run/pg", 5433)] }],
    ["host=a,b port=1,2 user=u", { hosts: [host("a", 1), host("b", 2)] }],
    ["host=a,b port=7 user=u", { hosts: [host("a", 7), host("b", 7)] }],
    ["host=a,,c port=,6,7 user=u", { hosts: [host("a"), host("/var/run/postgresql", 6), host("c", 7)] }],
    ["hostaddr=192.0.2.1 host=db.test user=u", { hosts: [host("192.0.2.1", 5432, "db.test")] }],
    ["user=u host=::1", { hosts: [host("::1")] }],
    [String.raw`user=u password='it\'s \\ a=b # "x"'`, { password: String.raw`it's \ a=b # "x"` }],
    [String.raw`user=u password=a\ b`, { password: "a b" }],
    ["user=u password=''", { password: "" }],
    ["user=u sslmode=require", { sslMode: "require" }],
    ["user=u sslmode=require sslrootcert=/ca.pem", { sslMode: "verify-ca", rootCertificate: "/ca.pem" }],
    ["user=u sslmode=verify-full", { sslMode: "verify-full" }],
    ["user=u target_session_attrs=read-write", { target: "read-write" }],
    ["user=u application_name=mail options='-c search_path=m' connect_timeout=3", {
      parameters: [["application_name", "mail"], ["options", "-c search_path=m"]],
    }],
    ["postgresql://u@db.test", { hosts: [host("db.test")] }],
    ["postgres://u:p%40ss@db.test:5433/mail?sslmode=disable", {
      hosts: [host("db.test", 5433)],
      password: "p@ss",
      database: "mail",
      sslMode: "disable",
    }],
    ["postgresql:///mail?host=/run/pg&user=u", { hosts: [host("/run/pg")], database: "mail" }],
    ["postgresql://u@%2Frun%2Fpg/mail", { hosts: [host("/run/pg")], database: "mail" }],
    ["postgresql://u@[2001:db8::1]:99/mail", { hosts: [host("2001:db8::1", 99)], database: "mail" }],
    ["postgresql://u@a:1,b/mail", { hosts: [host("a", 1), host("b")], database: "mail" }],
  ];
  for (const [text, want] of cases) assert.deepEqual(parsed(text), { ...bare, ...want }, text);
});

Deno.test("parseConninfo() says what is wrong", () => {
  const cases: readonly (readonly [string, string, string | null])[] = [
    ["host=a", "conninfo names no user", "add user='…'"],
    ["", "conninfo names no user", "add user='…'"],
    ["user=u hots=a", "conninfo: unknown word hots", "did you mean host?"],
    ["user=u passfile=/x", "conninfo: passfile is not supported", "leave it out"],
    [
      "user=u sslmode=yes",
      "conninfo: unknown sslmode",
      "use one of disable, allow, prefer, require, verify-ca, verify-full",
    ],
    [
      "user=u target_session_attrs=fast",
      "conninfo: unknown target_session_attrs",
      "use one of any, read-write, read-only, primary, standby, prefer-standby",
    ],
    ["user=u sslrootcert=ca.pem", "conninfo: sslrootcert is no absolute path: ca.pem", null],
    ["user=u port=0", "conninfo: invalid port: 0", null],
    ["user=u port=65536", "conninfo: invalid port: 65536", null],
    ["user=u host=a,b port=1,2,3", "conninfo: host and port differ in length", null],
    ["user=u host=a hostaddr=192.0.2.1,192.0.2.2", "conninfo: host and hostaddr differ in length", null],
    ["user=u host=@abstract", "conninfo: invalid host: @abstract", null],
    ["user=u host", 'conninfo: a word lacks its "=" after user', null],
    ["user=u password='secret", "conninfo: the quote of password is not closed", null],
    ["postgresql://u@a/b?sslmode", 'conninfo: a word of the URI lacks its "="', null],
    ["postgresql://u@a/%zz", "conninfo: the URI has a % that encodes nothing", null],
    ["postgresql://u@a:b:c/", "conninfo: the URI's host cannot be read", null],
  ];
  for (const [text, message, hint] of cases) {
    assert.deepEqual(parseConninfo(text), { kind: "error", message, hint }, text);
  }
});

Deno.test("parseConninfo() reads back any value that is quoted", () => {
  fc.assert(fc.property(fc.string(), (password) => {
    const quoted = password.replace(/['\\]/g, (char) => `\\${char}`);
    assert.equal(parsed(`user=u password='${quoted}' dbname=d`).password, password);
  }));
});

Deno.test("parseConninfo() never throws", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    parseConninfo(text);
    parseConninfo(`postgresql://${text}`);
  }));
});

/** Addresses of LDAP servers. */

import assert from "node:assert/strict";
import { type LdapPlace, parseLdapUrl } from "../../lib/table/ldap_url.ts";

Deno.test("parseLdapUrl() reads what table-ldap(5) writes, and nothing else", () => {
  const tcp = (host: string, port: number, tls: "none" | "ldaps" | "starttls" = "none"): LdapPlace => ({
    kind: "tcp",
    host,
    port,
    tls,
  });
  const cases: readonly (readonly [string, LdapPlace | null])[] = [
    ["ldap://ldap.test", tcp("ldap.test", 389)],
    ["ldap://ldap.test/", tcp("ldap.test", 389)],
    ["ldap://ldap.test:1389", tcp("ldap.test", 1389)],
    ["LDAPS://ldap.test", tcp("ldap.test", 636, "ldaps")],
    ["ldap+tls://ldap.test", tcp("ldap.test", 389, "starttls")],
    ["ldap://[2001:db8::1]:390", tcp("2001:db8::1", 390)],
    ["ldap.test", tcp("ldap.test", 389)],
    ["ldap.test:390", tcp("ldap.test", 390)],
    ["ldapi://%2Frun%2Fslapd%2Fldapi", { kind: "unix", path: "/run/slapd/ldapi" }],
    ["ldapi:///run/slapd/ldapi", { kind: "unix", path: "/run/slapd/ldapi" }],
    ["ldapi://run", null],
    ["ldapi://%00", null],
    ["ldapi://%2Fa%00", null],
    ["ldapi://%zz", null],
    ["ldap://ldap.test:0", null],
    ["ldap://ldap.test:65536", null],
    ["ldap://ldap.test/dc=t", null],
    ["ldap://u:p@ldap.test", null],
    ["http://ldap.test", null],
    ["ldap://", null],
    ["", null],
  ];
  for (const [text, want] of cases) assert.deepEqual(parseLdapUrl(text), want, text);
});

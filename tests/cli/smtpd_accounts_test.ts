import { deepEqual, equal } from "node:assert/strict";
import { keepsUser, roleAccounts, systemAccount, tableReader } from "../../cli/smtpd_accounts.ts";

Deno.test("keepsUser() is so for everybody but root, and for root with --same-user", () => {
  equal(keepsUser({ sameUser: true }), true);
  equal(keepsUser({ sameUser: false }), Deno.uid() !== 0);
});

Deno.test("systemAccount() finds root everywhere, and nobody by an unknown name", () => {
  deepEqual(systemAccount("root"), { name: "root", uid: 0, gid: 0 });
  equal(systemAccount("no-such-account-here"), null);
});

Deno.test("roleAccounts() shows accounts that are missing to who only checks", () => {
  const { smtpd, smtpq } = roleAccounts("check");
  deepEqual([smtpd.name, smtpq.name], ["_smtpd", "_smtpq"]);
});

Deno.test("tableReader() is the caller's account, or that of smtpd where roles have accounts", () => {
  equal(tableReader({ sameUser: true }), null);
  const passwd = Deno.readTextFileSync("/etc/passwd");
  const hasAccount = Deno.uid() === 0 && /^_smtpd:/m.test(passwd);
  equal(tableReader({ sameUser: false })?.name, hasAccount ? "_smtpd" : undefined);
});

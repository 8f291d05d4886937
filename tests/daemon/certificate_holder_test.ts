import { deepEqual, equal, rejects } from "node:assert/strict";
import { holderOf, shownCertificate } from "../../lib/daemon/certificate_holder.ts";
import { Fault } from "../../lib/fault.ts";
import { tablesOf } from "../policy/tables.ts";
import { policyOf } from "./rig.ts";

const policy = policyOf(`
pki mx.test cert "/etc/mail/cert.pem" key "/etc/mail/key.pem"
ca mx.test cert "/etc/mail/ca.pem"
table known { "${"AB".repeat(32)}" = " Ann ", "${"cd".repeat(32)}" = "", "${"ef".repeat(32)}" = "zoe\u0308" }
listen on 192.0.2.14 tls pki mx.test ca mx.test auth { ann = x } auth-external <known>
action "box" maildir
match from any for any action "box"
`);

Deno.test("shownCertificate() needs a table and a certificate", () => {
  deepEqual(shownCertificate("known", "ab"), { table: "known", certificate: "ab" });
  for (const [table, print] of [["known", null], [null, "ab"], [null, null]] as const) {
    equal(shownCertificate(table, print), null);
  }
});

Deno.test("holderOf() finds the user of a fingerprint, whatever the case of its digits is, and nobody else's", async () => {
  for (
    const [octet, username, problem] of [
      ["ab", "Ann", null],
      ["ef", "zoë", null],
      ["aa", null, null],
      ["cd", null, "its entry names no user"],
    ] as const
  ) {
    const shown = { table: "known", certificate: octet.repeat(32) };
    deepEqual(await holderOf(shown, tablesOf(policy)), { username, problem }, octet);
  }
  deepEqual(await holderOf(null, tablesOf(policy)), { username: null, problem: null });
});

Deno.test("holderOf(): a table that cannot be read is no answer", async () => {
  const shown = { table: "known", certificate: "ab".repeat(32) };
  await rejects(holderOf(shown, tablesOf(policy, { broken: ["known"] })), Fault);
});

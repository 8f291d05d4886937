import { deepEqual } from "node:assert/strict";
import { denoFlags } from "../../lib/daemon/grant_flags.ts";
import type { Premises } from "../../lib/daemon/privilege.ts";
import { verifierGrants, verifierPools } from "../../lib/daemon/verifier_grant.ts";
import { policyOf } from "./rig.ts";

const account = (name: string, uid: number) => ({ name, uid, gid: uid });
const premises: Premises = { spool: "/q", state: "/s", accounts: null, includes: [], resolvers: [] };
const asRoot: Premises = {
  ...premises,
  accounts: { smtpd: account("_smtpd", 101), smtpq: account("_smtpq", 102) },
  shadow: { account: { name: "_smtpd", uid: 101, gid: 42 } },
};
const listening = (options: string, more = "") =>
  policyOf(`
pki mx.test cert "/etc/mail/cert.pem"
pki mx.test key "/etc/mail/key.pem"
table users { ann = secret }
${more}
listen on 192.0.2.10 tls pki mx.test ${options}
action "box" maildir
match from any for any action "box"
`);

Deno.test("verifierPools(): who logs in says whose passwords are checked", () => {
  deepEqual(verifierPools(policyOf()), []);
  deepEqual(verifierPools(listening("")), []);
  deepEqual(verifierPools(listening("auth <users>")), ["tables"]);
  deepEqual(verifierPools(listening("auth-optional")), ["system"]);
  deepEqual(
    verifierPools(listening("auth", "listen on 192.0.2.11 tls pki mx.test auth <users>")),
    ["tables", "system"],
  );
});

Deno.test("verifierGrants(): a verifier of tables may do nothing at all", () => {
  const [row, ...others] = verifierGrants(listening("auth <users>"), asRoot);
  deepEqual(others, []);
  deepEqual(row?.spec, { kind: "verifier", name: "tables", pool: "tables" });
  deepEqual(row?.grant.account, account("_smtpd", 101));
  deepEqual(denoFlags(row!.grant).filter((flag) => flag.startsWith("--allow")), []);
});

Deno.test("verifierGrants(): one of the system's users may read /etc/shadow, with an account that can", () => {
  for (const [told, want] of [[asRoot, { name: "_smtpd", uid: 101, gid: 42 }], [premises, null]] as const) {
    const [row, ...others] = verifierGrants(listening("auth"), told);
    deepEqual(others, []);
    deepEqual(row?.grant.account, want);
    deepEqual(denoFlags(row!.grant).filter((flag) => flag.startsWith("--allow")), ["--allow-read=/etc/shadow"]);
  }
});

Deno.test("verifierGrants(): as many as may check at once", () => {
  const rows = verifierGrants(listening("auth <users>", "smtp limit max-auth-checks 3"), premises);
  deepEqual(rows.map(({ spec }) => spec.name), ["tables", "tables-2", "tables-3"]);
});

import { deepEqual } from "node:assert/strict";
import { diffGrants } from "../../lib/daemon/grant_difference.ts";
import { type Premises, standingGrants } from "../../lib/daemon/privilege.ts";
import { formatChange } from "../../lib/policy/difference.ts";
import { policyOf } from "./rig.ts";

const premises: Premises = { spool: "/q", state: "/s", accounts: null, includes: [], resolvers: [] };

function changes(before: string, after: string): readonly string[] {
  const rows = (text: string) => standingGrants(policyOf(text), premises);
  return diffGrants(rows(before), rows(after)).map(formatChange);
}

const base = `action "out" relay\nmatch from any for any action "out"\n`;

Deno.test("diffGrants() says which files lookup may read now, and which no more", () => {
  const withTable = (path: string) => `table t file:${path}\n${base}match from any for domain <t> action "out"\n`;
  deepEqual(changes(base, base), []);
  deepEqual(changes(base, withTable("/etc/t")), ["+ lookup: read /etc/t"]);
  deepEqual(changes(withTable("/etc/t"), withTable("/etc/u")), ["- lookup: read /etc/t", "+ lookup: read /etc/u"]);
});

Deno.test("diffGrants() says whom delivery may connect to", () => {
  deepEqual(changes(base, base.replace("relay", "relay host 10.1.2.3")), [
    "- delivery: connect to nothing in 10.0.0.0/8",
    "+ delivery: connect to nothing in 10.0.0.0/8 but 10.1.2.3",
  ]);
});

Deno.test("diffGrants() says when a role gets another account", () => {
  const [row] = standingGrants(policyOf(base), premises);
  const other = { ...row!, account: { name: "_smtpq", uid: 1, gid: 1 } };
  deepEqual(diffGrants([row!], [other]).map(formatChange), [
    "- queue: account the caller's",
    "+ queue: account _smtpq",
  ]);
});

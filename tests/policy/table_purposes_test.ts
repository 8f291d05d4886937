import { deepEqual } from "node:assert/strict";
import { tablePurposes } from "../../lib/policy/table_purposes.ts";
import { policyOf } from "./tables.ts";

const tables = Array.from({ length: 14 }, (_, i) => `table t${i} file:/t${i}\n`).join("") +
  "table nets { 192.0.2.0/24 }\n";
const base = `${tables}pki a.test cert "/c" key "/k"\nca a.test cert "/a"\n`;

function used(lines: string): readonly string[] {
  return tablePurposes(policyOf(base + lines)).map(({ by, purpose, table, regex }) =>
    `${by} ${purpose} ${table}${regex ? " regex" : ""}`
  );
}

Deno.test("tablePurposes() knows every use of a table", () => {
  deepEqual(
    used(
      `listen on lo tls pki a.test ca a.test auth <t1> auth-external <t2> hostnames <t3> senders <t4> proxy from <nets>
listen on lo port 26 tls pki a.test auth
action "a" maildir alias <t5> userbase <t6>
action "b" mda "x" virtual <t7>
action "c" relay host smtp+tls://a@b.test auth <t8> helo-src <t9> src <t10>
action "d" relay domain <t11>
filter f phase mail-from match src <t12> reject "550 no"
filter g phase mail-from match mail-from regex <t13> reject "550 no"
filter h phase connect match rdns disconnect "550 no"
filter all chain { f, g, h }
smtp limit except <nets>
smtp lenient no-brackets from <nets>
match from any for any action "a"
match for local action "b"
match from local for any action "c"
match from any for domain x.test action "d"
`,
    ).filter((one) => !one.includes("<")),
    [
      "action alias t5",
      "action userbase t6",
      "action virtual t7",
      "action source t10",
      "action helo-source t9",
      "action credentials t8",
      "action relay-domain t11",
      ...["hostnames t3", "senders t4", "networks nets", "credentials t1", "auth-external t2"].map((one) =>
        `listener ${one}`
      ),
      ...["hostnames t3", "senders t4", "networks nets", "credentials t1", "auth-external t2"].map((one) =>
        `listener ${one}`
      ),
      "filter from t12",
      "filter mail-from t13 regex",
      "setting networks nets",
      "setting networks nets",
    ],
  );
});

Deno.test("tablePurposes() knows every use by a rule", () => {
  const options = "tag <t1> from rdns <t2> for domain regex <t3> helo <t4> auth <t5> mail-from <t6> rcpt-to regex <t7>";
  deepEqual(used(`match ${options} reject\nmatch from src <t8> reject\n`).filter((one) => !one.includes("<")), [
    "rule tag t1",
    "rule rdns t2",
    "rule domain t3 regex",
    "rule helo t4",
    "rule auth t5",
    "rule mail-from t6",
    "rule rcpt-to t7 regex",
    "rule from t8",
  ]);
});

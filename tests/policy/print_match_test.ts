import { assertCanonical } from "./canonical.ts";
import { equal } from "node:assert/strict";
import { printRule } from "../../lib/policy/print_match.ts";
import { policyOf } from "./tables.ts";

Deno.test("printRule() writes every option of a rule", () => {
  assertCanonical('table t { a }\ntable n { 10.0.0.0/8 }\naction "in" maildir\n', [
    'match for local action "in"',
    "match for any reject",
    "match !for local reject",
    "match !from local for local reject",
    "match from socket for any reject",
    "match !from socket for any reject",
    "match from src <n> for any reject",
    'match !from src { 10.0.0.0/8, "local" } for any reject',
    "match from rdns for any reject",
    "match !from rdns for any reject",
    "match from rdns <t> for any reject",
    'match !from rdns regex "^a" for any reject',
    "match !from any for any reject",
    "match from any !for any reject",
    "match tag IN from any helo a.test auth <t> tls mail-from <t> for domain <t> rcpt-to <t> reject",
    "match !tag IN from any !helo a.test !auth !tls !mail-from <t> !for domain <t> !rcpt-to <t> reject",
    "match from any auth for any reject",
  ], "");
});

Deno.test("printRule() spells out what short forms stand for", () => {
  for (
    const [line, want] of [
      ["match reject", "match for local reject"],
      ["match from auth for any reject", "match from any auth for any reject"],
      ["match !from auth bob for any reject", "match from any !auth bob for any reject"],
      ["match from mail-from bob for local reject", "match from any mail-from bob for local reject"],
      ["match for rcpt-to bob reject", "match for any rcpt-to bob reject"],
    ] as const
  ) {
    const policy = policyOf(`${line}\n`);
    equal(printRule({ policy, secrets: "shown" }, policy.rules[0]!), want);
  }
});

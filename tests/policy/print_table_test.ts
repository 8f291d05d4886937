import { deepEqual, equal } from "node:assert/strict";
import { credentialTables, printPattern, printTable, printTables } from "../../lib/policy/print_table.ts";
import { assertCanonical } from "./canonical.ts";
import { policyOf } from "./tables.ts";

Deno.test("printTables() writes every kind, and leaves out tables that nobody declared", () => {
  const policy = policyOf("table t { a }\nmatch for domain { x } reject\n");
  deepEqual(printTables({ policy, secrets: "shown" }), ["table t { a }"]);
  assertCanonical("", [
    "table t { a, b }",
    'table t { "@" = ann, x = "b, c" }',
    'table "a b" file:/etc/t',
    "table t cdb:/etc/t.db",
    "table t passwd:/etc/t",
    "table t getpwnam",
    "table t proc:/usr/local/libexec/smtpd/table-socketmap",
    'table t "proc:/usr/local/libexec/smtpd/table-socketmap /etc/t"',
    'table t "proc:/bin/t -x y"',
    'table t "proc:/bin/t -x y" cache-ttl 90s cache-negative-ttl 0',
    "table t proc:/bin/t cache-negative-ttl 2h",
    "table t proc:/bin/t cache-ttl 0",
  ]);
});

Deno.test("printTable() inlines tables without a name", () => {
  const policy = policyOf('table "a b" { x }\nmatch for domain { a, b } rcpt-to c helo <"a b"> tag regex "x" reject\n');
  const shown = { policy, secrets: "shown" } as const;
  const rule = policy.rules[0]!;
  equal(rule.for.kind === "domain" && printTable(shown, rule.for.criterion.table), "{ a, b }");
  equal(printTable(shown, rule.rcptTo!.table), "c");
  equal(printTable(shown, rule.helo!.table), '<"a b">');
  equal(printPattern(shown, rule.tag!), "regex x");
});

Deno.test("credentialTables() knows tables whose values are passwords", () => {
  const policy = policyOf(`pki a.test cert "/c"
pki a.test key "/k"
table c { a = "b:c" }
table d { a = "b:c" }
listen on lo tls pki a.test auth <c>
action "out" relay host smtp+tls://a@b.test auth <d>
match for local action "out"
`);
  deepEqual([...credentialTables(policy)].sort(), ["c", "d"]);
});

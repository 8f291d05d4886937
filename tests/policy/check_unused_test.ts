import assert from "node:assert/strict";
import { unusedMacros, unusedNames } from "../../lib/policy/check_unused.ts";
import { loadText } from "./config_fixture.ts";
import { policyOf } from "./tables.ts";

Deno.test("unusedNames() finds what nothing refers to, and nothing that only the unused refers to", () => {
  const policy = policyOf(`table lost { a }
table x { a = b }
table y { a }
proc p "x"
proc q "x"
filter own proc-exec "x"
filter byp proc p
filter part phase connect match src <y> junk
filter chained chain { part }
listen on lo filter { byp, part }
action "dead" maildir alias <x>
match for local reject
`);
  assert.deepEqual(unusedNames(policy).map(({ kind, name }) => `${kind} ${name}`), [
    "table lost",
    "action dead",
    "filter own",
    "filter chained",
    "proc q",
  ]);
});

Deno.test("unusedNames() knows every place that a name is used in", () => {
  const policy = policyOf(`pki a.test cert "/c"
pki a.test key "/k"
pki b.test cert "/c"
pki b.test key "/k"
ca a.test cert "/c"
ca b.test cert "/c"
table t1 { a }
table t2 { a = b }
table t3 { a = b }
table t4 { a = b }
table t5 { 192.0.2.1 = a.test }
table t6 { 192.0.2.1 }
table t7 { a = "b:c" }
table t8 { 192.0.2.1 = a.test }
table t9 { a = "b:c" }
table t10 { a = "@a.test" }
table t11 { a = "1:1:/" }
mda wrapper w "x"
listen on lo tls pki a.test ca a.test auth <t9> hostnames <t8> senders <t10>
action "a" maildir alias <t2> userbase <t11>
action "b" mda "x" virtual <t3> wrapper w
action "c" relay host smtp+tls://a@b.test auth <t7> helo-src <t5> src <t6> pki b.test ca b.test
action "d" relay domain <t4>
match tag <t1> from rdns <t1> for domain <t1> helo <t1> auth <t1> mail-from <t1> rcpt-to <t1> action "a"
match for local action "b"
match for local action "c"
match for local action "d"
`);
  assert.deepEqual(unusedNames(policy), []);
});

Deno.test("unusedMacros() finds macros of all files, and leaves comments out", () => {
  const loaded = loadText('a = "x"\nb = "y"\n# $a\ninclude "more.conf"\nmatch for domain $c reject\n', {
    "more.conf": 'c = z\nd = "q"\nmatch for domain $b reject\n',
  });
  assert.ok(loaded.kind === "ok");
  assert.deepEqual(unusedMacros(loaded.config).map(({ name }) => name), ["a", "d"]);
  assert.deepEqual(unusedMacros({ ...loaded.config, macros: new Map([["x", { value: "", definition: null }]]) }), []);
});

import assert from "node:assert/strict";
import {
  checkTableText,
  judgeExpansions,
  tableProblemsMax,
  type TableUse,
  tableUses,
} from "../../lib/policy/check_table_text.ts";
import { collectErrors } from "../../lib/policy/error.ts";
import { policyOf } from "./tables.ts";

const around = {
  addresses: ["192.0.2.10"],
  unreadable: (path: string) => path === "/gone" ? "notFound" as const : null,
};

function told(text: string, ...uses: readonly TableUse[]): readonly string[] {
  return collectErrors(checkTableText("/t", text, new Set(uses), 0, around)).map(({ severity, line, message }) =>
    `${severity} ${line} ${message}`
  );
}

Deno.test("checkTableText() tells of lines that cannot be read", () => {
  assert.deepEqual(told("# comment\n\na: b\nc d\n"), []);
  assert.deepEqual(told("a b\nc\n\n[x y\n"), ["error 2 invalid map entry", "error 4 invalid map entry"]);
  assert.deepEqual(told("a\nb c\n"), []);
  assert.deepEqual(told(""), []);
});

Deno.test("checkTableText() tells of values that are of no use where the table is used", () => {
  assert.deepEqual(told("a: b, c@d.test\ne: x@@y\n", "expansion").map((one) => one.slice(0, 9)), ["warning 2"]);
  assert.deepEqual(told("a: 1:2:/home\nb: 1:2\n", "userinfo"), ["warning 2 invalid user: 1:2"]);
  assert.deepEqual(told("# @list\nsmtp://a.test\nftp://b.test\n", "relayList").map((one) => one.slice(0, 36)), [
    "warning 3 invalid relay URL: unknown",
  ]);
  assert.deepEqual(told("d.test: smtp://a.test\ne.test: http://b\n", "relayMap").length, 1);
  assert.deepEqual(told("10.0.0.0/8\nlocal\nexample.org\n", "network"), [
    'warning 3 "example.org" is no address and no network: it never matches',
  ]);
  assert.deepEqual(told("smtp://a.test\n", "relayList"), ["warning 1 a list is wanted here, and this is a pair"]);
  assert.deepEqual(told("2001:db8::/32\n", "network"), [
    'warning 1 "2001" is no address and no network: it never matches',
  ]);
  assert.deepEqual(told("a: user:pass\nb: x:\n", "credentials"), ["warning 2 invalid credentials of b"]);
  assert.deepEqual(told("a: ann\n", "expansion", "userinfo").length, 1);
  assert.deepEqual(told("a: :include:/there\nb: c, :include:/gone\n", "expansion"), [
    "warning 2 cannot include /gone: no such file",
  ]);
  assert.deepEqual(told(`"Joe Doe": joe\n`, "expansion"), ['warning 1 a key stands bare: "Joe is never looked up']);
  assert.deepEqual(told("a.test\n@b.test\n", "domain"), ['warning 2 "@b.test" is no domain: it never matches']);
  assert.deepEqual(told("@b.test\na.test\n", "mailaddr").length, 1);
  assert.deepEqual(told("ann: ann@a.test, @b.test\nbob: b.test\ncarl: <c@a.test>\n", "senders"), [
    'warning 2 "b.test" has no @: it stands for a user of that name, at any domain',
    'warning 3 "<c@a.test>" is no address and no domain: it never matches',
  ]);
  assert.deepEqual(told(`${"0f".repeat(32)} ann\n0F:0F:0F bob\n`, "certificates"), [
    'warning 2 "0F" is no SHA-256 fingerprint: it never matches',
  ]);
  assert.deepEqual(told("192.0.2.10\n192.0.2.11\n", "source").map((one) => one.slice(0, 20)), ["warning 2 192.0.2.11"]);
});

Deno.test("checkTableText() tells of keys that stand twice, with both lines", () => {
  assert.deepEqual(told("a: x\nb: y\n\nA: z\n", "expansion"), ['warning 4 "A" stands here and on line 1']);
  assert.deepEqual(told("a\nb\na\na\n"), [
    'warning 3 "a" stands here and on line 1',
    'warning 4 "a" stands here and on line 1',
  ]);
  assert.deepEqual(told("a\nA\n"), [], "where nothing is known of its use case may count");
});

Deno.test("checkTableText() counts what it does not tell one by one", () => {
  const lines = told("a b\n" + "x\n".repeat(50));
  assert.equal(lines.length, tableProblemsMax + 1);
  assert.equal(lines.at(-1), `warning ${tableProblemsMax + 1} 40 more problems in this file`);
});

Deno.test("tableUses() knows what tables are for", () => {
  const policy = policyOf(`table a file:/a
table b file:/b
table c { 10.0.0.0/8 }
table c2 { ann = "@a.test" }
table e file:/e
table f file:/f
filter f1 phase connect match src <f> disconnect "550 no"
filter f2 phase helo match helo <f> reject "550 no"
filter f3 phase mail-from match mail-from regex <f> reject "550 no"
pki x.test cert "/c"
pki x.test key "/k"
ca our cert "/o"
listen on lo tls pki x.test auth <b> senders <c2> ca our auth-external <e>
action "in" maildir alias <a> userbase <b>
action "out" relay domain <a>
action "smart" relay host <b> auth <a>
match from src <c> action "in"
match for any action "out"
match for local action "smart"
table d file:/d
match helo <d> mail-from <d> for any reject
match rcpt-to regex <a> for domain <d> reject
`);
  const uses = tableUses(policy);
  assert.deepEqual([...uses.get("a") ?? []].sort(), ["credentials", "expansion", "relayMap"]);
  assert.deepEqual([...uses.get("b") ?? []].sort(), ["logins", "relayList", "userinfo"]);
  assert.deepEqual([...uses.get("c") ?? []], ["network"]);
  assert.deepEqual([...uses.get("c2") ?? []], ["senders"]);
  assert.deepEqual([...uses.get("e") ?? []], ["certificates"]);
  assert.deepEqual([...uses.get("f") ?? []].sort(), ["domain", "network"]);
  assert.deepEqual([...uses.get("d") ?? []].sort(), ["domain", "mailaddr"]);
});

Deno.test("judgeExpansions() names the entries that make no sense, and who goes without", () => {
  const judge = (text: string) => judgeExpansions("/t", new TextEncoder().encode(text));
  assert.deepEqual(judge("a: b\n# x\nc: d e\nf: !\n"), [
    "/t:3: invalid user name `d e`: it has a space: mail for c is answered 451",
    "/t:4: invalid user name `!`: `!` is not allowed: mail for f is answered 451",
  ]);
  const many = judge("a: !\n".repeat(tableProblemsMax + 2));
  assert.equal(many.length, tableProblemsMax + 1);
  assert.equal(many.at(-1), "/t: 2 more of them");
  for (const text of ["", "a: b, c@d.test\n", "a\nb\n"]) assert.deepEqual(judge(text), [], text);
});

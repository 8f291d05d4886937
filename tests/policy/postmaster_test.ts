import assert from "node:assert/strict";
import { isOwnPostmaster } from "../../lib/policy/postmaster.ts";
import { expandRecipient } from "../../lib/policy/expand.ts";
import type { TraceEvent } from "../../lib/policy/trace.ts";
import { check, describe, expand } from "./expand_rig.ts";
import { mailbox, originAt, policyOf, tablesOf } from "./tables.ts";

const stranger = { users: ["ann", "postmaster"], from: "192.0.2.7" };
const denied = (who: string) => `550 5.7.1 Delivery not authorized, message refused: <${who}>`;
const action = 'action "m" maildir\n';

Deno.test("isOwnPostmaster() knows him by the name of the listener, in any case", () => {
  const is = (address: string) => isOwnPostmaster(mailbox(address), "MX.example.org");
  assert.deepEqual(
    ["postmaster@mx.example.org", "PostMaster@mx.example.org", "root@mx.example.org", "postmaster@example.org"].map(is),
    [true, true, false, false],
  );
});

// RFC 5321 §4.5.1: the listener calls itself mx.example.org, and `RCPT TO:<postmaster>` comes as its postmaster.
Deno.test("expandRecipient() takes the server's postmaster for that of a domain that strangers may write to", () =>
  check(
    `${action}match for local action "m"\nmatch from any for domain { "*.test", "a.test", "b.test" } action "m"\n`,
    {
      "postmaster@mx.example.org": ["m: postmaster for postmaster@a.test"],
      "Postmaster@mx.example.org": ["m: postmaster for Postmaster@a.test"],
      "ann@mx.example.org": denied("ann@mx.example.org"),
      "postmaster@localhost": denied("postmaster@localhost"),
      "postmaster@example.org": denied("postmaster@example.org"),
    },
    stranger,
  ));

Deno.test("expandRecipient() goes by the rules that take what this client sends to the postmaster", async () => {
  const conf = (rules: string) => `${action}action "out" relay\ntable t file:/etc/t\n${rules}`;
  const cases: readonly (readonly [string, readonly string[] | string])[] = [
    // The server's own name comes first.
    ['match from any for domain "a.test" action "m"\nmatch from any for domain "mx.example.org" action "m"', [
      "m: postmaster for postmaster@mx.example.org",
    ]],
    ['match from any for any action "m"', ["m: postmaster for postmaster@mx.example.org"]],
    // A rule for others, and one that refuses, take nothing of his.
    ['match for domain "a.test" action "m"', denied("postmaster@mx.example.org")],
    ['match from any auth for domain "a.test" action "m"', denied("postmaster@mx.example.org")],
    ['match from any for domain "a.test" reject', denied("postmaster@mx.example.org")],
    [
      'match from any !for domain "a.test" reject\nmatch from any for any action "m"',
      denied("postmaster@mx.example.org"),
    ],
    ['match from any for domain { "*.test", "a*.test" } action "m"', denied("postmaster@mx.example.org")],
    [
      'match from any for domain "a.test" reject\nmatch from any for domain { "a.test", "b.test" } action "m"\n' +
      'match from any for domain "c.test" action "m"',
      ["m: postmaster for postmaster@c.test"],
    ],
    // A gateway passes him on as it does others of the domain.
    ['match from any for domain "a.test" action "out"', ["out: relay postmaster@a.test"]],
  ];
  for (const [rules, want] of cases) {
    assert.deepEqual(
      describe((await expand(conf(`${rules}\n`), "postmaster@mx.example.org", stranger)).result),
      want,
      rules,
    );
  }
});

Deno.test("expandRecipient() finds the postmaster's domain in a file, and waits for one that cannot be read", async () => {
  const policy = policyOf(`table d file:/etc/d\n${action}match from any for domain <d> action "m"\n`);
  const candidate = { origin: originAt("192.0.2.7"), sender: null, rcpt: mailbox("postmaster@mx.example.org") };
  // The rig fills files with the names of users.
  const tables = tablesOf(policy, { users: ["f.test", "postmaster"] });
  const events: TraceEvent[] = [];
  const result = await expandRecipient(candidate, policy, tables, (event) => void events.push(event));
  assert.deepEqual(describe(result), ["m: postmaster for postmaster@f.test"]);
  assert.deepEqual(events.flatMap((event) => event.kind === "note" ? [event.text] : []), [
    "is postmaster@f.test, for nobody takes mail for postmaster@mx.example.org",
  ]);
  const broken = tablesOf(policy, { users: ["f.test"], broken: ["d"] });
  assert.match(String(describe(await expandRecipient(candidate, policy, broken))), /^451 /);
});

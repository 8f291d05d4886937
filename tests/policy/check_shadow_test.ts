import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { shadowedRules } from "../../lib/policy/check_shadow.ts";
import { policies, ruleMatches, samples } from "./random_rules.ts";
import { policyOf } from "./tables.ts";

const head = `table d { "a.test", "b.test" }
table sub { "a.test" }
table f file:/etc/mail/f
listen on lo tag IN
action "l" maildir
action "r" relay
`;

/** Rules without `match`, and which of them never match: index, and indices of those above that do. */
const lists: readonly (readonly [rules: string, want: string])[] = [
  ["from any for any reject\nfrom any for local reject", "1<0"],
  ["from any for local reject\nfrom any for any reject", ""],
  ["for local reject\nfor local reject", "1<0="],
  ["from local for local reject\nfor local reject", "1<0="],
  ["for any reject\nfrom socket for any reject", "1<0"],
  ["from socket for any reject\nfor any reject", ""],
  ["for any reject\n!from socket for any reject", ""],
  ["for any reject\nfrom src 127.0.0.1 for any reject", "1<0"],
  ["for any reject\nfrom src { 127.0.0.1, 10.0.0.1 } for any reject", ""],
  ["from src 10.0.0.0/8 for any reject\nfrom src 10.1.0.0/16 for any reject", "1<0"],
  ["from src 10.1.0.0/16 for any reject\nfrom src 10.0.0.0/8 for any reject", ""],
  ["!from src 10.1.0.0/16 for any reject\n!from src 10.0.0.0/8 for any reject", "1<0"],
  ["!from src 10.1.0.0/16 for any reject\nfrom src 192.0.2.0/24 for any reject", "1<0"],
  ['from src { "local", 0.0.0.0/0, "::/0" } for any reject\nfrom any for any reject', "1<0="],
  ["for domain <d> reject\nfor domain <sub> reject", "1<0"],
  ["for domain <sub> reject\nfor domain <d> reject", ""],
  ['for domain "*" reject\nfor any reject', "1<0="],
  ['for domain "*.test" reject\nfor domain a.test reject', "1<0"],
  ["for domain <f> reject\nfor domain <f> rcpt-to <f> reject", "1<0"],
  ["for domain <f> reject\nfor domain <sub> reject", ""],
  ["for domain <f> rcpt-to <f> reject\nfor domain <f> reject", ""],
  ["!for domain <sub> reject\nfor domain b.test reject", "1<0"],
  ["!for domain <sub> reject\nfor domain <d> reject", ""],
  ["for any reject\n!for local reject", "1<0"],
  ["for local reject\n!for local reject\nfor any reject", "2<0,1"],
  ["tag IN for any reject\n!tag IN for any reject\nfor local reject", "2<0,1"],
  ["tag IN for any reject\nfor any reject", ""],
  ['from any mail-from "@a.test" for any reject\nfrom any mail-from "bob@a.test" for any reject', "1<0"],
  ['from any mail-from "@" for any reject\nfrom any for local reject', "1<0"],
  ['for rcpt-to "@a.test" reject\nfor domain a.test reject', "1<0="],
  ['for domain a.test reject\nfor rcpt-to "bob@a.test" reject', "1<0"],
  ["for rcpt-to bob reject\nfor domain a.test reject", ""],
  ['for domain regex "a" reject\nfor domain regex { "a", "b" } reject', ""],
  ['for domain regex { "a", "b" } reject\nfor domain regex "a" reject', "1<0"],
  ["from any tag IN for domain a.test !rcpt-to bob reject\ntag IN for domain a.test !rcpt-to bob reject", "1<0"],
  ['for domain a.test rcpt-to "bob@b.test" reject', "0"],
  ['for any !mail-from "@" reject', "0"],
  ["for local reject\nfor any reject\nfor domain a.test reject\nfor any reject", "2<1,3<1="],
];

Deno.test("shadowedRules() finds rules that one above, or several together, leave nothing to", () => {
  for (const [rules, want] of lists) {
    const policy = policyOf(head + rules.split("\n").map((line) => `match ${line}\n`).join(""));
    const got = shadowedRules(policy).map((one) =>
      one.kind === "impossible" ? `${one.index}` : `${one.index}<${one.by.join(",")}${one.isSame ? "=" : ""}`
    );
    assert.equal(got.join(","), want, rules);
  }
});

Deno.test("shadowedRules() never tells of a rule that matches first", async () => {
  let told = 0;
  await fc.assert(
    fc.asyncProperty(
      policies,
      fc.array(samples, { minLength: 10, maxLength: 10 }),
      fc.nat(),
      async (policy, all, seed) => {
        const dead = new Set(shadowedRules(policy).map(({ index }) => index));
        told += dead.size;
        // What is in the file is anybody's guess, but one answer at a time.
        const inFile = (service: string, key: string) => ((seed + service.length * 7 + key.length * 13) & 4) !== 0;
        for (const sample of all) {
          for (const [index, rule] of policy.rules.entries()) {
            if (!await ruleMatches(rule, sample, policy, inFile)) continue;
            assert.ok(!dead.has(index), `rule ${index} matches ${JSON.stringify(sample)}`);
            break;
          }
        }
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(told > 500, `only ${told} were told`);
});

Deno.test("shadowedRules() gets through hundreds of rules", () => {
  const lines = Array.from({ length: 400 }, (_, at) => `match from src 10.0.${at >> 8}.${at & 255} for any reject\n`);
  assert.deepEqual(shadowedRules(policyOf(lines.join(""))), []);
});

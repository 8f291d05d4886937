import { deepEqual, equal, ok } from "node:assert/strict";
import {
  entriesShownMax,
  entriesText,
  negate,
  optionTexts,
  ruleText,
  shortTables,
  testTexts,
  triedOrder,
  writtenOrder,
} from "../../lib/policy/rule_text.ts";
import type { Policy, Rule } from "../../lib/policy/policy.ts";
import { policyOf } from "./tables.ts";

const head = 'table t { x }\naction "in" maildir\naction "for" maildir\naction "a b" maildir\n';

Deno.test("ruleText() writes a rule in the order in which its options are tried", () => {
  for (
    const [line, want] of [
      ['match action "in"', 'match from local for local action "in"'],
      ["match !from any !for any reject", "match !from any !for any reject"],
      ["match from any for any reject", "match from any for any reject"],
      ['match !for local !from local action "in"', 'match !from local !for local action "in"'],
      [
        'match rcpt-to <t> mail-from "ann@a.test" for domain <t> !from src 192.0.2.0/24 tag in action "a b"',
        'match tag in !from src 192.0.2.0/24 for domain <t> mail-from ann@a.test rcpt-to <t> action "a b"',
      ],
      ['match from socket for any action "for"', 'match from socket for any action "for"'],
      ['match for domain { "*.test", a } action "in"', 'match from local for domain { "*.test", a } action "in"'],
      [
        "match for domain { a, b, c, d, e, f, g, h } reject",
        "match from local for domain { a, b, c, d, e, f, and 2 more } reject",
      ],
      ['match for domain regex "^a\\\\.[bc]$" reject', 'match from local for domain regex "^a\\\\.[bc]$" reject'],
      ['match mail-from "@" for any reject', 'match from local for any mail-from "@" reject'],
      ["match !mail-from { 'say \"hi\"' } for any reject", 'match from local for any !mail-from "say \\"hi\\"" reject'],
      ['match tag "25" reject', 'match tag "25" from local for local reject'],
    ] as const
  ) {
    const policy = policyOf(`${head}${line}\n`);
    equal(ruleText(policy.rules[0]!, policy, triedOrder), want, line);
  }
});

Deno.test("ruleText() writes what the session is tested for", () => {
  const base = policyOf("table t { x }\nmatch from any for any reject\n");
  const t = { table: "t", regex: false, negated: false } as const;
  const on = (change: Partial<Rule>, policy: Policy = base) =>
    ruleText({ ...policy.rules[0]!, ...change }, policy, triedOrder);
  equal(on({ from: { kind: "rdns", criterion: null, negated: false } }), "match from rdns for any reject");
  equal(on({ from: { kind: "rdns", criterion: null, negated: true } }), "match !from rdns for any reject");
  equal(
    on({ from: { kind: "rdns", criterion: { ...t, regex: true, negated: true }, negated: false } }),
    "match !from rdns regex <t> for any reject",
  );
  equal(on({ helo: { ...t, negated: true } }), "match from any for any !helo <t> reject");
  equal(on({ auth: { kind: "any", negated: true } }), "match from any for any !auth reject");
  equal(on({ auth: { kind: "table", criterion: t } }), "match from any for any auth <t> reject");
  equal(on({ tls: true }), "match from any for any tls reject");
  equal(on({ tls: false }), "match from any for any !tls reject");
});

Deno.test("optionTexts() leaves out what a rule does not have, and `!`", () => {
  const policy = policyOf("match from any !tag x reject\n");
  const texts = optionTexts(policy.rules[0]!, shortTables(policy));
  equal(texts.tag, "tag x");
  equal(texts.helo, "");
  equal(negate(texts.tag, true), "!tag x");
  const upper = (name: string) => name.toUpperCase();
  deepEqual(testTexts(policy.rules[0]!, ["rcpt-to", "from", "tag"], upper), ["from any", "!tag <DYNAMIC:0>"]);
});

Deno.test("ruleText() writes a rule in the order in which people do", () => {
  const policy = policyOf(`${head}match rcpt-to <t> mail-from "ann@a.test" tls for domain <t> tag in reject\n`);
  const want = "match tag in from local tls mail-from ann@a.test for domain <t> rcpt-to <t> reject";
  equal(ruleText(policy.rules[0]!, policy, writtenOrder), want);
});

Deno.test("entriesText() shows some keys and counts the rest, and no value", () => {
  const entries = Array.from({ length: entriesShownMax + 3 }, (_, n) => [`k${n}`, "SECRET"] as const);
  const text = entriesText({ kind: "static", name: "t", shape: "map", entries });
  ok(text.endsWith(`k${entriesShownMax - 1}, and 3 more }`), text);
  equal(text.includes("SECRET"), false);
});

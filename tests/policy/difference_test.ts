import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { type Change, diffPolicies, formatChange } from "../../lib/policy/difference.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { loadText } from "./config_fixture.ts";

const base = `table hosted { "a.test", "b.test" }
table people { ann = "bob", eve = "SECRET" }
listen on 192.0.2.10 tag IN
action "box" maildir alias <people>
action "out" relay host "smtp://mx.a.test"
match from any for domain <hosted> action "box"
match from src { 192.0.2.0/24 } for any action "out"
match for any action "out"
`;

function policy(text: string): Policy {
  const loaded = loadText(text);
  ok(loaded.kind === "ok", JSON.stringify(loaded));
  return loaded.policy;
}

function lines(after: string, before: string = base): readonly string[] {
  return diffPolicies(policy(before), policy(after)).map(formatChange);
}

const cases: readonly (readonly [name: string, after: string, want: readonly string[]])[] = [
  ["nothing, of the same", base, []],
  [
    "nothing, when lines and macros have moved",
    `\nnet = "192.0.2.0/24"\n${base.replace("{ 192.0.2.0/24 }", "{ $net }")}`,
    [],
  ],
  [
    "nothing, when another unnamed table comes before",
    base.replace(
      "match from src",
      `match from any mail-from { "x@y.test" } for any reject\nmatch from src`,
    ),
    ["+ match from any mail-from x@y.test for any reject"],
  ],
  ["a listener that is new", `${base}listen on 192.0.2.10 port 587\n`, [
    "+ listen on 192.0.2.10 port 587 hostname mx.example.org",
  ]],
  ["a listener that is gone", base.replace("listen on 192.0.2.10 tag IN\n", ""), [
    "- listen on 192.0.2.10 port 25 tag IN hostname mx.example.org",
  ]],
  ["a listener that has changed", base.replace("tag IN", "tag OUT"), [
    "~ listen on 192.0.2.10 port 25: tag IN hostname mx.example.org -> tag OUT hostname mx.example.org",
  ]],
  ["a rule that has moved, the fewest of them", moved(), [
    `~ match from any for domain <hosted> action "box": rule 1 -> rule 2`,
  ]],
  ["a rule that says something else", base.replace("match for any", "match from any for any"), [
    `- match from local for any action "out"`,
    `+ match from any for any action "out"`,
  ]],
  ["the same rule once more", `${base}match for any action "out"\n`, [`+ match from local for any action "out"`]],
  ["an action that has changed", base.replace("mx.a.test", "mx.b.test"), [
    `~ action "out": relay host smtp://mx.a.test -> relay host smtp://mx.b.test`,
  ]],
  ["a list with its entries", base.replace(`"b.test" }`, `"c.test" }`), [
    `~ table hosted: { a.test, b.test } -> { a.test, c.test }`,
  ]],
  ["a map without its values", base.replace("SECRET", "OTHER"), ["~ table people"]],
  ["a table that is elsewhere now", base.replace(`{ "a.test", "b.test" }`, "file:/etc/hosted"), [
    `~ table hosted: { a.test, b.test } -> file:/etc/hosted`,
  ]],
  ["settings by their words", `${base}smtp limit max-rcpt 500\nqueue ttl 5d\n`, [
    "~ smtp limit max-rcpt: 1000 -> 500",
    "~ queue ttl: 4d -> 5d",
  ]],
];
for (const [name, after, want] of cases) {
  Deno.test(`diffPolicies() tells ${name}`, () => deepEqual(lines(after), want));
}

function moved(): string {
  const all = base.trimEnd().split("\n");
  const [first, second] = [all[5] ?? "", all[6] ?? ""];
  return [...all.slice(0, 5), second, first, ...all.slice(7)].join("\n") + "\n";
}

Deno.test("diffPolicies() never shows a secret", () => {
  const before = policy(base);
  const with_ = (key: string): Policy => ({
    ...before,
    tables: {
      ...before.tables,
      people: { kind: "static", name: "people", shape: "map", entries: [["ann", key]] },
      db: { kind: "postgres", name: "db", path: "/etc/pg", settings: [["conninfo", `password=${key}`]] },
    },
    srs: { key, backupKey: key, ttlDays: 4 },
    queue: { ...before.queue, encryption: { kind: "key", key } },
  });
  const changes = [
    ...diffPolicies(before, with_("SECRET-1")),
    ...diffPolicies(with_("SECRET-1"), with_("SECRET-2")),
    ...diffPolicies(with_("SECRET-2"), before),
  ];
  equal(JSON.stringify(changes).includes("SECRET-"), false, JSON.stringify(changes));
  deepEqual(diffPolicies(with_("SECRET-1"), with_("SECRET-2")).map(formatChange), [
    "~ table people",
    "~ table db",
    "~ queue encryption",
    "~ srs key",
    "~ srs key backup",
  ]);
});

Deno.test("diffPolicies() of rules in any order: what it tells turns one list into the other", () => {
  const rule = fc.integer({ min: 0, max: 6 });
  const text = (rules: readonly number[]) =>
    `action "out" relay\n` + rules.map((n) => `match from any for domain "d${n}.test" action "out"\n`).join("");
  const rules = fc.array(rule, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(rules, rules, (before, after) => {
      const changes = diffPolicies(policy(text(before)), policy(text(after))).filter(({ group }) => group === "rule");
      const count = (kind: Change["kind"]) => changes.filter((change) => change.kind === kind).length;
      equal(before.length - count("removed") + count("added"), after.length);
      if (JSON.stringify(before) === JSON.stringify(after)) equal(changes.length, 0);
      else ok(changes.length > 0);
    }),
    { numRuns: 200 },
  );
});

import assert from "node:assert/strict";
import { loadText, printAll } from "./config_fixture.ts";

function ruleOf(line: string) {
  const result = loadText(`table t file:/t\n${line} reject\n`);
  assert.equal(result.kind, "ok", result.kind === "errors" ? printAll(result.errors) : "");
  const { place: _, outcome: __, ...rule } = result.kind === "ok" ? result.policy.rules[0]! : assert.fail();
  return rule;
}

const base = {
  tag: null,
  from: { kind: "local", negated: false },
  for: { kind: "local", negated: false },
  helo: null,
  auth: null,
  tls: null,
  mailFrom: null,
  rcptTo: null,
};
const t = (negated: boolean, regex = false) => ({ table: "t", regex, negated });

Deno.test("resolveMatch() turns each option into its part of the rule", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["", {}],
    ["from any", { from: { kind: "any" } }],
    ["from local", {}],
    ["!from local", { from: { kind: "local", negated: true } }],
    ["from socket", { from: { kind: "socket", negated: false } }],
    ["!from socket", { from: { kind: "socket", negated: true } }],
    ["from src <t>", { from: { kind: "src", criterion: t(false) } }],
    ["!from src regex <t>", { from: { kind: "src", criterion: t(true, true) } }],
    ["from mail-from <t>", { from: { kind: "any" }, mailFrom: t(false) }],
    ["!from mail-from <t>", { from: { kind: "any" }, mailFrom: t(true) }],
    ["for any", { for: { kind: "any" } }],
    ["!for local", { for: { kind: "local", negated: true } }],
    ["for domain <t>", { for: { kind: "domain", criterion: t(false) } }],
    ["!for domain regex <t>", { for: { kind: "domain", criterion: t(true, true) } }],
    ["for rcpt-to <t>", { for: { kind: "any" }, rcptTo: t(false) }],
    ["!for rcpt-to <t>", { for: { kind: "any" }, rcptTo: t(true) }],
    ["tag <t>", { tag: t(false) }],
    ["!mail-from <t> !rcpt-to <t>", { mailFrom: t(true), rcptTo: t(true) }],
    ["!from any", { from: { kind: "src", criterion: { table: "<anyhost>", regex: false, negated: true } } }],
    ["!for any", { for: { kind: "domain", criterion: { table: "<anydestination>", regex: false, negated: true } } }],
  ];
  for (const [line, want] of cases) assert.deepEqual(ruleOf(`match ${line}`), { ...base, ...want }, line);
});

Deno.test("resolveMatch() keeps the rules in the order of the file, with their places", () => {
  const result = loadText('action "out" relay\nmatch reject\n\nmatch for any action "out"\n');
  assert.ok(result.kind === "ok");
  assert.deepEqual(result.policy.rules.map(({ outcome, place }) => [outcome, place.line]), [
    [{ kind: "reject" }, 2],
    [{ kind: "action", name: "out" }, 4],
  ]);
});

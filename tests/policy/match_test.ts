import assert from "node:assert/strict";
import { compilePolicy, matchRule, type Subject } from "../../lib/policy/match.ts";
import { mailbox, originAt, policyOf, tablesOf } from "./tables.ts";

interface Facts {
  readonly from?: string;
  readonly tag?: string;
  readonly sender?: string | null;
  readonly dest?: string;
  readonly isInternal?: boolean;
}

function subject(
  { from = "198.51.100.7", tag = "", sender = "ann@a.test", dest = "bob@b.test", isInternal = false }: Facts,
) {
  const made: Subject = {
    origin: originAt(from, tag),
    sender: sender === null ? null : mailbox(sender),
    dest: mailbox(dest),
    isInternal,
  };
  return made;
}

async function matches(line: string, facts: Facts): Promise<boolean> {
  const policy = policyOf(`${line} reject\n`);
  const result = await matchRule(subject(facts), policy, tablesOf(policy));
  assert.notEqual(result.kind, "failed");
  return result.kind === "rule";
}

/** Line, facts, and whether the rule matches; its negation is checked along where `!` can stand. */
const clauses: readonly (readonly [string, Facts, boolean])[] = [
  ["from any", {}, true],
  ["from any", { from: "local" }, true],
  ["from any", { from: "[2001:db8::7]" }, true],
  ["from local", {}, false],
  ["from local", { from: "local" }, true],
  ["from local", { from: "127.0.0.1" }, true],
  ["from local", { from: "[::1]" }, true],
  ["from local", { from: "192.0.2.10" }, true],
  ["from local", { isInternal: true }, true],
  ["from socket", { from: "local" }, true],
  ["from socket", { from: "127.0.0.1" }, false],
  ["from src 198.51.100.0/24", {}, true],
  ["from src 198.51.100.0/24", { from: "198.51.101.1" }, false],
  ["from src 198.51.100.0/24", { isInternal: true }, false],
  ['from src "local"', { isInternal: true }, true],
  ['from src "[2001:db8::/32]"', { from: "[2001:db8::7]" }, true],
  ['from src regex "^198\\.51"', {}, true],
];

const others: readonly (readonly [string, Facts, boolean])[] = [
  ["from mail-from ann for any", {}, true],
  ["from mail-from bob for any", {}, false],
  ["from any for any", {}, true],
  ["from any for local", {}, false],
  ["from any for local", { dest: "bob@mx.example.org" }, true],
  ["from any for local", { dest: "bob@localhost" }, true],
  ["from any for local", { dest: "bob@[192.0.2.10]" }, true],
  ["from any for local", { dest: "bob@[IPv6:2001:db8::10]" }, true],
  ["from any for domain b.test", {}, true],
  ['from any for domain "*.test"', {}, true],
  ['from any for domain "*.test"', { dest: "x@a.b.test" }, false],
  ['from any for domain regex "test$"', {}, true],
  ["from any for rcpt-to bob", {}, true],
  ["from any for rcpt-to bob", { dest: "bob+tag@b.test" }, true],
  ['from any for rcpt-to "bob+tag"', {}, false],
  ['from any for rcpt-to "@b.test"', {}, true],
  ["from any for rcpt-to b.test", {}, false],
  ['from any !for rcpt-to "@b.test"', {}, false],
  ["from any for any tag in", { tag: "in" }, true],
  ["from any for any tag in", {}, false],
  ["from any for any !tag in", {}, true],
  ['from any for any mail-from "@a.test"', {}, true],
  ['from any for any mail-from "@a.test"', { sender: null }, false],
  ['from any for any mail-from "@"', { sender: null }, true],
  ['from any for any mail-from "@*"', { sender: null }, false],
  ['from any for any !mail-from "@a.test"', {}, false],
  ['from any for any mail-from regex "^ann@"', {}, true],
  ["from any for any mail-from ann rcpt-to bob", {}, true],
  ["from any for any mail-from ann rcpt-to eve", {}, false],
  ["", { from: "local", dest: "bob@localhost" }, true],
  ["", { from: "local" }, false],
  ["", { dest: "bob@localhost" }, false],
];

Deno.test("matchRule() tests from, and its negation", async () => {
  for (const [clause, facts, want] of clauses) {
    assert.equal(await matches(`match ${clause} for any`, facts), want, clause);
    const neverSocket = facts.isInternal === true && clause === "from socket";
    assert.equal(await matches(`match !${clause} for any`, facts), !want && !neverSocket, `!${clause}`);
  }
});

Deno.test("matchRule() tests every other option, with from local and for local when they are left out", async () => {
  for (const [clause, facts, want] of others) assert.equal(await matches(`match ${clause}`, facts), want, clause);
});

Deno.test("matchRule() never matches an expanded address from the socket, negated or not", async () => {
  assert.equal(await matches("match from socket for any", { isInternal: true, from: "local" }), false);
  assert.equal(await matches("match !from socket for any", { isInternal: true }), false);
});

Deno.test("matchRule() takes the first rule that matches", async () => {
  const policy = policyOf(
    'action "a" relay\naction "b" relay\nmatch tag x for any action "a"\n' +
      'match from any for domain b.test action "b"\nmatch from any for any reject\n',
  );
  const result = await matchRule(subject({}), policy, tablesOf(policy));
  assert.ok(result.kind === "rule");
  assert.equal(result.index, 1);
  assert.equal(result.rule, policy.rules[1]);
  assert.deepEqual(result.rule.outcome, { kind: "action", name: "b" });
});

Deno.test("matchRule() stops at a failing table, and negation does not turn that around", async () => {
  const policy = policyOf(
    "table t { x }\nmatch from any for domain b.test !mail-from <t> reject\nmatch from any for any reject\n",
  );
  const result = await matchRule(subject({}), policy, tablesOf(policy, { broken: ["t"] }));
  assert.ok(result.kind === "failed");
  assert.equal(result.fault.message, "Cannot read table t: it is down");
});

Deno.test("matchRule() does not reach a failing table behind a rule that matches", async () => {
  const policy = policyOf("table t { x }\nmatch from any for any reject\nmatch from src <t> reject\n");
  assert.equal((await matchRule(subject({}), policy, tablesOf(policy, { broken: ["t"] }))).kind, "rule");
});

Deno.test("matchRule() passes on what is no Fault", async () => {
  const policy = policyOf("match from any reject\n");
  const tables = {
    table: () => {
      throw new TypeError("a bug");
    },
  };
  await assert.rejects(matchRule(subject({}), policy, tables), TypeError);
});

Deno.test("matchRule() asks each question once, in the order tag, from, for, mail-from, rcpt-to", async () => {
  const policy = policyOf(
    "table t { x }\nmatch rcpt-to <t> mail-from <t> for domain <t> !from local !tag <t> reject\n" +
      "match for domain <t> !from local rcpt-to bob reject\n" +
      'match rcpt-to bob mail-from "@a.test" for any from any tag <t> reject\n',
  );
  const tables = tablesOf(policy);
  assert.equal((await matchRule(subject({ dest: "bob@y" }), policy, tables)).kind, "none");
  assert.deepEqual(tables.asked, ["string t ", "netaddr <localhost> 198.51.100.7", "domain t y"]);
});

Deno.test("compilePolicy() is done once for a policy", () => {
  const policy = policyOf("match from any reject\n");
  assert.equal(compilePolicy(policy), compilePolicy(policy));
});

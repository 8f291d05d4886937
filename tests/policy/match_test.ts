import assert from "node:assert/strict";
import { compilePolicy, matchRule, type Origin, type Subject } from "../../lib/policy/match.ts";
import type { Policy, Rule } from "../../lib/policy/policy.ts";
import { tellingTable } from "../../lib/policy/trace_tables.ts";
import type { TraceEvent } from "../../lib/policy/trace.ts";
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

/** A policy of one rule, from any for any, with other options. Table `t` holds what they look for. */
function ruleWith(entries: string, change: Partial<Rule>): Policy {
  const policy = policyOf(`table t { ${entries} }\nmatch from any for any reject\n`);
  return { ...policy, rules: [{ ...policy.rules[0]!, ...change }] };
}

type Session = Partial<Origin> & { readonly isInternal?: boolean };
const t = { table: "t", regex: false } as const;
const pattern = { table: "t", regex: true } as const;
const names = { "198.51.100.7": "mail.client.test", "[2001:db8::7]": "v6.client.test" };
const v6 = { address: "[2001:db8::7]" };
const unnamed = { address: "192.0.2.99" };
const local = { address: "local", hostname: "mx.example.org" };

/** Options, entries of `t`, facts, whether the rule matches, and whether it does with `!`. */
const sessions: readonly (readonly [string, string, (negated: boolean) => Partial<Rule>, Session, boolean, boolean])[] =
  [
    ["helo T", "a.test", (negated) => ({ helo: { ...t, negated } }), { helo: "A.test" }, true, false],
    ["helo T", '"*.test"', (negated) => ({ helo: { ...t, negated } }), { helo: "a.test" }, true, false],
    ["helo T", '"*.test"', (negated) => ({ helo: { ...t, negated } }), { helo: "a.b.test" }, false, true],
    ["helo T", "a.test", (negated) => ({ helo: { ...t, negated } }), { helo: "a.test", isInternal: true }, true, false],
    ["helo regex T", '"^a[.]"', (negated) => ({ helo: { ...pattern, negated } }), { helo: "a.b.test" }, true, false],
    ["tls", "x", (negated) => ({ tls: !negated }), { tls: true }, true, false],
    ["tls", "x", (negated) => ({ tls: !negated }), { tls: false }, false, true],
    ["tls", "x", (negated) => ({ tls: !negated }), { tls: true, isInternal: true }, true, false],
    ["auth", "x", (negated) => ({ auth: { kind: "any", negated } }), { username: "ann" }, true, false],
    ["auth", "x", (negated) => ({ auth: { kind: "any", negated } }), {}, false, true],
    ["auth", "x", (negated) => ({ auth: { kind: "any", negated } }), local, true, false],
    [
      "auth T",
      "ann",
      (negated) => ({ auth: { kind: "table", criterion: { ...t, negated } } }),
      { username: "ANN" },
      true,
      false,
    ],
    [
      "auth T",
      "ann",
      (negated) => ({ auth: { kind: "table", criterion: { ...t, negated } } }),
      { username: "eve" },
      false,
      true,
    ],
    ["auth T", "ann", (negated) => ({ auth: { kind: "table", criterion: { ...t, negated } } }), {}, false, true],
    ["auth T", "ann", (negated) => ({ auth: { kind: "table", criterion: { ...t, negated } } }), local, false, true],
    [
      "auth T",
      '"@a.test"',
      (negated) => ({ auth: { kind: "table", criterion: { ...t, negated } } }),
      { username: "ann+x@a.test" },
      true,
      false,
    ],
    [
      "auth T",
      "ann",
      (negated) => ({ auth: { kind: "table", criterion: { ...t, negated } } }),
      { username: "ann+x" },
      false,
      true,
    ],
    [
      "auth regex T",
      '"^a"',
      (negated) => ({ auth: { kind: "table", criterion: { ...pattern, negated } } }),
      { username: "ann@a.test" },
      true,
      false,
    ],
    [
      "auth regex T",
      '".*"',
      (negated) => ({ auth: { kind: "table", criterion: { ...pattern, negated } } }),
      {},
      false,
      true,
    ],
    ["from rdns", "x", (negated) => ({ from: { kind: "rdns", criterion: null, negated } }), {}, true, false],
    ["from rdns", "x", (negated) => ({ from: { kind: "rdns", criterion: null, negated } }), v6, true, false],
    ["from rdns", "x", (negated) => ({ from: { kind: "rdns", criterion: null, negated } }), unnamed, false, true],
    ["from rdns", "x", (negated) => ({ from: { kind: "rdns", criterion: null, negated } }), local, true, false],
    [
      "from rdns",
      "x",
      (negated) => ({ from: { kind: "rdns", criterion: null, negated } }),
      { isInternal: true },
      false,
      false,
    ],
    [
      "from rdns T",
      '"*.client.test"',
      (negated) => ({ from: { kind: "rdns", criterion: { ...t, negated }, negated } }),
      {},
      true,
      false,
    ],
    [
      "from rdns T",
      "client.test",
      (negated) => ({ from: { kind: "rdns", criterion: { ...t, negated }, negated } }),
      {},
      false,
      true,
    ],
    [
      "from rdns T",
      '"*"',
      (negated) => ({ from: { kind: "rdns", criterion: { ...t, negated }, negated } }),
      unnamed,
      false,
      false,
    ],
    [
      "from rdns T",
      "known.test",
      (negated) => ({ from: { kind: "rdns", criterion: { ...t, negated }, negated } }),
      { hostname: "known.test" },
      true,
      false,
    ],
    [
      "from rdns T",
      "client.test",
      (negated) => ({ from: { kind: "rdns", criterion: { ...t, negated }, negated } }),
      { isInternal: true },
      false,
      true,
    ],
    [
      "from rdns regex T",
      '"^mail[.]"',
      (negated) => ({ from: { kind: "rdns", criterion: { ...pattern, negated }, negated } }),
      {},
      true,
      false,
    ],
  ];

Deno.test("matchRule() tests helo, auth, tls and the peer's name, and their negations", async () => {
  for (const [title, entries, change, session, want, wantNegated] of sessions) {
    for (const negated of [false, true]) {
      const policy = ruleWith(entries, change(negated));
      const { isInternal = false, ...facts } = session;
      const origin = { ...originAt("198.51.100.7"), hostname: "<unknown>", ...facts };
      const result = await matchRule({ ...subject({ isInternal }), origin }, policy, tablesOf(policy, { names }));
      const shown = `${negated ? "!" : ""}${title} ${entries} ${JSON.stringify(session)}`;
      assert.equal(result.kind, (negated ? wantNegated : want) ? "rule" : "none", shown);
    }
  }
});

Deno.test("matchRule() asks the DNS only where a rule is reached that needs the name, and once", async () => {
  const rdns = { kind: "rdns", negated: false } as const;
  const base = ruleWith("x.test", {});
  const rules: readonly Rule[] = [
    { ...base.rules[0]!, tag: { ...t, negated: false }, from: { ...rdns, criterion: { ...t, negated: false } } },
    { ...base.rules[0]!, from: { ...rdns, criterion: { ...t, negated: false } } },
    { ...base.rules[0]!, from: { ...rdns, criterion: null } },
  ];
  const unknown = { ...subject({}), origin: { ...originAt("198.51.100.7"), hostname: "<unknown>" } };
  for (const [count, want] of [[1, 0], [2, 1], [3, 1]] as const) {
    const policy = { ...base, rules: rules.slice(0, count) };
    const tables = tablesOf(policy, { names });
    await matchRule(unknown, policy, tables);
    assert.equal(tables.asked.filter((one) => one.startsWith("reverse")).length, want);
  }
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
    reverseName: () => Promise.resolve(null),
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

Deno.test("matchRule() tells the tracer of every rule that it tries, with the tests up to the first that does not hold", async () => {
  const policy = policyOf(
    'table hosts { "*.test" }\ntable broken { x }\naction "in" maildir\n' +
      'match tag x from any for any action "in"\n' +
      "match from any for domain <hosts> !mail-from { ann, eve } reject\n" +
      'match from any for domain <hosts> rcpt-to <broken> action "in"\n',
  );
  const events: TraceEvent[] = [];
  const trace = { node: 3, tell: (event: TraceEvent) => void events.push(event) };
  const silent = tablesOf(policy, { broken: ["broken"] });
  const tables = { ...silent, table: (name: string) => tellingTable(silent.table(name), trace.node, trace.tell) };
  const result = await matchRule(subject({}), policy, tables, trace);
  assert.equal(result.kind, "failed");
  const place = (line: number) => ({ file: "smtpd.conf", line, column: 1 });
  const lookup = { kind: "lookup", node: 3 } as const;
  const rule = { kind: "rule", node: 3 } as const;
  assert.deepEqual(events, [
    { ...lookup, table: "<dynamic:0>", service: "string", key: "", answer: { kind: "absent" } },
    {
      ...rule,
      index: 0,
      place: place(4),
      text: 'match tag x from any for any action "in"',
      verdict: "no",
      tests: [{ option: "tag x", subject: "", holds: false }],
    },
    { ...lookup, table: "hosts", service: "domain", key: "b.test", answer: { kind: "found", value: null } },
    { ...lookup, table: "<dynamic:1>", service: "mailaddr", key: "ann@a.test", answer: { kind: "found", value: null } },
    {
      ...rule,
      index: 1,
      place: place(5),
      text: "match from any for domain <hosts> !mail-from { ann, eve } reject",
      verdict: "no",
      tests: [
        { option: "for domain <hosts>", subject: "b.test", holds: true },
        { option: "!mail-from { ann, eve }", subject: "ann@a.test", holds: false },
      ],
    },
    {
      ...lookup,
      table: "broken",
      service: "mailaddr",
      key: "bob@b.test",
      answer: { kind: "failed", reason: "Cannot read table broken: it is down" },
    },
    {
      ...rule,
      index: 2,
      place: place(6),
      text: 'match from any for domain <hosts> rcpt-to <broken> action "in"',
      verdict: "failed",
      tests: [
        { option: "for domain <hosts>", subject: "b.test", holds: true },
        { option: "rcpt-to <broken>", subject: "bob@b.test", holds: null },
      ],
    },
  ]);
});

Deno.test("compilePolicy() is done once for a policy", () => {
  const policy = policyOf("match from any reject\n");
  assert.equal(compilePolicy(policy), compilePolicy(policy));
});

import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { type FilterQuestion, type FilterStep, type PeerName, runFilters } from "../../lib/policy/filter_run.ts";
import { filterPhases } from "../../lib/policy/filter.ts";
import { describeReply } from "../../lib/smtp/reply.ts";
import type { FilterVerdict } from "../../lib/smtp/session_face.ts";
import { policyOf, tablesOf } from "./tables.ts";

interface Facts {
  readonly address?: string;
  readonly name?: string | null;
  readonly forward?: PeerName["forward"];
  readonly helo?: string;
  readonly username?: string;
  readonly sender?: string | null;
  readonly rcpt?: string | null;
}

function questionAt(phase: FilterQuestion["phase"], facts: Facts): FilterQuestion {
  const { address = "198.51.100.7", helo = "client.test", username = "", sender = "ann@a.test", rcpt = null } = facts;
  return { phase, address, facts: { helo, username, sender, rcpt } };
}

function described(verdict: FilterVerdict): string {
  if ("reply" in verdict) return `${verdict.kind} ${describeReply(verdict.reply)}`;
  return verdict.kind === "rewrite" ? `rewrite ${verdict.value}` : verdict.kind;
}

/** Runs the filters of `lines`, all of them in a chain, in their order. */
async function run(
  lines: readonly string[],
  phase: FilterQuestion["phase"],
  facts: Facts,
  broken: readonly string[] = [],
): Promise<{ readonly verdict: string; readonly steps: readonly FilterStep[]; readonly asked: readonly string[] }> {
  const names = lines.flatMap((line) => /^filter (\S+)/.exec(line)?.[1] ?? []);
  const chain = names.length === 0 ? [] : [`filter all chain { ${names.join(", ")} }`];
  const policy = policyOf([...lines, ...chain, "match reject", ""].join("\n"));
  const tables = tablesOf(policy, { broken });
  const asked: string[] = [];
  const { name = "mail.client.test", forward = "pass" } = facts;
  const steps: FilterStep[] = [];
  const peerName = (address: string) => {
    asked.push(address);
    return Promise.resolve({ name, forward });
  };
  const found = { table: (one: string) => tables.table(one), peerName };
  const verdict = await runFilters(policy, "all", questionAt(phase, facts), found, (step) => steps.push(step));
  return { verdict: described(verdict), steps, asked: [...asked, ...tables.asked] };
}

/** Phase, condition, facts, whether it holds. */
const conditions: readonly (readonly [FilterQuestion["phase"], string, Facts, boolean])[] = [
  ["connect", "fcrdns", {}, true],
  ["connect", "fcrdns", { forward: "fail" }, false],
  ["connect", "fcrdns", { forward: "error" }, false],
  ["connect", "rdns", {}, true],
  ["connect", "rdns", { forward: "fail" }, true],
  ["connect", "rdns", { name: null, forward: "fail" }, false],
  ["connect", 'rdns "mail.client.test"', {}, true],
  ["connect", 'rdns "*.client.test"', {}, true],
  ["connect", 'rdns "*.other.test"', {}, false],
  ["connect", 'rdns "*.client.test"', { name: null, forward: "fail" }, false],
  ["connect", 'rdns regex "^mail\\."', {}, true],
  ["connect", 'rdns regex "^<unknown>$"', { name: null, forward: "fail" }, true],
  ["connect", "src 198.51.100.0/24", {}, true],
  ["connect", "src 198.51.100.8", {}, false],
  ["connect", 'src "[2001:db8::/32]"', { address: "[2001:db8::7]" }, true],
  ["connect", 'src "local"', { address: "local" }, true],
  ["connect", 'src regex "^198\\.51"', {}, true],
  ["helo", "helo client.test", {}, true],
  ["ehlo", "helo client.test", { helo: "CLIENT.test" }, true],
  ["ehlo", 'helo "*.test"', { helo: "other" }, false],
  ["ehlo", 'helo regex "^\\["', { helo: "[192.0.2.1]" }, true],
  ["auth", "auth", {}, false],
  ["mail-from", "auth", { username: "ann" }, true],
  ["mail-from", "auth ann", { username: "ann" }, true],
  ["mail-from", "auth { ann = secret }", { username: "ann" }, true],
  ["mail-from", "auth bob", { username: "ann" }, false],
  ["mail-from", 'auth "@a.test"', { username: "ann@a.test" }, true],
  ["mail-from", 'auth regex ".*"', {}, false],
  ["mail-from", 'auth regex "^a"', { username: "ann" }, true],
  ["mail-from", 'mail-from "@a.test"', {}, true],
  ["mail-from", "mail-from ann", {}, true],
  ["mail-from", 'mail-from "@b.test"', {}, false],
  ["mail-from", 'mail-from "@"', { sender: "" }, true],
  ["mail-from", 'mail-from "@a.test"', { sender: "" }, false],
  ["mail-from", 'mail-from regex "^$"', { sender: "" }, true],
  ["rcpt-to", 'rcpt-to "bob@b.test"', { rcpt: "bob@b.test" }, true],
  ["rcpt-to", 'rcpt-to "bob@b.test"', { rcpt: "bob+x@b.test" }, true],
  ["rcpt-to", 'rcpt-to "@c.test"', { rcpt: "bob@b.test" }, false],
  ["rcpt-to", 'rcpt-to regex "^bob@"', { rcpt: "bob@b.test" }, true],
  ["rcpt-to", 'mail-from "@a.test"', { rcpt: "bob@b.test" }, true],
  ["data", 'mail-from "@a.test"', {}, true],
  ["commit", "auth", { username: "ann" }, true],
];

Deno.test("runFilters() tries each condition as smtpd.conf(5) has it, and `!` turns it around", async () => {
  for (const [phase, condition, facts, holds] of conditions) {
    const lines = (not: string) => [`filter f phase ${phase} match ${not}${condition} reject "550 no"`];
    const sure = await run(lines(""), phase, facts);
    equal(sure.verdict !== "proceed", holds, `${phase} ${condition} ${JSON.stringify(facts)}`);
    deepEqual(sure.steps.map((step) => step.holds), [holds]);
    const negated = await run(lines("!"), phase, facts);
    equal(negated.verdict !== "proceed", !holds, `${phase} !${condition} ${JSON.stringify(facts)}`);
  }
});

Deno.test("runFilters() decides as the filter says", async () => {
  for (
    const [phase, decision, want] of [
      ["connect", 'reject "550 5.7.1 go away"', "reject 550 5.7.1 go away"],
      ["connect", 'disconnect "550 go away"', "disconnect 550 go away"],
      ["connect", 'reject "421 4.7.0 later"', "disconnect 421 4.7.0 later"],
      ["connect", 'disconnect "450 later"', "disconnect 450 later"],
      ["connect", "junk", "junk"],
      ["connect", "bypass", "proceed"],
      ["connect", 'report "seen"', "proceed"],
      ["ehlo", "rewrite other.test", "rewrite other.test"],
      ["mail-from", 'rewrite "<x@y.test> SIZE=1"', "rewrite <x@y.test> SIZE=1"],
    ] as const
  ) {
    const { verdict } = await run([`filter f phase ${phase} match src 198.51.100.7 ${decision}`], phase, {});
    equal(verdict, want, decision);
  }
});

Deno.test("runFilters() asks filters in the order of the chain, and goes on behind a report alone", async () => {
  const at = (name: string, decision: string) => `filter ${name} phase connect match src 198.51.100.7 ${decision}`;
  const out = 'reject "550 no"';
  for (
    const [decision, verdict, tried] of [
      ['report "x"', "reject 550 no", ["a", "b"]],
      ["junk", "junk", ["a"]],
      ["bypass", "proceed", ["a"]],
      ['reject "551 first"', "reject 551 first", ["a"]],
    ] as const
  ) {
    const found = await run([at("a", decision), at("b", out)], "connect", {});
    equal(found.verdict, verdict, decision);
    deepEqual(found.steps.map((step) => step.filter), tried, decision);
  }
  const skips = await run(
    [
      'filter a phase connect match src 192.0.2.1 reject "550 a"',
      'filter b phase helo match src 198.51.100.7 reject "550 b"',
      at("c", 'reject "550 c"'),
    ],
    "connect",
    {},
  );
  equal(skips.verdict, "reject 550 c");
  deepEqual(skips.steps.map((step) => [step.filter, step.holds]), [["a", false], ["c", true]]);
});

Deno.test("runFilters() lets nobody look up what no filter asks for", async () => {
  const lines = ['filter a phase connect match rdns reject "550 a"', 'filter b phase ehlo match helo x reject "550 b"'];
  deepEqual((await run(lines, "ehlo", {})).asked, ["domain <dynamic:0> client.test"]);
  deepEqual((await run(lines, "mail-from", {})).asked, []);
  deepEqual((await run(lines, "connect", {})).asked, ["198.51.100.7"]);
});

Deno.test("runFilters() does nothing where a table cannot answer, negated or not", async () => {
  for (const not of ["", "!"]) {
    const lines = ["table t { 192.0.2.1 }", `filter f phase connect match ${not}src <t> reject "550 no"`];
    const { verdict, steps } = await run(lines, "connect", {}, ["t"]);
    equal(verdict, "proceed");
    deepEqual(steps.map(({ holds, failure }) => [holds, failure]), [[null, "Cannot read table t: it is down"]]);
  }
});

Deno.test("runFilters() turns nobody away for good because a name server is down", async () => {
  const later = "Your name cannot be looked up now, try again later";
  for (
    const [condition, decision, facts, want] of [
      ["!fcrdns", 'reject "550 no"', { forward: "error" }, `reject 450 4.7.25 ${later}`],
      ["!fcrdns", 'disconnect "550 no"', { forward: "error" }, `disconnect 450 4.7.25 ${later}`],
      ["!fcrdns", 'reject "450 own"', { forward: "error" }, "reject 450 own"],
      ["!fcrdns", 'reject "550 no"', { forward: "fail" }, "reject 550 no"],
      ["!fcrdns", "junk", { forward: "error" }, "junk"],
      ["!rdns", 'reject "550 no"', { name: null, forward: "error" }, `reject 450 4.7.25 ${later}`],
      ["!rdns", 'reject "550 no"', { name: null, forward: "fail" }, "reject 550 no"],
      // The name is known: it does not matter whether it leads back.
      ["rdns", 'reject "550 no"', { forward: "error" }, "reject 550 no"],
    ] as const
  ) {
    const { verdict } = await run([`filter f phase connect match ${condition} ${decision}`], "connect", facts);
    equal(verdict, want, `${condition} ${decision}`);
  }
});

Deno.test("runFilters() tells of each filter what was tried on what", async () => {
  const { steps } = await run(
    [
      'filter net phase mail-from match !src { 192.0.2.0/24, 203.0.113.9 } report "not ours"',
      'filter from-ann phase mail-from match mail-from regex "^ann" reject "550 5.1.8 no"',
    ],
    "mail-from",
    {},
  );
  deepEqual(
    steps.map(({ filter, option, subject, decision, place }) => [filter, option, subject, decision, place.line]),
    [
      ["net", "!src { 192.0.2.0/24, 203.0.113.9 }", "198.51.100.7", { kind: "report", text: "not ours" }, 1],
      ["from-ann", 'mail-from regex "^ann"', "ann@a.test", { kind: "reject", reply: "550 5.1.8 no" }, 2],
    ],
  );
});

Deno.test("runFilters() lets nobody in from the network where a filter is a program, as long as those are not run", async () => {
  const lines = ["filter a phase connect match src 192.0.2.1 bypass", 'filter p proc-exec "/bin/p"'];
  const closed = "disconnect 421 4.3.2 Filters are not running, try again later";
  equal((await run(lines, "connect", {})).verdict, closed);
  equal((await run(lines, "connect", { address: "192.0.2.1" })).verdict, "proceed");
  equal((await run(lines, "connect", { address: "local" })).verdict, "proceed");
  equal((await run(lines, "ehlo", {})).verdict, "proceed");
});

Deno.test("runFilters() says the same as the chain cut behind its first filter that decides", async () => {
  const decisions = ['reject "550 r"', 'disconnect "421 d"', "junk", "bypass", 'report "x"', "rewrite w.test"] as const;
  const filter = fc.record({
    phase: fc.constantFrom(...filterPhases.slice(0, 3)),
    hit: fc.boolean(),
    decision: fc.constantFrom(...decisions),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(filter, { minLength: 1, maxLength: 6 }), async (all) => {
      const lines = all.map(({ phase, hit, decision }, at) =>
        `filter f${at} phase ${phase} match src ${hit ? "198.51.100.7" : "192.0.2.1"} ${decision}`
      );
      const deciding = all.findIndex((one) => one.phase === "helo" && one.hit && !one.decision.startsWith("report"));
      const whole = await run(lines, "helo", {});
      if (deciding < 0) return equal(whole.verdict, "proceed");
      equal(whole.verdict, (await run(lines.slice(deciding, deciding + 1), "helo", {})).verdict);
      equal(whole.steps.at(-1)?.filter, `f${deciding}`);
    }),
  );
});

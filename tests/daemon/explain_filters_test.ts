import { deepEqual, equal } from "node:assert/strict";
import { changesOf, filterCandidate } from "../../lib/daemon/explain_filters.ts";
import { explainRecipient } from "../../lib/daemon/explanation.ts";
import { treeOf } from "../../lib/policy/explain.ts";
import { describeReply } from "../../lib/smtp/reply.ts";
import { mailbox, originAt, policyOf, tablesOf } from "../policy/tables.ts";

const candidate = {
  origin: { ...originAt("198.51.100.7"), hostname: "<unknown>" },
  sender: mailbox("ann@a.test"),
  rcpt: mailbox("bob@b.test"),
};
const names = { "198.51.100.7": "mail.client.test" };

function worldOf(lines: readonly string[]) {
  const filters = lines.map((line) => /^filter (\S+)/.exec(line)?.[1] ?? "");
  const rules = ['action "out" relay', 'match from any for any action "out"', ""];
  const policy = policyOf([...lines, `filter all chain { ${filters.join(", ")} }`, ...rules].join("\n"));
  return { policy, tables: tablesOf(policy, { names }) };
}

const judge = async (...lines: readonly string[]) => {
  const { policy, tables } = worldOf(lines);
  const found = await filterCandidate(candidate, "all", policy, tables);
  const told = found.events.map((event) =>
    event.kind === "filter"
      ? `${event.phase} ${event.filter} ${event.test.holds} ${event.test.subject}`
      : event.kind === "note"
      ? event.text
      : event.kind
  );
  const refused = found.refusal === null ? null : [describeReply(found.refusal.reply), found.refusal.reason];
  return { told, refused, changes: changesOf(candidate, found.candidate) };
};

Deno.test("filterCandidate() asks in the phases up to the recipient, and stops at a refusal", async () => {
  deepEqual(
    await judge(
      "filter a phase connect match !rdns junk",
      "filter b phase data match rdns junk",
      "filter c phase mail-from match mail-from ann junk",
      'filter d phase rcpt-to match rcpt-to bob reject "550 no"',
      'filter e phase rcpt-to match rcpt-to bob reject "551 no"',
    ),
    {
      told: [
        "connect a false mail.client.test",
        "mail-from c true ann@a.test",
        "the mail is marked as spam",
        "rcpt-to d true bob@b.test",
      ],
      refused: ["550 no", "the filters refuse it in phase rcpt-to"],
      changes: [],
    },
  );
});

Deno.test("filterCandidate() goes on with what a filter writes, if it can be read", async () => {
  const good = await judge(
    "filter a phase ehlo match helo client.test rewrite other.test",
    'filter b phase mail-from match helo other.test rewrite "<new@a.test>"',
    'filter c phase rcpt-to match mail-from "new@a.test" rewrite "<eve@b.test> NOTIFY=NEVER"',
  );
  deepEqual([good.refused, good.changes], [null, [
    "the client counts as other.test",
    "the sender is <new@a.test> from here on",
    "the recipient is <eve@b.test> from here on",
  ]]);
  const bad = await judge('filter b phase mail-from match mail-from ann rewrite "nobody"');
  deepEqual(bad.refused, [
    "553 5.1.7 Sender address syntax error",
    "the filters refuse it in phase mail-from: nobody is none",
  ]);
});

Deno.test("explainRecipient() tells of filters with the recipient, before its rules", async () => {
  const reject = 'filter a phase rcpt-to match rcpt-to bob reject "550 no"';
  const kinds = async (lines: readonly string[], filter: Parameters<typeof explainRecipient>[3]) => {
    const { policy, tables } = worldOf(lines);
    const { events, answer } = await explainRecipient(candidate, policy, tables, filter);
    return [treeOf(events)?.steps.map(({ kind }) => kind).filter((kind) => kind !== "lookup"), answer.kind];
  };
  const all = { kind: "named", name: "all" } as const;
  deepEqual(await kinds([reject], all), [["filter", "refused"], "refused"]);
  deepEqual(await kinds([reject.replace("bob", "eve")], all), [["filter", "rule", "target"], "accepted"]);
  deepEqual(await kinds([reject], { kind: "unclear" }), [["note", "rule", "target"], "accepted"]);
  deepEqual(await kinds([reject], { kind: "none" }), [["rule", "target"], "accepted"]);
  const { policy, tables } = worldOf(['filter a phase rcpt-to match rcpt-to bob rewrite "<eve@b.test>"']);
  const { answer } = await explainRecipient(candidate, policy, tables, all);
  equal(answer.kind === "accepted" ? answer.envelopes[0]?.dest.localPart : null, "eve");
});

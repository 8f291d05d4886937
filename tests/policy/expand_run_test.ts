import assert from "node:assert/strict";
import { expandRecipient } from "../../lib/policy/expand.ts";
import type { TraceEvent } from "../../lib/policy/trace.ts";
import { aliasConf, users } from "./expand_rig.ts";
import { mailbox, originAt, policyOf, tablesOf } from "./tables.ts";

Deno.test("expandRecipient() tells every look-up, every step and how it ends", async () => {
  const told: TraceEvent[] = [];
  const policy = policyOf(aliasConf('team = "ann, ann, bob"'));
  const tables = tablesOf(policy, { users, forwards: { ann: "ann@b.test" } });
  const candidate = { origin: originAt("local"), sender: null, rcpt: mailbox("team@localhost") };
  const traced = await expandRecipient(candidate, policy, tables, (event) => told.push(event));
  assert.deepEqual(
    traced,
    await expandRecipient(candidate, policy, tablesOf(policy, { users, forwards: { ann: "ann@b.test" } })),
  );
  const lookups = told.flatMap((one) => (one.kind === "lookup" ? [`${one.service} ${one.table} ${one.key}`] : []));
  assert.deepEqual(lookups, tables.asked.filter((one) => !one.startsWith("forward")));
  const steps = told.flatMap((one) => {
    if (one.kind === "node") return [`${one.node} below ${one.parent}: ${one.element} ${one.text}`];
    if (one.kind === "dropped") return [`${one.node} dropped`];
    if (one.kind === "forward") return [`${one.node} ${one.path}: ${one.text}`];
    if (one.kind === "target") return [`${one.node} ${one.action}: ${one.text}`];
    return [];
  });
  assert.deepEqual(steps, [
    "0 below null: address team@localhost",
    "1 below 0: username team",
    "3 below 1: username ann",
    "3 dropped",
    "2 below 1: username ann",
    "2 /home/ann/.forward: 1 element",
    "4 below 1: username bob",
    "4 /home/bob/.forward: there is none",
    "4 local: maildir of bob",
    "5 below 2: address ann@b.test",
    "5 out: relay to ann@b.test",
  ]);
});

Deno.test("expandRecipient() tells why a recipient is refused, and by which element", async () => {
  const told: TraceEvent[] = [];
  const policy = policyOf(aliasConf('team = "ann, nobody"'));
  const candidate = { origin: originAt("local"), sender: null, rcpt: mailbox("team@localhost") };
  await expandRecipient(candidate, policy, tablesOf(policy, { users }), (event) => told.push(event));
  assert.deepEqual(told.at(-1), {
    kind: "refused",
    node: 3,
    reply: "550 5.1.1 Invalid recipient: <team@localhost>",
    reason: "no user nobody in table <getpwnam>",
  });
});

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { replies } from "../../lib/smtp/reply.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { contentOf, draftTo, envelopesOf, msg, plant, textOf } from "./rig.ts";
import { delayed, failed, LookupDouble, QueueRig, relayed, stored } from "./queue_rig.ts";

const day = 86_400_000;

/** A queue that has had a message for these recipients, all of which have failed. */
async function failedFor(rcpts: readonly string[], change: Parameters<typeof draftTo>[1] = {}): Promise<QueueRig> {
  const rig = new QueueRig();
  rig.outcomeOf = (envelope) => (envelope.message === msg(1) ? failed : null);
  await plant(rig.inner, msg(1), rig.world.now(), rcpts.map((rcpt) => draftTo(rcpt, change)));
  return await rig.begin();
}

/** The reports in the queue. */
async function reports(rig: QueueRig): Promise<readonly { readonly envelope: Envelope; readonly text: string }[]> {
  const all = (await envelopesOf(rig.inner)).filter(({ message, kind }) => message !== msg(1) && kind !== "bounce");
  return await Promise.all(all.map(async (envelope) => ({
    envelope,
    text: textOf(await contentOf(rig.inner, envelope.message)),
  })));
}

Deno.test("Notices make one report of all recipients of a message that failed, a second later", async () => {
  const rig = await failedFor(["x@b.test", "y@b.test", "z@c.test"]);
  deepEqual((await envelopesOf(rig.inner)).map(({ kind }) => kind), ["bounce", "bounce", "bounce"]);
  await rig.world.advance(999);
  equal(rig.lookup.asked.length, 0);
  await rig.world.advance(1);
  const [report, ...others] = await reports(rig);
  equal(others.length, 0);
  ok(report);
  equal(report.envelope.sender, null);
  equal(report.envelope.dest.localPart, "ann");
  deepEqual(report.envelope.dsn.notify, ["never"]);
  for (const rcpt of ["x@b.test", "y@b.test", "z@c.test"]) match(report.text, new RegExp(`rfc822; ?${rcpt}`, "i"));
  match(report.text, /Subject: hello/);
  equal(await rig.inner.message(msg(1)), null, "the message went with its last notice");
  deepEqual(rig.lookup.asked.map(({ sender, rcpt }) => [sender, rcpt.localPart]), [[null, "ann"]]);
  deepEqual(rig.kept.of("bounce").map(({ fields }) => fields["envelopes"]), [3]);
  // And the report goes out as any mail.
  deepEqual(rig.delivery.given.at(-1)?.message, report.envelope.message);
});

Deno.test("Notices gather a failure that comes within the second", async () => {
  const rig = new QueueRig();
  const [x, y] = await plant(rig.inner, msg(1), rig.world.now(), [draftTo("x@b.test"), draftTo("y@b.test")]);
  await rig.begin();
  rig.delivery.answer(x!, failed);
  await rig.world.advance(700);
  rig.delivery.answer(y!, failed);
  await rig.world.advance(300);
  const [report, ...others] = await reports(rig);
  equal(others.length, 0);
  match(report?.text ?? "", /x@b\.test/);
  match(report?.text ?? "", /y@b\.test/);
});

Deno.test("Notices of a message that nobody sent are not made", async () => {
  const rig = await failedFor(["x@b.test"], { sender: null });
  await rig.world.advance(60_000);
  equal(rig.lookup.asked.length, 0);
  deepEqual(await envelopesOf(rig.inner), []);
  equal(rig.kept.of("double-bounce").length, 1);
});

Deno.test("Notices are not made for a report that fails", async () => {
  const rig = await failedFor(["x@b.test"]);
  await rig.world.advance(1000);
  const [report] = await reports(rig);
  ok(report);
  rig.delivery.answer(report.envelope, failed);
  await rig.world.advance(60_000);
  deepEqual(await envelopesOf(rig.inner), []);
  equal(rig.kept.of("double-bounce").length, 1);
  equal(rig.kept.of("bounce").length, 1);
});

Deno.test("Notices are not made when the sender asked for none", async () => {
  for (const notify of [["never"], ["success"], ["delay"]] as const) {
    const { dsn } = draftTo("x@b.test");
    const rig = await failedFor(["x@b.test"], { dsn: { ...dsn, notify } });
    await rig.world.advance(60_000);
    deepEqual(await envelopesOf(rig.inner), []);
    equal(rig.lookup.asked.length, 0);
  }
});

Deno.test("Notices tell of success when the sender asked for it", async () => {
  const rig = new QueueRig();
  const { dsn } = draftTo("x@b.test");
  rig.outcomeOf = ({ message, kind }) => message !== msg(1) ? null : kind === "mda" ? stored : relayed;
  await plant(rig.inner, msg(1), rig.world.now(), [
    draftTo("ann@example.org", { dsn: { ...dsn, notify: ["success"] } }),
    draftTo("bob@example.org"),
  ]);
  await rig.begin();
  await rig.world.advance(1000);
  const [report, ...others] = await reports(rig);
  equal(others.length, 0);
  match(report?.text ?? "", /Action: delivered/);
  match(report?.text ?? "", /ann@example\.org/);
  ok(!/bob@/.test(report?.text ?? ""));
});

Deno.test("Notices warn of a delay once, after four hours, and the mail stays", async () => {
  const rig = new QueueRig();
  rig.outcomeOf = ({ message }) => (message === msg(1) ? delayed : relayed);
  await plant(rig.inner, msg(1), rig.world.now(), [draftTo("x@b.test"), draftTo("y@b.test")]);
  await rig.begin();
  await rig.world.advance(day);
  const warnings = rig.kept.of("bounce");
  deepEqual(warnings.map(({ fields }) => [fields["action"], fields["envelopes"]]), [["delayed", 2]]);
  deepEqual((await envelopesOf(rig.inner)).map(({ kind }) => kind), ["mta", "mta"]);
});

Deno.test("Notices are dropped, and logged, when lookup refuses the sender for good", async () => {
  const rig = await failedFor(["x@b.test", "y@b.test"]);
  rig.resolve = () => replies.invalidRecipient("ann@alpha.test");
  await rig.world.advance(1000);
  deepEqual(await envelopesOf(rig.inner), []);
  equal(await rig.inner.message(msg(1)), null);
  equal(rig.kept.of("double-bounce").length, 2);
});

Deno.test("Notices are tried again when lookup refuses for now", async () => {
  const rig = await failedFor(["x@b.test"]);
  rig.resolve = () => replies.temporaryFailure("ann@alpha.test");
  await rig.world.advance(60_000);
  const asked = rig.lookup.asked.length;
  ok(asked > 1);
  const [notice] = await envelopesOf(rig.inner);
  deepEqual([notice?.kind, notice?.last?.text, notice?.attempts], ["bounce", failed.text, asked]);
  rig.resolve = () => [draftTo("ann@example.org", { sender: null })];
  await rig.world.advance(3_600_000);
  equal((await reports(rig)).length, 1);
});

Deno.test("Notices that can never be delivered are dropped after the time to live", async () => {
  const rig = await failedFor(["x@b.test"]);
  rig.resolve = () => replies.temporaryFailure("ann@alpha.test");
  await rig.world.advance(4 * day + 2000);
  deepEqual(await envelopesOf(rig.inner), []);
  equal(rig.kept.of("double-bounce").length, 1);
});

Deno.test("Notices wait for lookup when it is not there, or goes before it answers", async () => {
  const rig = await failedFor(["x@b.test"]);
  rig.resolve = () => null;
  await rig.world.advance(1000);
  equal(rig.lookup.asked.length, 1);
  const [late] = rig.lookup.asked;
  rig.lookup.channel.die();
  await rig.world.advance(30_000);
  equal((await envelopesOf(rig.inner))[0]?.kind, "bounce");
  rig.resolve = () => [draftTo("ann@example.org", { sender: null })];
  rig.lookup = new LookupDouble(rig);
  await rig.world.advance(600_000);
  equal((await reports(rig)).length, 1);
  equal(rig.lookup.asked.length, 1);
  // An answer to what was asked before is of no use any more.
  rig.lookup.answer(late!, [draftTo("ann@example.org", { sender: null })]);
  await rig.world.settle();
  equal((await reports(rig)).length, 1);
});

Deno.test("Notices keep their lookup when the former one closes after the new one has come", async () => {
  const rig = await failedFor(["x@b.test"]);
  const former = rig.lookup;
  rig.lookup = new LookupDouble(rig);
  former.channel.die();
  await rig.world.advance(1000);
  equal((await reports(rig)).length, 1);
});

Deno.test("Notices go with their report in one transaction, and are tried again when that fails", async () => {
  const rig = await failedFor(["x@b.test"]);
  let failures = 0;
  rig.store.faults = (call, changes) =>
    call === "apply" && changes.some(({ kind }) => kind === "commit") && ++failures <= 1 ? "noSpace" : null;
  await rig.world.advance(1000);
  equal(failures, 1);
  equal((await reports(rig)).length, 0);
  equal((await envelopesOf(rig.inner))[0]?.kind, "bounce");
  await rig.world.advance(600_000);
  equal((await reports(rig)).length, 1);
  const batch = rig.store.applied.find((changes) => changes.some(({ kind }) => kind === "commit"));
  deepEqual(batch?.map(({ kind }) => kind), ["chunk", "commit", "delete"]);
});

Deno.test("Notices are tried again when the original cannot be read", async () => {
  const rig = await failedFor(["x@b.test"]);
  rig.store.faults = (call) => (call === "message" || call === "chunk" ? "io" : null);
  await rig.world.advance(1000);
  equal((await reports(rig)).length, 0);
  rig.store.faults = () => null;
  await rig.world.advance(600_000);
  equal((await reports(rig)).length, 1);
});

Deno.test("Notices survive a queue that is killed, in whatever turn, and make one report", async () => {
  for (let turns = 0; turns < 80; turns++) {
    const rig = await failedFor(["x@b.test", "y@b.test"]);
    await rig.world.advance(999);
    const end = rig.world.advance(1);
    for (let n = 0; n < turns; n++) await Promise.resolve();
    rig.kill();
    await end;
    await rig.begin();
    await rig.world.advance(600_000);
    const [report, ...others] = await reports(rig);
    ok(report, `killed after ${turns} turns`);
    equal(others.length, 0, `killed after ${turns} turns`);
    match(report.text, /x@b\.test/);
    match(report.text, /y@b\.test/);
    equal(await rig.inner.message(msg(1)), null);
  }
});

Deno.test("Notices return the whole message when the sender asked for that, and it is not large", async () => {
  const { dsn } = draftTo("x@b.test");
  for (const [ret, whole] of [["full", true], ["hdrs", false], [null, false]] as const) {
    const rig = await failedFor(["x@b.test"], { dsn: { ...dsn, ret } });
    await rig.world.advance(1000);
    equal((await reports(rig))[0]?.text.includes("\r\nHello."), whole, String(ret));
  }
});

Deno.test("Notices of local mail say nothing of servers", async () => {
  const rig = await failedFor(["ann@example.org"]);
  await rig.world.advance(1000);
  ok(!/Remote-MTA/.test((await reports(rig))[0]?.text ?? "Remote-MTA"));
});

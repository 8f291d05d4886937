/** Offers by themselves, and in an Intake: commits that come before lookup's word reaches queue. */

import { deepEqual, equal, match } from "node:assert/strict";
import { envelopesPerMessageMax } from "../../lib/daemon/imsg.ts";
import { areSound, Offers, offerWaitMs } from "../../lib/daemon/queue_offers.ts";
import { chunkLengthMax } from "../../lib/spool/envelope.ts";
import { FakeClock } from "../sim/clock.ts";
import { hello, Rig } from "./intake_rig.ts";
import { bytesOf, contentOf, draftTo, envelopesOf } from "./rig.ts";

const [x, y] = [draftTo("x@b.test"), draftTo("y@b.test")];

/** Offers, and what who waits for them was told. */
function waiting(requests: readonly number[], before: readonly number[] = []) {
  const clock = new FakeClock();
  const offers = new Offers(clock);
  for (const request of before) offers.add(request, [x]);
  const told: number[] = [];
  offers.when(requests, (missing) => void told.push(missing));
  return { clock, offers, told };
}

Deno.test("Offers.when() runs at once when all are there", () => {
  const { clock, offers, told } = waiting([1, 2], [2, 1, 3]);
  deepEqual([told, offers.isAwaited, clock.pending], [[0], false, 0]);
});

Deno.test("Offers.when() runs once, when the last has come, in whatever order", async () => {
  for (const order of [[1, 2, 3], [3, 1, 2], [9, 3, 3, 2, 1, 1]]) {
    const { clock, offers, told } = waiting([1, 2, 3, 4], [4]);
    for (const request of order.slice(0, -1)) offers.add(request, [x]);
    if (order.at(-1) !== order.at(-2)) deepEqual([told, offers.isAwaited], [[], true]);
    offers.add(order.at(-1) ?? 0, [x]);
    await clock.advance(offerWaitMs);
    deepEqual([told, offers.isAwaited, clock.pending], [[0], false, 0]);
  }
});

Deno.test("Offers.when() says how many are missing when the time is over, and nothing after that", async () => {
  const { clock, offers, told } = waiting([1, 2, 3], [2]);
  await clock.advance(offerWaitMs - 1);
  deepEqual(told, []);
  await clock.advance(1);
  deepEqual([told, offers.isAwaited], [[2], false]);
  offers.add(1, [x]);
  offers.add(3, [x]);
  await clock.advance(offerWaitMs);
  deepEqual([told, clock.pending], [[2], 0]);
});

Deno.test("Offers.cancel() keeps who waits from being told", async () => {
  const { clock, offers, told } = waiting([1]);
  offers.cancel();
  offers.add(1, [x]);
  await clock.advance(offerWaitMs);
  deepEqual([told, offers.isAwaited, clock.pending], [[], false, 0]);
});

Deno.test("Offers.of() gives the envelopes of the recipients named, and of no other", () => {
  const offers = new Offers(new FakeClock());
  offers.add(1, [x]);
  offers.add(2, [y, y]);
  deepEqual([offers.of([2]), offers.of([2, 1]), offers.of([3]), offers.of([])], [[y, y], [y, y, x], [], []]);
});

Deno.test("Offers.add() keeps no more envelopes than a message may have", () => {
  const { offers, told } = waiting([1, 2, 3]);
  offers.add(1, new Array(envelopesPerMessageMax - 1).fill(x));
  offers.add(2, [y, y]);
  offers.add(3, [y]);
  deepEqual([offers.of([1]).length, offers.of([2]), offers.of([3])], [envelopesPerMessageMax - 1, [], [y]]);
  deepEqual([told, offers.isAwaited], [[], true], "the one that was left out counts as missing");
});

Deno.test("Intake leaves out what would be too many envelopes, and keeps the others", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  const first = rig.offer("a", id, ...new Array(envelopesPerMessageMax - 1).fill(x));
  rig.offer("a", id, x, x);
  const last = rig.offer("a", id, x);
  // smtp-in has refused the second recipient.
  client.commit(id, [first, last], hello);
  await rig.clock.settle();
  deepEqual(client.heard, [{ kind: "committed", message: id }]);
  equal(rig.committed[0]?.envelopes.length, envelopesPerMessageMax);
});

Deno.test("Intake leaves out the recipients that a commit does not name", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  // The client was told 451: lookup's answer was lost.
  rig.offer("a", id, draftTo("refused@b.test"));
  const request = rig.offer("a", id, x);
  client.commit(id, [request], hello);
  rig.offer("a", id, draftTo("late@b.test"));
  await rig.clock.settle();
  deepEqual((await envelopesOf(rig.memory)).map((envelope) => envelope.dest.localPart), ["x"]);
});

Deno.test("Intake lets a commit wait for offers that are still on their way", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  client.commit(id, [1, 2], hello);
  await rig.clock.settle();
  rig.answer("a", id, 2, y);
  await rig.clock.advance(offerWaitMs - 1);
  deepEqual([client.heard, rig.store.applied], [[], []]);
  rig.answer("a", id, 1, x);
  await rig.clock.settle();
  deepEqual(client.heard, [{ kind: "committed", message: id }]);
  deepEqual((await envelopesOf(rig.memory)).map((envelope) => envelope.dest.localPart).sort(), ["x", "y"]);
  deepEqual([rig.intake.messages, rig.clock.pending], [0, 0]);
});

Deno.test("Intake fails a commit whose offers do not come, keeps nothing, and takes the next message", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const [id, next] = [client.take(), client.take()];
  const size = chunkLengthMax + 5;
  const request = rig.offer("a", id, x);
  client.commit(id, [request, request + 1], new Uint8Array(size));
  await rig.clock.settle();
  equal(await rig.memory.has(id), true);
  await rig.clock.advance(offerWaitMs);
  deepEqual(client.heard.splice(0), [{ kind: "commitFailed", message: id, cause: "unknown" }]);
  match(String(rig.kept.of("commit-failed")[0]?.fields["reason"]), /where 1 of 2 recipients go/);
  rig.answer("a", id, request + 1, y);
  await rig.clock.advance(offerWaitMs);
  deepEqual([await rig.memory.has(id), rig.intake.messages, rig.clock.pending], [false, 0, 0]);
  client.commit(next, [rig.offer("a", next, x)], hello);
  await rig.clock.settle();
  deepEqual(client.heard, [{ kind: "committed", message: next }]);
});

Deno.test("Intake hears nothing more of the content once a commit waits, and no second commit", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  client.commit(id, [1], hello);
  client.channel.send({ kind: "body", message: id }, bytesOf("more"));
  client.commit(id, [2], bytesOf("more"), hello.length + 4);
  await rig.clock.settle();
  deepEqual(client.heard.splice(0), [{ kind: "commitFailed", message: id, cause: "unknown" }]);
  rig.answer("a", id, 2, y);
  rig.answer("a", id, 1, x);
  await rig.clock.advance(offerWaitMs);
  deepEqual(client.heard, [{ kind: "committed", message: id }]);
  deepEqual((await envelopesOf(rig.memory)).map((envelope) => envelope.dest.localPart), ["x"]);
  deepEqual(await contentOf(rig.memory, id), Buffer.from(hello));
});

for (const end of ["rolled back", "of an smtp-in that is gone"] as const) {
  Deno.test(`Intake forgets a commit that waits and is ${end}, and does not answer it`, async () => {
    const rig = new Rig();
    const client = await rig.client("a");
    const id = client.take();
    client.commit(id, [1], new Uint8Array(chunkLengthMax + 5));
    await rig.clock.settle();
    if (end === "rolled back") client.channel.send({ kind: "rollback", message: id });
    else client.channel.die();
    await rig.clock.settle();
    deepEqual([await rig.memory.has(id), rig.intake.messages, rig.clock.pending], [false, 0, 0]);
    rig.answer("a", id, 1, x);
    await rig.clock.advance(offerWaitMs);
    deepEqual([client.heard, rig.intake.messages, rig.committed], [[], 0, []]);
    equal(rig.store.applied.flat().filter(({ kind }) => kind === "rollback").length, 1);
  });
}

Deno.test("Intake makes nothing of an offer that comes after the rollback", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  client.channel.send({ kind: "rollback", message: id });
  await rig.clock.settle();
  rig.offer("a", id, x);
  await rig.clock.settle();
  deepEqual([client.heard, rig.intake.messages, rig.clock.pending], [[], 0, 0]);
});

Deno.test("Intake takes no offer of a file or command that is none, and does not commit without it", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const draft = draftTo("ann@example.org");
  const exec = { kind: "file", text: "relative", from: "table" } as const;
  const bad = { ...draft, local: { user: "_smtpd", subAddress: "", exec } };
  deepEqual([areSound([draft]), areSound([draft, bad])], [true, false]);
  const id = client.take();
  client.commit(id, [rig.offer("a", id, draft, bad)], hello);
  await rig.clock.advance(offerWaitMs);
  deepEqual(client.heard.at(-1)?.kind, "commitFailed");
  deepEqual(rig.kept.of("offer-refused").map(({ fields }) => fields["msgid"]), [id]);
});

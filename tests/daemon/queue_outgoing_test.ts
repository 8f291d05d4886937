import { deepEqual, equal, ok } from "node:assert/strict";
import { inlineMax } from "../../lib/daemon/queue_outgoing.ts";
import { chunkLengthMax } from "../../lib/spool/envelope.ts";
import type { SpoolChange } from "../../lib/spool/store.ts";
import { SeededRandom } from "../sim/random.ts";
import { bytesOf, draftTo, envelopesOf, msg, plant, textOf } from "./rig.ts";
import { delayed, delivered, failed, FakeDelivery, Rig, short } from "./outgoing_rig.ts";

Deno.test("Outgoing sends fresh content along without reading the store", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  rig.store.faults = (call) => (call === "chunk" || call === "message" ? "io" : null);
  await rig.committed(1, ["x@b.test", "y@b.test"], short);
  deepEqual(delivery.names, ["x y"]);
  const { message, body } = delivery.given[0]!;
  deepEqual([message.inline, message.size, textOf(body)], [true, short.length, textOf(short)]);
});

Deno.test("Outgoing reads short content of older messages and sends it along", async () => {
  const rig = new Rig();
  await plant(rig.store.inner, msg(1), rig.clock.now(), [draftTo("x@b.test")], [bytesOf("one "), bytesOf("two")]);
  const delivery = await rig.delivery();
  deepEqual([delivery.given[0]?.message.inline, textOf(delivery.given[0]?.body ?? null)], [true, "one two"]);
});

Deno.test("Outgoing gives an empty message as one", async () => {
  const rig = new Rig();
  await plant(rig.store.inner, msg(1), rig.clock.now(), [draftTo("x@b.test")], []);
  const delivery = await rig.delivery();
  deepEqual(delivery.given.map(({ message, body }) => [message.inline, message.size, body]), [[true, 0, null]]);
});

for (const [length, inline] of [[inlineMax, true], [inlineMax + 1, false]] as const) {
  Deno.test(`Outgoing sends ${length} octets ${inline ? "along" : "in pieces"}`, async () => {
    const rig = new Rig();
    const delivery = await rig.delivery();
    await rig.committed(1, ["x@b.test"], new Uint8Array(length).fill(65));
    const { message, body } = delivery.given[0]!;
    deepEqual([message.inline, message.size, body?.length ?? 0], [inline, length, inline ? length : 0]);
  });
}

Deno.test("Outgoing gives the pieces of a big message as they are asked for", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  const content = new SeededRandom(3).bytes(chunkLengthMax + 100);
  await rig.committed(1, ["x@b.test"], content);
  equal(delivery.given[0]?.message.inline, false);
  for (const [request, seq] of [[7, 0], [8, 1], [9, 2]] as const) {
    delivery.channel.send({ kind: "needChunk", request, message: msg(1), seq });
  }
  await rig.clock.settle();
  deepEqual(delivery.pieces.map(({ message }) => `${message.request} ${message.state}`), [
    "7 piece",
    "8 piece",
    "9 end",
  ]);
  ok(Buffer.from(content).equals(Buffer.concat([delivery.pieces[0]!.body!, delivery.pieces[1]!.body!])));
});

Deno.test("Outgoing answers failed for a piece of a message that is gone, or that the store cannot read", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  delivery.channel.send({ kind: "needChunk", request: 1, message: msg(9), seq: 0 });
  await rig.clock.settle();
  rig.store.faults = (call) => (call === "chunk" ? "io" : null);
  delivery.channel.send({ kind: "needChunk", request: 2, message: msg(9), seq: 0 });
  await rig.clock.settle();
  deepEqual(delivery.pieces.map(({ message }) => `${message.request} ${message.state}`), ["1 failed", "2 failed"]);
});

Deno.test("Outgoing delays what it cannot read, and logs why", async () => {
  const rig = new Rig();
  await plant(rig.store.inner, msg(1), rig.clock.now(), [draftTo("x@b.test")]);
  rig.store.faults = (call) => (call === "chunk" ? "io" : null);
  const delivery = await rig.delivery();
  equal(delivery.given.length, 0);
  equal(rig.kept.of("trouble").length, 1);
  const [envelope] = await envelopesOf(rig.store.inner);
  deepEqual([envelope?.attempts, envelope?.last?.enhanced], [1, "4.3.0"]);
  rig.store.faults = () => null;
  await rig.clock.advance(400_000);
  deepEqual(delivery.names, ["x"]);
});

Deno.test("Outgoing never sends a message that has a piece missing", async () => {
  const rig = new Rig();
  await plant(rig.store.inner, msg(1), rig.clock.now(), [draftTo("x@b.test")], [bytesOf("one "), bytesOf("two")]);
  const { chunk } = rig.store;
  rig.store.chunk = (message, seq) => seq === 1 ? Promise.resolve(null) : chunk.call(rig.store, message, seq);
  const delivery = await rig.delivery();
  equal(delivery.given.length, 0);
  equal((await envelopesOf(rig.store.inner))[0]?.attempts, 1);
});

Deno.test("Outgoing deletes what is delivered, with its message", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  await rig.committed(1, ["x@b.test", "y@b.test"], short);
  const [x, y] = delivery.given[0]!.message.envelopes;
  delivery.answer(delivered, [x!]);
  await rig.clock.settle();
  deepEqual((await envelopesOf(rig.store.inner)).map((envelope) => envelope.id), [y!.id]);
  delivery.answer(delivered, [y!]);
  await rig.clock.settle();
  equal(await rig.store.inner.message(msg(1)), null);
  deepEqual(rig.outgoing.counts, { ok: 2, tempfail: 0, permfail: 0 });
});

Deno.test("Outgoing tries again at 6 m 40 s, 26 m 40 s and 1 h, to the millisecond", async () => {
  const rig = new Rig();
  const start = rig.clock.now();
  const delivery = await rig.delivery();
  await rig.committed(1, ["x@b.test"], short);
  const at: number[] = [];
  for (let n = 1; n < 4; n++) {
    delivery.answer(delayed, delivery.given.at(-1)!.message.envelopes);
    await rig.clock.settle();
    while (delivery.given.length === n) await rig.clock.advance(rig.clock.nextIn ?? Infinity);
    at.push(rig.clock.now() - start);
  }
  deepEqual(at, [400_000, 1_600_000, 3_600_000]);
  equal(rig.outgoing.counts.tempfail, 3);
});

Deno.test("Outgoing sees that the wall clock has jumped within a minute", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  await rig.committed(1, ["x@b.test"], short);
  delivery.answer(delayed);
  await rig.clock.settle();
  rig.clock.jump(3_600_000);
  await rig.clock.advance(60_000);
  equal(delivery.given.length, 2);
});

Deno.test("Outgoing sleeps without a timer when there is nothing to do", async () => {
  const rig = new Rig();
  await rig.delivery();
  equal(rig.clock.pending, 0);
});

Deno.test("Outgoing gives out nothing before delivery is there", async () => {
  const rig = new Rig();
  await rig.committed(1, ["x@b.test"], short);
  deepEqual((await rig.delivery()).names, ["x"]);
});

Deno.test("Outgoing attempts everything again when delivery is gone", async () => {
  const rig = new Rig();
  const first = await rig.delivery();
  await rig.committed(1, ["x@b.test", "y@b.test"], short);
  await rig.committed(2, ["z@b.test"], short);
  deepEqual(first.names, ["x y", "z"]);
  first.answer(delivered, first.given[0]!.message.envelopes.slice(0, 1));
  await rig.clock.settle();
  first.channel.die();
  await rig.clock.settle();
  equal(rig.schedule.inFlight, 0);
  const second = await rig.delivery();
  deepEqual(second.names.toSorted(), ["y", "z"]);
  for (const { message, body } of second.given) deepEqual([message.inline, textOf(body)], [true, textOf(short)]);
});

Deno.test("Outgoing attempts everything again when another delivery comes before the close of the last", async () => {
  const rig = new Rig();
  const first = await rig.delivery();
  await rig.committed(1, ["x@b.test"], short);
  const second = await rig.delivery();
  deepEqual(second.names, ["x"]);
  // What the former says is about an attempt that counts no more.
  first.answer(delayed);
  await rig.clock.settle();
  first.channel.die();
  await rig.clock.settle();
  equal(second.given.length, 1);
  second.answer(delivered);
  await rig.clock.settle();
  deepEqual(await envelopesOf(rig.store.inner), []);
});

for (const seen of [true, false]) {
  const when = seen ? "after its close" : "before its close";
  Deno.test(`Outgoing loses nothing that was on its way to a delivery that dies; the next comes ${when}`, async () => {
    // Whatever turn it dies in, while messages are read from the store one by one.
    for (let turns = 0; turns < 60; turns++) {
      const rig = new Rig();
      for (let n = 1; n <= 4; n++) await plant(rig.store.inner, msg(n), rig.clock.now(), [draftTo(`u${n}@b.test`)]);
      const first = new FakeDelivery(rig);
      for (let n = 0; n < turns; n++) await Promise.resolve();
      first.channel.die();
      if (seen) await rig.clock.settle();
      const second = await rig.delivery();
      deepEqual(second.names.toSorted(), ["u1", "u2", "u3", "u4"], `dies after ${turns} turns`);
      equal(rig.schedule.inFlight, 4);
    }
  });
}

Deno.test("Outgoing keeps submitting an outcome until it is stored, and attempts nothing twice meanwhile", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  await rig.committed(1, ["x@b.test"], short);
  let failures = 0;
  const isOutcome = (changes: readonly SpoolChange[]) => changes.some(({ kind }) => kind === "delete");
  rig.store.faults = (call, changes) => (call === "apply" && isOutcome(changes) && ++failures <= 3 ? "noSpace" : null);
  delivery.answer(delivered);
  await rig.clock.advance(10_000);
  equal(failures, 3);
  equal((await envelopesOf(rig.store.inner)).length, 1);
  equal(delivery.given.length, 1);
  await rig.clock.advance(5_000);
  deepEqual(await envelopesOf(rig.store.inner), []);
  equal(rig.kept.of("store-failed").length, 3);
  equal(rig.schedule.inFlight, 0);
});

Deno.test("Outgoing reads on when the store can be read again", async () => {
  const rig = new Rig();
  await plant(rig.store.inner, msg(1), rig.clock.now(), [draftTo("x@b.test")]);
  let calls = 0;
  rig.store.faults = (call) => (call === "due" && ++calls <= 6 ? "io" : null);
  const delivery = await rig.delivery();
  equal(delivery.given.length, 0);
  await rig.clock.advance(20_000);
  deepEqual(delivery.names, ["x"]);
});

Deno.test("Outgoing holds back a kind that is paused, until it is resumed", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  rig.schedule.pause("mta");
  await rig.committed(1, ["x@b.test"], short);
  await rig.committed(2, ["ann@example.org"], short);
  await rig.clock.advance(3_600_000);
  deepEqual(delivery.names, ["ann"]);
  rig.schedule.resume("mta");
  rig.outgoing.wake();
  await rig.clock.settle();
  deepEqual(delivery.names, ["ann", "x"]);
});

Deno.test("Outgoing keeps at most 8 MiB of fresh content, and reads the rest", async () => {
  const rig = new Rig();
  rig.schedule.pause("mta");
  const content = new Uint8Array(inlineMax).fill(65);
  for (let n = 1; n <= 129; n++) await rig.committed(n, [`u${n}@b.test`], content);
  const reads: string[] = [];
  const { chunk } = rig.store;
  rig.store.chunk = (message, seq) => {
    reads.push(message);
    return chunk.call(rig.store, message, seq);
  };
  rig.schedule.resume("mta");
  const delivery = await rig.delivery();
  equal(delivery.given.length, 129);
  deepEqual(reads, [msg(1)]);
});

Deno.test("Outgoing sends at most 32 MiB unasked, and more once some is done", async () => {
  const rig = new Rig();
  rig.schedule.pause("mta");
  const content = new Uint8Array(inlineMax).fill(65);
  for (let n = 1; n <= 514; n++) await rig.committed(n, [`u${n}@b.test`], content, false);
  rig.schedule.resume("mta");
  const delivery = await rig.delivery();
  const inline = delivery.given.filter(({ message }) => message.inline);
  deepEqual([delivery.given.length, inline.length], [514, 512]);
  delivery.answer(delivered, inline[0]!.message.envelopes);
  await rig.clock.settle();
  await rig.committed(600, ["late@b.test"], content, false);
  equal(delivery.given.at(-1)?.message.inline, true);
});

Deno.test("Outgoing has at most 2,000 envelopes with delivery", async () => {
  const rig = new Rig();
  const rcpts = Array.from({ length: 2100 }, (_, n) => `u${n}@b.test`);
  const delivery = await rig.delivery();
  await rig.committed(1, rcpts, short);
  const count = () => delivery.given.reduce((sum, { message }) => sum + message.envelopes.length, 0);
  equal(count(), 2000);
  ok(delivery.given.every(({ message }) => message.envelopes.length <= 100));
  delivery.answer(delivered, delivery.given[0]!.message.envelopes);
  await rig.clock.settle();
  equal(count(), 2100);
});

Deno.test("Outgoing gives a failed envelope to notices a second later", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  await rig.committed(1, ["x@b.test"], short);
  delivery.answer(failed);
  await rig.clock.advance(999);
  equal(rig.notified.length, 0);
  await rig.clock.advance(1);
  deepEqual(rig.notified.map((group) => group.map(({ kind, rcpt }) => `${kind} ${rcpt.localPart}`)), [["bounce x"]]);
  equal(rig.outgoing.counts.permfail, 1);
});

Deno.test("Outgoing gives up at the time that the envelope expires, not at the attempt after it", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  const [envelope] = await plant(rig.store.inner, msg(1), rig.clock.now(), [draftTo("x@b.test", { ttlMs: 1000 })]);
  rig.outgoing.committed([envelope!], null);
  await rig.clock.settle();
  delivery.answer(delayed);
  await rig.clock.advance(1000);
  equal(delivery.given.length, 1);
  equal(rig.kept.of("expire").length, 1);
  const [notice] = await envelopesOf(rig.store.inner);
  deepEqual([notice?.kind, notice?.last?.enhanced], ["bounce", "5.4.7"]);
});

Deno.test("Outgoing ignores an outcome that comes twice, and one of an envelope it does not know", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  await rig.committed(1, ["x@b.test"], short);
  delivery.answer(delayed);
  delivery.answer(delivered);
  await rig.clock.settle();
  equal((await envelopesOf(rig.store.inner))[0]?.attempts, 1);
  delivery.answer(delivered);
  await rig.clock.settle();
  equal((await envelopesOf(rig.store.inner)).length, 1);
});

Deno.test("Outgoing gives out nothing after stop", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  rig.outgoing.stop();
  await rig.committed(1, ["x@b.test"], short);
  await rig.clock.advance(3_600_000);
  equal(delivery.given.length, 0);
  equal(rig.clock.pending, 0);
});

Deno.test("Outgoing has servers pardoned with the first batch for a destination, and each kind of it for itself", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  await rig.committed(1, ["x@b.test", "y@c.test"], short);
  await rig.committed(2, ["ann@example.org"], short);
  const envelopes = await envelopesOf(rig.store.inner);
  for (const envelope of envelopes) rig.outgoing.pardon(envelope);
  for (const n of [3, 4, 5]) await rig.committed(n, n === 5 ? ["z@c.test"] : ["z@b.test"], short, n !== 4);
  const pardons = delivery.given.map(({ message }) => message.pardon);
  deepEqual(pardons, [false, false, true, false, true]);
});

Deno.test("Outgoing has servers pardoned for content that is not sent along, too", async () => {
  const rig = new Rig();
  const delivery = await rig.delivery();
  await rig.committed(1, ["x@b.test"], short);
  for (const envelope of await envelopesOf(rig.store.inner)) rig.outgoing.pardon(envelope);
  await rig.committed(2, ["z@b.test"], new Uint8Array(inlineMax + 1));
  deepEqual(delivery.given.map(({ message }) => [message.inline, message.pardon]), [[true, false], [false, true]]);
});

Deno.test("Outgoing names each file or command to the supervisor when it gives delivery the envelope", async () => {
  const rig = new Rig();
  const exec = { kind: "command", text: "log", from: "table" } as const;
  const delivery = await rig.delivery();
  await rig.committedLocal(1, { user: "_smtpd", subAddress: "", exec });
  await rig.committedLocal(2, { user: "ann", subAddress: "", exec: null });
  deepEqual(rig.named, [{ action: "box", user: "_smtpd", exec }]);
  equal(delivery.given.length, 2);
});

Deno.test("Outgoing gives mail to the delivery that follows, and still takes the outcomes of the former", async () => {
  const rig = new Rig();
  const former = await rig.delivery();
  await rig.committed(1, ["x@b.test"], short);
  const next = new FakeDelivery(rig, "delivery#v2");
  await rig.clock.settle();
  await rig.committed(2, ["y@b.test"], short);
  deepEqual([former.names, next.names], [["x", "y"], []], "it is there, but not the one to work with yet");
  rig.outgoing.follow("delivery#v2");
  await rig.committed(3, ["z@b.test"], short);
  deepEqual([former.names, next.names], [["x", "y"], ["z"]]);
  former.answer(delivered, former.given[0]!.message.envelopes);
  await rig.clock.settle();
  equal(rig.outgoing.counts.ok, 1);
  former.channel.die();
  await rig.clock.settle();
  deepEqual(next.names, ["z", "y"], "what the former had not done is done by the next");
  next.answer(delivered, next.given.flatMap(({ message }) => message.envelopes));
  await rig.clock.settle();
  deepEqual([rig.outgoing.counts.ok, await envelopesOf(rig.store.inner)], [3, []]);
});

Deno.test("Outgoing takes no outcome from a delivery that was not given the envelope", async () => {
  const rig = new Rig();
  const former = await rig.delivery();
  await rig.committed(1, ["x@b.test"], short);
  const other = new FakeDelivery(rig, "delivery#v2");
  await rig.clock.settle();
  other.answer(delivered, former.given[0]!.message.envelopes);
  await rig.clock.settle();
  equal((await envelopesOf(rig.store.inner)).length, 1);
});

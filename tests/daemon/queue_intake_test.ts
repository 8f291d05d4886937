import { type Handling, plainHandling } from "../../lib/smtp/handling.ts";
import { deepEqual, equal, ok } from "node:assert/strict";
import { handSize, handSizeMax, Intake } from "../../lib/daemon/queue_intake.ts";
import { chunkLengthMax } from "../../lib/spool/envelope.ts";
import { GroupCommit } from "../../lib/spool/group.ts";
import { msgIdOfEvp } from "../../lib/spool/id.ts";
import { SeededRandom } from "../sim/random.ts";
import { bytesOf, contentOf, draftTo, envelopesOf, msg } from "./rig.ts";
import { hello, Rig } from "./intake_rig.ts";

Deno.test("Intake deals a hand at once, and more when half of it is used", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  equal(client.ids.length, handSize);
  for (let n = 0; n < handSize / 2; n++) rig.offer("a", client.take(), draftTo("x@b.test"));
  await rig.clock.settle();
  equal(client.ids.length, handSize / 2);
  rig.offer("a", client.take(), draftTo("x@b.test"));
  await rig.clock.settle();
  equal(client.ids.length, handSize);
});

Deno.test("Intake makes body and envelopes durable before it says committed", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  const request = rig.offer("a", id, draftTo("x@b.test"), draftTo("ann@example.org"));
  await rig.clock.settle();
  deepEqual(client.heard, [], "the recipient is no concern of smtp-in's any more");
  equal(await rig.memory.message(id), null);
  rig.store.faults = () => {
    equal(client.heard.length, 0, "nothing is said before the store has it");
    return null;
  };
  client.commit(id, [request], hello);
  await rig.clock.settle();
  deepEqual(client.heard, [{ kind: "committed", message: id }]);
  deepEqual(await contentOf(rig.memory, id), Buffer.from(hello));
  const now = rig.clock.now();
  const envelopes = await envelopesOf(rig.memory);
  deepEqual(envelopes.map(({ dest, kind }) => `${kind} ${dest.localPart}@${dest.domain}`).sort(), [
    "mda ann@example.org",
    "mta x@b.test",
  ]);
  for (const envelope of envelopes) {
    equal(envelope.createdAt, now);
    equal(envelope.nextAt, now);
    equal(envelope.expiresAt, now + 4 * 86_400_000);
    equal(envelope.attempts, 0);
    equal(envelope.last, null);
  }
  equal(rig.committed.length, 1);
  deepEqual(rig.committed[0]?.content, hello.slice());
  equal(rig.intake.messages, 0);
});

Deno.test("Intake gathers a body that comes in pieces", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  const request = rig.offer("a", id, draftTo("x@b.test"));
  for (const byte of hello.subarray(0, 6)) client.channel.send({ kind: "body", message: id }, Uint8Array.of(byte));
  client.channel.send({ kind: "body", message: id }, hello.subarray(6));
  client.commit(id, [request], null, hello.length);
  await rig.clock.settle();
  deepEqual(await contentOf(rig.memory, id), Buffer.from(hello));
});

Deno.test("Intake stores a long body in pieces of 256 KiB while it still comes", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  const request = rig.offer("a", id, draftTo("x@b.test"));
  const body = new SeededRandom(7).bytes(2 * chunkLengthMax + 1000);
  for (let at = 0; at < body.length; at += 100_000) {
    client.channel.send({ kind: "body", message: id }, body.subarray(at, at + 100_000));
  }
  await rig.clock.settle();
  const early = rig.store.applied.flat();
  deepEqual(early.map((change) => change.kind), ["chunk", "chunk"]);
  client.commit(id, [request], null, body.length);
  await rig.clock.settle();
  equal(client.heard.at(-1)?.kind, "committed");
  const stored = await rig.memory.message(id);
  deepEqual(stored && [stored.size, stored.chunks], [body.length, 3]);
  for (let seq = 0; seq < 2; seq++) equal((await rig.memory.chunk(id, seq))?.length, chunkLengthMax);
  ok(Buffer.from(body).equals(await contentOf(rig.memory, id) ?? new Uint8Array(0)));
  equal(rig.committed[0]?.content, null, "what came in several pieces is read from the store");
});

Deno.test("Intake stores one large frame in several pieces", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  const request = rig.offer("a", id, draftTo("x@b.test"));
  const body = new SeededRandom(8).bytes(3 * chunkLengthMax);
  client.commit(id, [request], body);
  await rig.clock.settle();
  equal((await rig.memory.message(id))?.chunks, 3);
  ok(Buffer.from(body).equals(await contentOf(rig.memory, id) ?? new Uint8Array(0)));
});

for (const [kind, cause] of [["noSpace", "noSpace"], ["io", "io"], ["denied", "io"]] as const) {
  Deno.test(`Intake answers ${cause} when the store fails with ${kind}, and keeps nothing`, async () => {
    const rig = new Rig();
    const client = await rig.client("a");
    const id = client.take();
    const request = rig.offer("a", id, draftTo("x@b.test"));
    rig.store.faults = (_call, changes) => (changes.some((change) => change.kind === "commit") ? kind : null);
    client.commit(id, [request], hello);
    await rig.clock.settle();
    deepEqual(client.heard.at(-1), { kind: "commitFailed", message: id, cause });
    equal(await rig.memory.has(id), false);
    equal(rig.committed.length, 0);
    equal(rig.intake.messages, 0);
    equal(rig.kept.of("commit-failed").length, 1);
  });
}

Deno.test("Intake fails the commit when a piece could not be stored, and nothing stays", async () => {
  const rig = new Rig(2 * chunkLengthMax);
  const client = await rig.client("a");
  const id = client.take();
  const request = rig.offer("a", id, draftTo("x@b.test"));
  const piece = new Uint8Array(chunkLengthMax);
  let size = 0;
  for (let n = 0; n < 5; n++, size += piece.length) {
    client.channel.send({ kind: "body", message: id }, piece);
    await rig.clock.settle();
  }
  equal(await rig.memory.has(id), true, "the first pieces fit");
  client.commit(id, [request], null, size);
  await rig.clock.settle();
  deepEqual(client.heard.at(-1), { kind: "commitFailed", message: id, cause: "noSpace" });
  equal(await rig.memory.has(id), false);
  equal(rig.committed.length, 0);
  // The room is free again.
  const next = client.take();
  client.commit(next, [rig.offer("a", next, draftTo("x@b.test"))], piece);
  await rig.clock.settle();
  equal(client.heard.at(-1)?.kind, "committed");
});

Deno.test("Intake waits for the pieces under way before it commits", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  const request = rig.offer("a", id, draftTo("x@b.test"));
  rig.store.faults = (_call, changes) => (changes.some(({ kind }) => kind === "chunk") ? "noSpace" : null);
  const body = new Uint8Array(chunkLengthMax + 1);
  client.commit(id, [request], body);
  await rig.clock.settle();
  equal(client.heard.at(-1)?.kind, "commitFailed");
  ok(!rig.store.applied.flat().some(({ kind }) => kind === "commit"), "no commit of a message with a hole");
});

Deno.test("Intake answers unknown to a size that is not what came", async () => {
  for (const size of [hello.length - 1, hello.length + 1, 0]) {
    const rig = new Rig();
    const client = await rig.client("a");
    const id = client.take();
    const request = rig.offer("a", id, draftTo("x@b.test"));
    client.commit(id, [request], hello, size);
    await rig.clock.settle();
    deepEqual(client.heard.at(-1), { kind: "commitFailed", message: id, cause: "unknown" });
    equal(await rig.memory.has(id), false);
    equal(rig.intake.messages, 0);
  }
});

Deno.test("Intake answers unknown to a commit without recipients", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  rig.offer("a", id, draftTo("x@b.test"));
  client.commit(id, [], hello);
  await rig.clock.settle();
  deepEqual(client.heard, [{ kind: "commitFailed", message: id, cause: "unknown" }]);
  deepEqual([rig.intake.messages, rig.clock.pending], [0, 0]);
});

Deno.test("Intake answers unknown to a second commit of an id, and keeps the first", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  const request = rig.offer("a", id, draftTo("x@b.test"));
  client.commit(id, [request], hello);
  client.commit(id, [request], hello);
  await rig.clock.settle();
  deepEqual(client.heard.map((one) => one.kind).sort(), ["commitFailed", "committed"]);
  equal((await envelopesOf(rig.memory)).length, 1);
});

Deno.test("Intake takes recipients and content only from the one that an id was dealt to", async () => {
  const rig = new Rig();
  const owner = await rig.client("a");
  const other = await rig.client("b");
  const id = owner.take();
  const early = rig.offer("b", id, draftTo("evil@b.test"));
  const request = rig.offer("a", id, draftTo("x@b.test"));
  const late = rig.offer("b", id, draftTo("evil@b.test"));
  other.channel.send({ kind: "body", message: id }, bytesOf("evil"));
  other.channel.send({ kind: "rollback", message: id });
  other.commit(id, [early, request, late], null, 4);
  owner.commit(id, [request], hello);
  await rig.clock.settle();
  deepEqual(other.heard.map((one) => one.kind), ["commitFailed"]);
  deepEqual(owner.heard.map((one) => one.kind), ["committed"]);
  deepEqual((await envelopesOf(rig.memory)).map((envelope) => envelope.dest.localPart), ["x"]);
  deepEqual(await contentOf(rig.memory, id), Buffer.from(hello));
});

Deno.test("Intake takes nothing under an id that nobody was dealt", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = msg(0xdead);
  ok(!client.ids.includes(id));
  const request = rig.offer("a", id, draftTo("x@b.test"));
  client.commit(id, [request], hello);
  await rig.clock.settle();
  deepEqual(client.heard, [{ kind: "commitFailed", message: id, cause: "unknown" }]);
  deepEqual([rig.intake.messages, rig.clock.pending], [0, 0]);
  equal(await rig.memory.has(id), false);
});

Deno.test("Intake gives every envelope of a message an id of its own", () => {
  const numbers = [5, 5, 0, 5, 6];
  const rig = new Rig();
  const intake = new Intake({
    room: () => null,
    clock: rig.clock,
    random: { u32: () => numbers.shift() ?? 9, bytes: (length) => new Uint8Array(length) },
    log: rig.kept.log,
    store: rig.store,
    group: new GroupCommit(rig.store, (run) => rig.clock.soon(run)),
    committed: () => {},
  });
  const drafts = [draftTo("x@b.test"), draftTo("y@b.test"), draftTo("z@b.test")];
  const ids = intake.finish(msg(1), drafts, 0).map((envelope) => envelope.id);
  equal(new Set(ids).size, 3);
  for (const id of ids) {
    equal(msgIdOfEvp(id), msg(1));
    ok(!id.endsWith("00000000"));
  }
});

Deno.test("Intake lets a message go when its sender says, and keeps it no longer than asked", () => {
  const rig = new Rig();
  const intake = new Intake({
    room: () => null,
    clock: rig.clock,
    random: { u32: () => 7, bytes: (length) => new Uint8Array(length) },
    log: rig.kept.log,
    store: rig.store,
    group: new GroupCommit(rig.store, (run) => rig.clock.soon(run)),
    committed: () => {},
  });
  const timesOf = (change: Partial<Handling>) => {
    const draft = draftTo("x@b.test", { ttlMs: 1000, handling: { ...plainHandling, ...change } });
    return intake.finish(msg(1), [draft], 500).map((
      { createdAt, nextAt, expiresAt },
    ) => [createdAt, nextAt, expiresAt]);
  };
  deepEqual(timesOf({}), [[500, 500, 1500]]);
  deepEqual(timesOf({ holdUntil: 2000 }), [[500, 2000, 3000]]);
  deepEqual(timesOf({ holdUntil: 400 }), [[500, 500, 1500]]);
  deepEqual(timesOf({ deliverBy: { at: 800, mode: "return", trace: false } }), [[500, 500, 800]]);
  deepEqual(timesOf({ deliverBy: { at: 9000, mode: "return", trace: false } }), [[500, 500, 1500]]);
  deepEqual(timesOf({ deliverBy: { at: 800, mode: "notify", trace: false } }), [[500, 500, 1500]]);
});

Deno.test("Intake forgets a message that is rolled back", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  rig.offer("a", id, draftTo("x@b.test"));
  client.channel.send({ kind: "body", message: id }, new Uint8Array(chunkLengthMax + 5));
  await rig.clock.settle();
  equal(await rig.memory.has(id), true);
  client.channel.send({ kind: "rollback", message: id });
  await rig.clock.settle();
  equal(await rig.memory.has(id), false);
  equal(rig.intake.messages, 0);
  client.commit(id, [], null, 0);
  await rig.clock.settle();
  equal(client.heard.at(-1)?.kind, "commitFailed");
});

Deno.test("Intake rolls back when the store can, if it cannot at once", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  rig.offer("a", id, draftTo("x@b.test"));
  client.channel.send({ kind: "body", message: id }, new Uint8Array(chunkLengthMax + 5));
  await rig.clock.settle();
  rig.store.faults = (call) => (call === "apply" ? "noSpace" : null);
  client.channel.send({ kind: "rollback", message: id });
  await rig.clock.advance(60_000);
  equal(await rig.memory.has(id), true);
  rig.store.faults = () => null;
  await rig.clock.advance(5_000);
  equal(await rig.memory.has(id), false);
  equal(rig.clock.pending, 0);
});

Deno.test("Intake forgets what an smtp-in that is gone had not committed, and takes its ids back", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const [open, unused] = [client.take(), client.take()];
  rig.offer("a", open, draftTo("x@b.test"));
  client.channel.send({ kind: "body", message: open }, new Uint8Array(chunkLengthMax + 5));
  await rig.clock.settle();
  client.channel.die();
  await rig.clock.settle();
  equal(rig.intake.messages, 0);
  equal(await rig.memory.has(open), false);
  const next = await rig.client("a");
  const request = rig.offer("a", unused, draftTo("x@b.test"));
  next.commit(open, [request], null, 0);
  next.commit(unused, [request], hello);
  await rig.clock.settle();
  deepEqual(next.heard.map((one) => one.kind), ["commitFailed", "commitFailed"]);
  equal(rig.intake.messages, 0);
});

Deno.test("Intake finishes a commit of an smtp-in that is gone meanwhile", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  const id = client.take();
  const request = rig.offer("a", id, draftTo("x@b.test"));
  client.commit(id, [request], hello);
  client.channel.die();
  await rig.clock.settle();
  equal(rig.committed.length, 1);
  deepEqual(await contentOf(rig.memory, id), Buffer.from(hello));
});

Deno.test("Intake gives a new smtp-in of the same name nothing of the former's, though that has not closed yet", async () => {
  const rig = new Rig();
  const former = await rig.client("a");
  const id = former.take();
  rig.offer("a", id, draftTo("x@b.test"));
  former.channel.send({ kind: "body", message: id }, new Uint8Array(chunkLengthMax + 5));
  await rig.clock.settle();
  const next = await rig.client("a");
  equal(rig.intake.messages, 0);
  equal(await rig.memory.has(id), false);
  equal(next.ids.length, handSize);
  former.channel.die();
  await rig.clock.settle();
  const own = next.take();
  const request = rig.offer("a", own, draftTo("x@b.test"));
  next.commit(own, [request], hello);
  await rig.clock.settle();
  deepEqual(next.heard, [{ kind: "committed", message: own }]);
});

Deno.test("Intake deals when the store can be read again", async () => {
  const rig = new Rig();
  let calls = 0;
  rig.store.faults = (call) => (call === "has" && ++calls > 10 && calls < 13 ? "io" : null);
  const client = await rig.client("a");
  equal(client.ids.length, 10);
  await rig.clock.advance(5000);
  equal(client.ids.length, 10);
  await rig.clock.advance(5000);
  equal(client.ids.length, handSize);
  equal(new Set(client.ids).size, handSize);
});

Deno.test("Intake tells every smtp-in, and adds up what those that are there count", async () => {
  const rig = new Rig();
  const [a, b] = [await rig.client("a"), await rig.client("b")];
  const counters = { "smtp.limit.max-rcpt": 10 };
  a.channel.send({ kind: "stats", stats: { gauges: { "smtp.session": 2 }, counters } });
  b.channel.send({ kind: "stats", stats: { gauges: { "smtp.session": 3 }, counters: {} } });
  rig.intake.tell({ kind: "paused", paused: true });
  await rig.clock.settle();
  deepEqual(a.heard, [{ kind: "paused", paused: true }]);
  deepEqual(b.heard, [{ kind: "paused", paused: true }]);
  deepEqual(Object.fromEntries(rig.intake.stats()), { "smtp.session": 5, ...counters });
  a.channel.die();
  await rig.clock.settle();
  deepEqual(Object.fromEntries(rig.intake.stats()), { "smtp.session": 3, ...counters });
  // Another takes the place of one that seems to be there.
  await rig.client("b");
  deepEqual(Object.fromEntries(rig.intake.stats()), counters);
});

Deno.test("Intake deals more to an smtp-in whose clients begin messages and stay there, up to a limit", async () => {
  const rig = new Rig();
  const client = await rig.client("a");
  for (let size = 2 * handSize; size <= 2 * handSizeMax; size *= 2) {
    client.channel.send({ kind: "wantIds" });
    await rig.clock.settle();
    equal(client.ids.length, Math.min(size, handSizeMax));
  }
  equal(new Set(client.ids).size, handSizeMax);
});

import { deepEqual, equal, rejects } from "node:assert/strict";
import { ContentReader } from "../../lib/daemon/content.ts";
import type { DeliveryToQueue, QueueToDelivery } from "../../lib/daemon/imsg.ts";
import { Fault } from "../../lib/fault.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { bytesOf, msg, textOf } from "./rig.ts";

type Ask = Extract<DeliveryToQueue, { kind: "needChunk" }>;

class Rig {
  readonly clock = new FakeClock();
  readonly asked: Ask[] = [];
  readonly queue: FakeChannel<QueueToDelivery, DeliveryToQueue>;
  readonly reader: ContentReader;

  constructor() {
    const [near, far] = channelPair<DeliveryToQueue, QueueToDelivery>(this.clock);
    this.queue = far;
    this.reader = new ContentReader(near);
    near.onMessage((message, body) => message.kind === "chunk" && this.reader.received(message, body));
    near.onClose(() => this.reader.closed());
    far.onMessage((message) => message.kind === "needChunk" && void this.asked.push(message));
  }

  answer(request: number, state: "piece" | "end" | "failed", text?: string): void {
    this.queue.send({ kind: "chunk", request, state }, text === undefined ? undefined : bytesOf(text));
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof Fault && error.kind === "unavailable";
}

Deno.test("Content that came along is read without asking", async () => {
  const rig = new Rig();
  const content = rig.reader.content(msg(1), bytesOf("hello"));
  equal(textOf(content.inline), "hello");
  equal(textOf(await content.read(0)), "hello");
  equal(await content.read(1), null);
  equal(rig.asked.length, 0);
});

Deno.test("Content that came along may be empty", async () => {
  const content = new Rig().reader.content(msg(1), new Uint8Array(0));
  equal((await content.read(0))?.length, 0);
  equal(await content.read(1), null);
});

Deno.test("Content is asked for piece by piece, and each answer finds its question", async () => {
  const rig = new Rig();
  const [a, b] = [rig.reader.content(msg(1), null), rig.reader.content(msg(2), null)];
  equal(a.inline, null);
  const reads = [a.read(0), b.read(0), a.read(1), a.read(2)];
  await rig.clock.settle();
  deepEqual(rig.asked.map(({ message, seq }) => `${message} ${seq}`), [
    "00000001 0",
    "00000002 0",
    "00000001 1",
    "00000001 2",
  ]);
  const [a0, b0, a1, a2] = rig.asked.map(({ request }) => request);
  rig.answer(a1!, "piece", "a one");
  rig.answer(b0!, "piece", "b nought");
  rig.answer(a2!, "end");
  rig.answer(a0!, "piece", "a nought");
  await rig.clock.settle();
  deepEqual((await Promise.all(reads)).map((piece) => piece && textOf(piece)), [
    "a nought",
    "b nought",
    "a one",
    null,
  ]);
});

Deno.test("Content of a message that the queue cannot read rejects", async () => {
  const rig = new Rig();
  const read = rejects(rig.reader.content(msg(1), null).read(0), isUnavailable);
  await rig.clock.settle();
  rig.answer(rig.asked[0]!.request, "failed");
  await rig.clock.settle();
  await read;
});

Deno.test("Content is not to be had once the queue is gone, asked for before or after, nor what came along", async () => {
  const rig = new Rig();
  const [asked, along] = [rig.reader.content(msg(1), null), rig.reader.content(msg(2), bytesOf("hello"))];
  const read = rejects(asked.read(0), isUnavailable);
  await rig.clock.settle();
  rig.queue.die();
  await rig.clock.settle();
  await read;
  await rejects(asked.read(1), isUnavailable);
  await rejects(along.read(0), isUnavailable);
  equal(along.inline, null);
});

Deno.test("Content ignores an answer that nobody waits for", async () => {
  const rig = new Rig();
  const read = rig.reader.content(msg(1), null).read(0);
  await rig.clock.settle();
  const { request } = rig.asked[0]!;
  rig.answer(request + 1, "piece", "stray");
  rig.answer(request, "piece", "one");
  rig.answer(request, "piece", "two");
  await rig.clock.settle();
  equal(textOf(await read), "one");
});

/** Frames between roles: whatever way the bytes are cut, and whatever the other side makes of them. */

import { Buffer } from "node:buffer";
import { deepEqual, equal, ok } from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import { frameLengthMax, StreamChannel } from "../../lib/daemon/channel.ts";
import type { Address, Stream, StreamHandler } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { streamPair } from "../sim/net.ts";

/** A stream whose other side is the test: it keeps what is written and says what arrives. */
class Wire implements Stream {
  readonly remote: Address = { kind: "unix", path: "" };
  readonly local: Address = this.remote;
  readonly writes: Uint8Array[] = [];
  state: "open" | "ended" | "destroyed" = "open";
  buffered = 0;
  #handler: StreamHandler | null = null;

  attach(handler: StreamHandler): void {
    this.#handler = handler;
  }
  write(bytes: Uint8Array): boolean {
    this.writes.push(bytes);
    return true;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.state = "ended";
  }
  finish(): void {
    this.state = "destroyed";
  }
  destroy(): void {
    this.state = "destroyed";
  }
  arrive(bytes: Uint8Array): void {
    this.#handler?.data(bytes);
  }
  drained(): void {
    this.#handler?.drain();
  }
  halfClosed(): void {
    this.#handler?.end();
  }
  closed(): void {
    this.#handler?.close(null);
  }
  get written(): Buffer {
    return Buffer.concat(this.writes);
  }
}

/** A turn of the event loop that the test ends. */
function turns() {
  const waiting: (() => void)[] = [];
  return {
    soon: (run: () => void) => void waiting.push(run),
    end: () => waiting.splice(0).forEach((run) => run()),
  };
}

interface Parcel {
  readonly message: { readonly [name: string]: unknown };
  readonly body: Uint8Array | null;
}

/** What `parcels` are on the wire. */
function encode(parcels: readonly Parcel[]): Buffer {
  const wire = new Wire();
  const turn = turns();
  const channel = new StreamChannel<unknown, unknown>(wire, turn.soon);
  for (const { message, body } of parcels) body === null ? channel.send(message) : channel.send(message, body);
  turn.end();
  return wire.written;
}

function reader() {
  const wire = new Wire();
  const got: Parcel[] = [];
  const channel = new StreamChannel<unknown, Parcel["message"]>(wire, turns().soon);
  channel.onMessage((message, body) => void got.push({ message, body: body === null ? null : new Uint8Array(body) }));
  return { wire, got, channel };
}

function frame(json: string | Uint8Array, body: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(json);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(4 + text.length + body.length, 0);
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, text, body]);
}

/** An empty body is none on the wire. */
const parcels = fc.array(
  fc.record({
    message: fc.record({ kind: fc.string(), text: anyText(), list: fc.array(fc.integer()) }),
    body: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 })),
  }),
  { minLength: 1, maxLength: 8 },
);

Deno.test("messages and bodies arrive as they were sent, however the bytes are cut", () => {
  fc.assert(
    fc.property(parcels, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = encode(sent);
      const { wire, got } = reader();
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const end = at + cuts[i % cuts.length]!;
        wire.arrive(bytes.subarray(at, end));
        at = end;
      }
      deepEqual(got, sent.map(({ message, body }) => ({ message: JSON.parse(JSON.stringify(message)), body })));
      equal(wire.state, "open");
    }),
    { numRuns: 300 },
  );
});

Deno.test("a body of any size arrives whole, in order with what is sent around it", () => {
  for (const size of [1, 8191, 16_384, 16_385, 65_537, 1_000_000]) {
    const body = new Uint8Array(size).map((_, i) => i * 31);
    const sent = [
      { message: { kind: "before" }, body: null },
      { message: { kind: "it" }, body },
      { message: { kind: "after" }, body: new Uint8Array([1]) },
    ];
    const { wire, got } = reader();
    wire.arrive(encode(sent));
    deepEqual(got.map(({ message }) => message["kind"]), ["before", "it", "after"]);
    ok(Buffer.from(got[1]?.body ?? []).equals(body), String(size));
    deepEqual(got[2]?.body, new Uint8Array([1]));
  }
});

Deno.test("what is sent in one turn leaves in one write", () => {
  const wire = new Wire();
  const turn = turns();
  const channel = new StreamChannel<unknown, unknown>(wire, turn.soon);
  for (let i = 0; i < 50; i++) channel.send({ kind: "small", i }, new Uint8Array(20));
  equal(wire.writes.length, 0);
  turn.end();
  equal(wire.writes.length, 1);
  channel.send({ kind: "next" });
  turn.end();
  equal(wire.writes.length, 2);
});

Deno.test("bytes handed to the stream are not touched again", () => {
  const wire = new Wire();
  const turn = turns();
  const channel = new StreamChannel<unknown, unknown>(wire, turn.soon);
  // One that is copied out of the buffer, one that takes the buffer along.
  for (const length of [10, 9000]) {
    channel.send({ kind: "a".repeat(length) });
    turn.end();
    const before = Buffer.from(wire.writes.at(-1) ?? []);
    channel.send({ kind: "b".repeat(length) });
    turn.end();
    ok(before.equals(Buffer.from(wire.writes.at(-2) ?? [])));
  }
});

Deno.test("garbage ends the connection and hands over nothing more", () => {
  const good = frame('{"kind":"good"}');
  for (
    const [name, bytes] of [
      ["a length too small for a frame", Buffer.from([0, 0, 0, 3, 0, 0, 0])],
      ["a length over the limit", Buffer.from([0xff, 0xff, 0xff, 0xff])],
      ["JSON longer than its frame", Buffer.from([0, 0, 0, 6, 0, 0, 0, 3, 0x7b, 0x7d])],
      ["text that is no JSON", frame("{kind}")],
      ["no text at all", frame("")],
      ["JSON that is no object", frame("null")],
      ["a number", frame("7")],
      ["octets that are no UTF-8", frame(new Uint8Array([0x7b, 0xff, 0x7d]))],
      ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ] as const
  ) {
    const { wire, got } = reader();
    wire.arrive(Buffer.concat([good, bytes, good]));
    equal(wire.state, "destroyed", name);
    wire.arrive(good);
    deepEqual(got, [{ message: { kind: "good" }, body: null }], name);
  }
});

Deno.test("any bytes at all are taken or end the connection, and never throw", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), (pieces) => {
      const { wire } = reader();
      for (const piece of pieces) wire.arrive(piece);
    }),
    { numRuns: 500 },
  );
});

Deno.test("a frame up to the limit is waited for, one octet more is not", () => {
  for (const [length, state] of [[frameLengthMax, "open"], [frameLengthMax + 1, "destroyed"]] as const) {
    const { wire } = reader();
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    wire.arrive(head);
    equal(wire.state, state);
  }
});

Deno.test("an exception of the receiver is not taken for garbage", () => {
  const { wire, channel } = reader();
  channel.onMessage(() => {
    throw new Error("our own mistake");
  });
  let thrown = "";
  try {
    wire.arrive(frame('{"kind":"fine"}'));
  } catch (error) {
    thrown = error instanceof Error ? error.message : "";
  }
  equal(thrown, "our own mistake");
});

Deno.test("messages that come before anybody listens wait, in order", () => {
  const wire = new Wire();
  const channel = new StreamChannel<unknown, { readonly n: number }>(wire, turns().soon);
  wire.arrive(Buffer.concat([frame('{"n":1}'), frame('{"n":2}', new Uint8Array([9]))]));
  const got: number[] = [];
  channel.onMessage(({ n }, body) => void got.push(n, body?.length ?? 0));
  wire.arrive(frame('{"n":3}'));
  deepEqual(got, [1, 0, 2, 1, 3, 0]);
});

Deno.test("send() asks for patience from 1 MiB on, and says when the stream has taken it all", () => {
  const wire = new Wire();
  const turn = turns();
  const channel = new StreamChannel<unknown, unknown>(wire, turn.soon);
  let drains = 0;
  channel.onDrain(() => drains++);
  equal(channel.send({ kind: "body" }, new Uint8Array(1000)), true);
  ok(channel.buffered > 1000);
  turn.end();
  equal(channel.buffered, 0);
  wire.buffered = 1024 * 1024;
  equal(channel.send({ kind: "body" }), false);
  equal(drains, 0);
  wire.buffered = 0;
  wire.drained();
  equal(drains, 1);
});

Deno.test("close() sends what is queued first", () => {
  const wire = new Wire();
  const channel = new StreamChannel<unknown, unknown>(wire, turns().soon);
  channel.send({ kind: "last words" });
  channel.close();
  equal(wire.written.toString("utf8", 8), '{"kind":"last words"}');
  equal(wire.state, "ended");
});

Deno.test("the end is told once, also to who asks late, and nothing is written after it", () => {
  const wire = new Wire();
  const turn = turns();
  const channel = new StreamChannel<unknown, unknown>(wire, turn.soon);
  let early = 0;
  let late = 0;
  channel.onClose(() => early++);
  channel.send({ kind: "queued" });
  wire.halfClosed();
  equal(wire.state, "destroyed");
  wire.closed();
  wire.closed();
  turn.end();
  equal(channel.send({ kind: "too late" }), true);
  turn.end();
  channel.onClose(() => late++);
  deepEqual([early, late, wire.writes.length], [1, 1, 0]);
});

Deno.test("two roles talk both ways, and one sees the other go", async () => {
  const clock = new FakeClock();
  const { client, server } = streamPair(clock);
  const near = new StreamChannel<{ ask: number }, { answer: number }>(client, clock.soon.bind(clock));
  const far = new StreamChannel<{ answer: number }, { ask: number }>(server, clock.soon.bind(clock));
  const answers: number[] = [];
  let gone = 0;
  far.onMessage(({ ask }) => void far.send({ answer: ask * 2 }));
  near.onMessage(({ answer }) => void answers.push(answer));
  near.onClose(() => gone++);
  for (const ask of [1, 2, 3]) near.send({ ask });
  await clock.settle();
  deepEqual(answers, [2, 4, 6]);
  far.close();
  await clock.settle();
  equal(gone, 1);
});

import { Buffer } from "node:buffer";
import { deepEqual, equal, ok } from "node:assert/strict";
import { openProxied, ProxiedStream } from "../../lib/daemon/proxied_stream.ts";
import type { Stream } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { streamPair } from "../sim/net.ts";
import { textOf } from "./rig.ts";

const header = "PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\r\n";
const proxy = { kind: "inet", ip: "198.51.100.1", port: 5555 } as const;

/** A connection of a proxy, and what became of it. */
async function world(...pieces: readonly string[]) {
  const clock = new FakeClock();
  const ends = streamPair(clock, undefined, proxy);
  const opened: Stream[] = [];
  const failed: string[] = [];
  const options = { clock, timeoutMs: 5000, versions: "any" } as const;
  const cancel = openProxied(ends.server, options, (one) => void opened.push(one), (why) => void failed.push(why));
  let said = "";
  let isClosed = false;
  ends.client.attach({
    data: (bytes) => void (said += textOf(bytes)),
    drain: () => {},
    end: () => {},
    close: () => void (isClosed = true),
  });
  const write = async (text: string) => {
    ends.client.write(Buffer.from(text, "latin1"));
    await clock.settle();
  };
  for (const piece of pieces) await write(piece);
  return { clock, client: ends.client, opened, failed, cancel, write, state: () => ({ said, isClosed }) };
}

/** Attaches to a stream; what it is told. */
function listen(stream: Stream): string[] {
  const told: string[] = [];
  stream.attach({
    data: (bytes) => void told.push(textOf(bytes)),
    drain: () => void told.push("drain"),
    end: () => void told.push("end"),
    close: () => void told.push("close"),
  });
  return told;
}

Deno.test("openProxied() gives the client's connection, with what came behind the header", async () => {
  const { clock, opened, failed, write, state } = await world(header.slice(0, 9), header.slice(9) + "EHLO a\r\n");
  deepEqual([opened.length, failed], [1, []]);
  const [stream] = opened;
  deepEqual(stream?.remote, { kind: "inet", ip: "192.0.2.7", port: 40000 });
  // Nothing is lost that comes before somebody listens.
  await write("QUIT\r\n");
  const told = listen(stream!);
  await clock.settle();
  deepEqual(told, ["EHLO a\r\n", "QUIT\r\n"]);
  stream!.write(Buffer.from("220 hello\r\n"));
  stream!.end();
  await clock.settle();
  equal(state().said, "220 hello\r\n");
  equal(clock.pending, 0, "no timer is left");
});

Deno.test("openProxied() leaves a connection with its own address where the proxy speaks for itself", async () => {
  const { opened } = await world("PROXY UNKNOWN\r\n");
  deepEqual(opened[0]?.remote, proxy);
});

Deno.test("openProxied() drops without a word who sends no header", async () => {
  const { opened, failed, state } = await world("EHLO a.test\r\n");
  deepEqual([opened.length, failed, state()], [0, ["no header"], { said: "", isClosed: true }]);
});

Deno.test("openProxied() waits only so long, and is told of the end", async () => {
  const late = await world(header.slice(0, 20));
  await late.clock.advance(4999);
  deepEqual(late.failed, []);
  await late.clock.advance(1);
  deepEqual([late.failed, late.state().isClosed], [["no header in time"], true]);
  const gone = await world();
  gone.client.end();
  await gone.clock.settle();
  deepEqual([gone.failed, gone.clock.pending], [["the connection ended before the header"], 0]);
  const stopped = await world();
  stopped.cancel();
  deepEqual(stopped.failed, ["the daemon stops"]);
});

Deno.test("openProxied() tells whoever attaches late that the peer has ended, or is gone", async () => {
  const ended = await world(header);
  ended.client.end();
  await ended.clock.settle();
  const told = listen(ended.opened[0]!);
  await ended.clock.settle();
  deepEqual(told, ["end"]);
  const gone = await world(header);
  gone.client.destroy();
  await gone.clock.settle();
  const lost = listen(gone.opened[0]!);
  await gone.clock.settle();
  equal(lost.at(-1), "close");
});

Deno.test("ProxiedStream gives the connection away, with what came behind the header", async () => {
  const { opened, clock } = await world(header + "\x16\x03\x01");
  const [stream] = opened;
  ok(stream instanceof ProxiedStream);
  const { stream: inner, head } = stream.surrender();
  equal(textOf(head), "\x16\x03\x01");
  deepEqual(inner.remote, proxy);
  const told = listen(inner);
  inner.resume();
  await clock.settle();
  deepEqual(told, []);
});

import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Domain } from "../../lib/mail/address.ts";
import { ClientConnection } from "../../lib/delivery/transport.ts";
import type { ContentSource } from "../../lib/delivery/task.ts";
import { clientLimits, type ClientMessage, type ClientVerdict } from "../../lib/smtp/client.ts";
import { FakeClock } from "../sim/clock.ts";
import { type FakeStream, streamPair } from "../sim/net.ts";
import { FakePeer, type PeerScript } from "../sim/peer.ts";

interface World {
  readonly clock: FakeClock;
  readonly peer: FakePeer;
  readonly stream: FakeStream;
  readonly connection: ClientConnection;
  /** What the owner was told, in order. */
  readonly told: string[];
}

function open(script: PeerScript = {}): World {
  const clock = new FakeClock();
  const ends = streamPair(clock);
  const told: string[] = [];
  const config = {
    session: "0".repeat(16),
    helo: "us.test" as Domain,
    protocol: "smtp",
    limits: clientLimits,
  } as const;
  const connection = new ClientConnection(ends.client, config, { clock, log: () => {}, closeGraceMs: 5_000 }, {
    ready: () => told.push("ready"),
    done: (verdicts) => told.push(`done ${verdicts.map(brief).join(" ")}`),
    closed: (reason) => told.push(`closed ${reason === null ? "" : brief(reason)}`.trim()),
  });
  return { clock, peer: new FakePeer(ends.server, script), stream: ends.client, connection, told };
}

function brief(verdict: ClientVerdict): string {
  if (verdict.kind === "reply") return `${verdict.stage}:${verdict.reply.code}`;
  return verdict.kind === "lost" ? `${verdict.stage}:${verdict.cause}` : verdict.kind;
}

function message(size: number, locals: readonly string[] = ["b"]): ClientMessage {
  return {
    sender: null,
    recipients: locals.map((localPart) => ({
      path: { localPart, domain: "b.test" as Domain },
      notify: [],
      originalRecipient: null,
    })),
    size,
    eightBit: null,
    ret: null,
    envId: null,
  };
}

const inline = (text: string): ContentSource => ({ inline: Buffer.from(text), read: () => Promise.resolve(null) });
const pieces = (...texts: readonly string[]): ContentSource => ({
  inline: null,
  read: (seq) => Promise.resolve(texts[seq] === undefined ? null : Buffer.from(texts[seq])),
});

Deno.test("ClientConnection hands over messages one after the other, then quits", async () => {
  const { clock, peer, connection, told } = open();
  await clock.settle();
  connection.send(message(4), inline("hi\r\n"));
  await clock.settle();
  connection.send(message(8), pieces("a\r\n.", "b", "\r\n."));
  await clock.settle();
  connection.quit();
  await clock.settle();
  deepEqual(told, ["ready", "done dot:250", "ready", "done dot:250", "ready", "closed"]);
  deepEqual(peer.taken.map(({ content }) => content), ["hi\r\n", "a\r\n.b\r\n.\r\n"]);
  equal(peer.state, "quit");
  equal(connection.messages, 2);
  equal(connection.source, "198.51.100.1");
  equal(clock.pending, 0);
});

Deno.test("ClientConnection gives verdicts in the order of the recipients", async () => {
  const { clock, connection, told } = open({ rcpt: (_, path) => path.startsWith("b") ? "550 no" : "250 Ok" });
  await clock.settle();
  connection.send(message(4, ["a", "b", "c"]), inline("hi\r\n"));
  await clock.settle();
  deepEqual(told, ["ready", "done dot:250 rcpt:550 dot:250", "ready"]);
});

const wrong: readonly (readonly [string, ContentSource, number])[] = [
  ["is shorter than it was said to be", pieces("abc"), 4],
  ["is longer", pieces("abc", "de"), 4],
  ["is not there", pieces(), 1],
  ["is inline and of another size", inline("abc"), 4],
  ["cannot be read", { inline: null, read: () => Promise.reject(new Error("x")) }, 4],
];

for (const [name, content, size] of wrong) {
  Deno.test(`ClientConnection hangs up before the dot when the content ${name}`, async () => {
    const { clock, peer, connection, told } = open();
    await clock.settle();
    connection.send(message(size), content);
    await clock.settle();
    deepEqual(told, ["ready", "done noContent", "closed noContent"]);
    deepEqual(peer.taken, []);
    equal(peer.state, "gone");
    equal(clock.pending, 0);
  });
}

Deno.test("ClientConnection reads no more content than the stream takes", async () => {
  const { clock, peer, connection, told } = open({
    data: (peer) => {
      peer.stream.pause();
      return "354 Go";
    },
  });
  let reads = 0;
  const piece = Buffer.alloc(40 * 1024, "a");
  await clock.settle();
  connection.send(message(piece.length * 10), {
    inline: null,
    read: () => Promise.resolve(++reads > 10 ? null : piece),
  });
  await clock.settle();
  equal(reads, 2);
  peer.stream.resume();
  await clock.settle();
  equal(reads, 10);
  deepEqual(told, ["ready", "done dot:250", "ready"]);
  equal(peer.taken[0]?.content.length, piece.length * 10 + 2);
});

Deno.test("ClientConnection ends a transaction whose content never comes", async () => {
  const { clock, peer, connection, told } = open();
  await clock.settle();
  connection.send(message(4), { inline: null, read: () => new Promise(() => {}) });
  await clock.advance(clientLimits.blockMs - 1);
  deepEqual(told, ["ready"]);
  await clock.advance(1);
  deepEqual(told, ["ready", "done content:timeout", "closed content:timeout"]);
  equal(peer.state, "gone");
});

Deno.test("ClientConnection minds each deadline", async () => {
  const steps = [["greeting", 300], ["hello", 300], ["mail", 300], ["data", 120], ["dot", 600]] as const;
  for (const [step, seconds] of steps) {
    const { clock, connection, told } = open({ hello: () => "250 peer.test", [step]: () => null });
    await clock.settle();
    if (told.includes("ready")) connection.send(message(4), inline("hi\r\n"));
    await clock.advance(seconds * 1_000 - 1);
    equal(told.some((line) => line.startsWith("closed")), false, step);
    await clock.advance(1);
    equal(told.at(-1), `closed ${step}:timeout`);
    equal(clock.pending, 0);
  }
});

Deno.test("ClientConnection sees the server go, in order and without", async () => {
  for (const [leave, cause] of [["end", "closed"], ["destroy", "closed"], ["break", "reset"]] as const) {
    const { clock, peer, told } = open();
    await clock.settle();
    if (leave === "break") peer.stream.break("reset");
    else peer.stream[leave]();
    await clock.settle();
    deepEqual(told, ["ready", `closed idle:${cause}`], leave);
    equal(clock.pending, 0, leave);
  }
});

Deno.test("ClientConnection does not wait for ever for a server to take the QUIT", async () => {
  const { clock, peer, stream, connection, told } = open({ greeting: () => "554 no" });
  peer.stream.pause();
  await clock.settle();
  peer.say("x");
  equal(told.length, 1);
  connection.quit();
  deepEqual(told, ["closed greeting:554"]);
  equal(stream.closed, false);
  await clock.advance(5_000);
  equal(stream.closed, true);
  equal(clock.pending, 0);
});

Deno.test("ClientConnection.destroy() ends the message in hand and hangs up", async () => {
  const { clock, peer, connection, told } = open({ dot: () => null });
  await clock.settle();
  connection.send(message(4), inline("hi\r\n"));
  await clock.settle();
  connection.destroy("this server stops");
  await clock.settle();
  deepEqual(told, ["ready", "done dot:unavailable", "closed dot:unavailable"]);
  equal(peer.state, "gone");
});

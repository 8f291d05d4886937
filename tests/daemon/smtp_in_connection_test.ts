/** One connection: the order of events, when it reads, and how it ends. */

import { Buffer } from "node:buffer";
import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { envelopesPerMessageMax } from "../../lib/daemon/imsg.ts";
import { lingerLengthMax, lingerMs, loginOf, ServerConnection } from "../../lib/daemon/smtp_in_connection.ts";
import type { SessionAnswer, SessionAsk } from "../../lib/smtp/session.ts";
import { inputLengthHeld } from "../../lib/smtp/framing.ts";
import { replies } from "../../lib/smtp/reply.ts";
import type { Address, Stream, StreamHandler } from "../../lib/port.ts";
import type { MsgId } from "../../lib/spool/id.ts";
import { FakeClock } from "../sim/clock.ts";
import { streamPair } from "../sim/net.ts";
import { SeededRandom } from "../sim/random.ts";
import { KeptLog, msg, policyOf, textOf } from "./rig.ts";
import { Client } from "./smtp_in_rig.ts";

/** What an owner that says yes to everything answers. */
function yes(ask: SessionAsk): SessionAnswer {
  switch (ask.kind) {
    case "message":
      return { kind: "message", id: msg(1) };
    case "recipient":
      return { kind: "recipient", reply: replies.recipientOk };
    case "commit":
      return { kind: "commit", result: "committed" };
    case "authenticate":
      return { kind: "authenticate", result: { kind: "accepted", username: "ann", data: null } };
    case "sender":
      return { kind: "sender", result: "allowed" };
    case "filter":
      return { kind: "filter", decision: { kind: "proceed" } };
    case "lines":
      return { kind: "lines", lines: ask.lines };
  }
}

interface Setup {
  readonly answer?: ((ask: SessionAsk) => SessionAnswer) | null;
  readonly isRude?: boolean;
  readonly remote?: Address;
  /** The `listen` line that it came by; null for any. */
  readonly listen?: string | null;
  readonly maxJunkCommands?: number;
}

/** A connection whose owner answers at once, or not at all with `answer: null`. */
async function connected({ answer = yes, isRude = false, remote, listen = null, maxJunkCommands = 100 }: Setup = {}) {
  const clock = new FakeClock();
  const log = new KeptLog();
  const policy = listen === null ? policyOf() : policyOf(`${listen}\naction a relay\nmatch for any action a\n`);
  const listener = listen === null ? policy.listeners.at(-1) : policy.listeners.find(({ kind }) => kind === "inet");
  ok(listener !== undefined);
  const ends = streamPair(clock, undefined, remote);
  const client = new Client(ends.client, isRude);
  const told: string[] = [];
  let body = "";
  const limits = { ...policy.smtp, maxJunkCommands };
  const ports = { clock, random: new SeededRandom(3), log: log.log, limits, policy };
  const connection: ServerConnection = new ServerConnection(ports, ends.server, listener, {
    ask(_connection, ask, last) {
      told.push(ask.kind);
      body += textOf(last);
      if (answer !== null) connection.answer(answer(ask));
    },
    body(_connection, _message, bytes) {
      told.push("body");
      body += textOf(bytes);
    },
    rollback: () => void told.push("rollback"),
    count: () => {},
    tls: () => null,
    name: () => "client.test",
    closed: () => void told.push("closed"),
  });
  connection.start();
  await clock.settle();
  return { clock, log, client, connection, told, content: () => body };
}

const message = "\r\nHello\r\n";
/** What a client sends without waiting; it waits for the answers between two of them. */
const groups = [
  "EHLO client.test\r\n",
  "MAIL FROM:<ann@client.test>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n",
  `${message}.\r\nNOOP\r\nQUIT\r\n`,
];
const codes = ["220", "250", "250", "250", "354", "250", "250", "221"];

Deno.test("a group is answered in order, though answers come while effects are carried out", async () => {
  const { clock, client, told, content } = await connected();
  for (const group of groups) {
    client.write(group);
    await clock.settle();
  }
  deepEqual(client.codes(), codes);
  deepEqual(told, ["message", "recipient", "commit", "closed"]);
  ok(content().endsWith(message));
});

Deno.test("new mail is completed on port 587, and nowhere else", async () => {
  for (
    const [listen, isCompleted] of [
      ["listen on 192.0.2.1 port 587", true],
      ["listen on 192.0.2.1 port 25", false],
      ["listen on 127.0.0.1 port 2525", false],
    ] as const
  ) {
    const { clock, client, content } = await connected({ listen, remote: { kind: "inet", ip: "192.0.2.7", port: 9 } });
    for (const group of groups) {
      client.write(group);
      await clock.settle();
    }
    deepEqual(client.codes(), codes);
    equal(content().includes("\r\nMessage-ID: <"), isCompleted, listen);
    equal(content().includes("\r\nFrom: <ann@client.test>\r\n"), isCompleted, listen);
  }
});

Deno.test("the answers do not depend on how the bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 }), async (cuts) => {
      const { clock, client, content } = await connected();
      for (const group of groups) {
        for (let at = 0, i = 0; at < group.length; i++) {
          const end = at + cuts[i % cuts.length]!;
          client.write(group.slice(at, end));
          at = end;
        }
        await clock.settle();
      }
      deepEqual(client.codes(), codes);
      ok(content().endsWith(message));
    }),
    { numRuns: 50 },
  );
});

Deno.test("what piles up behind an open question stops the reading, the answer starts it again", async () => {
  const { clock, client, connection, told } = await connected({ answer: null });
  client.write(groups[0]!);
  await clock.settle();
  client.write("MAIL FROM:<ann@client.test>\r\n");
  await clock.settle();
  client.write("NOOP\r\n");
  await clock.settle();
  equal(client.stream.buffered, 0, "a little is read");
  const long = `NOOP ${"x".repeat(500)}\r\n`;
  const more = Math.ceil(inputLengthHeld / long.length);
  client.write(long.repeat(more));
  await clock.settle();
  client.write("NOOP\r\n");
  await clock.settle();
  deepEqual(told, ["message"]);
  ok(client.stream.buffered > 0, "no more is read");
  connection.answer({ kind: "message", id: msg(1) });
  await clock.settle();
  equal(client.stream.buffered, 0);
  deepEqual(client.codes(), ["220", ...new Array(more + 4).fill("250")]);
});

Deno.test("hold() stops the reading until it is let go", async () => {
  const { clock, client, connection } = await connected();
  connection.hold(true);
  client.write("NOOP\r\n");
  await clock.settle();
  deepEqual(client.codes(), ["220"]);
  connection.hold(false);
  await clock.settle();
  deepEqual(client.codes(), ["250"]);
});

Deno.test("a client that does not read its replies is not read either", async () => {
  const { clock, client } = await connected({ maxJunkCommands: 30_001 });
  client.write("EHLO client.test\r\n");
  await clock.settle();
  client.stream.pause();
  for (let i = 0; i < 100; i++) {
    client.write("HELP\r\n".repeat(300));
    await clock.settle();
  }
  ok(client.stream.buffered > 0, "the rest waits at the client");
  client.codes();
  client.stream.resume();
  await clock.settle();
  equal(client.codes().length, 30_000, "and is answered once it reads");
});

Deno.test("a client that shuts down its side after its commands gets all replies", async () => {
  const { clock, client, told } = await connected();
  for (const group of groups.slice(0, -1)) {
    client.write(group);
    await clock.settle();
  }
  client.write(groups.at(-1)!);
  client.stream.end();
  await clock.settle();
  deepEqual(client.codes(), codes);
  equal(told.at(-1), "closed");
});

Deno.test("a client that says nothing is told 421 and let go", async () => {
  const { clock, log, client, connection } = await connected();
  client.codes();
  const { idleTimeoutMs } = policyOf().smtp;
  await clock.advance(idleTimeoutMs - 1);
  connection.tick(clock.now(), clock.monotonic());
  await clock.settle();
  equal(client.state, "open");
  await clock.advance(1);
  connection.tick(clock.now(), clock.monotonic());
  await clock.settle();
  deepEqual([client.codes(), client.state], [["421"], "closed"]);
  equal(log.of("disconnected")[0]?.fields["reason"], "timeout");
});

Deno.test("QUIT closes the connection at once, whatever the client does", async () => {
  for (const isRude of [false, true]) {
    const { clock, client, told } = await connected({ isRude });
    client.write("QUIT\r\n");
    await clock.settle();
    deepEqual([client.codes(), told, client.state], [["220", "221"], ["closed"], "closed"]);
  }
});

Deno.test("a client that does not read the answer to QUIT is cut off after a moment", async () => {
  const { clock, client, connection, told } = await connected();
  client.stream.pause();
  client.write("QUIT\r\n");
  await clock.advance(lingerMs - 1);
  connection.tick(clock.now(), clock.monotonic());
  await clock.settle();
  deepEqual(told, []);
  await clock.advance(1);
  connection.tick(clock.now(), clock.monotonic());
  await clock.settle();
  deepEqual(told, ["closed"]);
});

/** Ends of a session at which the client may still be sending. */
const ends: readonly (readonly [string, string, (connection: ServerConnection, at: number) => void])[] = [
  ["", "421", (connection, at) => connection.step({ kind: "shutdown", at })],
  ["GET / HTTP/1.1\r\n", "554", () => {}],
  ["QUIT\r\nNOOP\r\n", "221", () => {}],
];
for (const [text, code, end] of ends) {
  Deno.test(`the end with ${code} waits for the client to close, and cuts it off after a moment`, async () => {
    const { clock, client, connection, told } = await connected({ isRude: true });
    client.write(text);
    end(connection, clock.now());
    await clock.settle();
    deepEqual([client.codes(), client.state], [["220", code], "ended"]);
    await clock.advance(lingerMs - 1);
    connection.tick(clock.now(), clock.monotonic());
    await clock.settle();
    deepEqual(told, []);
    await clock.advance(1);
    // A wall clock that jumps does not keep it.
    clock.jump(-3_600_000);
    connection.tick(clock.now(), clock.monotonic());
    await clock.settle();
    deepEqual([told, client.state], [["closed"], "closed"]);
  });
}

Deno.test("what comes after the end is dropped, and too much of it cuts the client off", async () => {
  const { clock, client, connection, told } = await connected({ isRude: true });
  connection.step({ kind: "shutdown", at: clock.now() });
  await clock.settle();
  client.codes();
  const piece = "NOOP\r\n".repeat(10_000);
  let sent = 0;
  for (; sent + piece.length <= lingerLengthMax; sent += piece.length) {
    client.write(piece);
    await clock.settle();
  }
  equal(client.stream.buffered, 0, "it is read");
  deepEqual([client.codes(), told], [[], []]);
  client.write(piece);
  await clock.settle();
  deepEqual([told, client.state], [["closed"], "closed"]);
});

Deno.test("a recipient that comes to too many envelopes is answered 452, and is none of the message's", async () => {
  const { clock, client, connection } = await connected({ answer: null });
  const begin = async (text: string, id: MsgId) => {
    client.write(`${text}\r\nMAIL FROM:<ann@client.test>\r\n`);
    await clock.settle();
    connection.message(id);
  };
  const resolve = async (request: number, envelopes: number) => {
    client.write("RCPT TO:<bob@example.org>\r\n");
    await clock.settle();
    client.said = "";
    connection.recipient({ kind: "resolved", request, envelopes });
    await clock.settle();
    return client.said.slice(0, 9);
  };
  client.write(groups[0]!);
  await clock.settle();
  await begin("NOOP", msg(1));
  const all = [envelopesPerMessageMax - 1, 2, envelopesPerMessageMax, 1, 1];
  const replies: string[] = [];
  for (const [request, envelopes] of all.entries()) replies.push(await resolve(request, envelopes));
  const [taken, tooMany] = ["250 2.1.5", "452 4.5.3"];
  deepEqual(replies, [taken, tooMany, tooMany, taken, tooMany]);
  deepEqual(connection.requests, [0, 3]);
  // The next message has all the room again.
  await begin("RSET", msg(2));
  deepEqual(connection.requests, []);
  equal(await resolve(7, envelopesPerMessageMax), taken);
  deepEqual(connection.requests, [7]);
});

Deno.test("drop() ends it at once; an open transaction is rolled back", async () => {
  const { clock, client, connection, told } = await connected();
  client.write(groups[0]!);
  await clock.settle();
  client.write("MAIL FROM:<ann@client.test>\r\n");
  await clock.settle();
  connection.drop();
  await clock.settle();
  deepEqual([told, client.state], [["message", "rollback", "closed"], "closed"]);
});

Deno.test("shutdown ends an idle session with 421", async () => {
  const { clock, client, connection } = await connected();
  client.codes();
  connection.step({ kind: "shutdown", at: clock.now() });
  await clock.settle();
  deepEqual([client.codes(), client.state], [["421"], "closed"]);
});

Deno.test("addresses are written as log and rules have them", async () => {
  for (
    const [ip, text] of [["192.0.2.9", "192.0.2.9"], ["2001:db8::9", "[2001:db8::9]"]] as const
  ) {
    const { log, connection } = await connected({ remote: { kind: "inet", ip, port: 4000 } });
    equal(connection.address, text);
    equal(log.of("connected")[0]?.fields["address"], text);
  }
});

Deno.test("a session's name is 16 hexadecimal digits", async () => {
  const { log } = await connected();
  match(log.of("connected")[0]?.session ?? "", /^[0-9a-f]{16}$/);
});

Deno.test("a stream that is gone before it is served ends the session", () => {
  const clock = new FakeClock();
  const address: Address = { kind: "inet", ip: "192.0.2.9", port: 4000 };
  let written = 0;
  const gone: Stream = {
    remote: address,
    local: address,
    buffered: 0,
    attach: (handler: StreamHandler) => handler.close(null),
    write: (bytes) => (written += Buffer.from(bytes).length) < 0,
    pause() {},
    resume() {},
    end() {},
    finish() {},
    destroy() {},
  };
  const log = new KeptLog();
  const policy = policyOf();
  const closed: string[] = [];
  const owner = {
    ask: () => {},
    body: () => {},
    rollback: () => {},
    count: () => {},
    tls: () => null,
    name: () => "client.test",
    closed: () => void closed.push("closed"),
  };
  const ports = { clock, random: new SeededRandom(3), log: log.log, limits: policy.smtp, policy };
  new ServerConnection(ports, gone, policy.listeners.at(-1)!, owner).start();
  deepEqual(closed, ["closed"]);
  ok(written > 0);
  equal(log.of("disconnected").length, 1);
});

Deno.test("who has logged in writes as himself where the listener says header-from, and only there", () => {
  const listen = (words: string) =>
    `pki mx.test cert "/c" key "/k"\nlisten on 192.0.2.10 smtps pki mx.test auth { ann = x } senders { ann = "@" }${words}`;
  for (
    const [words, want] of [["", 0], [" masquerade", 0], [" header-from", 1], [" masquerade header-from", 1]] as const
  ) {
    const policy = policyOf(`${listen(words)}\naction a relay\nmatch for any action a\n`);
    const listener = policy.listeners.find(({ kind }) => kind === "inet");
    ok(listener !== undefined);
    equal(loginOf(listener).bindsAuthor, want === 1, words);
    equal(loginOf(listener).checksSender, true);
  }
});

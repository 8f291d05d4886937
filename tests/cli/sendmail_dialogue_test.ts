import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { parseMailbox } from "../../lib/mail/address.ts";
import type { ClientMessage } from "../../lib/smtp/client_command.ts";
import { Dialogue, type DialogueStream } from "../../cli/sendmail_dialogue.ts";

/** A server that answers the n-th write with the n-th text; null closes the connection. Writes are cut to 1,000
 * octets, as a socket may. */
class ScriptedStream implements DialogueStream {
  readonly writes: string[] = [];
  closed = false;
  readonly #answers: (string | null)[];
  #ready = "";
  #isEnded = false;

  constructor(answers: readonly (string | null)[]) {
    this.#answers = [...answers];
    this.#answer();
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.#ready === "") {
      assert.ok(this.#isEnded, "the client waits for an answer that never comes");
      return Promise.resolve(null);
    }
    // Replies come in pieces too.
    const piece = this.#ready.slice(0, 7);
    this.#ready = this.#ready.slice(piece.length);
    into.set(Buffer.from(piece, "latin1"));
    return Promise.resolve(piece.length);
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#isEnded) return Promise.reject(new Deno.errors.BrokenPipe("Broken pipe (os error 32)"));
    const piece = bytes.subarray(0, 1000);
    this.writes.push(Buffer.from(piece).toString("latin1"));
    if (piece.length === bytes.length) this.#answer();
    return Promise.resolve(piece.length);
  }

  close(): void {
    this.closed = true;
  }

  #answer(): void {
    const next = this.#answers.shift();
    if (next === null) this.#isEnded = true;
    else this.#ready += next ?? "";
  }
}

const ann = parseMailbox("ann@x.test", null) ?? assert.fail();
const bob = parseMailbox("bob@x.test", null) ?? assert.fail();
const hello = ["220 mx.test ESMTP\r\n", "250-mx.test Hello\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 DSN\r\n"] as const;
const piped = ["220 mx.test ESMTP\r\n", "250-mx.test Hello\r\n250 PIPELINING\r\n"] as const;

const message: ClientMessage = {
  sender: ann,
  recipients: [ann, bob].map((path) => ({ path, notify: ["never" as const], originalRecipient: null })),
  size: 20,
  eightBit: false,
  ret: "hdrs",
  envId: "job",
};

async function run(
  answers: readonly (string | null)[],
  content = "A: b\r\n\r\n.x\r\n",
  change: Partial<ClientMessage> = {},
) {
  const stream = new ScriptedStream(answers);
  const trace: string[] = [];
  const dialogue = new Dialogue(stream, (line) => trace.push(line));
  const greeting = await dialogue.greet();
  const end = greeting.kind === "ok" ? await dialogue.submit({ ...message, ...change }, content) : greeting;
  return { greeting, end, trace, writes: stream.writes, stream, dialogue };
}

Deno.test("Dialogue says one command at a time to a server without PIPELINING", async () => {
  const { greeting, end, writes, trace } = await run([
    ...hello,
    "250 2.0.0 Ok\r\n",
    "250 2.1.5 Ok\r\n",
    "250 2.1.5 Ok\r\n",
    "354 Go\r\n",
    "250 2.0.0 1a2b3c4d accepted\r\n",
  ]);
  assert.deepEqual(greeting, { kind: "ok", value: "mx.test" });
  assert.deepEqual(writes, [
    "EHLO localhost\r\n",
    "MAIL FROM:<ann@x.test> SIZE=20 RET=HDRS ENVID=job\r\n",
    "RCPT TO:<ann@x.test> NOTIFY=NEVER\r\n",
    "RCPT TO:<bob@x.test> NOTIFY=NEVER\r\n",
    "DATA\r\n",
    "A: b\r\n\r\n..x\r\n.\r\n",
  ]);
  assert.deepEqual(end, {
    kind: "ok",
    value: { code: 250, enhanced: "2.0.0", lines: ["1a2b3c4d accepted"] },
  });
  assert.deepEqual(trace.slice(0, 8), [
    "<<< 220 mx.test ESMTP",
    ">>> EHLO localhost",
    "<<< 250-mx.test Hello",
    "<<< 250-SIZE 1000",
    "<<< 250-8BITMIME",
    "<<< 250 DSN",
    ">>> MAIL FROM:<ann@x.test> SIZE=20 RET=HDRS ENVID=job",
    "<<< 250 2.0.0 Ok",
  ]);
  assert.deepEqual(trace.slice(-4), [">>> DATA", "<<< 354 Go", ">>> .", "<<< 250 2.0.0 1a2b3c4d accepted"]);
});

Deno.test("Dialogue sends the envelope at once to a server with PIPELINING, and DSN to none without it", async () => {
  const { end, writes } = await run([...piped, "250 a\r\n250 b\r\n250 c\r\n", "354 Go\r\n", "250 Ok\r\n"]);
  assert.equal(end.kind, "ok");
  assert.equal(writes[1], "MAIL FROM:<ann@x.test>\r\nRCPT TO:<ann@x.test>\r\nRCPT TO:<bob@x.test>\r\n");
  assert.equal(writes[2], "DATA\r\n");
});

Deno.test("Dialogue sends large groups in parts", async () => {
  const recipients = Array.from({ length: 150 }, () => ({ path: bob, notify: [], originalRecipient: null }));
  const oks = "250 Ok\r\n";
  // 1 MAIL and 99 RCPT are three writes of at most 1,000 octets, 51 RCPT are two.
  const { end, writes } = await run(
    [...piped, oks.repeat(100), oks.repeat(51), "354 Go\r\n", oks],
    undefined,
    { recipients },
  );
  assert.equal(end.kind, "ok");
  assert.equal(writes.join("").match(/RCPT TO/g)?.length, 150);
});

Deno.test("Dialogue declares 8-bit content to a server that takes it", async () => {
  const { writes } = await run(
    [...hello, "250 Ok\r\n", "250 Ok\r\n", "250 Ok\r\n", "354 Go\r\n", "250 Ok\r\n"],
    "\xe9",
    {
      eightBit: true,
    },
  );
  assert.match(writes[1] ?? "", / BODY=8BITMIME /);
  assert.equal(writes.at(-1), "\xe9\r\n.\r\n");
});

const no = { code: 550, enhanced: "5.1.1", lines: ["No such user"] };
const refusals: readonly [name: string, answers: readonly (string | null)[]][] = [
  ["the greeting", ["550 5.1.1 No such user\r\n"]],
  ["EHLO", ["220 mx.test\r\n", "550 5.1.1 No such user\r\n"]],
  ["MAIL", [...hello, "550 5.1.1 No such user\r\n"]],
  ["the first recipient", [...hello, "250 Ok\r\n", "550 5.1.1 No such user\r\n"]],
  ["the last recipient", [...hello, "250 Ok\r\n", "250 Ok\r\n", "550 5.1.1 No such user\r\n"]],
  ["one recipient of a group", [...piped, "250 Ok\r\n550 5.1.1 No such user\r\n250 Ok\r\n"]],
  ["a whole group, for the first reason", [...piped, "550 5.1.1 No such user\r\n503 a\r\n503 b\r\n"]],
  ["DATA", [...hello, "250 Ok\r\n", "250 Ok\r\n", "250 Ok\r\n", "550 5.1.1 No such user\r\n"]],
  ["the content", [...hello, "250 a\r\n", "250 b\r\n", "250 c\r\n", "354 Go\r\n", "550 5.1.1 No such user\r\n"]],
];

for (const [name, answers] of refusals) {
  Deno.test(`Dialogue stops when the server refuses ${name}`, async () => {
    const { end, writes } = await run(answers);
    assert.deepEqual(end, { kind: "refused", reply: no });
    const isAfterData = name === "DATA" || name === "the content";
    assert.equal(writes.includes("DATA\r\n"), isAfterData);
  });
}

Deno.test("Dialogue takes no other positive reply for the one that is due", async () => {
  assert.equal((await run(["250 mx.test\r\n"])).end.kind, "refused");
  assert.equal((await run([...hello, "250 a\r\n", "250 b\r\n", "250 c\r\n", "250 Go\r\n"])).end.kind, "refused");
  assert.equal((await run([...hello, "354 a\r\n"])).end.kind, "refused");
});

Deno.test("Dialogue does not offer a message that the server says is too large", async () => {
  const { end, writes } = await run(hello, undefined, { size: 1001 });
  assert.deepEqual(end, { kind: "tooLarge", limit: 1000 });
  assert.deepEqual(writes, ["EHLO localhost\r\n"]);
});

const losses: readonly [name: string, answers: readonly (string | null)[], why: RegExp][] = [
  ["before the greeting", [null], /closed the connection/],
  ["in the greeting", ["220 mx", null], /connection was lost|closed the connection/],
  ["instead of a reply", [...hello, null], /closed the connection/],
  [
    "before the last reply",
    [...hello, "250 a\r\n", "250 b\r\n", "250 c\r\n", "354 Go\r\n", null],
    /closed the conn/,
  ],
  ["by what is not SMTP", ["hello\r\n"], /no code/],
  ["by codes that differ", ["220-a\r\n221 b\r\n"], /differ/],
];

for (const [name, answers, why] of losses) {
  Deno.test(`Dialogue sees a connection that is lost ${name}`, async () => {
    if (answers[0] === "220 mx") return await assertLostInGreeting();
    const { end } = await run(answers);
    assert.equal(end.kind, "lost");
    assert.match(end.kind === "lost" ? end.why : "", why);
  });
}

async function assertLostInGreeting(): Promise<void> {
  let reads = 0;
  const stream: DialogueStream = {
    read(into) {
      if (reads++ > 0) return Promise.resolve(null);
      into.set(Buffer.from("220 mx"));
      return Promise.resolve(6);
    },
    write: () => Promise.reject(new Error("nothing is to be written")),
    close() {},
  };
  const end = await new Dialogue(stream, () => {}).greet();
  assert.deepEqual(end, { kind: "lost", why: "the server closed the connection" });
}

Deno.test("Dialogue sees a connection that is lost with the content under way", async () => {
  const { end } = await run([...hello, "250 a\r\n", "250 b\r\n", "250 c\r\n", "354 Go\r\n", null], "x".repeat(300_000));
  assert.match(end.kind === "lost" ? end.why : end.kind, /^the connection was lost: Broken pipe/);
});

Deno.test("Dialogue tells why a server closed early, when it said so", async () => {
  const go = [...hello, "250 a\r\n", "250 b\r\n", "250 c\r\n", "354 Go\r\n"];
  const stream = new ScriptedStream([...go, "552 5.3.4 Too big\r\n", null]);
  const dialogue = new Dialogue(stream, () => {});
  await dialogue.greet();
  // Two pieces of 128 KiB: the answer comes after the first, and the connection is closed after the second.
  const end = await dialogue.submit(message, "x".repeat(300 * 1024));
  assert.equal(end.kind === "refused" ? end.reply.code : end.kind, 552);
});

Deno.test("Dialogue says QUIT and closes", async () => {
  const { dialogue, stream } = await run([...hello, "550 no\r\n", "221 Bye\r\n"]);
  await dialogue.quit();
  assert.equal(stream.writes.at(-1), "QUIT\r\n");
  assert.ok(stream.closed);
});

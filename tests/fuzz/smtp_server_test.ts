/** Whatever a peer sends: the server session does not throw, says only legal replies, keeps little, and answers the
 * same however the input was cut. */

import { Buffer } from "node:buffer";
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { parseDomain } from "../../lib/mail/domain.ts";
import { parseReply, replies } from "../../lib/smtp/reply.ts";
import { ServerSession, type SessionAnswer, type SessionAsk, type SessionEffect } from "../../lib/smtp/session.ts";

const limits = { maxMessageSize: 300, maxRecipients: 3, maxMails: 4, maxHops: 3, idleTimeoutMs: 300_000 };

/** A session with a daemon that answers by a rule, and checks of all that it says. */
class World {
  readonly #session: ServerSession;
  readonly #dealt = new Map<string, Uint8Array[]>();
  #at = 0;
  #messages = 0;
  #commits = 0;
  #ask: SessionAsk | null = null;
  isClosed = false;
  said = "";
  readonly committed: string[] = [];

  /** `isFiltered`: filters see the lines of messages, and leave them as they are. */
  constructor(isFiltered = false) {
    const hostname = parseDomain("mx.test");
    if (hostname === null) throw new Error("mx.test is a domain");
    this.#session = new ServerSession({
      session: "0123456789abcdef",
      hostname,
      limits,
      local: true,
      maskSource: false,
      dsn: true,
      filters: new Set(isFiltered ? ["data-line"] : []),
      zone: () => ({ offsetMinutes: 0, name: null }),
    });
    this.#perform(this.#session.step({ kind: "connected", at: 0, address: "192.0.2.7", hostname: "<unknown>" }));
  }

  /** Sends the pieces; answers come at once, or when all is sent. */
  send(pieces: readonly Buffer[], answersLate: boolean): void {
    for (const piece of pieces) {
      const lent = Buffer.from(piece);
      this.#perform(this.#session.step({ kind: "bytes", at: this.#at, bytes: lent }));
      lent.fill(0);
      if (!answersLate) this.#settle();
    }
    this.#settle();
  }

  wait(ms: number): void {
    this.#at += ms;
    this.#perform(this.#session.step({ kind: "tick", at: this.#at }));
  }

  end(kind: "eof" | "shutdown"): void {
    this.#perform(this.#session.step({ kind, at: this.#at }));
    this.#settle();
  }

  /** Messages dealt that were neither committed nor rolled back. */
  get open(): number {
    return this.#dealt.size;
  }

  checkReplies(): void {
    equal(this.said === "" || this.said.endsWith("\r\n"), true);
    let lines: string[] = [];
    for (const line of this.said.split("\r\n").slice(0, -1)) {
      lines.push(line);
      if (line[3] === "-") continue;
      const reply = parseReply(lines);
      ok(reply !== null && lines.every((one) => one.length <= 510), lines.join("\n"));
      ok(!/^[245]\.\d+\.\d+/.test(reply.lines[0] ?? ""), `class of ${lines.join("\n")}`);
      lines = [];
    }
    deepEqual(lines, []);
  }

  #settle(): void {
    while (this.#ask !== null && !this.isClosed) {
      const answer = this.#answerTo(this.#ask);
      this.#ask = null;
      this.#perform(this.#session.step({ kind: "answer", at: this.#at, answer }));
    }
  }

  #answerTo(ask: SessionAsk): SessionAnswer {
    if (ask.kind === "message") {
      const id = String(++this.#messages).padStart(8, "0");
      this.#dealt.set(id, []);
      return { kind: "message", id };
    }
    if (ask.kind === "recipient") {
      const isKnown = !ask.rcpt.localPart.startsWith("no");
      return { kind: "recipient", reply: isKnown ? replies.recipientOk : replies.invalidRecipient("no@b.test") };
    }
    if (ask.kind === "lines") return { kind: "lines", lines: ask.lines };
    if (ask.kind !== "commit") throw new Error(`nothing was set up that would ask for ${ask.kind}`);
    const content = Buffer.concat(this.#dealt.get(ask.message) ?? []).toString("latin1");
    equal(content.length, ask.size);
    this.#dealt.delete(ask.message);
    if (++this.#commits % 3 === 0) return { kind: "commit", result: "noSpace" };
    this.committed.push(content);
    return { kind: "commit", result: "committed" };
  }

  #perform(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      ok(!this.isClosed, `${effect.kind} after close`);
      if (effect.kind === "write") this.said += Buffer.from(effect.bytes).toString("latin1");
      else if (effect.kind === "close") this.isClosed = true;
      else if (effect.kind === "ask") {
        equal(this.#ask, null);
        this.#ask = effect.ask;
      } else if (effect.kind === "rollback") ok(this.#dealt.delete(effect.message), "rolled back what is not there");
      else if (effect.kind === "body") {
        const pieces = this.#dealt.get(effect.message);
        ok(pieces !== undefined, "content of no message");
        pieces.push(effect.bytes);
      }
    }
    if (this.isClosed) equal(this.#session.deadline, null);
  }
}

const command = fc.constantFrom(
  "EHLO a.test\r\n",
  "HELO [192.0.2.1]\r\n",
  "MAIL FROM:<x@a.test>\r\n",
  "MAIL FROM:<> SIZE=200 BODY=8BITMIME RET=FULL\r\n",
  "MAIL FROM:<x@a.test> SIZE=400\r\n",
  "RCPT TO:<y@b.test>\r\n",
  "RCPT TO:<y@b.test> NOTIFY=NEVER ORCPT=rfc822;a\r\n",
  "RCPT TO:<no@b.test>\r\n",
  "DATA\r\n",
  "RSET\r\n",
  "NOOP\r\n",
  "VRFY y\r\n",
  "HELP\r\n",
  "QUIT\r\n",
  "FOO\r\n",
  "BDAT 3\r\n",
  "BDAT 0\r\n",
  "BDAT 9 LAST\r\n",
  "BDAT 0 LAST\r\n",
  "BDAT 350 LAST\r\n",
  "BDAT x\r\n",
  "MAIL FROM:<x@a.test> BODY=BINARYMIME\r\n",
  "STARTTLS\r\n",
  "DATA x\r\n",
  "NOOP\n",
  "NO\rOP\r\n",
);
const text = fc.constantFrom(
  "A: b\r\n",
  "Received: c\r\n",
  "\r\n",
  ".\r\n",
  "..\r\n",
  ".",
  "\r\n.\r\n",
  "\n.\n",
  "\r",
  "\n",
  "\0",
  "\xe9",
  "x".repeat(100),
);
const garbage = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
/** Chunks that are what they say, one or more in a group. */
const chunks = fc.array(
  fc.tuple(fc.array(fc.oneof(text, command), { maxLength: 5 }), fc.boolean()).map(([parts, isLast]) => {
    const content = parts.join("");
    return `BDAT ${content.length}${isLast ? " LAST" : ""}\r\n${content}`;
  }),
  { minLength: 1, maxLength: 3 },
).map((parts) => parts.join(""));
/** What a client sends before it looks at the answers. */
const burst = fc.oneof(
  { weight: 6, arbitrary: command },
  { weight: 3, arbitrary: chunks },
  { weight: 3, arbitrary: fc.array(text, { maxLength: 6 }).map((parts) => `${parts.join("")}\r\n.\r\n`) },
  { weight: 2, arbitrary: fc.array(fc.oneof(command, text), { maxLength: 6 }).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: garbage },
);
/** Most sessions get as far as a message. */
const beginnings = ["EHLO a.test\r\n", "MAIL FROM:<x@a.test>\r\n", "RCPT TO:<y@b.test>\r\n", "DATA\r\n"];
const session = fc.tuple(fc.nat(4), fc.array(burst, { maxLength: 12 })).map(([count, bursts]) => [
  ...beginnings.slice(0, count),
  ...bursts,
]);

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const end = at + (lengths[turn % lengths.length] ?? 1);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** Commands behind which nothing may stand: the moment matters. */
const endsGroup = /(?:^|\r\n)(?:EHLO|HELO|DATA|STARTTLS)\b[^\r\n]*\r\n[^]/i;

Deno.test("ServerSession answers legally and leaves nothing open, whatever is sent", () => {
  fc.assert(
    fc.property(session, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }), fc.nat(3), (
      bursts,
      lengths,
      ending,
    ) => {
      const world = new World(lengths.length % 2 === 0);
      for (const one of bursts) world.send(cut(Buffer.from(one, "latin1"), lengths), ending % 2 === 0);
      if (ending === 0) world.wait(300_000);
      else world.end(ending === 1 ? "eof" : "shutdown");
      world.end("eof");
      world.checkReplies();
      equal(world.isClosed, true);
      equal(world.open, 0);
      for (const content of world.committed) {
        ok(!/\0|\r(?!\n)|(?<!\r)\n/.test(content));
        ok(content.endsWith("\r\n"));
        ok(content.startsWith("Received: from "));
        ok(content.length < limits.maxMessageSize + 500);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("ServerSession answers and stores the same however input is cut and whenever it is answered", () => {
  fc.assert(
    fc.property(session, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }), (
      bursts,
      lengths,
    ) => {
      fc.pre(!bursts.some((one) => endsGroup.test(one)));
      const isFiltered = lengths.length % 2 === 0;
      const [whole, octets, pieces] = [new World(isFiltered), new World(isFiltered), new World(isFiltered)];
      const unlike = new World(!isFiltered);
      for (const one of bursts) {
        const bytes = Buffer.from(one, "latin1");
        whole.send([bytes], false);
        unlike.send([bytes], false);
        octets.send(cut(bytes, [1]), true);
        pieces.send(cut(bytes, lengths), false);
      }
      for (const other of [octets, pieces]) {
        equal(other.said, whole.said);
        deepEqual(other.committed, whole.committed);
        equal(other.isClosed, whole.isClosed);
      }
      // Filters that change nothing.
      deepEqual(unlike.committed, whole.committed);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("ServerSession never takes what a message says for commands", () => {
  const line = fc.oneof(command.filter((one) => !/\r./.test(one) && one.endsWith("\r\n")), text);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.nat(30), (lines, length) => {
      const body = lines.join("");
      // A client that stuffs dots as it must, and ends no line with anything but CRLF where it knows better.
      const stuffed = body.replace(/(^|\r\n)\./g, "$1..");
      const world = new World();
      for (const one of beginnings) world.send([Buffer.from(one)], false);
      const before = world.said.length;
      world.send(cut(Buffer.from(`${stuffed}\r\n.\r\n`, "latin1"), [length + 1]), false);
      const answer = world.said.slice(before);
      equal(answer.match(/\r\n/g)?.length, 1, answer);
      ok(/^(?:250 2\.0\.0|55[024] 5\.)/.test(answer), answer);
      equal(world.isClosed, false);
      world.send([Buffer.from("NOOP\r\n")], false);
      ok(world.said.endsWith("250 2.0.0 Ok\r\n"));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("ServerSession never takes what a chunk says for commands, nor a command for what a chunk says", () => {
  const part = fc.oneof(command, text, garbage);
  fc.assert(
    fc.property(fc.array(fc.array(part, { maxLength: 6 }), { maxLength: 4 }), fc.nat(30), (chunks, length) => {
      const world = new World();
      for (const one of beginnings.slice(0, 3)) world.send([Buffer.from(one)], false);
      const before = world.said.length;
      const contents = chunks.map((parts) => parts.join(""));
      const group = contents.map((content) => `BDAT ${content.length}\r\n${content}`).join("");
      world.send(cut(Buffer.from(`${group}BDAT 0 LAST\r\nNOOP\r\n`, "latin1"), [length + 1]), false);
      const answers = world.said.slice(before).split("\r\n").slice(0, -1);
      equal(answers.length, contents.length + 2, answers.join("\n"));
      for (const [i, content] of contents.entries()) {
        const isTaken = answers[i] === `250 2.0.0 ${content.length} octets received`;
        ok(isTaken || /^55[024] 5\./.test(answers[i] ?? ""), answers.join("\n"));
      }
      equal(answers.at(-1), "250 2.0.0 Ok");
      const isCommitted = answers.at(-2)?.startsWith("250 ") ?? false;
      equal(world.committed.length, isCommitted ? 1 : 0);
      // The socket's mail is completed: only the body is to be as it was.
      const body = contents.join("").split("\r\n\r\n").slice(1).join("\r\n\r\n");
      if (isCommitted) ok(world.committed[0]?.includes(body));
      equal(world.isClosed, false);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("ServerSession keeps little of a client that never ends a line", () => {
  const world = new World();
  for (let count = 0; count < 3000 && !world.isClosed; count++) world.send([Buffer.from("x")], false);
  ok(world.isClosed);
  ok(world.said.includes("500 5.5.2 "));
});

Deno.test("ServerSession gives out at once what it takes in: a message without end holds no memory", () => {
  const world = new World();
  for (const one of beginnings) world.send([Buffer.from(one)], false);
  const piece = Buffer.alloc(65_536, "x");
  for (let count = 0; count < 200; count++) world.send([piece], false);
  // Past the size limit all of it was given up.
  equal(world.open, 0);
  world.send([Buffer.from("\r\n.\r\n")], false);
  ok(/554 5\.6\.0 Message refused: line too long\r\n$/.test(world.said));
});

/** Filters that change the lines of a message, and the session meanwhile. What comes of their answers is in
 * fixtures/smtp/server/filter_lines*.smtp. */

import { Buffer } from "node:buffer";
import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { inputLengthHeld } from "../../lib/smtp/framing.ts";
import { replies } from "../../lib/smtp/reply.ts";
import { ServerSession, type SessionAsk, type SessionEffect } from "../../lib/smtp/session.ts";
import { defaultSessionBounds, type SessionBounds } from "../../lib/smtp/session_bounds.ts";
import { sessionConfig } from "./session_rig.ts";

type Lines = readonly string[] | null;
type AskedLines = Extract<SessionAsk, { readonly kind: "lines" }>;

/** A session amid a message. `answer` is what filters make of lines; without it they do not answer. */
class World {
  readonly session: ServerSession;
  readonly asked: AskedLines[] = [];
  at = 0;
  said = "";
  stored = "";
  committed: string | null = null;
  rollbacks = 0;
  isClosed = false;
  readonly #answer: ((asked: AskedLines) => Lines) | null;

  constructor(answer: ((asked: AskedLines) => Lines) | null, last = "DATA\r\n", bounds: Partial<SessionBounds> = {}) {
    this.#answer = answer;
    const limits = { ...sessionConfig().limits, maxMessageSize: 1_000_000 };
    this.session = new ServerSession(
      sessionConfig({
        limits,
        filters: new Set(["data-line"] as const),
        bounds: { ...defaultSessionBounds, ...bounds },
      }),
    );
    this.perform(this.session.step({ kind: "connected", at: 0, address: "192.0.2.7", hostname: "<unknown>" }));
    for (const line of ["EHLO a.test\r\n", "MAIL FROM:<x@a.test>\r\n", "RCPT TO:<y@b.test>\r\n", last]) this.send(line);
    this.said = "";
  }

  send(text: string): void {
    this.perform(this.session.step({ kind: "bytes", at: this.at, bytes: Buffer.from(text, "latin1") }));
  }

  answer(lines: Lines): void {
    this.perform(this.session.step({ kind: "answer", at: this.at, answer: { kind: "lines", lines } }));
  }

  /** What is stored, without our field. */
  get content(): string | null {
    return this.committed?.replace(/^Received:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*/, "") ?? null;
  }

  perform(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === "write") this.said += Buffer.from(effect.bytes).toString("latin1");
      if (effect.kind === "body") this.stored += Buffer.from(effect.bytes).toString("latin1");
      if (effect.kind === "rollback") this.rollbacks++;
      if (effect.kind === "close") this.isClosed = true;
      if (effect.kind === "ask") this.#take(effect.ask);
    }
  }

  #take(ask: SessionAsk): void {
    const step = (answer: Parameters<ServerSession["step"]>[0]) => this.perform(this.session.step(answer));
    const at = this.at;
    if (ask.kind === "message") step({ kind: "answer", at, answer: { kind: "message", id: "1a2b3c4d" } });
    if (ask.kind === "recipient") {
      step({ kind: "answer", at, answer: { kind: "recipient", reply: replies.recipientOk } });
    }
    if (ask.kind === "commit") {
      this.committed = this.stored;
      equal(ask.size, this.stored.length);
      step({ kind: "answer", at, answer: { kind: "commit", result: "committed" } });
    }
    if (ask.kind !== "lines") return;
    this.asked.push(ask);
    if (this.#answer !== null) this.answer(this.#answer(ask));
  }
}

const line = `${"x".repeat(998)}\r\n`;
const large = `A: b\r\n\r\n${line.repeat(100)}`;

Deno.test("filters are asked about groups of lines, the last of which is marked", () => {
  const world = new World(({ lines, isLast }) => isLast ? [...lines, "end"] : lines.slice(0, 3));
  world.send(`${large}.\r\n`);
  deepEqual(world.asked.map(({ lines, isLast, message }) => [lines.length, isLast, message]), [
    [67, false, "1a2b3c4d"],
    [35, true, "1a2b3c4d"],
  ]);
  equal(world.content, `A: b\r\n\r\n${line.repeat(36)}end\r\n`);
});

Deno.test("filters are asked the same, and the content is the same, however the input was cut", () => {
  const part = fc.constantFrom("a\r\n", ".\r\n", "..b\r\n", "\r\n", "\xe9", line, line.repeat(70), "A: b\r\n");
  const pieces = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), pieces, fc.boolean(), (parts, lengths, isBdat) => {
      const text = `A: b\r\n\r\n${parts.join("")}`;
      const mark = (lines: readonly string[]) =>
        lines.filter((one) => one !== "a").map((one) => one.replace(/.$/, "!"));
      const marked = ({ lines }: AskedLines) => mark(lines);
      const whole = new World(marked, isBdat ? `BDAT ${text.length} LAST\r\n` : "DATA\r\n");
      const cut = new World(marked, isBdat ? "" : "DATA\r\n");
      const sent = isBdat ? text : `${text.replace(/(^|\r\n)\./g, "$1..")}\r\n.\r\n`;
      whole.send(sent);
      for (let at = 0, turn = 0; at < sent.length; turn++) {
        const piece = sent.slice(at, at + (lengths[turn % lengths.length] ?? 1));
        at += piece.length;
        cut.send(isBdat ? `BDAT ${piece.length}${at === sent.length ? " LAST" : ""}\r\n${piece}` : piece);
      }
      deepEqual(cut.asked, whole.asked);
      equal(cut.content, whole.content);
      const lines = (isBdat ? text.replace(/\r\n$/, "") : text).split("\r\n");
      equal(whole.content, mark(lines).map((one) => `${one}\r\n`).join(""));
    }),
    { numRuns: 60 },
  );
});

Deno.test("filters that wait stop the client's input, not its time", () => {
  const bounds = { messageTimeoutMs: 100_000, minRate: 1_000, rateGraceMs: 50_000 };
  const world = new World(null, "DATA\r\n", bounds);
  world.send(large.slice(0, 60_000));
  world.at = 20_000;
  world.send(large.slice(60_000, 70_000));
  deepEqual([world.asked.length, world.session.deadline, world.session.wantsBytes], [1, null, true]);
  world.send("y".repeat(inputLengthHeld));
  equal(world.session.wantsBytes, false);
  world.at = 1_020_000;
  world.perform(world.session.step({ kind: "tick", at: world.at }));
  world.answer(world.asked[0]?.lines ?? null);
  equal(world.session.wantsBytes, true);
  // 78,192 octets have come: 78.192 s at the least rate, counted from the beginning, and the filters' 1,000 s.
  equal(world.session.deadline, 1_078_192);
  world.at = 1_078_192;
  world.perform(world.session.step({ kind: "tick", at: world.at }));
  deepEqual([world.said.slice(0, 9), world.isClosed, world.rollbacks], ["421 4.4.2", true, 1]);
});

Deno.test("a client that goes away amid a message while filters have lines of it leaves nothing", () => {
  const world = new World(null);
  world.send(large);
  world.perform(world.session.step({ kind: "eof", at: 0 }));
  deepEqual([world.isClosed, world.rollbacks], [false, 0]);
  world.answer(["a"]);
  deepEqual([world.isClosed, world.rollbacks, world.said], [true, 1, ""]);
});

Deno.test("once filters fail they are not asked again, and nothing more is stored", () => {
  for (const bad of [null, ["\u0100"], ["x".repeat(65_536)]]) {
    const world = new World(() => bad);
    world.send(large.repeat(2));
    const { length } = world.stored;
    world.send(`${large}.\r\n`);
    deepEqual([world.asked.length, world.stored.length, world.rollbacks], [1, length, 1]);
    equal(world.said, "451 4.3.0 Message cannot be filtered now, try again later\r\n");
  }
});

Deno.test("a chunk whose lines filters fail on is refused, and so is the last", () => {
  const world = new World(() => null, "");
  world.send(`BDAT ${large.length}\r\n${large}BDAT 0 LAST\r\n`);
  deepEqual(world.said.match(/^\d+/gm), ["451", "451"]);
  deepEqual([world.asked.length, world.rollbacks], [1, 1]);
});

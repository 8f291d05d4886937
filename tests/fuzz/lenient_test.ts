/** What `smtp lenient` lets pass, against the machine that lets nothing pass: over random sessions of right and wrong
 * commands and contents. */

import { Buffer } from "node:buffer";
import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { type Quirk, quirks } from "../../lib/smtp/lenient.ts";
import { ServerSession, type SessionAsk, type SessionEffect } from "../../lib/smtp/session.ts";
import { replies } from "../../lib/smtp/reply.ts";
import { sessionConfig } from "../smtp/session_rig.ts";

/** What a session said, what it took, and which quirks it let pass. */
interface Played {
  readonly said: string;
  readonly committed: readonly string[];
  readonly counted: readonly string[];
}

/** Plays `head` in one piece, then `input` in pieces of `step` octets; everything that is asked goes well. */
function play(lenient: readonly Quirk[], input: string, step: number, head = ""): Played {
  const session = new ServerSession(sessionConfig({ lenient: new Set(lenient), dsn: true }));
  const [said, committed, counted]: [string[], string[], Set<string>] = [[], [], new Set()];
  const pieces: string[] = [];
  let messages = 0;
  const answer = (ask: SessionAsk): SessionEffect[] => {
    switch (ask.kind) {
      case "message":
        pieces.length = 0;
        return session.step({ kind: "answer", at: 0, answer: { kind: "message", id: `0000000${++messages % 10}` } });
      case "recipient":
        return session.step({ kind: "answer", at: 0, answer: { kind: "recipient", reply: replies.recipientOk } });
      case "commit":
        committed.push(pieces.join("").replace(/^Received:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*/, ""));
        return session.step({ kind: "answer", at: 0, answer: { kind: "commit", result: "committed" } });
      default:
        throw new Error(`nobody asks for ${ask.kind}`);
    }
  };
  const perform = (effects: readonly SessionEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === "write") said.push(Buffer.from(effect.bytes).toString("latin1"));
      if (effect.kind === "body") pieces.push(Buffer.from(effect.bytes).toString("latin1"));
      if (effect.kind === "count") counted.add(effect.name.replace("smtp.lenient.", ""));
      if (effect.kind === "ask") perform(answer(effect.ask));
    }
  };
  perform(session.step({ kind: "connected", at: 0, address: "192.0.2.7", hostname: "<unknown>" }));
  perform(session.step({ kind: "bytes", at: 0, bytes: Buffer.from(head, "latin1") }));
  for (let at = 0; at < input.length; at += step) {
    perform(session.step({ kind: "bytes", at: 0, bytes: Buffer.from(input.slice(at, at + step), "latin1") }));
  }
  return { said: said.join(""), committed, counted: [...counted].sort() };
}

const end = fc.constantFrom("\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "\n\r\n");
const command = fc.constantFrom(
  "EHLO a.test",
  "EHLO my pc",
  "EHLO",
  "MAIL FROM:<x@a.test>",
  "MAIL FROM: <x@a.test>",
  "MAIL FROM :<x@a.test>",
  "MAIL FROM:x@a.test RET=HDRS",
  "MAIL FROM : x@a.test",
  "RCPT TO:<y@b.test>",
  "RCPT TO: y@b.test",
  "RCPT TO :<y@b.test> NOTIFY=NEVER",
  "RCPT TO:Ann <y@b.test>",
  "DATA",
  "RSET",
  "NOOP",
  ".",
);
const opening = "EHLO a.test\r\nMAIL FROM:<x@a.test>\r\nRCPT TO:<y@b.test>\r\n";
const text = fc.string({
  unit: fc.constantFrom("a: b", ".", "..", "\r\n", "\n", "\r", "\0", "\r\n.\r\n"),
  maxLength: 20,
});

/** Sessions of right and wrong lines. A client that does not wait for the answer to DATA is refused, so they are sent
 * octet by octet. */
const session = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.tuple(command, end).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: text },
  ),
  { maxLength: 12 },
);
const some = fc.subarray([...quirks]);

Deno.test("a lenience changes nothing in a session that makes no use of it", () => {
  fc.assert(fc.property(session, some, fc.boolean(), (pieces, lenient, opens) => {
    const all = opens ? [opening, "DATA\r\n", ...pieces] : pieces;
    const found = play(lenient, all.join(""), 1);
    deepEqual(found.counted.filter((one) => !lenient.some((quirk) => quirk === one)), []);
    const strict = play([], all.join(""), 1);
    deepEqual(strict.counted, []);
    if (found.counted.length === 0) deepEqual(found, strict);
  }));
});

Deno.test("a message that was taken never holds a bare LF, a bare CR or a NUL", () => {
  fc.assert(fc.property(text, some, fc.integer({ min: 1, max: 9 }), (body, lenient, step) => {
    const { committed } = play(lenient, `a: b\r\n\r\n${body}\r\n.\r\n`, step, `${opening}DATA\r\n`);
    for (const content of committed) {
      equal(/(^|[^\r])\n|\r(?!\n)|\0/.test(content), false, JSON.stringify(content));
    }
  }));
});

Deno.test("no lenience but bare-lf has a say in where a line or a message ends", () => {
  const others = fc.subarray(quirks.filter((quirk) => quirk !== "bare-lf"));
  fc.assert(fc.property(text, text, others, (body, behind, lenient) => {
    const input = `${opening}DATA\r\n${body}\r\n.\r\n${behind}`;
    deepEqual(play(lenient, input, 1), play([], input, 1));
  }));
});

Deno.test("with bare-lf a session is what it would be with CRLF in the place of LF", () => {
  fc.assert(fc.property(session, (pieces) => {
    const input = `${opening}DATA\n${pieces.join("")}`;
    const found = play(["bare-lf"], input, 1);
    const mended = play([], input.replace(/(?<!\r)\n/g, "\r\n"), 1);
    deepEqual([found.said, found.committed], [mended.said, mended.committed]);
  }));
});

Deno.test("with bare-lf the answers do not depend on how the input was cut", () => {
  fc.assert(fc.property(text, text, fc.integer({ min: 2, max: 30 }), (body, more, step) => {
    const cut = (size: number) => play(["bare-lf"], `${body}\n.\nNOOP\n${more}`, size, `${opening}DATA\n`);
    deepEqual(cut(step), cut(1));
  }));
});

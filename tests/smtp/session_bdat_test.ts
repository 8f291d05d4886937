import { Buffer } from "node:buffer";
import { equal } from "node:assert/strict";
import { replies } from "../../lib/smtp/reply.ts";
import { ServerSession, type SessionEffect } from "../../lib/smtp/session.ts";
import { defaultSessionBounds, type SessionBounds } from "../../lib/smtp/session_bounds.ts";
import { sessionConfig } from "./session_rig.ts";

const start = Date.UTC(2026, 2, 3, 9, 4, 5);

/** A session that has a recipient, and may take chunks. */
function withRecipient(bounds: Partial<SessionBounds>) {
  const session = new ServerSession(sessionConfig({ bounds: { ...defaultSessionBounds, ...bounds } }));
  let at = start;
  const send = (text: string) => session.step({ kind: "bytes", at, bytes: Buffer.from(text, "latin1") });
  session.step({ kind: "connected", at, address: "192.0.2.7", hostname: "client.test" });
  send("EHLO a.test\r\n");
  send("MAIL FROM:<x@a.test>\r\n");
  session.step({ kind: "answer", at, answer: { kind: "message", id: "1a2b3c4d" } });
  send("RCPT TO:<y@b.test>\r\n");
  session.step({ kind: "answer", at, answer: { kind: "recipient", reply: replies.recipientOk } });
  return {
    session,
    send,
    /** Sends the same every 10 s, 100 times. Returns after how long the time was up, s; null when it was not. */
    sendSlowly(text: string): number | null {
      for (let turn = 0; turn < 100; turn++) {
        send(text);
        at += 10_000;
        const said = session.step({ kind: "tick", at });
        if (said.some(({ kind }) => kind === "close")) return (at - start) / 1000;
      }
      return null;
    },
  };
}

const written = (effects: readonly SessionEffect[]) =>
  effects.map((effect) => effect.kind === "write" ? Buffer.from(effect.bytes).toString("latin1") : "").join("");

Deno.test("BDAT has one time for all chunks of a message, however small they are", () => {
  const bounds = { messageTimeoutMs: 200_000, minRate: 0 };
  equal(withRecipient(bounds).sendSlowly("BDAT 3\r\nA:b"), 200);
  equal(withRecipient(bounds).sendSlowly("BDAT 0\r\n"), 200);
});

Deno.test("BDAT has one measure of speed for all chunks of a message", () => {
  const bounds = { minRate: 100, rateGraceMs: 60_000 };
  equal(withRecipient(bounds).sendSlowly("BDAT 3\r\nA:b"), 60);
  // Fast enough, each chunk in one piece with its command.
  equal(withRecipient(bounds).sendSlowly(`BDAT 2000\r\n${"A: b\r\n".padEnd(1998, "c")}\r\n`), null);
});

Deno.test("BDAT forgets the time of a message that is given up", () => {
  const { session, send } = withRecipient({ messageTimeoutMs: 1000 });
  send("BDAT 3\r\nA:b");
  equal(session.deadline, start + 1000);
  equal(written(send("RSET\r\n")), "250 2.0.0 Reset state\r\n");
  equal(session.deadline, start + 300_000);
});

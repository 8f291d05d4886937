import { Buffer } from "node:buffer";
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { inputLengthHeld, inputLengthMax } from "../../lib/smtp/framing.ts";
import { plainHandling } from "../../lib/smtp/handling.ts";
import { replies } from "../../lib/smtp/reply.ts";
import {
  ServerSession,
  type SessionAnswer,
  type SessionAsk,
  type SessionConfig,
  type SessionEffect,
} from "../../lib/smtp/session.ts";
import { sessionConfig } from "./session_rig.ts";

const start = Date.UTC(2026, 2, 3, 9, 4, 5);
const taken: SessionAnswer = { kind: "recipient", reply: replies.recipientOk };
const committed: SessionAnswer = { kind: "commit", result: "committed" };

/** A session and short words for its events. */
class Peer {
  readonly session: ServerSession;
  at = start;

  constructor(config: Partial<SessionConfig> = {}) {
    this.session = new ServerSession(sessionConfig(config));
  }

  connect(address = "192.0.2.7", hostname: string | null = "client.test"): SessionEffect[] {
    return this.session.step({ kind: "connected", at: this.at, address, hostname });
  }

  send(text: string): SessionEffect[] {
    return this.session.step({ kind: "bytes", at: this.at, bytes: Buffer.from(text, "latin1") });
  }

  answer(answer: SessionAnswer): SessionEffect[] {
    return this.session.step({ kind: "answer", at: this.at, answer });
  }

  message(id: string | null = "1a2b3c4d"): SessionEffect[] {
    return this.answer({ kind: "message", id });
  }

  /** As far as 354. */
  toData(hello = "EHLO a.test"): void {
    this.connect();
    this.send(`${hello}\r\n`);
    this.send("MAIL FROM:<x@a.test>\r\n");
    this.message();
    this.send("RCPT TO:<y@b.test>\r\n");
    this.answer(taken);
    equal(writtenBy(this.send("DATA\r\n")), '354 Enter mail, end with "." on a line by itself\r\n');
  }
}

function writtenBy(effects: readonly SessionEffect[]): string {
  return effects.map((effect) => effect.kind === "write" ? Buffer.from(effect.bytes).toString("latin1") : "").join("");
}

function askIn(effects: readonly SessionEffect[]): SessionAsk | null {
  for (const effect of effects) if (effect.kind === "ask") return effect.ask;
  return null;
}

function logIn(effects: readonly SessionEffect[]): readonly (readonly [string, unknown])[] {
  return effects.flatMap((effect) => effect.kind === "log" ? [[effect.event.what, effect.event.fields] as const] : []);
}

const kinds = (effects: readonly SessionEffect[]): string[] => effects.map((effect) => effect.kind);

Deno.test("ServerSession asks for an id at MAIL and for each recipient at RCPT", () => {
  const peer = new Peer({ dsn: true });
  peer.connect();
  peer.send("EHLO a.test\r\n");
  deepEqual(peer.send("MAIL FROM:<x@a.test> RET=FULL ENVID=e\r\n"), [{ kind: "ask", ask: { kind: "message" } }]);
  peer.message();
  deepEqual(peer.send("RCPT TO:<y@b.test> NOTIFY=NEVER ORCPT=rfc822;z@c.test\r\n"), [{
    kind: "ask",
    ask: {
      kind: "recipient",
      message: "1a2b3c4d",
      helo: "a.test",
      username: "",
      tls: false,
      sender: { localPart: "x", domain: "a.test" },
      rcpt: { localPart: "y", domain: "b.test" },
      dsn: { notify: ["never"], ret: "full", envId: "e", originalRecipient: "rfc822;z@c.test" },
      handling: plainHandling,
    },
  }]);
  peer.answer(taken);
  // Nothing of one recipient sticks to the next.
  const next = askIn(peer.send("RCPT TO:<z@b.test>\r\n"));
  deepEqual(next?.kind === "recipient" ? next.dsn : null, {
    notify: [],
    ret: "full",
    envId: "e",
    originalRecipient: null,
  });
});

Deno.test("ServerSession tells with each recipient how the message is to be handled", () => {
  const limits = { ...sessionConfig().limits, maxHoldMs: 86_400_000 };
  const peer = new Peer({ local: true, limits });
  peer.connect("local", "localhost");
  peer.send("EHLO a.test\r\n");
  peer.send("MAIL FROM:<x@a.test> SMTPUTF8 BODY=8BITMIME HOLDFOR=60 MT-PRIORITY=-2 BY=90;N\r\n");
  peer.message();
  const ask = askIn(peer.send("RCPT TO:<y@b.test>\r\n"));
  deepEqual(ask?.kind === "recipient" ? ask.handling : null, {
    smtpUtf8: true,
    body: "8bitmime",
    requireTls: false,
    priority: -2,
    holdUntil: start + 60_000,
    deliverBy: { at: start + 90_000, mode: "notify", trace: false },
  });
});

Deno.test("ServerSession gives a small message out in one piece, then asks for the commit", () => {
  const peer = new Peer();
  peer.toData();
  deepEqual(peer.send("Subject: x\r\n"), []);
  const effects = peer.send("\r\nhi\r\n.\r\n");
  deepEqual(kinds(effects), ["body", "ask"]);
  const [body, ask] = effects;
  const content = body?.kind === "body" ? Buffer.from(body.bytes).toString("latin1") : "";
  equal(
    content,
    "Received: from a.test (client.test [192.0.2.7])\r\n\tby mx.test (Postern) with ESMTP id 1a2b3c4d\r\n" +
      "\tfor <y@b.test>;\r\n\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\nSubject: x\r\n\r\nhi\r\n",
  );
  deepEqual(ask, { kind: "ask", ask: { kind: "commit", message: "1a2b3c4d", size: content.length } });
  const done = peer.answer(committed);
  equal(writtenBy(done), "250 2.0.0 1a2b3c4d Message accepted for delivery\r\n");
  deepEqual(logIn(done), [["message", { msgid: "1a2b3c4d", size: content.length, nrcpt: 1, proto: "ESMTP" }]]);
});

Deno.test("ServerSession names nobody in the Received field when there are several recipients", () => {
  const peer = new Peer();
  peer.connect("[2001:db8::1]", "<unknown>");
  peer.send("HELO a.test\r\n");
  peer.send("MAIL FROM:<>\r\n");
  peer.message();
  for (const rcpt of ["y", "z"]) {
    peer.send(`RCPT TO:<${rcpt}@b.test>\r\n`);
    peer.answer(taken);
  }
  peer.send("DATA\r\n");
  const [body] = peer.send(".\r\n");
  equal(
    body?.kind === "body" ? Buffer.from(body.bytes).toString("latin1") : "",
    "Received: from a.test (<unknown> [IPv6:2001:db8::1])\r\n\tby mx.test (Postern) with SMTP id 1a2b3c4d;\r\n" +
      "\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\n",
  );
});

Deno.test("ServerSession greets before it knows the peer's name, and takes it when it comes", () => {
  const peer = new Peer();
  const first = peer.connect("192.0.2.7", null);
  equal(writtenBy(first).slice(0, 3), "220");
  deepEqual(logIn(first), []);
  const named = peer.session.step({ kind: "named", at: peer.at, hostname: "mail.client.test" });
  deepEqual(logIn(named), [["connected", { address: "192.0.2.7", host: "mail.client.test" }]]);
  peer.send("HELO a.test\r\n");
  peer.send("MAIL FROM:<x@a.test>\r\n");
  peer.message();
  peer.send("RCPT TO:<y@b.test>\r\n");
  peer.answer(taken);
  peer.send("DATA\r\n");
  const [body] = peer.send(".\r\n");
  const text = body?.kind === "body" ? Buffer.from(body.bytes).toString("latin1") : "";
  ok(text.startsWith("Received: from a.test (mail.client.test [192.0.2.7])\r\n"), text);
});

Deno.test("ServerSession logs a connection whose name does not come before it logs anything else", () => {
  const peer = new Peer();
  peer.connect("192.0.2.7", null);
  deepEqual(logIn(peer.send("QUIT\r\n")), [
    ["connected", { address: "192.0.2.7", host: "<unknown>" }],
    ["disconnected", { reason: "quit" }],
  ]);
  deepEqual(peer.session.step({ kind: "named", at: peer.at, hostname: "late.test" }), []);
});

Deno.test("ServerSession tells nothing of the peer under mask-src", () => {
  const peer = new Peer({ maskSource: true });
  peer.toData();
  const [body] = peer.send(".\r\n");
  const content = body?.kind === "body" ? Buffer.from(body.bytes).toString("latin1") : "";
  equal(content.split("\r\n")[0], "Received: by mx.test (Postern) with ESMTP id 1a2b3c4d");
  equal(content.includes("192.0.2.7"), false);
});

Deno.test("ServerSession gives a long message out as it comes", () => {
  const peer = new Peer();
  peer.toData();
  const pieces: number[] = [];
  for (let count = 0; count < 90; count++) {
    for (const effect of peer.send(`A: ${"x".repeat(995)}\r\n`)) {
      equal(effect.kind, "body");
      if (effect.kind === "body") pieces.push(effect.bytes.length);
    }
  }
  deepEqual(pieces, [65_536]);
  const effects = peer.send(".\r\n");
  deepEqual(kinds(effects), ["body", "ask"]);
});

Deno.test("ServerSession rolls a refused message back at once, and answers at its end", () => {
  const peer = new Peer();
  peer.toData();
  deepEqual(peer.send("A: b\nc\r\n"), [{ kind: "rollback", message: "1a2b3c4d" }]);
  deepEqual(peer.send("more\r\n"), []);
  const effects = peer.send(".\r\n");
  equal(writtenBy(effects).slice(0, 9), "554 5.6.0");
  deepEqual(kinds(effects), ["log", "write"]);
});

Deno.test("ServerSession answers a pipelined group with one write once its lookups are done", () => {
  const peer = new Peer();
  peer.connect();
  peer.send("EHLO a.test\r\n");
  deepEqual(kinds(peer.send("MAIL FROM:<x@a.test>\r\nRCPT TO:<y@b.test>\r\nDATA\r\n")), ["ask"]);
  deepEqual(kinds(peer.message()), ["ask"]);
  const effects = peer.answer(taken);
  deepEqual(kinds(effects), ["write"]);
  deepEqual(writtenBy(effects).match(/^\d+/gm), ["250", "250", "354"]);
});

Deno.test("ServerSession does not keep an answer back while it looks something up alone", () => {
  const peer = new Peer();
  peer.connect();
  const effects = peer.send("EHLO a.test\r\n");
  deepEqual(kinds(effects), ["write"]);
  const last = peer.send("NOOP\r\nMAIL FROM:<x@a.test>\r\n");
  deepEqual(kinds(last), ["write", "ask"]);
});

Deno.test("ServerSession wants no tick while an ask is open, and no bytes once enough wait behind it", () => {
  const peer = new Peer();
  equal(peer.session.deadline, null);
  peer.connect();
  equal(peer.session.deadline, start + 300_000);
  equal(peer.session.wantsBytes, true);
  peer.send("EHLO a.test\r\nMAIL".slice(0, 13));
  peer.at += 1000;
  peer.send("MAIL FROM:<x@a.test>\r\n");
  equal(peer.session.deadline, null);
  const piece = `NOOP ${"x".repeat(761)}\r\n`;
  for (let held = 0; held < inputLengthHeld; held += piece.length) {
    equal(peer.session.wantsBytes, true);
    peer.send(piece);
  }
  equal(peer.session.wantsBytes, false);
  deepEqual(peer.session.step({ kind: "tick", at: start + 10_000_000 }), []);
  peer.message();
  equal(peer.session.deadline, start + 301_000);
  equal(peer.session.wantsBytes, true);
});

Deno.test("ServerSession is not disturbed by a tick that comes early", () => {
  const peer = new Peer();
  peer.connect();
  deepEqual(peer.session.step({ kind: "tick", at: start + 299_999 }), []);
  equal(writtenBy(peer.session.step({ kind: "tick", at: start + 300_000 })).slice(0, 9), "421 4.4.2");
});

Deno.test("ServerSession keeps a bounded amount of input while an ask is open", () => {
  const peer = new Peer();
  peer.connect();
  peer.send("EHLO a.test\r\n");
  peer.send("MAIL FROM:<x@a.test>\r\n");
  const piece = "NOOP\r\n".repeat(1000);
  let sent = 0;
  for (; sent + piece.length <= inputLengthMax; sent += piece.length) deepEqual(peer.send(piece), []);
  const effects = peer.send(piece);
  equal(writtenBy(effects), "421 4.7.0 Too much input while a command is being processed\r\n");
  deepEqual(kinds(effects), ["log", "write", "log", "close"]);
  deepEqual(peer.message(), []);
});

Deno.test("ServerSession is silent once it has closed", () => {
  const peer = new Peer();
  peer.connect();
  deepEqual(kinds(peer.send("QUIT\r\nNOOP\r\n")), ["write", "log", "close"]);
  deepEqual(peer.send("NOOP\r\n"), []);
  deepEqual(peer.session.step({ kind: "eof", at: start }), []);
  deepEqual(peer.session.step({ kind: "shutdown", at: start }), []);
  equal(peer.session.deadline, null);
  equal(peer.session.wantsBytes, false);
});

Deno.test("ServerSession lets the connection linger but after a QUIT with nothing behind it", () => {
  const ends: readonly (readonly [boolean, (peer: Peer) => SessionEffect[]])[] = [
    [false, (peer) => peer.send("QUIT\r\n")],
    [false, (peer) => peer.send("NOOP\r\nQUIT\r\n")],
    [true, (peer) => peer.send("QUIT\r\nNOOP\r\n")],
    [true, (peer) => peer.send("GET / HTTP/1.1\r\n")],
    [true, (peer) => peer.session.step({ kind: "eof", at: start })],
    [true, (peer) => peer.session.step({ kind: "shutdown", at: start })],
    [true, (peer) => peer.session.step({ kind: "tick", at: peer.session.deadline ?? 0 })],
  ];
  for (const [linger, end] of ends) {
    const peer = new Peer();
    peer.connect();
    deepEqual(end(peer).at(-1), { kind: "close", linger });
  }
});

Deno.test("ServerSession does not roll back what it asked to commit", () => {
  const peer = new Peer();
  peer.toData();
  peer.send(".\r\n");
  deepEqual(peer.session.step({ kind: "eof", at: start }), []);
  const effects = peer.answer(committed);
  deepEqual(kinds(effects), ["log", "write", "log", "close"]);
});

Deno.test("ServerSession does not roll back what it asked to commit when it ends the session itself", () => {
  const peer = new Peer();
  peer.toData();
  peer.send(".\r\n");
  peer.send("NOOP\r\n");
  deepEqual(kinds(peer.send("x".repeat(inputLengthMax))), ["log", "write", "log", "close"]);
});

Deno.test("ServerSession rolls back when the client goes amid a lookup, once that is answered", () => {
  const peer = new Peer();
  peer.connect();
  peer.send("EHLO a.test\r\n");
  peer.send("MAIL FROM:<x@a.test>\r\n");
  peer.message();
  peer.send("RCPT TO:<y@b.test>\r\n");
  deepEqual(peer.session.step({ kind: "eof", at: start }), []);
  deepEqual(kinds(peer.answer(taken)), ["rollback", "write", "log", "close"]);
});

Deno.test("ServerSession logs as OpenSMTPD does", () => {
  const peer = new Peer();
  deepEqual(logIn(peer.connect()), [["connected", { address: "192.0.2.7", host: "client.test" }]]);
  deepEqual(logIn(peer.send("MAIL FROM:<x@a.test>\r\n")), [[
    "failed-command",
    { command: "MAIL FROM:<x@a.test>", result: "503 5.5.1 Invalid command: Send HELO or EHLO first" },
  ]]);
  // Octets that are UTF-8 are logged as characters.
  const result = "503 5.5.1 Invalid command: Send HELO or EHLO first";
  deepEqual(logIn(peer.send("MAIL FROM:<j\u00c3\u00bc@a.test>\r\nMAIL FROM:<\u00fc@a.test>\r\n")), [
    ["failed-command", { command: "MAIL FROM:<j\u00fc@a.test>", result }],
    ["failed-command", { command: "MAIL FROM:<\u00fc@a.test>", result }],
  ]);
  deepEqual(logIn(peer.send("NOOP\n")), [
    ["bad-input", {
      result: "500 5.5.2 Syntax error: Lines end with CRLF; bare LF, bare CR and NUL are not accepted",
    }],
    ["disconnected", { reason: "bad-input" }],
  ]);
});

Deno.test("ServerSession logs why it ended", () => {
  const reasons: readonly (readonly [string, (peer: Peer) => SessionEffect[]])[] = [
    ["quit", (peer) => peer.send("QUIT\r\n")],
    ["timeout", (peer) => peer.session.step({ kind: "tick", at: start + 300_000 })],
    ["disconnect", (peer) => peer.session.step({ kind: "eof", at: start })],
    ["shutdown", (peer) => peer.session.step({ kind: "shutdown", at: start })],
    ["too-many-errors", (peer) => peer.send("FOO\r\n".repeat(100))],
    ["pipelining", (peer) => peer.send("EHLO a.test\r\nNOOP\r\n")],
    ["bad-input", (peer) => peer.send("GET / HTTP/1.1\r\n")],
  ];
  for (const [reason, end] of reasons) {
    const peer = new Peer();
    peer.connect();
    const effects = end(peer);
    deepEqual(logIn(effects).at(-1), ["disconnected", { reason }]);
    equal(effects.at(-1)?.kind, "close");
  }
});

Deno.test("ServerSession dies of an answer to what it did not ask, and of a second connection", () => {
  const peer = new Peer();
  peer.connect();
  throws(() => peer.connect(), /Assertion failed/);
  peer.send("EHLO a.test\r\n");
  deepEqual(peer.answer(committed), []);
  peer.send("MAIL FROM:<x@a.test>\r\n");
  throws(() => peer.answer(committed), /Assertion failed/);
});

Deno.test("ServerSession does not keep the bytes that it was lent", () => {
  const peer = new Peer();
  peer.connect();
  const lent = Buffer.from("EHLO a.te");
  peer.session.step({ kind: "bytes", at: start, bytes: lent });
  lent.fill("?");
  ok(writtenBy(peer.send("st\r\n")).startsWith("250-mx.test Hello a.test "));
});

import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { AuthorScanner } from "../../lib/mail/author.ts";
import { ServerSession, type SessionAnswer, type SessionAsk, type SessionEffect } from "../../lib/smtp/session.ts";
import { authorScanner, bindsAuthor } from "../../lib/smtp/session_author.ts";
import { SessionState } from "../../lib/smtp/session_state.ts";
import { sessionConfig } from "./session_rig.ts";
import { transcriptTls } from "../../lib/smtp/transcript_replay.ts";

/** Sends a message as ann, who may write as all of ok.test; returns what was committed, what was asked about, and the
 * last answer. */
function submit(content: string, { isMasquerade = false } = {}) {
  const config = sessionConfig({
    tls: "implicit",
    auth: { mode: "optional", mechanisms: ["PLAIN"] },
    checksSender: true,
    bindsAuthor: true,
    masquerade: isMasquerade,
  });
  const session = new ServerSession(config);
  const told = { stored: "", committed: null as string | null, asked: [] as string[], said: "" };
  const perform = (effects: readonly SessionEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === "write") told.said = Buffer.from(effect.bytes).toString("latin1");
      if (effect.kind === "body") told.stored += Buffer.from(effect.bytes).toString("latin1");
      if (effect.kind === "ask") perform(session.step({ kind: "answer", at: 0, answer: answerTo(effect.ask) }));
    }
  };
  const answerTo = (ask: SessionAsk): SessionAnswer => {
    switch (ask.kind) {
      case "message":
        return { kind: "message", id: "00000001" };
      case "recipient":
        return { kind: "recipient", reply: { code: 250, enhanced: null, lines: ["ok"] } };
      case "authenticate":
        return { kind: "authenticate", result: { kind: "accepted", username: "ann", data: null } };
      case "sender":
        told.asked.push(`${ask.username}: ${ask.sender?.localPart}@${ask.sender?.domain}`);
        return { kind: "sender", result: ask.sender?.domain === "ok.test" ? "allowed" : "refused" };
      case "filter":
        return { kind: "filter", decision: { kind: "proceed" } };
      case "lines":
        return { kind: "lines", lines: ask.lines };
      case "commit":
        told.committed = told.stored;
        return { kind: "commit", result: "committed" };
    }
  };
  const send = (text: string) => perform(session.step({ kind: "bytes", at: 0, bytes: Buffer.from(text, "latin1") }));
  perform(session.step({ kind: "connected", at: 0, address: "192.0.2.7", hostname: "<unknown>", tls: transcriptTls }));
  for (const line of ["EHLO a.test", "AUTH PLAIN AGEAYg==", "MAIL FROM:<ann@ok.test>", "RCPT TO:<y@b.test>", "DATA"]) {
    send(`${line}\r\n`);
  }
  send(`${content}\r\n.\r\n`);
  return told;
}

Deno.test("bindsAuthor(): of who has logged in where the listener says so, and of nobody else", () => {
  for (const [binds, username, want] of [[true, "ann", true], [true, "", false], [false, "ann", false]] as const) {
    const state = new SessionState(sessionConfig({ bindsAuthor: binds }));
    state.username = username;
    equal(bindsAuthor(state), want);
    equal(authorScanner(state) instanceof AuthorScanner, want);
  }
});

Deno.test("authorRefusal(): each address is asked about once, up to the first that is not the user's", () => {
  const told = submit("From: a@ok.test, b@ok.test\r\nSender: a@ok.test\r\n\r\nhi");
  deepEqual(told.asked, ["ann: ann@ok.test", "ann: a@ok.test", "ann: b@ok.test"]);
  ok(told.committed?.includes("From: a@ok.test, b@ok.test\r\n"));
  const refused = submit("From: a@no.test, b@no.test\r\n\r\nhi");
  deepEqual(refused.asked, ["ann: ann@ok.test", "ann: a@no.test"]);
  equal(refused.committed, null);
  ok(refused.said.startsWith("550 5.7.1 From rejected: a@no.test "), refused.said);
});

Deno.test("authorRefusal(): no committed message shows an address that is not the user's", () => {
  const name = fc.constantFrom(
    ..."From|from|FROM|From |From\t|Sender|Sender |X-From|Resent-From|Subject|Date|Message-ID|Bcc|To".split("|"),
  );
  const piece = fc.constantFrom(
    ...[
      "ann@ok.test",
      "x@no.test",
      "<ann@ok.test>",
      "<x@no.test>",
      "<",
      ">",
      "ann",
      "@",
      "no.test",
      ",",
      ";",
      "x:",
      '"',
    ],
    ...["(", ")", "\\", "\r\n ", "\r\n\t", " ", "=?utf-8?q?x=40no.test?=", "=?utf-8?q?x=40?=", "=?utf-8?q?no.test?="],
    ...["\0", "\xff", "\xc3\xbc", "\u0085", ".", "[", "]", "'", "<@no.test:", "<>"],
  );
  const field = fc.tuple(name, fc.array(piece, { maxLength: 8 })).map(([is, value]) => `${is}: ${value.join("")}\r\n`);
  const good = fc.constantFrom("From: ann@ok.test\r\n", "From: Ann <ann@ok.test>\r\n", "");
  let committed = 0;
  fc.assert(
    fc.property(good, fc.array(field, { maxLength: 4 }), fc.boolean(), (first, fields, isMasquerade) => {
      const told = submit(`${first}${fields.join("")}\r\nbody`, { isMasquerade });
      if (told.committed === null) return;
      committed++;
      // As a reader has it that knows nothing of grammar.
      const header = told.committed.split("\r\n\r\n")[0] ?? "";
      const lines = header.replace(/\r\n[ \t]/g, " ").split("\r\n");
      const authors = lines.filter((line) => /^(from|sender)[ \t]*:/i.test(line));
      equal(authors.filter((line) => /^from/i.test(line)).length, 1, header);
      for (const line of authors) {
        const shown = line.replace(/\?=\s+=\?utf-8\?q\?/g, "").replace(/=\?utf-8\?q\?|\?=/g, "").replaceAll("=40", "@");
        for (const [, host] of shown.matchAll(/[a-z]@([a-z.]+)/g)) {
          ok(!host?.includes(".") || host === "ok.test" || host.startsWith("ok.test."), line);
        }
      }
    }),
    { numRuns: 1000 },
  );
  ok(committed > 50, `${committed} were committed`);
});

import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { parseSmtpInToLookup } from "../../lib/daemon/imsg_parse.ts";
import type { SessionQuestion } from "../../lib/daemon/imsg.ts";
import { parseSessionQuestion, responseLengthMax } from "../../lib/daemon/session_parse.ts";
import { parseDomain } from "../../lib/mail/domain.ts";
import { quirks } from "../../lib/smtp/lenient.ts";
import { ServerSession, type SessionAnswer, type SessionAsk, type SessionEffect } from "../../lib/smtp/session.ts";
import { filterPhases } from "../../lib/smtp/session_face.ts";
import { prepareUser } from "../../lib/trust/credentials.ts";
import { sessionConfig } from "../smtp/session_rig.ts";
import { transcriptTls } from "../../lib/smtp/transcript_replay.ts";
import fc, { anyText } from "../support/fast_check.ts";

const about = { kind: "session", request: 1, session: "0123456789abcdef", listener: 0, address: "192.0.2.7" } as const;
const facts = { helo: "h.test", username: "", sender: "", rcpt: null };
const externalAsk = {
  kind: "authenticate",
  mechanism: "EXTERNAL",
  step: 0,
  response: "",
  certificate: "0f".repeat(32),
} as const;
const domain = parseDomain("a.test")!;

const good: readonly SessionQuestion["ask"][] = [
  { kind: "name" },
  { kind: "end" },
  { kind: "authenticate", mechanism: "PLAIN", step: 0, response: "\0ann\0\xfcber\r\n", certificate: null },
  { kind: "authenticate", mechanism: "LOGIN", step: 1, response: null, certificate: null },
  externalAsk,
  { kind: "sender", username: "ann", sender: { localPart: "ann", domain } },
  { kind: "sender", username: "ann", sender: null },
  { kind: "filter", phase: "mail-from", parameter: `<x@a.test> ${"A".repeat(2000)}`, facts },
  { kind: "filter", phase: "rcpt-to", parameter: "<y@b.test>", facts: { ...facts, sender: null, rcpt: "y@b.test" } },
];

for (const ask of good) {
  Deno.test(`parseSessionQuestion() takes ${JSON.stringify(ask).slice(0, 60)}`, () => {
    deepEqual(parseSessionQuestion({ ...about, ask }), { ...about, ask });
    deepEqual(parseSmtpInToLookup({ ...about, ask }), { ...about, ask });
  });
}

const bad: readonly (readonly [what: string, value: Readonly<Record<string, unknown>>])[] = [
  ["no request", { ...about, request: -1, ask: { kind: "name" } }],
  ["a listener that is no number", { ...about, listener: "0", ask: { kind: "name" } }],
  ["another name of a session", { ...about, session: "0123", ask: { kind: "name" } }],
  ["a line end in an address", { ...about, address: "192.0.2.7\n", ask: { kind: "name" } }],
  ["no question", { ...about }],
  ["another question", { ...about, ask: { kind: "expand" } }],
  ["a response that is too long", {
    ...about,
    ask: {
      kind: "authenticate",
      mechanism: "PLAIN",
      step: 0,
      response: "x".repeat(responseLengthMax + 1),
      certificate: null,
    },
  }],
  ["a response that is not of octets", {
    ...about,
    ask: { kind: "authenticate", mechanism: "PLAIN", step: 0, response: "\u0100", certificate: null },
  }],
  ["a certificate that is no fingerprint", { ...about, ask: { ...externalAsk, certificate: "f".repeat(63) } }],
  ["a certificate in capitals", { ...about, ask: { ...externalAsk, certificate: "F".repeat(64) } }],
  ["no word of a certificate", { ...about, ask: { ...externalAsk, certificate: undefined } }],
  ["a step below 0", {
    ...about,
    ask: { kind: "authenticate", mechanism: "PLAIN", step: -1, response: null, certificate: null },
  }],
  ["a sender that is no path", { ...about, ask: { kind: "sender", username: "ann", sender: { localPart: "x" } } }],
  ["another phase", { ...about, ask: { kind: "filter", phase: "quit", parameter: "", facts } }],
  ["a line end in a parameter", { ...about, ask: { kind: "filter", phase: "ehlo", parameter: "a\nb", facts } }],
  ["facts that lack a member", {
    ...about,
    ask: { kind: "filter", phase: "ehlo", parameter: "a", facts: { helo: "a" } },
  }],
];

for (const [what, value] of bad) {
  Deno.test(`parseSessionQuestion() refuses ${what}`, () => equal(parseSessionQuestion(value), null));
}

Deno.test("parseSessionQuestion() takes every name that anybody can log in by", () => {
  const unit = fc.oneof(
    fc.constantFrom("\u200e", "\u2028", "\u202e", "\u2066", "\ufeff", "\u0085"),
    anyText(),
  );
  fc.assert(fc.property(fc.array(unit).map((all) => prepareUser(`ann${all.join("")}`)), (username) => {
    const ask = { kind: "sender", username, sender: null };
    equal(parseSessionQuestion({ ...about, ask }) === null, username === null);
  }));
});

/** What a session asks of lookup whose client says these lines, and to whom everything is allowed. */
function asksOf(lines: readonly string[]): readonly SessionAsk[] {
  const session = new ServerSession(sessionConfig({
    tls: "implicit",
    auth: { mode: "optional", mechanisms: ["PLAIN"] },
    checksSender: true,
    filters: new Set(filterPhases),
    lenient: new Set(quirks),
  }));
  const asked: SessionAsk[] = [];
  const answerTo = (ask: SessionAsk): SessionAnswer => {
    if (ask.kind === "message") return { kind: "message", id: "00000001" };
    asked.push(ask);
    if (ask.kind === "filter") return { kind: "filter", decision: { kind: "proceed" } };
    if (ask.kind === "sender") return { kind: "sender", result: "allowed" };
    if (ask.kind === "recipient") return { kind: "recipient", reply: { code: 250, enhanced: null, lines: ["ok"] } };
    return { kind: "authenticate", result: { kind: "accepted", username: "ann", data: null } };
  };
  const perform = (effects: readonly SessionEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === "ask") perform(session.step({ kind: "answer", at: 0, answer: answerTo(effect.ask) }));
    }
  };
  perform(session.step({ kind: "connected", at: 0, address: "192.0.2.7", hostname: "<unknown>", tls: transcriptTls }));
  for (const line of lines) {
    perform(session.step({ kind: "bytes", at: 0, bytes: Buffer.from(`${line}\r\n`, "latin1") }));
  }
  return asked;
}

/** It as smtp-in asks it. */
function messageOf(ask: SessionAsk): unknown {
  if (ask.kind !== "recipient") return { ...about, ask };
  const { kind: _, helo, username, tls, ...rest } = ask;
  const claim = { address: "192.0.2.7", hostname: "<unknown>", helo, smtpName: "mx.test", username, tls };
  return { ...rest, kind: "expand", request: 1, session: about.session, listener: 0, claim };
}

Deno.test("whatever a client says, smtp-in asks nothing that it would be cut off for", () => {
  const usual = ["EHLO a.test", "AUTH PLAIN AGEAYg==", "MAIL FROM:<x@a.test> SMTPUTF8", "RCPT TO:<y@b.test>"];
  const others = [
    ["HELO x", "EHLO [192.0.2.1]"],
    ["AUTH PLAIN", "AUTH LOGIN"],
    ["MAIL FROM: x@a.test", 'MAIL FROM:<"a b"@a.test> SMTPUTF8', "MAIL FROM:<x@a.test> SIZE=1 ENVID=+41"],
    ['RCPT TO:<"y z"@b.test>', "RCPT TO:<y@b.test> ORCPT=rfc822;x@y NOTIFY=FAILURE"],
  ];
  const junk = fc.oneof(
    fc.nat(255).map((code) => String.fromCharCode(code)).filter((char) => !"\r\n\0".includes(char)),
    fc.constantFrom("\t", " ", '"', "\\", "<", ">", "@", "+0A", "\xc2\x85", "\xe2\x80\x8f", "\xef\xbb\xbf", "xn--"),
  );
  const step = fc.record({ turn: fc.nat(3), other: fc.nat(3), at: fc.nat(40), put: fc.array(junk, { maxLength: 4 }) });
  let recipients = 0;
  fc.assert(
    fc.property(step, ({ turn, other, at, put }) => {
      const line = [usual[turn]!, ...others[turn]!][other] ?? usual[turn]!;
      const lines = usual.with(turn, `${line.slice(0, at)}${put.join("")}${line.slice(at)}`);
      for (const ask of asksOf(lines)) {
        if (ask.kind === "recipient") recipients++;
        ok(parseSmtpInToLookup(JSON.parse(JSON.stringify(messageOf(ask)))) !== null, JSON.stringify(ask));
      }
    }),
    { numRuns: 500 },
  );
  ok(recipients > 50, `${recipients} recipients were asked about`);
});

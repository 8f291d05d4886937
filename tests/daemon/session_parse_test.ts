import { deepEqual, equal } from "node:assert/strict";
import { parseSmtpInToLookup } from "../../lib/daemon/imsg_parse.ts";
import type { SessionQuestion } from "../../lib/daemon/imsg.ts";
import { parseSessionQuestion, responseLengthMax } from "../../lib/daemon/session_parse.ts";
import { parseDomain } from "../../lib/mail/domain.ts";
import { prepareUser } from "../../lib/trust/credentials.ts";
import fc from "../support/fast_check.ts";

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
    fc.string({ unit: "binary" }),
  );
  fc.assert(fc.property(fc.array(unit).map((all) => prepareUser(`ann${all.join("")}`)), (username) => {
    const ask = { kind: "sender", username, sender: null };
    equal(parseSessionQuestion({ ...about, ask }) === null, username === null);
  }));
});

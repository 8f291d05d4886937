import { deepEqual } from "node:assert/strict";
import { offeredCommands, offeredExtensions, parameterOffer } from "../../lib/smtp/extension.ts";
import type { SessionConfig } from "../../lib/smtp/session_face.ts";
import { SessionState } from "../../lib/smtp/session_state.ts";
import { sessionConfig } from "./session_rig.ts";
import { transcriptTls as tls } from "../../lib/smtp/transcript_replay.ts";

const auth = { mode: "optional", mechanisms: ["PLAIN"] } as const;

/** A session at 27 November 2026, 08:00 UTC, that holds mail for an hour at most. */
function state(told: Partial<SessionConfig>, has: Partial<Pick<SessionState, "tls" | "username">> = {}): SessionState {
  const config = sessionConfig(told);
  const limits = { ...config.limits, maxMessageSize: 1000, maxMails: 100, maxRecipients: 1000, maxHoldMs: 3_600_000 };
  return Object.assign(new SessionState({ ...config, limits, ...told }), { now: Date.UTC(2026, 10, 27, 8), ...has });
}

const base = ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "SIZE 1000", "SMTPUTF8"];
const limitsLine = "LIMITS MAILMAX=100 RCPTMAX=1000";
const submission = ["FUTURERELEASE 3600 2026-11-27T09:00:00Z", "MT-PRIORITY", "DELIVERBY"];

const cases: readonly (readonly [string, SessionState, readonly string[]])[] = [
  ["a stranger what all get", state({}), [...base, limitsLine, "HELP"]],
  ["DSN where it is switched on", state({ dsn: true }), [...base, "DSN", limitsLine, "HELP"]],
  ["REQUIRETLS under TLS", state({ tls: "implicit" }, { tls }), [...base, "REQUIRETLS", limitsLine, "HELP"]],
  ["AUTH where clients may log in, and no submission before", state({ auth, tls: "implicit" }, { tls }), [
    ...base,
    "AUTH PLAIN",
    "REQUIRETLS",
    limitsLine,
    "HELP",
  ]],
  ["submission to who has logged in", state({ auth, tls: "implicit" }, { tls, username: "ann" }), [
    ...base,
    "REQUIRETLS",
    limitsLine,
    ...submission,
    "HELP",
  ]],
  ["submission on the local socket", state({ local: true }), [...base, limitsLine, ...submission, "HELP"]],
];

for (const [name, given, want] of cases) {
  Deno.test(`offeredExtensions() offers ${name}`, () => deepEqual(offeredExtensions(given), want));
}

Deno.test("offeredExtensions() offers no future release where no message is held", () => {
  const { config } = state({ local: true });
  const limits = { ...config.limits, maxHoldMs: 0 };
  deepEqual(offeredExtensions(state({ local: true, limits })).slice(base.length), [
    limitsLine,
    "MT-PRIORITY",
    "DELIVERBY",
    "HELP",
  ]);
});

Deno.test("parameterOffer() allows submission to those who are known", () => {
  const of = (given: SessionState) => parameterOffer(given).submission;
  deepEqual(
    [of(state({})), of(state({ auth })), of(state({ auth }, { username: "ann" })), of(state({ local: true }))],
    ["none", "offered", "allowed", "allowed"],
  );
});

const mail = ["MAIL", "RCPT", "DATA", "BDAT"];
const others = ["RSET", "NOOP", "VRFY", "HELP", "QUIT"];
const hello = ["HELO", "EHLO"];
const required = { ...auth, mode: "required" } as const;

const commandCases: readonly (readonly [string, SessionState, readonly string[]])[] = [
  ["what there always is", state({}), [...hello, ...mail, ...others]],
  ["LHLO alone in LMTP", state({ lmtp: true }), ["LHLO", ...mail, ...others]],
  ["STARTTLS in clear", state({ tls: "offered" }), [...hello, "STARTTLS", ...mail, ...others]],
  ["no mail before TLS", state({ tls: "required", auth }), [...hello, "STARTTLS", ...others]],
  ["AUTH under TLS", state({ tls: "required", auth }, { tls }), [...hello, "AUTH", ...mail, ...others]],
  ["no mail before AUTH", state({ tls: "implicit", auth: required }, { tls }), [...hello, "AUTH", ...others]],
  ["mail behind AUTH", state({ tls: "implicit", auth: required }, { tls, username: "ann" }), [
    ...hello,
    ...mail,
    ...others,
  ]],
];

for (const [name, given, want] of commandCases) {
  Deno.test(`offeredCommands() names ${name}`, () => deepEqual(offeredCommands(given), want));
}

Deno.test("offeredExtensions() offers STARTTLS where it can be had, and not under TLS", () => {
  for (
    const [mode, inClear] of [["none", false], ["offered", true], ["required", true], ["implicit", false]] as const
  ) {
    const one = state({ tls: mode });
    deepEqual(offeredExtensions(one).includes("STARTTLS"), inClear, mode);
    one.tls = tls;
    deepEqual(offeredExtensions(one).includes("STARTTLS"), false, mode);
  }
});

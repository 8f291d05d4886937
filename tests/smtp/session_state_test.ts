/** Limits that a session tells of: each is counted by its name, once for each message. The answers themselves are in
 * fixtures/smtp/server. */

import { deepEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { replies } from "../../lib/smtp/reply.ts";
import { ServerSession, type SessionConfig, type SessionEffect } from "../../lib/smtp/session.ts";
import { defaultSessionBounds, type SessionBounds } from "../../lib/smtp/session_bounds.ts";
import { limitCounter } from "../../lib/smtp/session_state.ts";
import { sessionConfig } from "./session_rig.ts";

const at = Date.UTC(2026, 2, 3, 9, 4, 5);
const begin = "MAIL FROM:<x@a.test>\r\nRCPT TO:<y@b.test>\r\n";

/** Plays a client that waits for no answer but those to EHLO, DATA and the dot. Returns what was counted and the answers' codes. */
function play(
  groups: readonly string[],
  limits: Partial<SessionConfig["limits"]>,
  bounds: Partial<SessionBounds>,
  refused: boolean,
) {
  const usual = sessionConfig();
  const session = new ServerSession(
    sessionConfig({ limits: { ...usual.limits, ...limits }, bounds: { ...defaultSessionBounds, ...bounds } }),
  );
  const counted: string[] = [];
  const codes: string[] = [];
  const follow = (effects: readonly SessionEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === "count") counted.push(effect.name);
      if (effect.kind === "write") {
        codes.push(...Buffer.from(effect.bytes).toString().match(/^[0-9]{3}(?= )/gm) ?? []);
      }
      if (effect.kind !== "ask") continue;
      const { kind } = effect.ask;
      if (kind === "message") follow(session.step({ kind: "answer", at, answer: { kind, id: "1a2b3c4d" } }));
      if (kind === "commit") follow(session.step({ kind: "answer", at, answer: { kind, result: "committed" } }));
      if (kind === "recipient") {
        const reply = refused ? replies.invalidRecipient("y@b.test") : replies.recipientOk;
        follow(session.step({ kind: "answer", at, answer: { kind, reply } }));
      }
    }
  };
  follow(session.step({ kind: "connected", at, address: "192.0.2.7", hostname: "client.test" }));
  for (const text of ["EHLO a.test\r\n", ...groups]) {
    follow(session.step({ kind: "bytes", at, bytes: Buffer.from(text, "latin1") }));
  }
  return { counted, codes: codes.slice(2) };
}

interface Case {
  readonly limit: string;
  readonly limits?: Partial<SessionConfig["limits"]>;
  readonly bounds?: Partial<SessionBounds>;
  readonly refused?: boolean;
  /** Groups of commands. */
  readonly says: readonly string[];
  readonly codes: readonly string[];
}

const content = (text: string) => [`${begin}DATA\r\n`, `${text}.\r\n`];

const cases: readonly Case[] = [
  {
    limit: "max-mails",
    limits: { maxMails: 1 },
    says: [...content(""), begin.slice(0, 22)],
    codes: ["250", "250", "354", "250", "452"],
  },
  {
    limit: "max-rcpt",
    limits: { maxRecipients: 1 },
    says: [begin, "RCPT TO:<z@b.test>\r\nRCPT TO:<z@b.test>\r\n"],
    codes: ["250", "250", "452", "452"],
  },
  {
    limit: "max-message-size",
    limits: { maxMessageSize: 10 },
    says: ["MAIL FROM:<x@a.test> SIZE=11\r\n"],
    codes: ["552"],
  },
  {
    limit: "max-message-size",
    limits: { maxMessageSize: 10 },
    says: content("A: bcdefghijk\r\n"),
    codes: ["250", "250", "354", "552"],
  },
  {
    limit: "max-message-size",
    limits: { maxMessageSize: 10 },
    says: [`${begin}BDAT 11\r\nA: bcdefghi`, "BDAT 2\r\nijBDAT 2 LAST\r\nkl"],
    codes: ["250", "250", "552", "552", "552"],
  },
  {
    limit: "max-line-length",
    limits: { maxLineLength: 20 },
    says: content(`\r\n${"x".repeat(19)}\r\n`),
    codes: ["250", "250", "354", "554"],
  },
  {
    limit: "max-header-size",
    limits: { maxHeaderSize: 10 },
    says: content("A: bcdefgh\r\n\r\n"),
    codes: ["250", "250", "354", "552"],
  },
  {
    limit: "max-headers",
    limits: { maxHeaders: 1 },
    says: content("A: b\r\nC: d\r\n\r\n"),
    codes: ["250", "250", "354", "552"],
  },
  {
    limit: "max-hops",
    limits: { maxHops: 1 },
    says: content("Received: x\r\n\r\n"),
    codes: ["250", "250", "354", "554"],
  },
  { limit: "max-errors", bounds: { maxErrors: 1 }, says: ["FOO\r\n"], codes: ["500", "421"] },
  { limit: "max-junk-commands", bounds: { maxJunkCommands: 1 }, says: ["NOOP\r\n"], codes: ["421"] },
  {
    limit: "max-unknown-rcpt",
    bounds: { maxUnknownRecipients: 1 },
    refused: true,
    says: [begin],
    codes: ["250", "550", "421"],
  },
];

for (const { limit, limits = {}, bounds = {}, refused = false, says, codes } of cases) {
  Deno.test(`ServerSession counts who is over ${limit}: ${codes.join(" ")}`, () => {
    deepEqual(play(says, limits, bounds, refused), { counted: [limitCounter(limit)], codes });
  });
}

Deno.test("ServerSession counts a limit again for the next message", () => {
  const says = [...content("A: bcdefghijk\r\n"), ...content("A: bcdefghijk\r\n")];
  const { counted } = play(says, { maxMessageSize: 10 }, {}, false);
  deepEqual(counted, [limitCounter("max-message-size"), limitCounter("max-message-size")]);
});

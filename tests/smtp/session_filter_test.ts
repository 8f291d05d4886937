import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ServerSession, type SessionConfig, type SessionEffect } from "../../lib/smtp/session.ts";
import type { FilterVerdict, SessionAsk } from "../../lib/smtp/session_face.ts";
import { sessionConfig } from "./session_rig.ts";

const reject = { kind: "reject", reply: { code: 550, enhanced: "5.7.1", lines: ["go away"] } } as const;
const disconnect = { ...reject, kind: "disconnect" } as const;

/** What a session says to a client whose commands the filters judge in turn. */
function played(config: Partial<SessionConfig>, lines: readonly string[], verdicts: readonly FilterVerdict[]) {
  const session = new ServerSession(sessionConfig(config));
  const asked: SessionAsk[] = [];
  const said: string[] = [];
  const logged: string[] = [];
  const left = [...verdicts];
  let messages = 0;
  const perform = (effects: readonly SessionEffect[]) => {
    for (const effect of effects) {
      if (effect.kind === "write") said.push(Buffer.from(effect.bytes).toString("latin1").slice(0, 3));
      if (effect.kind === "close") said.push("closed");
      if (effect.kind === "log") logged.push(effect.event.what);
      if (effect.kind !== "ask") continue;
      const { ask } = effect;
      if (ask.kind === "filter") {
        asked.push(ask);
        const decision = left.shift() ?? { kind: "proceed" };
        perform(session.step({ kind: "answer", at: 0, answer: { kind: "filter", decision } }));
      } else if (ask.kind === "message") {
        messages++;
        perform(session.step({ kind: "answer", at: 0, answer: { kind: "message", id: "1a2b3c4d" } }));
      }
    }
  };
  perform(session.step({ kind: "connected", at: 0, address: "192.0.2.7", hostname: "<unknown>" }));
  for (const line of lines) perform(session.step({ kind: "bytes", at: 0, bytes: Buffer.from(`${line}\r\n`) }));
  return { said, logged, asked, messages };
}

Deno.test("filters are asked in their phases only, with what is known", () => {
  const { asked } = played({ filters: new Set(["connect", "ehlo", "mail-from"]) }, [
    "EHLO h.test",
    "MAIL FROM:<x@a.test> SIZE=10",
  ], []);
  deepEqual(asked, [
    {
      kind: "filter",
      phase: "connect",
      parameter: "<unknown>|192.0.2.7",
      facts: { helo: "", username: "", sender: null, rcpt: null },
    },
    {
      kind: "filter",
      phase: "ehlo",
      parameter: "h.test",
      facts: { helo: "h.test", username: "", sender: null, rcpt: null },
    },
    {
      kind: "filter",
      phase: "mail-from",
      parameter: "<x@a.test> SIZE=10",
      facts: { helo: "h.test", username: "", sender: "x@a.test", rcpt: null },
    },
  ]);
  deepEqual(played({}, ["EHLO h.test"], []).asked, []);
});

Deno.test("a filter that rejects a command leaves the session usable", () => {
  const { said, messages } = played({ filters: new Set(["mail-from"]) }, [
    "HELO h.test",
    "MAIL FROM:<x@a.test>",
    "MAIL FROM:<z@a.test>",
  ], [reject]);
  deepEqual(said, ["220", "250", "550", "250"]);
  equal(messages, 1);
});

Deno.test("a filter that disconnects a client answers it, and closes", () => {
  const { said, logged } = played({ filters: new Set(["connect"]) }, ["HELO h.test"], [disconnect]);
  deepEqual(said, ["550", "closed"]);
  // There was no command that could have failed.
  deepEqual(logged, ["connected", "refused", "disconnected"]);
});

Deno.test("a name that a filter puts in place of another counts, if it is one", () => {
  const config = { filters: new Set(["helo"] as const) };
  deepEqual(played(config, ["HELO h.test"], [{ kind: "rewrite", value: "other.test" }]).said, ["220", "250"]);
  deepEqual(played(config, ["HELO h.test"], [{ kind: "rewrite", value: "no name" }]).said, ["220", "501"]);
});

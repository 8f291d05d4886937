import { deepEqual, equal } from "node:assert/strict";
import type { SessionQuestion } from "../../lib/daemon/imsg.ts";
import { SessionDesk } from "../../lib/daemon/session_desk.ts";
import { Fault } from "../../lib/fault.ts";
import { replies } from "../../lib/smtp/reply.ts";
import { KeptLog } from "./rig.ts";

const facts = { helo: "h.test", username: "", sender: null, rcpt: null };
const asks: readonly SessionQuestion["ask"][] = [
  { kind: "authenticate", mechanism: "PLAIN", step: 0, response: null, certificate: null },
  { kind: "sender", username: "ann", sender: null },
  { kind: "filter", phase: "ehlo", parameter: "h.test", facts },
  { kind: "name" },
  { kind: "end" },
];

function question(ask: SessionQuestion["ask"]): SessionQuestion {
  return { kind: "session", request: 7, session: "0123456789abcdef", listener: 2, address: "192.0.2.7", ask };
}

const cannotSay = [
  { kind: "answered", request: 7, answer: { kind: "authenticate", result: { kind: "failed", username: "" } } },
  { kind: "answered", request: 7, answer: { kind: "sender", result: "failed" } },
  {
    kind: "answered",
    request: 7,
    answer: { kind: "filter", decision: { kind: "reject", reply: replies.unavailable } },
  },
  { kind: "named", request: 7, hostname: null },
  null,
];

Deno.test("SessionDesk says that it cannot say where nobody is there for a question", async () => {
  const desk = new SessionDesk({}, () => {});
  deepEqual(await Promise.all(asks.map((ask) => desk.answer(question(ask)))), cannotSay);
});

Deno.test("SessionDesk says that it cannot say when a part fails, and logs it", async () => {
  const log = new KeptLog();
  const fail = () => Promise.reject(new Fault("unavailable", "the table is away"));
  const desk = new SessionDesk({ authenticate: fail, sender: fail, filter: fail, name: fail }, log.log);
  deepEqual(await Promise.all(asks.map((ask) => desk.answer(question(ask)))), cannotSay);
  equal(log.of("trouble").length, 4);
});

Deno.test("SessionDesk passes questions and answers on", async () => {
  const ended: string[] = [];
  const listeners: number[] = [];
  const desk = new SessionDesk({
    authenticate: ({ listener }) => {
      listeners.push(listener);
      return Promise.resolve({ kind: "challenge", text: "x" });
    },
    sender: () => Promise.resolve("allowed"),
    filter: () => Promise.resolve({ kind: "junk" }),
    name: ({ address }) => Promise.resolve(`of.${address}.test`),
    ended: (session) => void ended.push(session),
  }, () => {});
  deepEqual(await Promise.all(asks.map((ask) => desk.answer(question(ask)))), [
    { kind: "answered", request: 7, answer: { kind: "authenticate", result: { kind: "challenge", text: "x" } } },
    { kind: "answered", request: 7, answer: { kind: "sender", result: "allowed" } },
    { kind: "answered", request: 7, answer: { kind: "filter", decision: { kind: "junk" } } },
    { kind: "named", request: 7, hostname: "of.192.0.2.7.test" },
    null,
  ]);
  deepEqual([ended, listeners], [["0123456789abcdef"], [2]]);
});

import { deepEqual, equal } from "node:assert/strict";
import type { SessionAnswered, SessionQuestion } from "../../lib/daemon/imsg.ts";
import { SessionBook } from "../../lib/daemon/session_book.ts";
import { SessionDesk, type SessionParts } from "../../lib/daemon/session_desk.ts";
import { Fault } from "../../lib/fault.ts";
import type { AuthResult } from "../../lib/smtp/session_face.ts";
import { replies } from "../../lib/smtp/reply.ts";
import { KeptLog, policyOf } from "./rig.ts";

const { listeners } = policyOf();
const inet = listeners.findIndex(({ kind }) => kind === "inet");
const facts = { helo: "h.test", username: "", sender: null, rcpt: null };
const login = { kind: "authenticate", mechanism: "PLAIN", step: 0, response: null, certificate: null } as const;
const asks: readonly SessionQuestion["ask"][] = [
  login,
  { kind: "sender", username: "", sender: null },
  { kind: "filter", phase: "ehlo", parameter: "h.test", facts },
  { kind: "name" },
  { kind: "end" },
];
const byAnn: readonly SessionQuestion["ask"][] = [
  { kind: "sender", username: "ann", sender: null },
  { kind: "filter", phase: "ehlo", parameter: "h.test", facts: { ...facts, username: "ann" } },
];

function question(ask: SessionQuestion["ask"], change: Partial<SessionQuestion> = {}): SessionQuestion {
  const session = "0123456789abcdef";
  return { kind: "session", request: 7, session, listener: inet, address: "192.0.2.7", ask, ...change };
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
  const [desk, book] = [new SessionDesk({}, listeners, () => {}), new SessionBook()];
  deepEqual(await Promise.all(asks.map((ask) => desk.answer(question(ask), book))), cannotSay);
});

Deno.test("SessionDesk says that it cannot say when a part fails, and logs it", async () => {
  const [log, book] = [new KeptLog(), new SessionBook()];
  const fail = () => Promise.reject(new Fault("unavailable", "the table is away"));
  const desk = new SessionDesk({ authenticate: fail, sender: fail, filter: fail, name: fail }, listeners, log.log);
  deepEqual(await Promise.all(asks.map((ask) => desk.answer(question(ask), book))), cannotSay);
  equal(log.of("trouble").length, 4);
});

/** Parts that say yes to everything; a login is answered by `result`. */
function partsFor(result: AuthResult): SessionParts {
  return {
    authenticate: () => Promise.resolve(result),
    sender: () => Promise.resolve("allowed"),
    filter: () => Promise.resolve({ kind: "junk" }),
    name: ({ address }) => Promise.resolve(`of.${address}.test`),
  };
}

const saysYes = [
  { kind: "answered", request: 7, answer: { kind: "authenticate", result: { kind: "challenge", text: "x" } } },
  { kind: "answered", request: 7, answer: { kind: "sender", result: "allowed" } },
  { kind: "answered", request: 7, answer: { kind: "filter", decision: { kind: "junk" } } },
  { kind: "named", request: 7, hostname: "of.192.0.2.7.test" },
  null,
];

Deno.test("SessionDesk passes questions and answers on", async () => {
  const book = new SessionBook();
  const desk = new SessionDesk(partsFor({ kind: "challenge", text: "x" }), listeners, () => {});
  const said: (SessionAnswered | null)[] = [];
  const sizes: number[] = [];
  for (const ask of asks) {
    said.push(await desk.answer(question(ask), book));
    sizes.push(book.size);
  }
  deepEqual([said, sizes], [saysYes, [1, 1, 1, 1, 0]]);
});

Deno.test("a listener that there is not, and a peer that cannot come by it, cannot be told about", async () => {
  const [desk, book] = [
    new SessionDesk(partsFor({ kind: "challenge", text: "x" }), listeners, () => {}),
    new SessionBook(),
  ];
  for (const change of [{ listener: 99 }, { address: "local" }, { address: "" }]) {
    deepEqual(await Promise.all(asks.map((ask) => desk.answer(question(ask, change), book))), cannotSay);
  }
  equal(book.size, 0);
});

Deno.test("questions in the name of a user are answered where he has logged in, and nowhere else", async () => {
  const desk = new SessionDesk(partsFor({ kind: "accepted", username: "ann", data: null }), listeners, () => {});
  const [book, other] = [new SessionBook(), new SessionBook()];
  const yes = [saysYes[1], saysYes[2]];
  const no = [cannotSay[1], cannotSay[2]];
  const ask = (change: Partial<SessionQuestion> = {}, from = book) =>
    Promise.all(byAnn.map((one) => desk.answer(question(one, change), from)));
  deepEqual(await ask(), no, "not yet");
  await desk.answer(question(login), book);
  deepEqual(await ask(), yes);
  deepEqual(await ask({}, other), no, "another smtp-in, or the next lookup");
  deepEqual(await ask({ session: "f".repeat(16) }), no, "another session");
  deepEqual(await ask({ listener: 0 }), no, "another listener");
  deepEqual(
    await Promise.all(
      byAnn.map((one) =>
        desk.answer(question(one.kind === "sender" ? { ...one, username: "bob" } : { ...byAnn[1]! }), book)
      ),
    ),
    [cannotSay[1], saysYes[2]],
    "another user",
  );
  await desk.answer(question({ kind: "end" }), book);
  deepEqual(await ask(), no, "it is over");
});

Deno.test("a session that ends amid its login has not logged in", async () => {
  const held = Promise.withResolvers<AuthResult>();
  const book = new SessionBook();
  const desk = new SessionDesk({ authenticate: () => held.promise }, listeners, () => {});
  const answer = desk.answer(question(login), book);
  await desk.answer(question({ kind: "end" }), book);
  held.resolve({ kind: "accepted", username: "ann", data: null });
  deepEqual([await answer, book.size], [cannotSay[0], 0]);
});

Deno.test("more sessions than are remembered cannot log in", async () => {
  const book = new SessionBook(1);
  const desk = new SessionDesk(partsFor({ kind: "accepted", username: "ann", data: null }), listeners, () => {});
  const kinds: unknown[] = [];
  for (const digit of "12") {
    const told = await desk.answer(question(login, { session: digit.repeat(16) }), book);
    kinds.push(told?.kind === "answered" && told.answer.kind === "authenticate" && told.answer.result.kind);
  }
  deepEqual([kinds, book.size], [["accepted", "failed"], 1]);
});

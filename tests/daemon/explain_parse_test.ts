import { deepEqual, equal } from "node:assert/strict";
import { questionOf } from "../../lib/daemon/explain_parse.ts";
import { type ExplainQuestion, ownDomain } from "../../lib/policy/explain.ts";
import { mailbox } from "../policy/tables.ts";

const question: ExplainQuestion = {
  sender: mailbox("ann@a.test"),
  rcpt: mailbox("bob@b.test"),
  address: "[2001:db8::7]",
  hostname: "p.test",
  helo: "h.test",
  username: "ann",
  tls: true,
  tag: "in",
  listener: "lo",
};

Deno.test("questionOf() reads what JSON made of a question", () => {
  for (
    const change of [
      {},
      { rcpt: { localPart: "root", domain: ownDomain } },
      {
        sender: null,
        address: null,
        hostname: null,
        helo: null,
        username: null,
        tag: null,
        listener: null,
        tls: false,
      },
    ]
  ) {
    const asked = { ...question, ...change };
    deepEqual(questionOf(JSON.parse(JSON.stringify(asked))), asked);
  }
});

Deno.test("questionOf() refuses what is no question", () => {
  const { tag: _, ...short } = question;
  for (
    const value of [
      null,
      [],
      "x",
      short,
      { ...question, more: 1 },
      { ...short, other: null },
      { ...question, tls: 1 },
      { ...question, sender: "ann@a.test" },
      { ...question, rcpt: null },
      { ...question, rcpt: { localPart: "a\r\nb", domain: "b.test" } },
      { ...question, address: "2001:db8::7" },
      { ...question, address: "local" },
      { ...question, helo: "a\nb" },
      { ...question, helo: "x".repeat(1025) },
      { ...question, listener: 25 },
    ]
  ) equal(questionOf(value), null, JSON.stringify(value));
});

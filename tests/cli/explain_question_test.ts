import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { type QuestionOptions, readQuestion } from "../../cli/explain_question.ts";
import { UsageError } from "../../cli/getopt.ts";
import { mailboxOf } from "../support/envelope.ts";

const bare: QuestionOptions = {
  from: "ann@a.test",
  rcpt: "bob@b.test",
  src: null,
  rdns: null,
  helo: null,
  auth: null,
  tag: null,
  listener: null,
  tls: false,
};

Deno.test("readQuestion() reads what is asked about", () => {
  deepEqual(
    readQuestion({ ...bare, from: "", rcpt: "<bob@b.test>", src: "2001:DB8::7", rdns: "P.test", listener: "lo" }),
    {
      sender: null,
      rcpt: mailboxOf("bob@b.test"),
      address: "[2001:db8::7]",
      hostname: "p.test",
      helo: null,
      username: null,
      tls: false,
      tag: null,
      listener: "lo",
    },
  );
  equal(readQuestion({ ...bare, listener: "socket" }).listener, "socket");
  deepEqual(readQuestion({ ...bare, rcpt: "root" }).rcpt, { localPart: "root", domain: "" });
});

Deno.test("readQuestion() says what is missing or makes no sense", () => {
  for (
    const [change, want] of [
      [{ from: null }, "--from is missing: the sender, '' for the null sender"],
      [{ rcpt: null }, "--rcpt is missing: the recipient"],
      [{ from: "ann" }, "--from takes user@domain, not ann"],
      [{ rcpt: "" }, "--rcpt takes user@domain or user, not "],
      [{ rcpt: "a\u001bb" }, "--rcpt takes user@domain or user, not a?b"],
      [{ src: "lo" }, "--src takes an IP address, not lo"],
      [{ rdns: "a b" }, "--rdns takes a host name, not a b"],
      [{ listener: "lo" }, "--listener goes with --src: name the client's address too"],
      [{ helo: "a\nb" }, "--helo takes at most 255 printable characters"],
      [{ auth: "x".repeat(256) }, "--auth takes at most 255 printable characters"],
    ] as const
  ) {
    throws(() => readQuestion({ ...bare, ...change }), (error) => {
      ok(error instanceof UsageError);
      equal(error.message, want);
      return true;
    });
  }
});

import { Buffer } from "node:buffer";
import { deepEqual, equal } from "node:assert/strict";
import { replies } from "../../lib/smtp/reply.ts";
import type { SessionEffect } from "../../lib/smtp/session_face.ts";
import { heldOutputLengthMax, SessionOutput } from "../../lib/smtp/session_output.ts";

const written = (effects: readonly SessionEffect[]): string[] =>
  effects.map((effect) => effect.kind === "write" ? Buffer.from(effect.bytes).toString("latin1") : effect.kind);

Deno.test("SessionOutput makes one write of the answers to a group", () => {
  const output = new SessionOutput("s");
  output.say(replies.senderOk);
  deepEqual(output.take(), []);
  output.say(replies.startMail);
  output.flush();
  output.flush();
  deepEqual(written(output.take()), ["250 2.1.0 Ok\r\n" + '354 Enter mail, end with "." on a line by itself\r\n']);
  deepEqual(output.take(), []);
});

Deno.test("SessionOutput keeps effects in order", () => {
  const output = new SessionOutput("s");
  output.say(replies.ok);
  output.push({ kind: "rollback", message: "00000001" });
  output.flush();
  output.push({ kind: "close", linger: true });
  deepEqual(written(output.take()), ["rollback", "250 2.0.0 Ok\r\n", "close"]);
});

Deno.test("SessionOutput lets no more than a kilobyte of answers wait", () => {
  const output = new SessionOutput("s");
  let said = 0;
  while (said <= heldOutputLengthMax) {
    deepEqual(output.take(), []);
    output.say(replies.ok);
    said += "250 2.0.0 Ok\r\n".length;
  }
  equal(written(output.take()).join("").length, said);
});

Deno.test("SessionOutput names the session in the log", () => {
  const output = new SessionOutput("0123456789abcdef");
  output.log("disconnected", { reason: "quit" });
  deepEqual(output.take(), [{
    kind: "log",
    event: {
      priority: "info",
      session: "0123456789abcdef",
      from: "smtp",
      what: "disconnected",
      fields: { reason: "quit" },
    },
  }]);
});

Deno.test("SessionOutput holds a line back until it is complete, or another follows", () => {
  const output = new SessionOutput("s");
  let host = "<unknown>";
  const logged = () =>
    output.take().map((effect) => effect.kind === "log" ? [effect.event.what, effect.event.fields] : []);
  output.logLater("connected", () => ({ host }));
  deepEqual(logged(), []);
  host = "a.test";
  output.logNow();
  output.logNow();
  deepEqual(logged(), [["connected", { host: "a.test" }]]);
  output.logLater("connected", () => ({ host }));
  host = "b.test";
  output.log("disconnected", {});
  deepEqual(logged(), [["connected", { host: "b.test" }], ["disconnected", {}]]);
});

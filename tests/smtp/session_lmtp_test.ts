import { equal } from "node:assert/strict";
import type { Verb } from "../../lib/smtp/command.ts";
import { replies } from "../../lib/smtp/reply.ts";
import { answerContent, greetingRefusal, refuseContent } from "../../lib/smtp/session_lmtp.ts";
import { SessionState } from "../../lib/smtp/session_state.ts";
import { sessionConfig } from "./session_rig.ts";

/** Everything that was said, as text. */
function said(state: SessionState): string {
  state.output.flush();
  return state.output.take().map((one) => one.kind === "write" ? new TextDecoder().decode(one.bytes) : "").join("");
}

Deno.test("greetingRefusal() takes LHLO in LMTP only, HELO and EHLO in SMTP only", () => {
  const cases: readonly (readonly [Verb, boolean, number])[] = [
    ["LHLO", true, 0],
    ["EHLO", true, 500],
    ["HELO", true, 500],
    ["MAIL", true, 0],
    ["LHLO", false, 500],
    ["EHLO", false, 0],
    ["HELO", false, 0],
    ["MAIL", false, 0],
  ];
  for (const [verb, isLmtp, code] of cases) equal(greetingRefusal(verb, isLmtp)?.code ?? 0, code, `${verb} ${isLmtp}`);
});

Deno.test("answerContent() and refuseContent() answer once in SMTP, once for each recipient in LMTP", () => {
  for (const [lmtp, recipients, count] of [[false, 3, 1], [true, 3, 3], [true, 1, 1]] as const) {
    const taken = new SessionState(sessionConfig({ lmtp }));
    answerContent(taken, replies.accepted("12345678"), recipients);
    equal(said(taken), "250 2.0.0 12345678 Message accepted for delivery\r\n".repeat(count));
    const refused = new SessionState(sessionConfig({ lmtp }));
    refuseContent(refused, replies.messageTooBig, recipients);
    equal(said(refused).split("\r\n").filter((line) => line.startsWith("552 ")).length, count);
  }
});

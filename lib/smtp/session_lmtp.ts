/** What is different in LMTP (RFC 2033): the greeting, and one answer for each recipient at the end of a message. */

import type { Verb } from "./command.ts";
import { replies, type Reply } from "./reply.ts";
import type { SessionState } from "./session_state.ts";

/** Why a greeting is not one of the protocol; null for all other verbs. RFC 2033 §4.1: LHLO takes the place of HELO and
 * EHLO. */
export function greetingRefusal(verb: Verb, isLmtp: boolean): Reply | null {
  if (verb === "LHLO") return isLmtp ? null : replies.unrecognized;
  return isLmtp && (verb === "HELO" || verb === "EHLO") ? replies.lhloOnly : null;
}

/** Answers the end of a message, of which `recipients` were taken. RFC 2033 §4.2: in LMTP each of them has an answer, in
 * their order. A message is stored for all of them at once, or for none: the answers are all the same. */
export function answerContent(state: SessionState, reply: Reply, recipients: number): void {
  const count = state.config.lmtp ? recipients : 1;
  for (let told = 0; told < count; told++) state.say(reply);
}

/** Answers a message that is not taken, likewise. */
export function refuseContent(state: SessionState, reply: Reply, recipients: number): void {
  state.refuse(reply);
  if (state.config.lmtp) answerContent(state, reply, recipients - 1);
}

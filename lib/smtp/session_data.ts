/** The content of a message: DATA, and how it ends (RFC 5321 §4.1.1.4). */

import { assert } from "../fault.ts";
import { formatDate } from "../mail/date.ts";
import { formatReceived } from "../mail/trace.ts";
import { replies } from "./reply.ts";
import { filtered } from "./session_filter.ts";
import type { SessionState } from "./session_state.ts";
import { ask, nextBytes, type Running } from "./session_wait.ts";
import type { ContentAdditions, Transaction } from "./transaction.ts";

/** DATA. */
export function* data(state: SessionState): Running {
  const { transaction } = state;
  assert(transaction !== null, "DATA stands inside a transaction");
  if ((yield* filtered(state, "data", "")) === null) return;
  transaction.begin(additions(state, transaction));
  state.say(replies.startMail);
  do yield* nextBytes(); while (!readContent(state, transaction));
  state.line = "DATA";
  yield* finish(state, transaction);
}

/** The whole content has come: makes it durable, or says why not. */
function* finish(state: SessionState, transaction: Transaction): Running {
  const { message } = transaction;
  if (transaction.refusal !== null) {
    state.refuse(transaction.refusal);
    return state.forgetTransaction();
  }
  if ((yield* filtered(state, "commit", "")) === null) return state.reset();
  state.isCommitting = true;
  const { result } = yield* ask({ kind: "commit", message, size: transaction.size });
  state.isCommitting = false;
  state.forgetTransaction();
  if (result !== "committed") {
    return state.refuse(result === "noSpace" ? replies.storageFull : replies.storageFailed);
  }
  state.output.log("message", {
    msgid: message,
    size: transaction.size,
    nrcpt: transaction.recipients,
    proto: state.isExtended ? "ESMTP" : "SMTP",
  });
  state.say(replies.accepted(message));
}

/** Reads content from the input. False when all of it is used up and the end has not come. */
function readContent({ input, output }: SessionState, transaction: Transaction): boolean {
  const wasRefused = transaction.refusal !== null;
  const bytes = input.takeAll();
  const used = transaction.decode(bytes);
  const { message } = transaction;
  for (const bytes of transaction.takePieces()) output.push({ kind: "body", message, bytes });
  if (transaction.refusal !== null && !wasRefused) output.push({ kind: "rollback", message });
  if (used < 0) return false;
  if (used < bytes.length) input.add(bytes.subarray(used));
  return true;
}

/** What is put to the content: our trace field first, and on the submission socket what is missing. */
function additions({ config, peer, helo, isExtended, now }: SessionState, transaction: Transaction): ContentAdditions {
  const { hostname, local, zone, session, maskSource } = config;
  const date = formatDate(now, zone(now));
  const received = formatReceived({
    isMasked: maskSource,
    helo,
    hostname: peer.hostname,
    address: peer.address,
    by: hostname,
    protocol: isExtended ? "ESMTP" : "SMTP",
    id: transaction.message,
    forRcpt: transaction.onlyRecipient,
    date,
  });
  const messageId = `<${transaction.message}.${session}@${hostname}>`;
  return { head: received, missing: local ? { date, messageId } : null };
}

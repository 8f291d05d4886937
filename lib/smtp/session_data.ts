/** The content of a message: DATA, and how it ends (RFC 5321 §4.1.1.4). */

import { assert } from "../fault.ts";
import { formatDate } from "../mail/date.ts";
import { formatReceived } from "../mail/trace.ts";
import { replies } from "./reply.ts";
import { filtered } from "./session_filter.ts";
import { decodeContent } from "./session_lenient.ts";
import { answerContent, refuseContent } from "./session_lmtp.ts";
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
    refuseContent(state, transaction.refusal, transaction.recipients);
    return state.forgetTransaction();
  }
  if ((yield* filtered(state, "commit", "")) === null) return state.reset();
  state.isCommitting = true;
  const { result } = yield* ask({ kind: "commit", message, size: transaction.size });
  state.isCommitting = false;
  state.forgetTransaction();
  if (result !== "committed") {
    const reply = result === "noSpace" ? replies.storageFull : replies.storageFailed;
    return refuseContent(state, reply, transaction.recipients);
  }
  state.output.log("message", {
    msgid: message,
    size: transaction.size,
    nrcpt: transaction.recipients,
    proto: protocolOf(state),
  });
  answerContent(state, replies.accepted(message), transaction.recipients);
}

/** As Received fields and the log call it (RFC 3848). */
function protocolOf({ config, isExtended }: SessionState): "SMTP" | "ESMTP" | "LMTP" {
  return config.lmtp ? "LMTP" : isExtended ? "ESMTP" : "SMTP";
}

/** Reads content from the input. False when all of it is used up and the end has not come. */
function readContent(state: SessionState, transaction: Transaction): boolean {
  const { input, output } = state;
  const wasRefused = transaction.refusal !== null;
  const bytes = input.takeAll();
  const used = decodeContent(state, transaction, bytes);
  const { message } = transaction;
  for (const bytes of transaction.takePieces()) output.push({ kind: "body", message, bytes });
  if (transaction.refusal !== null && !wasRefused) output.push({ kind: "rollback", message });
  if (used < 0) return false;
  if (used < bytes.length) input.add(bytes.subarray(used));
  return true;
}

/** What is put to the content: our trace field first, and on the submission socket what is missing. */
function additions(state: SessionState, transaction: Transaction): ContentAdditions {
  const { config, peer, helo, now } = state;
  const { hostname, local, zone, session, maskSource } = config;
  const date = formatDate(now, zone(now));
  const received = formatReceived({
    isMasked: maskSource,
    helo,
    hostname: peer.hostname,
    address: peer.address,
    by: hostname,
    protocol: protocolOf(state),
    id: transaction.message,
    forRcpt: transaction.onlyRecipient,
    date,
  });
  const messageId = `<${transaction.message}.${session}@${hostname}>`;
  const head = state.isJunk || transaction.isJunk ? `X-Spam: Yes\r\n${received}` : received;
  return { head, missing: local ? { date, messageId } : null };
}

/** The content of a message: DATA, and how it ends (RFC 5321 §4.1.1.4). */

import { assert } from "../fault.ts";
import { formatDate } from "../mail/date.ts";
import { BinaryEncoder } from "../mail/binary.ts";
import { HeaderEditor, submissionEdits } from "../mail/header_edit.ts";
import { formatReceived } from "../mail/trace.ts";
import { LineGroups } from "./line_groups.ts";
import { replies } from "./reply.ts";
import { authorRefusal, authorScanner, bindsAuthor } from "./session_author.ts";
import { filtered } from "./session_filter.ts";
import { decodeContent } from "./session_lenient.ts";
import { filterLines, handOn } from "./session_lines.ts";
import { answerContent, refuseContent } from "./session_lmtp.ts";
import type { SessionState } from "./session_state.ts";
import { ask, nextBytes, type Running } from "./session_wait.ts";
import type { ContentAdditions, ContentStage, Transaction } from "./transaction.ts";

/** DATA. */
export function* data(state: SessionState): Running {
  const { transaction } = state;
  assert(transaction !== null, "DATA stands inside a transaction");
  if (transaction.isBinary) return state.fail(replies.binaryNeedsChunks);
  if ((yield* filtered(state, "data", "")) === null) return;
  transaction.begin(contentAdditions(state, transaction));
  state.say(replies.startMail);
  for (let isEnd = false; !isEnd;) {
    yield* nextBytes();
    isEnd = readContent(state, transaction);
    yield* filterLines(state, transaction);
  }
  state.line = "DATA";
  yield* finish(state, transaction);
}

/** The whole content has come: makes it durable, or says why not. */
export function* finish(state: SessionState, transaction: Transaction): Running {
  const { message } = transaction;
  if (transaction.refusal !== null) {
    refuseContent(state, transaction.refusal, transaction.recipients);
    return state.forgetTransaction();
  }
  const bar = yield* authorRefusal(state, transaction);
  if (bar !== null) {
    refuseContent(state, bar, transaction.recipients);
    return state.reset();
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
  state.forgiveJunkCommands();
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
  const wasRefused = transaction.refusal !== null;
  const bytes = state.input.takeAll();
  const used = decodeContent(state, transaction, bytes);
  handOn(state, transaction, wasRefused);
  if (used < 0) return false;
  if (used < bytes.length) state.input.add(bytes.subarray(used));
  return true;
}

/** What is put to the content: our trace field first, and where mail is submitted what it lacks. */
export function contentAdditions(state: SessionState, transaction: Transaction): ContentAdditions {
  const { config, peer, helo, now, tls, username } = state;
  const { hostname, zone, session, maskSource, receivedAuth = false, headerDomain = hostname } = config;
  const date = formatDate(now, zone(now));
  const received = formatReceived({
    isMasked: maskSource,
    helo,
    hostname: peer.hostname,
    address: peer.address,
    by: hostname,
    protocol: {
      base: protocolOf(state),
      isUtf8: transaction.handling.smtpUtf8,
      isTls: tls !== null,
      isAuthenticated: username !== "",
    },
    id: transaction.message,
    forRcpt: transaction.onlyRecipient,
    date,
    tls,
    username: receivedAuth ? username : null,
  });
  const head = state.isJunk || transaction.isJunk ? `X-Spam: Yes\r\n${received}` : received;
  // What is stored is text, so that it can go anywhere: RFC 3030 §3 lets us choose between that and a bounce.
  const encoder = transaction.isBinary ? new BinaryEncoder() : null;
  const lines = config.filters?.has("data-line") ? new LineGroups(encoder) : null;
  const stages: ContentStage[] = encoder !== null && lines === null ? [encoder] : [];
  if (isSubmission(state)) {
    const messageId = `<${transaction.message}.${session}@${headerDomain}>`;
    const { sender } = transaction;
    const isMasquerade = (config.masquerade ?? false) && username !== "";
    const isAuthorAdded = !bindsAuthor(state);
    const facts = { domain: headerDomain, sender, isMasquerade, isAuthorAdded, date, messageId };
    stages.push(new HeaderEditor(submissionEdits(facts)));
  }
  const authors = authorScanner(state);
  if (authors !== null) stages.push(authors);
  return { head, stages, lines, authors };
}

/** Is mail of this session new, and not on its way? RFC 6409 §8 lets only a server that takes new mail change it. QUIRK:
 * OpenSMTPD changes addresses and Bcc on all listeners; we do so on none but these. */
function isSubmission({ config, username }: SessionState): boolean {
  return config.local || (config.submission ?? false) || username !== "";
}

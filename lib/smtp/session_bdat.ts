/** The content of a message in chunks: BDAT (RFC 3030 §2). */

import type { Buffer } from "node:buffer";
import { assert } from "../fault.ts";
import { type Chunk, parseChunk } from "./chunk.ts";
import { contentRefusals } from "./phase.ts";
import { replies, type Reply } from "./reply.ts";
import { contentAdditions, finish } from "./session_data.ts";
import { decided } from "./session_filter.ts";
import { filterLines, handOn } from "./session_lines.ts";
import { answerContent } from "./session_lmtp.ts";
import type { SessionState } from "./session_state.ts";
import { nextBytes, type Running, type Waiting } from "./session_wait.ts";
import type { Transaction } from "./transaction.ts";

/** BDAT. Its octets are read whatever the answer is. */
export function* bdat(state: SessionState, argument: string): Running {
  const chunk = parseChunk(argument);
  if (chunk === null) {
    state.fail(replies.chunkSyntax);
    return state.close("bad-input");
  }
  const { transaction } = state;
  if (transaction !== null && transaction.chunkRefusal !== null) {
    yield* swallow(state, chunk.length);
    return refuseChunk(state, transaction, chunk, transaction.chunkRefusal);
  }
  const refusal = contentRefusals[state.phase];
  if (refusal !== null) {
    yield* swallow(state, chunk.length);
    if (transaction !== null) spoil(state, transaction, refusal);
    return state.fail(refusal);
  }
  assert(transaction !== null, "content stands inside a transaction");
  if (state.phase !== "chunks") {
    const decision = yield* decided(state, "data", "");
    if (decision.kind === "reject" || decision.kind === "disconnect") {
      spoil(state, transaction, decision.reply);
      refuseChunk(state, transaction, chunk, decision.reply);
      if (decision.kind === "disconnect") return state.close("filter");
      return yield* swallow(state, chunk.length);
    }
    transaction.begin(contentAdditions(state, transaction));
    state.phase = "chunks";
  }
  for (let left = chunk.length; left > 0;) {
    const bytes = yield* take(state, left);
    left -= bytes.length;
    const wasRefused = transaction.refusal !== null;
    transaction.decodeChunk(bytes);
    handOn(state, transaction, wasRefused);
    yield* filterLines(state, transaction);
  }
  if (!chunk.isLast) {
    // A chunk of nothing has no use but to be the last.
    if (chunk.length === 0 && !state.countJunkCommand()) return;
    // All chunks of a message that cannot be taken get the same answer: a client may have sent them in one group.
    return transaction.refusal === null ? state.say(replies.chunkOk(chunk.length)) : state.refuse(transaction.refusal);
  }
  const wasRefused = transaction.refusal !== null;
  transaction.finishChunks();
  handOn(state, transaction, wasRefused);
  yield* filterLines(state, transaction);
  yield* finish(state, transaction);
}

/** A chunk is not taken. RFC 3030 §2: what the message is has become doubtful, up to RSET. A message without its first
 * chunk must not pass for whole. */
function spoil(state: SessionState, transaction: Transaction, reply: Reply): void {
  transaction.chunkRefusal = reply;
  state.phase = "spoiled";
}

/** Answers a chunk. All of a message that is not taken get the same answer: a client may have sent them in one group, and
 * judge by the last. */
function refuseChunk(state: SessionState, { recipients }: Transaction, { isLast }: Chunk, reply: Reply): void {
  state.refuseCommand(reply);
  // RFC 2033 §4.2: in LMTP the last chunk has an answer for each recipient, whatever it is.
  if (isLast && state.config.lmtp && !state.isClosed) answerContent(state, reply, recipients - 1);
}

/** Takes input, `lengthMax` octets at most. The bytes are only borrowed. */
function* take(state: SessionState, lengthMax: number): Waiting<Buffer> {
  yield* nextBytes();
  const bytes = state.input.takeAll();
  if (bytes.length <= lengthMax) return bytes;
  state.input.add(bytes.subarray(lengthMax));
  return bytes.subarray(0, lengthMax);
}

/** Reads over the octets of a chunk that is refused. */
function* swallow(state: SessionState, length: number): Running {
  for (let left = length; left > 0 && !state.isClosed;) left -= (yield* take(state, left)).length;
}

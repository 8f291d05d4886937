/** The content of a message in chunks: BDAT (RFC 3030 §2). */

import type { Buffer } from "node:buffer";
import { assert } from "../fault.ts";
import { parseChunk } from "./chunk.ts";
import { contentRefusals } from "./phase.ts";
import { replies } from "./reply.ts";
import { contentAdditions, finish, handOn } from "./session_data.ts";
import { filtered } from "./session_filter.ts";
import { refuseRest } from "./session_lmtp.ts";
import type { SessionState } from "./session_state.ts";
import { nextBytes, type Running, type Waiting } from "./session_wait.ts";

/** BDAT. Its octets are read whatever the answer is. */
export function* bdat(state: SessionState, argument: string): Running {
  const chunk = parseChunk(argument);
  if (chunk === null) {
    state.fail(replies.chunkSyntax);
    return state.close("bad-input");
  }
  const refusal = contentRefusals[state.phase];
  if (refusal !== null) {
    yield* swallow(state, chunk.length);
    return state.fail(refusal);
  }
  const { transaction } = state;
  assert(transaction !== null, "content stands inside a transaction");
  if (state.phase !== "chunks") {
    if ((yield* filtered(state, "data", "")) === null) {
      // RFC 2033 §4.2: in LMTP the last chunk has an answer for each recipient, whatever it is.
      if (chunk.isLast) refuseRest(state, transaction.recipients);
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
  yield* finish(state, transaction);
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

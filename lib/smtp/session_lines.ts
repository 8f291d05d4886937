/** Content on its way out of the session, by way of filters that change its lines (smtpd-filters(7), data-line). */

import type { SessionState } from "./session_state.ts";
import { ask, type Running } from "./session_wait.ts";
import type { Transaction } from "./transaction.ts";

/** Has filters say what becomes of the lines that have come, where they are asked about any. */
export function* filterLines(state: SessionState, transaction: Transaction): Running {
  const { message } = transaction;
  for (let group = transaction.takeLines(); group !== null; group = transaction.takeLines()) {
    const { lines } = yield* ask({ kind: "lines", message, ...group });
    const wasRefused = transaction.refusal !== null;
    transaction.putLines(lines, group.isLast);
    handOn(state, transaction, wasRefused);
  }
}

/** Hands on what is ready of the content, or gives the message up once it is refused. */
export function handOn({ output }: SessionState, transaction: Transaction, wasRefused: boolean): void {
  const { message } = transaction;
  for (const bytes of transaction.takePieces()) output.push({ kind: "body", message, bytes });
  if (transaction.refusal !== null && !wasRefused) output.push({ kind: "rollback", message });
}

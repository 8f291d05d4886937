/** How a command waits: it is a generator that yields what it waits for and goes on with what came. */

import { assert } from "../fault.ts";
import type { SessionAnswer, SessionAsk, TlsInfo } from "./session_face.ts";

/** What a command waits for. */
export type Wait =
  | SessionAsk
  /** One more line of the client's, `lengthMax` octets at most without CRLF. */
  | { readonly kind: "line"; readonly lengthMax: number }
  /** Input of any form: the command takes it from `SessionState.input`. */
  | { readonly kind: "bytes" }
  /** The handshake. */
  | { readonly kind: "tls" };

/** What a command goes on with. */
export type Resume =
  | SessionAnswer
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "bytes" }
  | { readonly kind: "tls"; readonly tls: TlsInfo };

/** A command under way. */
export type Running = Generator<Wait, void, Resume>;

/** Part of a command that waits and comes to a value. */
export type Waiting<T> = Generator<Wait, T, Resume>;

/** Does the session wait for the peer, and not for the rest of the daemon? */
export function isOfPeer(kind: Wait["kind"]): boolean {
  return kind === "line" || kind === "bytes" || kind === "tls";
}

/** Asks the rest of the daemon. */
export function* ask<K extends SessionAsk["kind"]>(
  question: SessionAsk & { readonly kind: K },
): Waiting<Extract<SessionAnswer, { readonly kind: K }>> {
  const answer = yield question;
  assert(isOfKind(answer, question.kind), `an answer to ${question.kind} is due, not ${answer.kind}`);
  return answer;
}

/** Waits for a line of the client's. */
export function* nextLine(lengthMax: number): Waiting<string> {
  const came = yield { kind: "line", lengthMax };
  assert(came.kind === "line", `a line is due, not ${came.kind}`);
  return came.text;
}

const moreBytes: Wait = { kind: "bytes" };

/** Waits until there is input. */
export function* nextBytes(): Waiting<void> {
  const came = yield moreBytes;
  assert(came.kind === "bytes", `input is due, not ${came.kind}`);
}

/** Waits for the handshake. */
export function* handshake(): Waiting<TlsInfo> {
  const came = yield { kind: "tls" };
  assert(came.kind === "tls", `a handshake is due, not ${came.kind}`);
  return came.tls;
}

function isOfKind<K extends SessionAsk["kind"]>(
  answer: Resume,
  kind: K,
): answer is Extract<SessionAnswer, { readonly kind: K }> {
  return answer.kind === kind;
}

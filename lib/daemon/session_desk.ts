/** Where lookup answers questions about sessions: authentication, senders, filters, names of peers. Each part knows its
 * own matter; what nobody is there for is answered as what cannot be told now, and so is a question about a user that the
 * session has not logged in as here, or a peer that cannot be (session_claim.ts). */

import { describeError } from "../fault.ts";
import type { Log } from "../event_log.ts";
import { replies } from "../smtp/reply.ts";
import type { SessionAnswer, SessionAsk } from "../smtp/session_face.ts";
import type { Domain } from "../mail/address.ts";
import type { Listener } from "../policy/policy.ts";
import type { SessionAnswered, SessionQuestion } from "./imsg.ts";
import type { SessionBook, SessionEntry } from "./session_book.ts";
import { peerOf } from "./session_claim.ts";

/** A question of one kind, with what is known of its session. */
export type Asked<K extends SessionAsk["kind"] | "name"> =
  & Pick<SessionQuestion, "session" | "listener" | "address">
  & { readonly ask: Extract<SessionQuestion["ask"], { readonly kind: K }> };

/** A step of a SASL exchange; the entry stands for the session. */
export type AskedLogin = Asked<"authenticate"> & { readonly entry: SessionEntry };

/** What an ask of this kind is answered. */
export type AnswerTo<K extends SessionAnswer["kind"]> = Extract<SessionAnswer, { readonly kind: K }>;

/** Who answers. Each may reject: then nobody can say. */
export interface SessionParts {
  /** A step of a SASL exchange. */
  authenticate?(asked: AskedLogin): Promise<AnswerTo<"authenticate">["result"]>;
  /** May this user send as that sender? */
  sender?(asked: Asked<"sender">): Promise<AnswerTo<"sender">["result"]>;
  /** What do the filters say? */
  filter?(asked: Asked<"filter">): Promise<AnswerTo<"filter">["decision"]>;
  /** Name of the peer; null when it has none. */
  name?(asked: Pick<SessionQuestion, "address">): Promise<string | null>;
  /** Our name on one of our addresses; null when it has none. */
  hostname?(asked: Pick<SessionQuestion, "listener" | "address">): Promise<Domain | null>;
}

/** Answers questions about sessions. */
export class SessionDesk {
  readonly #parts: SessionParts;
  readonly #listeners: readonly Listener[];
  readonly #log: Log;

  /** Parts that are not given are not there. `listeners` are the policy's. */
  constructor(parts: SessionParts, listeners: readonly Listener[], log: Log) {
    this.#parts = parts;
    this.#listeners = listeners;
    this.#log = log;
  }

  /** Null when nothing is to be answered. `book` is that of who asks. Never rejects. */
  async answer(question: SessionQuestion, book: SessionBook): Promise<SessionAnswered | null> {
    const { request } = question;
    try {
      return await this.#ask(question, book);
    } catch (error) {
      this.#log({
        priority: "warning",
        session: question.session,
        from: "lookup",
        what: "trouble",
        fields: { reason: describeError(error) },
      });
      return unknown(question.ask, request);
    }
  }

  async #ask(question: SessionQuestion, book: SessionBook): Promise<SessionAnswered | null> {
    const { request, session, listener, ask } = question;
    // One of our own addresses is as good as what it is asked for.
    const address = ask.kind === "hostname" ? question.address : peerOf(this.#listeners[listener], question.address);
    if (ask.kind === "end") book.leave(session);
    if (address === null) return unknown(ask, request);
    const [parts, about] = [this.#parts, { session, listener, address }];
    switch (ask.kind) {
      case "authenticate": {
        const entry = book.enter(session, listener);
        const result = entry === null ? undefined : await parts.authenticate?.({ ...about, ask, entry });
        if (entry === null || result === undefined) return unknown(ask, request);
        const isLost = result.kind === "accepted" && !book.logIn(session, entry, result.username);
        return isLost ? unknown(ask, request) : answered(request, { kind: "authenticate", result });
      }
      case "sender": {
        if (!book.isUser(session, listener, ask.username)) return unknown(ask, request);
        const result = await parts.sender?.({ ...about, ask });
        if (result === "allowed") book.allow(session, ask.sender);
        return result === undefined ? unknown(ask, request) : answered(request, { kind: "sender", result });
      }
      case "filter": {
        if (!book.isUser(session, listener, ask.facts.username)) return unknown(ask, request);
        const decision = await parts.filter?.({ ...about, ask });
        return decision === undefined ? unknown(ask, request) : answered(request, { kind: "filter", decision });
      }
      case "name":
        return { kind: "named", request, hostname: await parts.name?.(about) ?? null };
      case "hostname":
        return { kind: "hosted", request, hostname: await parts.hostname?.(about) ?? null };
      case "end":
        return null;
    }
  }
}

function answered(request: number, answer: Extract<SessionAnswered, { kind: "answered" }>["answer"]): SessionAnswered {
  return { kind: "answered", request, answer };
}

/** What is said where nobody can say: that the client is to come again. */
export function unknown(ask: SessionQuestion["ask"], request: number): SessionAnswered | null {
  switch (ask.kind) {
    case "authenticate":
      return answered(request, { kind: "authenticate", result: { kind: "failed", username: "" } });
    case "sender":
      return answered(request, { kind: "sender", result: "failed" });
    case "filter":
      return answered(request, { kind: "filter", decision: { kind: "reject", reply: replies.unavailable } });
    case "name":
      return { kind: "named", request, hostname: null };
    case "hostname":
      return { kind: "hosted", request, hostname: null };
    case "end":
      return null;
  }
}

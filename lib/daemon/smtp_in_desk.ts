/** Where lookup answers one smtp-in. What is said of a session is looked at before a recipient is resolved; an smtp-in that
 * asks more than it can have sessions for is told to come again, so that it cannot make lookup grow. */

import { formatMailbox } from "../mail/address.ts";
import type { Policy } from "../policy/policy.ts";
import { replies, type Reply } from "../smtp/reply.ts";
import type { ExpandRequest, LookupToSmtpIn, RecipientQuestion, Refused, Resolved, SmtpInToLookup } from "./imsg.ts";
import { SessionBook } from "./session_book.ts";
import { judgeClaim } from "./session_claim.ts";
import { type SessionDesk, unknown } from "./session_desk.ts";

/** Questions of one smtp-in that are open at once. What is asked beyond is answered as a temporary failure. */
export const openQuestionsMax = 10_000;

/** What the desk works with. */
export interface SmtpInDeskPorts {
  /** Its listeners. */
  readonly policy: Policy;
  /** Answers questions about sessions. */
  readonly sessions: SessionDesk;
  /** Resolves a recipient whose session is believed. Never rejects. */
  readonly expand: (ask: ExpandRequest) => Promise<Resolved | Refused>;
  /** A question was one too many. */
  readonly overrun: () => void;
  /** For the log: what no smtp-in says that is itself. */
  readonly warn: (reason: string) => void;
}

/** The desk of one smtp-in. */
export class SmtpInDesk {
  readonly #ports: SmtpInDeskPorts;
  readonly #book = new SessionBook();
  readonly #openMax: number;
  #open = 0;

  /** Nobody has logged in. */
  constructor(ports: SmtpInDeskPorts, openMax: number = openQuestionsMax) {
    this.#ports = ports;
    this.#openMax = openMax;
  }

  /** Null when nothing is to be answered. Never rejects. */
  async answer(message: SmtpInToLookup): Promise<LookupToSmtpIn | null> {
    // That a session is over is no question, and must not be lost.
    if (this.#open >= this.#openMax && !(message.kind === "session" && message.ask.kind === "end")) {
      this.#ports.overrun();
      return message.kind === "session" ? unknown(message.ask, message.request) : unavailable(message);
    }
    this.#open++;
    const told = message.kind === "session"
      ? await this.#ports.sessions.answer(message, this.#book)
      : await this.#recipient(message);
    this.#open--;
    return told;
  }

  async #recipient(question: RecipientQuestion): Promise<Resolved | Refused> {
    const { request, session, message, rcpt, dsn, handling, sender } = question;
    const judged = judgeClaim(question, this.#ports.policy, this.#book);
    if (judged.kind === "refused") {
      if (judged.reason !== null) this.#ports.warn(`session ${session}: ${judged.reason}`);
      return { kind: "refused", request, reply: judged.reply };
    }
    const { origin, listener } = judged;
    const isChecked = listener.kind === "inet" && listener.senders !== null && origin.username !== "";
    const reply = isChecked ? await this.#refusalOf(question) : null;
    if (reply !== null) return { kind: "refused", request, reply };
    return await this.#ports.expand({ kind: "expand", request, message, origin, sender, rcpt, dsn, handling });
  }

  /** Why the user may not send as this sender; null when he may. The session has asked at MAIL: only for one that is not
   * itself any more the table is asked again. */
  async #refusalOf(question: RecipientQuestion): Promise<Reply | null> {
    const { request, session, listener, sender, rcpt, claim: { address, username } } = question;
    if (this.#book.isAllowed(session, sender)) return null;
    const about = { kind: "session", request, session, listener, address } as const;
    await this.#ports.sessions.answer({ ...about, ask: { kind: "sender", username, sender } }, this.#book);
    return this.#book.isAllowed(session, sender) ? null : replies.temporaryFailure(formatMailbox(rcpt));
  }
}

/** What is said of a recipient that cannot be resolved now. */
export function unavailable({ request, rcpt }: Pick<ExpandRequest, "request" | "rcpt">): Refused {
  return { kind: "refused", request, reply: replies.temporaryFailure(formatMailbox(rcpt)) };
}

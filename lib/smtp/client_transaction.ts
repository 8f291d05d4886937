/** One message of a client session (RFC 5321 §3.3): which recipients the server has taken, and which are settled. */

import { assert } from "../fault.ts";
import {
  type ClientMessage,
  type ClientRecipient,
  isSendable,
  type PeerExtensions,
  plainClientHandling,
} from "./client_command.ts";
import { DotStuffer } from "./client_dot.ts";
import type { ClientEffect, ClientVerdict } from "./client_face.ts";

/** The message in hand. Every recipient gets exactly one verdict. */
export class ClientTransaction {
  /** What is to be sent, and to whom. */
  readonly message: ClientMessage;
  /** Makes its content fit for the wire. */
  readonly stuffer = new DotStuffer();
  /** Recipients that the server has taken. */
  readonly accepted: number[] = [];
  /** The server knows of the transaction: it has to end before another begins. */
  begun = false;
  /** MAIL or DATA was refused: no further command makes sense. */
  refused = false;
  /** 354 has come. */
  goAhead = false;
  /** Recipients for whom the server has taken the message. */
  successes = 0;
  /** Recipients without a verdict, in order. */
  readonly #open: Set<number>;
  /** Recipients to be named in RCPT, in order. */
  #offered: number[] = [];
  #sent = 0;

  /** Nobody is settled yet. */
  constructor(message: ClientMessage) {
    this.message = message;
    this.#open = new Set(message.recipients.keys());
  }

  /** True when every recipient has its verdict. */
  get settled(): boolean {
    return this.#open.size === 0;
  }

  /** True until the recipient has its verdict. */
  isOpen(index: number): boolean {
    return this.#open.has(index);
  }

  /** Settles what need not be offered to this server. */
  check(offered: PeerExtensions): ClientEffect[] {
    const limit = offered.size ?? 0;
    // RFC 1870 §6.1: a message that exceeds the fixed limit need not be sent.
    if (limit > 0 && (this.message.size ?? 0) > limit) return this.resolveAll({ kind: "tooLarge", limit });
    const { sender, handling = plainClientHandling } = this.message;
    if (!isSendable(sender, offered)) return this.resolveAll({ kind: "notAscii" });
    if (handling.utf8Header && !offered.smtpUtf8) return this.resolveAll({ kind: "unsupported", need: "utf8Header" });
    // RFC 2852 §4.1.4: what is to be returned in time goes to nobody who would not do so.
    if (handling.by?.mode === "return" && !offered.deliverBy) {
      return this.resolveAll({ kind: "unsupported", need: "deliverBy" });
    }
    const out: ClientEffect[] = [];
    for (const [index, recipient] of this.message.recipients.entries()) {
      if (isSendable(recipient.path, offered)) this.#offered.push(index);
      else out.push(...this.resolve(index, { kind: "notAscii" }));
    }
    return out;
  }

  /** The next recipient to name; null after the last. */
  next(): { readonly index: number; readonly recipient: ClientRecipient } | null {
    const index = this.#offered[this.#sent];
    if (index === undefined) return null;
    const recipient = this.message.recipients[index];
    assert(recipient !== undefined, "a recipient of the message");
    this.#sent++;
    return { index, recipient };
  }

  /** Names nobody else: those that were not offered get `verdict`. */
  offerNoMore(verdict: ClientVerdict): ClientEffect[] {
    const rest = this.#offered.slice(this.#sent);
    this.#sent = this.#offered.length;
    return rest.flatMap((index) => this.resolve(index, verdict));
  }

  /** Settles one recipient; nothing when it is settled. */
  resolve(index: number, verdict: ClientVerdict): ClientEffect[] {
    return this.#open.delete(index) ? [{ kind: "recipient", index, verdict }] : [];
  }

  /** Settles all that are open. */
  resolveAll(verdict: ClientVerdict): ClientEffect[] {
    return [...this.#open].flatMap((index) => this.resolve(index, verdict));
  }
}

/** What a server session knows, and what its commands may do with it. */

import type { Domain } from "../mail/address.ts";
import { CommandInput } from "./framing.ts";
import type { Phase } from "./phase.ts";
import { describeReply, replies, type Reply } from "./reply.ts";
import type { SessionConfig, TlsInfo } from "./session_face.ts";
import { SessionOutput } from "./session_output.ts";
import type { Transaction } from "./transaction.ts";

/** Command errors after which a session ends. Refused recipients are none: a list with many dead addresses must
 * still reach the live ones. */
export const errorsMax = 100;

/** The state of a session. session.ts drives it; the commands read and change it. */
export class SessionState {
  /** What the session was told once. */
  readonly config: SessionConfig;
  /** What was read and not yet understood. */
  readonly input = new CommandInput();
  /** What is to be said and done. */
  readonly output: SessionOutput;
  /** How far the session has come. */
  phase: Phase = "fresh";
  /** The transaction that is open. */
  transaction: Transaction | null = null;
  /** As told by `connected`; the name may come later. */
  peer = { address: "", hostname: "" };
  /** What the client calls itself; empty before HELO. */
  helo = "";
  /** The client said EHLO. */
  isExtended = false;
  /** Null in clear text. */
  tls: TlsInfo | null = null;
  /** Who has logged in; empty for nobody. */
  username = "";
  /** A filter has marked all mail of this session as spam. */
  isJunk = false;
  /** The command being processed, for the log. */
  line = "";
  /** Messages begun. */
  mails = 0;
  /** The time of the event being handled, ms since the epoch. */
  now = 0;
  /** Nothing more is said or done. */
  isClosed = false;
  /** A commit was asked for and is not answered. */
  isCommitting = false;
  #errors = 0;

  /** Nothing has happened yet. */
  constructor(config: SessionConfig) {
    this.config = config;
    this.output = new SessionOutput(config.session);
  }

  /** Our name. */
  get hostname(): Domain {
    return this.config.hostname;
  }

  /** Adds an answer. */
  say(reply: Reply): void {
    this.output.say(reply);
  }

  /** Answers a command that is right in itself and cannot be carried out. */
  refuse(reply: Reply): void {
    this.output.log("failed-command", { command: this.line, result: describeReply(reply) });
    this.output.say(reply);
  }

  /** Answers a command that is wrong in itself; too many of them end the session. */
  fail(reply: Reply): void {
    this.refuse(reply);
    this.#errors++;
    if (this.#errors < errorsMax) return;
    this.output.say(replies.tooManyErrors);
    this.close("too-many-errors");
  }

  /** Input that cannot be told apart into commands: nothing after it is read. */
  refuseInput(reply: Reply): void {
    this.output.log("bad-input", { result: describeReply(reply) });
    this.output.say(reply);
    this.close("bad-input");
  }

  /** Gives the transaction up, if there is one. */
  reset(): void {
    if (this.transaction !== null && this.transaction.refusal === null) {
      this.output.push({ kind: "rollback", message: this.transaction.message });
    }
    this.forgetTransaction();
  }

  /** The transaction is over. */
  forgetTransaction(): void {
    this.transaction = null;
    if (this.phase !== "fresh") this.phase = "ready";
  }

  /** Ends the session; what was said goes out. */
  close(reason: string): void {
    if (this.isClosed) return;
    // A commit that is asked for cannot be taken back.
    if (!this.isCommitting) this.reset();
    this.output.flush();
    this.output.log("disconnected", { reason });
    // RFC 2920 §3.1: nothing follows QUIT. A client that sent more may not have come to its end.
    this.output.push({ kind: "close", linger: reason !== "quit" || this.input.length > 0 });
    this.isClosed = true;
    this.input.clear();
  }
}

/** What a server session knows, and what its commands may do with it. */

import type { Domain } from "../mail/address.ts";
import { CommandInput } from "./framing.ts";
import type { Quirk } from "./lenient.ts";
import type { Phase } from "./phase.ts";
import { describeReply, replies, type Reply } from "./reply.ts";
import { defaultSessionBounds, type Overrun, type SessionBounds } from "./session_bounds.ts";
import type { SessionConfig, TlsInfo } from "./session_face.ts";
import { SessionOutput } from "./session_output.ts";
import type { Transaction } from "./transaction.ts";

/** The state of a session. session.ts drives it; the commands read and change it. */
export class SessionState {
  /** What the session was told once. */
  readonly config: SessionConfig;
  /** What was read and not yet understood. */
  readonly input: CommandInput;
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
  /** The greeting was given: a filter may have turned the client away instead. */
  isGreeted = false;
  /** A filter has marked all mail of this session as spam. */
  isJunk = false;
  /** A filter has marked the message whose MAIL is being processed as spam. */
  isNextJunk = false;
  /** Quirks that the log has been told of. */
  readonly toldQuirks: Quirk[] = [];
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
  /** How long the client may take, and how often it may be wrong. */
  readonly bounds: SessionBounds;
  #errors = 0;
  #junkCommands = 0;
  #unknownRecipients = 0;

  /** Nothing has happened yet. */
  constructor(config: SessionConfig) {
    this.config = config;
    this.input = new CommandInput(config.lenient?.has("bare-lf"));
    this.output = new SessionOutput(config.session);
    this.bounds = config.bounds ?? defaultSessionBounds;
  }

  /** Our name. */
  get hostname(): Domain {
    return this.config.hostname;
  }

  /** Adds an answer. */
  say(reply: Reply): void {
    this.output.say(reply);
  }

  /** Answers what is right in itself and cannot be done. */
  refuse(reply: Reply): void {
    const result = describeReply(reply);
    this.#countLimit(reply);
    // A filter may turn a client away before it has said anything.
    if (this.line === "" && !this.isGreeted) this.output.log("refused", { result });
    else this.output.log("failed-command", { command: this.line, result });
    this.output.say(reply);
  }

  /** Answers a command that is wrong in itself; too many of them end the session. */
  fail(reply: Reply): void {
    this.refuse(reply);
    this.#errors++;
    if (this.#errors >= this.bounds.maxErrors) this.#exceed("max-errors", replies.tooManyErrors, "too-many-errors");
  }

  /** Answers a whole command as `refuse` does; too many of them end the session. */
  refuseCommand(reply: Reply): void {
    this.refuse(reply);
    this.countJunkCommand();
  }

  /** Counts a command that brings no message nearer. False: there were too many, and the session is over. */
  countJunkCommand(): boolean {
    this.#junkCommands++;
    if (this.#junkCommands <= this.bounds.maxJunkCommands) return true;
    this.#exceed("max-junk-commands", replies.tooManyJunkCommands(this.hostname), "too-many-junk-commands");
    return false;
  }

  /** A message was taken: its session is worth its cost. */
  forgiveJunkCommands(): void {
    this.#junkCommands = 0;
  }

  /** Answers a recipient that is not taken; too many of them that nobody knows end the session. */
  refuseRecipient(reply: Reply): void {
    this.refuse(reply);
    // A program of this machine that sends to a list is no stranger who tries names.
    if (reply.code < 500 || this.config.local) return;
    this.#unknownRecipients++;
    if (this.#unknownRecipients < this.bounds.maxUnknownRecipients) return;
    this.#exceed("max-unknown-rcpt", replies.tooManyUnknown(this.hostname), "too-many-unknown-recipients");
  }

  /** The client's time is up. */
  timeOut(overrun: Overrun): void {
    // Amid a handshake there is nothing to say it in.
    if (overrun === "tls-timeout") return this.#exceed(overrun, null, "timeout");
    const isSlow = overrun === "min-rate" || overrun === "message-timeout";
    const reply = isSlow ? replies.tooSlow(this.hostname) : replies.idle(this.hostname);
    this.#exceed(overrun, reply, isSlow ? "too-slow" : "timeout");
  }

  /** Counts an answer that tells of a limit; of a message once, however often the client asks. */
  #countLimit(reply: Reply): void {
    const limit = limitsTold.get(reply);
    if (limit === undefined || this.transaction?.limitTold === limit) return;
    if (this.transaction !== null) this.transaction.limitTold = limit;
    this.output.push({ kind: "count", name: limitCounter(limit) });
  }

  /** A limit ends the session. */
  #exceed(limit: string, reply: Reply | null, reason: string): void {
    if (this.isClosed) return;
    this.output.push({ kind: "count", name: limitCounter(limit) });
    if (reply !== null) this.say(reply);
    this.close(reason);
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

/** Answers that tell of a limit and do not end the session, with its key of `smtp limit`. */
const limitsTold: ReadonlyMap<Reply, string> = new Map([
  [replies.tooManyMails, "max-mails"],
  [replies.tooManyRecipients, "max-rcpt"],
  [replies.messageTooBig, "max-message-size"],
  [replies.lineTooLong, "max-line-length"],
  [replies.headerTooBig, "max-header-size"],
  [replies.tooManyFields, "max-headers"],
  [replies.routingLoop, "max-hops"],
  [replies.tooManyAuthFailures, "max-auth-failures"],
]);

/** Name of the counter of a limit, by its key of `smtp limit`. */
export function limitCounter(key: string): string {
  return `smtp.limit.${key}`;
}

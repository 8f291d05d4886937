/** The server's side of one SMTP connection (RFC 5321 §3.1), sans-IO. */

import { assert, assertNever } from "../fault.ts";
import { type ForwardPath, parseForwardPath, parseReversePath, type ReversePath } from "../mail/address.ts";
import { formatDate } from "../mail/date.ts";
import { parseDomain } from "../mail/domain.ts";
import { formatReceived } from "../mail/trace.ts";
import { type Command, parseCommand, pathArgument } from "./command.ts";
import { offeredExtensions } from "./extension.ts";
import { CommandInput, inputLengthHeld, inputLengthMax } from "./framing.ts";
import type { Machine } from "./machine.ts";
import { type MailParameters, parseMailParameters, parseRcptParameters } from "./parameter.ts";
import { type Phase, verbRules } from "./phase.ts";
import { describeReply, isPositive, replies, type Reply } from "./reply.ts";
import type { SessionAnswer, SessionAsk, SessionConfig, SessionEffect, SessionEvent } from "./session_face.ts";
import { SessionOutput } from "./session_output.ts";
import { Transaction } from "./transaction.ts";

export type * from "./session_face.ts";

/** Command errors after which a session ends. Refused recipients are none: a list with many dead addresses must
 * still reach the live ones. */
export const errorsMax = 100;

/** The server machine. Hand it each event; carry out the effects in order. */
export class ServerSession implements Machine<SessionEvent, SessionEffect> {
  readonly #config: SessionConfig;
  readonly #input = new CommandInput();
  readonly #output: SessionOutput;
  #mode: "new" | "command" | "data" | "closed" = "new";
  #phase: Phase = "fresh";
  #ask: SessionAsk["kind"] | null = null;
  #transaction: Transaction | null = null;
  // The sender of a transaction that still waits for its message id.
  #pendingMail: { readonly sender: ReversePath; readonly parameters: MailParameters } | null = null;
  #pendingRcpt: ForwardPath | null = null;
  #peer = { address: "", hostname: "" };
  #helo = "";
  #isExtended = false;
  // The command being processed, for the log.
  #line = "";
  #mails = 0;
  #errors = 0;
  #isEnded = false;
  #isStopping = false;
  #now = 0;
  #deadline = 0;

  /** Nothing is said before the `connected` event. */
  constructor(config: SessionConfig) {
    this.#config = config;
    this.#output = new SessionOutput(config.session);
  }

  /** When a `tick` is wanted, ms since the epoch; null while nothing is expected of the peer.
   * A peer that sends part of a command gains no time by it; part of a message does count. */
  get deadline(): number | null {
    return this.#ask !== null || this.#mode === "new" || this.#mode === "closed" ? null : this.#deadline;
  }

  /** False when `inputLengthHeld` octets wait behind an open ask: the shell is to stop reading. Most clients wait for
   * the answer too: to stop and go on for each ask would be work for nothing. */
  get wantsBytes(): boolean {
    return this.#mode !== "closed" && (this.#ask === null || this.#input.length < inputLengthHeld);
  }

  /** Takes one event. Total; never throws for what a peer sends, and says nothing once it has closed. */
  step(event: SessionEvent): SessionEffect[] {
    if (this.#mode === "closed") return [];
    this.#now = event.at;
    switch (event.kind) {
      case "connected":
        this.#connect(event.address, event.hostname);
        break;
      case "bytes":
        this.#receive(event.bytes);
        break;
      case "answer":
        this.#answer(event.answer);
        break;
      case "tick":
        if (this.deadline !== null && event.at >= this.#deadline) {
          this.#output.say(replies.idle(this.#config.hostname));
          this.#close("timeout");
        }
        break;
      case "eof":
        if (this.#ask === null) this.#close("disconnect");
        else this.#isEnded = true;
        break;
      case "shutdown":
        this.#stop();
        break;
      default:
        assertNever(event);
    }
    if (this.#ask === null) this.#output.flush();
    this.#input.settle();
    return this.#output.take();
  }

  #connect(address: string, hostname: string): void {
    assert(this.#mode === "new", "a session is connected once");
    this.#peer = { address, hostname };
    this.#mode = "command";
    this.#deadline = this.#now + this.#config.limits.idleTimeoutMs;
    this.#output.log("connected", { address, host: hostname });
    this.#output.say(replies.greeting(this.#config.hostname));
  }

  #receive(bytes: Uint8Array): void {
    if (this.#mode === "new") return this.#refuseInput(replies.earlyTalker);
    if (this.#ask !== null && this.#input.length + bytes.length > inputLengthMax) {
      return this.#refuseInput(replies.inputOverflow);
    }
    this.#input.add(bytes);
    if (this.#mode === "data") this.#deadline = this.#now + this.#config.limits.idleTimeoutMs;
    this.#process();
  }

  /** Works off the input until it is used up, an ask opens, or the session ends. */
  #process(): void {
    while (this.#ask === null && this.#mode !== "closed") {
      if (this.#mode === "data") {
        if (this.#input.length === 0 || !this.#readContent()) break;
        continue;
      }
      const line = this.#input.next();
      if (line.kind === "none") break;
      if (line.kind === "stray") return this.#refuseInput(replies.strayControl);
      if (line.kind === "tooLong") return this.#refuseInput(replies.commandTooLong);
      this.#deadline = this.#now + this.#config.limits.idleTimeoutMs;
      this.#line = line.text;
      this.#obey(parseCommand(line.text));
    }
    if (this.#isEnded && this.#ask === null) this.#close("disconnect");
  }

  #obey(command: Command): void {
    const { verb, argument } = command;
    const rule = verbRules[verb];
    if (rule.behind === "refuse" && this.#input.length > 0) {
      this.#fail(replies.improperPipelining);
      return this.#close("pipelining");
    }
    const refusal = rule.argument === "none" && argument !== ""
      ? replies.noArgumentAllowed
      : rule.in[this.#phase] ?? (rule.argument === "required" && argument === "" ? replies.argumentRequired : null);
    if (refusal !== null) {
      this.#fail(refusal);
      if (rule.isFatal) this.#close("bad-input");
      return;
    }
    switch (verb) {
      case "HELO":
      case "EHLO":
        return this.#hello(argument, verb === "EHLO");
      case "MAIL":
        return this.#mail(argument);
      case "RCPT":
        return this.#rcpt(argument);
      case "DATA":
        return this.#data();
      case "RSET":
        this.#reset();
        return this.#output.say(replies.reset);
      case "NOOP":
        return this.#output.say(replies.ok);
      case "HELP":
        return this.#output.say(replies.help);
      case "VRFY":
        return this.#output.say(replies.cannotVerify);
      case "QUIT":
        this.#output.say(replies.bye);
        return this.#close("quit");
      default:
        assert(false, `${verb} is never allowed`);
    }
  }

  #hello(name: string, isExtended: boolean): void {
    if (name === "") return this.#fail(replies.helloNeedsDomain);
    if (parseDomain(name) === null) return this.#fail(replies.invalidDomain);
    this.#reset();
    this.#phase = "ready";
    this.#helo = name;
    this.#isExtended = isExtended;
    const { hostname, limits, dsn = false } = this.#config;
    const { address } = this.#peer;
    const literal = address.startsWith("[") ? address : `[${address}]`;
    const welcome = `${hostname} Hello ${name} ${literal}, pleased to meet you`;
    const offer = { maxMessageSize: limits.maxMessageSize, dsn };
    this.#output.say(replies.hello(isExtended ? [welcome, ...offeredExtensions(offer)] : [welcome]));
  }

  #mail(argument: string): void {
    if (this.#mails >= this.#config.limits.maxMails) return this.#refuse(replies.tooManyMails);
    const text = pathArgument(argument, "FROM:");
    if (text === null) return this.#fail(replies.mailSyntax);
    const parsed = parseReversePath(text, this.#config.hostname);
    if (parsed === null || !isParameterText(parsed.rest)) return this.#fail(replies.senderSyntax);
    const parameters = parseMailParameters(parsed.rest, this.#config.dsn ?? false);
    if (parameters.kind === "bad") return this.#fail(parameters.reply);
    // RFC 1870 §6.1: refuse early what would be refused at the end.
    if ((parameters.value.size ?? 0) > this.#config.limits.maxMessageSize) return this.#refuse(replies.messageTooBig);
    this.#pendingMail = { sender: parsed.path, parameters: parameters.value };
    this.#open({ kind: "message" });
  }

  #rcpt(argument: string): void {
    const transaction = this.#transaction;
    assert(transaction !== null, "RCPT stands inside a transaction");
    if (transaction.recipients >= this.#config.limits.maxRecipients) return this.#refuse(replies.tooManyRecipients);
    const text = pathArgument(argument, "TO:");
    if (text === null) return this.#fail(replies.rcptSyntax);
    const parsed = parseForwardPath(text, this.#config.hostname);
    if (parsed === null || !isParameterText(parsed.rest)) return this.#fail(replies.recipientSyntax);
    const parameters = parseRcptParameters(parsed.rest, this.#config.dsn ?? false);
    if (parameters.kind === "bad") return this.#fail(parameters.reply);
    this.#pendingRcpt = parsed.path;
    this.#open({
      kind: "recipient",
      message: transaction.message,
      helo: this.#helo,
      sender: transaction.sender,
      rcpt: parsed.path,
      dsn: transaction.dsnOf(parameters.value),
    });
  }

  #data(): void {
    const transaction = this.#transaction;
    assert(transaction !== null, "DATA stands inside a transaction");
    const { hostname, local, zone, session, maskSource } = this.#config;
    const date = formatDate(this.#now, zone(this.#now));
    const received = formatReceived({
      isMasked: maskSource,
      helo: this.#helo,
      hostname: this.#peer.hostname,
      address: this.#peer.address,
      by: hostname,
      protocol: this.#isExtended ? "ESMTP" : "SMTP",
      id: transaction.message,
      forRcpt: transaction.onlyRecipient,
      date,
    });
    const messageId = `<${transaction.message}.${session}@${hostname}>`;
    transaction.begin({ head: received, missing: local ? { date, messageId } : null });
    this.#mode = "data";
    this.#output.say(replies.startMail);
  }

  /** Reads content from the input. False when all of it is used up and the end has not come. */
  #readContent(): boolean {
    const transaction = this.#transaction;
    assert(transaction !== null, "content stands inside a transaction");
    const wasRefused = transaction.refusal !== null;
    const bytes = this.#input.takeAll();
    const used = transaction.decode(bytes);
    const { message } = transaction;
    for (const bytes of transaction.takePieces()) this.#output.push({ kind: "body", message, bytes });
    if (transaction.refusal !== null && !wasRefused) this.#output.push({ kind: "rollback", message });
    if (used < 0) return false;
    if (used < bytes.length) this.#input.add(bytes.subarray(used));
    this.#mode = "command";
    this.#line = "DATA";
    if (transaction.refusal !== null) {
      this.#refuse(transaction.refusal);
      this.#forgetTransaction();
      this.#stopIfAsked();
      return true;
    }
    this.#open({ kind: "commit", message, size: transaction.size });
    return true;
  }

  #answer(answer: SessionAnswer): void {
    if (this.#ask === null) return;
    assert(answer.kind === this.#ask, `an answer to ${this.#ask} is due, not ${answer.kind}`);
    this.#ask = null;
    this.#deadline = this.#now + this.#config.limits.idleTimeoutMs;
    if (answer.kind === "message") this.#takeMessage(answer.id);
    else if (answer.kind === "recipient") this.#takeRecipient(answer.reply);
    else this.#takeCommit(answer.result);
    this.#process();
  }

  #takeMessage(id: string | null): void {
    const mail = this.#pendingMail;
    assert(mail !== null, "a message id follows MAIL");
    this.#pendingMail = null;
    if (id === null) return this.#refuse(replies.unavailable);
    this.#mails++;
    this.#transaction = new Transaction(id, mail.sender, mail.parameters, this.#config.limits);
    this.#phase = "sender";
    this.#output.say(replies.senderOk);
  }

  #takeRecipient(reply: Reply): void {
    const { transaction, rcpt } = { transaction: this.#transaction, rcpt: this.#pendingRcpt };
    assert(transaction !== null && rcpt !== null, "a recipient follows RCPT");
    this.#pendingRcpt = null;
    if (isPositive(reply)) {
      transaction.addRecipient(rcpt);
      this.#phase = "recipients";
      return this.#output.say(reply);
    }
    if (this.#phase === "sender") this.#phase = "refused";
    this.#refuse(reply);
  }

  #takeCommit(result: "committed" | "noSpace" | "io" | "unknown"): void {
    const transaction = this.#transaction;
    assert(transaction !== null, "a commit ends a transaction");
    this.#forgetTransaction();
    if (result === "committed") {
      this.#output.log("message", {
        msgid: transaction.message,
        size: transaction.size,
        nrcpt: transaction.recipients,
        proto: this.#isExtended ? "ESMTP" : "SMTP",
      });
      this.#output.say(replies.accepted(transaction.message));
    } else {
      this.#refuse(result === "noSpace" ? replies.storageFull : replies.storageFailed);
    }
    this.#stopIfAsked();
  }

  /** RFC 5321 §3.8: 421 to whatever the client sent or will send. A message on its way in is finished first. */
  #stop(): void {
    this.#isStopping = true;
    if (this.#mode !== "data" && this.#ask !== "commit") this.#stopIfAsked();
  }

  #stopIfAsked(): void {
    if (!this.#isStopping) return;
    this.#output.say(replies.shuttingDown(this.#config.hostname));
    this.#close("shutdown");
  }

  #open(ask: SessionAsk): void {
    this.#ask = ask.kind;
    if (this.#input.length === 0) this.#output.flush();
    this.#output.push({ kind: "ask", ask });
  }

  /** Answers a command that is wrong in itself; too many of them end the session. */
  #fail(reply: Reply): void {
    this.#refuse(reply);
    this.#errors++;
    if (this.#errors < errorsMax) return;
    this.#output.say(replies.tooManyErrors);
    this.#close("too-many-errors");
  }

  /** Answers a command that is right in itself and cannot be carried out. */
  #refuse(reply: Reply): void {
    this.#output.log("failed-command", { command: this.#line, result: describeReply(reply) });
    this.#output.say(reply);
  }

  /** Input that cannot be told apart into commands: nothing after it is read. */
  #refuseInput(reply: Reply): void {
    this.#output.log("bad-input", { result: describeReply(reply) });
    this.#output.say(reply);
    this.#close("bad-input");
  }

  #reset(): void {
    if (this.#transaction !== null && this.#transaction.refusal === null) {
      this.#output.push({ kind: "rollback", message: this.#transaction.message });
    }
    this.#forgetTransaction();
  }

  #forgetTransaction(): void {
    this.#transaction = null;
    if (this.#phase !== "fresh") this.#phase = "ready";
  }

  #close(reason: string): void {
    if (this.#mode === "closed") return;
    // A commit that is asked for cannot be taken back.
    if (this.#ask !== "commit") this.#reset();
    this.#output.flush();
    this.#output.log("disconnected", { reason });
    // RFC 2920 §3.1: nothing follows QUIT. A client that sent more may not have come to its end.
    this.#output.push({ kind: "close", linger: reason !== "quit" || this.#input.length > 0 });
    this.#mode = "closed";
    this.#ask = null;
    this.#input.clear();
  }
}

/** RFC 5321 §4.1.2: a blank stands between path and parameters. */
function isParameterText(rest: string): boolean {
  return rest === "" || rest.startsWith(" ");
}

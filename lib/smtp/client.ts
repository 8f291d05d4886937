/** The client's side of one SMTP connection (RFC 5321 §3), sans-IO. With `protocol: "lmtp"` it speaks RFC 2033.
 *
 *   greeting -> hello -> idle -> commands -> content -> dot -> idle …
 *                          ^        |                    |
 *                          +- reset-+        quit <------+        any -> closed
 *
 * Commands are sent in one write where the server offers PIPELINING (RFC 2920), else one by one. Either way
 * `#awaiting` holds what has been asked, in order, and each reply answers the first of it. */

import { Buffer } from "node:buffer";
import type { LogEvent } from "../event_log.ts";
import { assert, assertNever, describeError } from "../fault.ts";
import { type ClientMessage, formatMail, formatRcpt, usesSmtpUtf8 } from "./client_command.ts";
import { noExtensions, parseExtensions, type PeerExtensions } from "./client_command.ts";
import type { ClientConfig, ClientEffect, ClientEvent, ClientStage, ClientVerdict, LossCause } from "./client_face.ts";
import { ReplyReader } from "./client_reply.ts";
import { ClientTransaction } from "./client_transaction.ts";
import type { Machine } from "./machine.ts";
import { isPositive, type Reply } from "./reply.ts";

export type { ClientMessage, ClientRecipient, PeerExtensions } from "./client_command.ts";
export * from "./client_face.ts";

type Phase = "new" | "greeting" | "hello" | "idle" | "commands" | "content" | "dot" | "reset" | "quit" | "closed";

type AskedStage = Exclude<ClientStage, "content" | "idle">;

/** A command that has no answer yet. `index` is the recipient it is about, -1 for none. */
interface Asked {
  readonly stage: AskedStage;
  readonly index: number;
}

const tooMuch = "Remote host sent too much data";

/** One SMTP or LMTP client session. The owner does the effects of a step before it steps again. */
export class ClientSession implements Machine<ClientEvent, ClientEffect> {
  readonly #config: ClientConfig;
  readonly #reader = new ReplyReader();
  #phase: Phase = "new";
  #awaiting: Asked[] = [];
  #extensions: PeerExtensions = noExtensions;
  #saidEhlo = false;
  #transaction: ClientTransaction | null = null;
  #out: ClientEffect[] = [];
  #deadline: number | null = null;
  /** This step got on: the server's time starts anew. */
  #moved = false;
  #quitting = false;
  #messages = 0;
  #refusedInRow = 0;
  #fruitlessInRow = 0;

  /** A session of a connection that is about to be made. */
  constructor(config: ClientConfig) {
    this.#config = config;
  }

  /** When a `tick` is wanted, null for not at all. */
  get deadline(): number | null {
    return this.#deadline;
  }

  /** Messages tried. */
  get messages(): number {
    return this.#messages;
  }

  step(event: ClientEvent): ClientEffect[] {
    this.#out = [];
    this.#moved = false;
    if (this.#phase !== "closed") this.#take(event);
    if (this.#moved) this.#deadline = this.#nextDeadline(event.at);
    return this.#out;
  }

  #take(event: ClientEvent): void {
    switch (event.kind) {
      case "connected":
        this.#phase = "greeting";
        return this.#await("greeting");
      case "bytes":
        return this.#read(event.bytes);
      case "tick":
        if (this.#deadline === null || event.at < this.#deadline) return;
        return this.#lose("timeout", "no answer in time");
      case "eof":
        if (event.fault === null) return this.#lose("closed", "the server closed the connection");
        return this.#lose(event.fault.kind, describeError(event.fault));
      case "send":
        assert(this.#phase === "idle", "a message is sent in phase idle");
        return this.#begin(event.message);
      case "content":
        if (this.#phase === "content") this.#sendContent(event.bytes, event.last);
        return;
      case "contentFailed":
        if (this.#phase !== "content") return;
        this.#resolveAll({ kind: "noContent" });
        // There is no way to take a message back once DATA has begun, but to hang up.
        return this.#close({ kind: "noContent" });
      case "abort":
        return this.#lose("unavailable", event.detail);
      case "quit":
        this.#quitting = true;
        if (this.#phase === "idle") this.#quit();
        else if (this.#transaction === null && this.#phase !== "quit") this.#close(null);
        return;
      default:
        assertNever(event);
    }
  }

  #read(bytes: Uint8Array): void {
    this.#reader.push(bytes);
    // What has arrived cannot answer what is only sent now.
    let owed = this.#awaiting.length;
    for (;;) {
      const item = this.#reader.next();
      if (item.kind === "bad") return this.#lose("protocol", item.why);
      if (item.kind === "none") break;
      const asked = owed > 0 ? this.#awaiting.shift() : undefined;
      if (asked === undefined) return this.#unasked(item.reply);
      owed--;
      this.#moved = true;
      this.#answer(asked, item.reply);
      if (this.#phase === "closed") return;
    }
    const isFree = this.#phase === "content" || this.#phase === "idle";
    if (owed === 0 && !isFree && this.#reader.pending) this.#lose("protocol", tooMuch);
  }

  /** A reply to nothing: a server that gives up in the middle of the content, or one that is tired of waiting. */
  #unasked(reply: Reply): void {
    if (isPositive(reply) || (this.#phase !== "content" && this.#phase !== "idle")) {
      return this.#lose("protocol", tooMuch);
    }
    const verdict = this.#verdict(this.#phase, reply);
    this.#resolveAll(verdict);
    this.#close(verdict);
  }

  #answer(asked: Asked, reply: Reply): void {
    const { stage } = asked;
    if (stage === "quit") return this.#close(null);
    // RFC 5321 §3.8: 421 may answer any command, and the server hangs up.
    if (reply.code === 421) return this.#giveUp(stage, reply);
    switch (stage) {
      case "greeting":
        if (!isPositive(reply)) return this.#giveUp(stage, reply);
        return this.#hello(this.#config.protocol === "lmtp" ? "LHLO" : "EHLO");
      case "hello":
        return this.#helloAnswered(reply);
      case "mail":
        if (isPositive(reply)) this.#current().begun = true;
        else this.#refuse(stage, reply);
        break;
      case "rcpt":
        this.#rcptAnswered(asked.index, reply);
        break;
      case "data":
        if (isPositive(reply)) return this.#lose("protocol", "the server answered DATA with a 2xx reply", stage);
        if (reply.code < 400) this.#current().goAhead = true;
        else this.#refuse(stage, reply);
        break;
      case "dot":
        this.#dotAnswered(asked.index, reply);
        break;
      case "reset":
        return isPositive(reply) ? this.#rest() : this.#giveUp(stage, reply);
      default:
        assertNever(stage);
    }
    if (this.#awaiting.length === 0) this.#advance();
  }

  #hello(verb: "EHLO" | "LHLO" | "HELO"): void {
    this.#phase = "hello";
    this.#saidEhlo = verb === "EHLO";
    this.#ask("hello", `${verb} ${this.#config.helo}\r\n`);
  }

  #helloAnswered(reply: Reply): void {
    // RFC 5321 §3.2: a server that does not know EHLO may know HELO.
    if (reply.code >= 500 && this.#saidEhlo) {
      this.#log("hello-fallback", { reply: reply.code });
      return this.#hello("HELO");
    }
    if (!isPositive(reply)) return this.#giveUp("hello", reply);
    if (this.#saidEhlo || this.#config.protocol === "lmtp") this.#extensions = parseExtensions(reply);
    this.#rest();
  }

  #begin(message: ClientMessage): void {
    const current = new ClientTransaction(message);
    this.#messages++;
    this.#transaction = current;
    // Half of something that nobody asked for: the replies would be out of step.
    if (this.#reader.pending) return this.#lose("protocol", tooMuch);
    this.#out.push(...current.check(this.#extensions));
    if (current.settled) return this.#finish();
    if (message.eightBit === true && !this.#extensions.eightBitMime) this.#log("no-8bitmime", {});
    this.#phase = "commands";
    let text = formatMail(message, this.#extensions);
    this.#await("mail");
    // RFC 2920 §3.1: everything up to DATA goes in one write.
    if (this.#extensions.pipelining) {
      for (let rcpt = this.#nextRcpt(); rcpt !== null; rcpt = this.#nextRcpt()) text += rcpt;
      text += "DATA\r\n";
      this.#await("data");
    }
    this.#write(text);
  }

  /** The next RCPT command, whose answer is from now on awaited; null after the last. */
  #nextRcpt(): string | null {
    const next = this.#current().next();
    if (next === null) return null;
    this.#await("rcpt", next.index);
    return formatRcpt(next.recipient, this.#extensions, usesSmtpUtf8(this.#current().message, this.#extensions));
  }

  #rcptAnswered(index: number, reply: Reply): void {
    const current = this.#current();
    if (!current.begun || !current.isOpen(index)) return; // MAIL was refused; this reply says nothing new.
    if (isPositive(reply)) {
      current.accepted.push(index);
      this.#refusedInRow = 0;
      return;
    }
    this.#refusedInRow++;
    this.#out.push(...current.resolve(index, this.#verdict("rcpt", reply)));
  }

  /** Every reply that was owed has come: what is next? */
  #advance(): void {
    const current = this.#transaction;
    if (current === null) return;
    if (this.#phase === "dot") return this.#finish();
    if (current.goAhead) {
      if (current.accepted.length === 0) return this.#sendNothing();
      this.#phase = "content";
      return this.#needContent();
    }
    if (current.refused || this.#extensions.pipelining) return this.#finish();
    if (this.#refusedInRow >= this.#config.limits.refusedRecipientsMax) {
      this.#out.push(...current.offerNoMore({ kind: "tooManyRefused" }));
    }
    const rcpt = this.#nextRcpt();
    if (rcpt !== null) return this.#write(rcpt);
    if (current.accepted.length === 0) return this.#finish();
    this.#ask("data", "DATA\r\n");
  }

  /** 354 without any recipient: the message that nobody gets is empty. RFC 2920 §3.1. */
  #sendNothing(): void {
    this.#write(".\r\n");
    this.#phase = "dot";
    this.#current().begun = false;
    // RFC 2033 §4.2: LMTP answers for each recipient taken, and there is none. A server that answers all the same
    // would be out of step with the next message: there is none.
    if (this.#config.protocol === "lmtp") {
      this.#quitting = true;
      return this.#finish();
    }
    this.#await("dot");
  }

  #sendContent(bytes: Uint8Array, last: boolean): void {
    const current = this.#current();
    const pieces = last ? current.stuffer.last(bytes) : [current.stuffer.push(bytes)];
    for (const piece of pieces) this.#out.push({ kind: "write", bytes: piece });
    if (!last) return this.#needContent();
    this.#phase = "dot";
    current.begun = false;
    for (const index of this.#config.protocol === "lmtp" ? current.accepted : [-1]) this.#await("dot", index);
  }

  #dotAnswered(index: number, reply: Reply): void {
    const [current, verdict] = [this.#current(), this.#verdict("dot", reply)];
    const settled = index >= 0 ? current.resolve(index, verdict) : current.resolveAll(verdict);
    if (isPositive(reply)) current.successes += settled.length;
    this.#out.push(...settled);
  }

  #finish(): void {
    const current = this.#current();
    assert(current.settled, "every recipient has its verdict");
    this.#transaction = null;
    this.#out.push({ kind: "done" });
    this.#fruitlessInRow = current.successes > 0 ? 0 : this.#fruitlessInRow + 1;
    const { limits } = this.#config;
    if (
      this.#messages >= limits.messagesMax || this.#fruitlessInRow >= limits.fruitlessMessagesMax ||
      this.#refusedInRow >= limits.refusedRecipientsMax
    ) this.#quitting = true;
    if (this.#quitting || !current.begun) return this.#rest();
    this.#phase = "reset";
    this.#ask("reset", "RSET\r\n");
  }

  #rest(): void {
    this.#moved = true;
    if (this.#quitting) return this.#quit();
    this.#phase = "idle";
    this.#out.push({ kind: "ready" });
  }

  #quit(): void {
    this.#phase = "quit";
    this.#ask("quit", "QUIT\r\n");
  }

  /** The server will not serve: all that is open gets its reply, and we leave. */
  #giveUp(stage: ClientStage, reply: Reply): void {
    const verdict = this.#verdict(stage, reply);
    this.#resolveAll(verdict);
    if (reply.code !== 421) this.#write("QUIT\r\n");
    this.#close(verdict);
  }

  #lose(cause: LossCause, detail: string, stage: ClientStage = this.#stage()): void {
    if (this.#phase === "quit") return this.#close(null);
    const verdict: ClientVerdict = { kind: "lost", stage, cause, detail };
    this.#resolveAll(verdict);
    this.#close(verdict);
  }

  #close(reason: ClientVerdict | null): void {
    if (this.#transaction !== null) this.#out.push({ kind: "done" });
    this.#transaction = null;
    this.#awaiting = [];
    this.#phase = "closed";
    this.#moved = true;
    // What the same octets made us ready for is no more.
    this.#out = this.#out.filter(({ kind }) => kind !== "ready" && kind !== "needContent");
    this.#out.push({ kind: "close", reason });
  }

  #refuse(stage: ClientStage, reply: Reply): void {
    this.#current().refused = true;
    this.#resolveAll(this.#verdict(stage, reply));
  }

  #resolveAll(verdict: ClientVerdict): void {
    if (this.#transaction !== null) this.#out.push(...this.#transaction.resolveAll(verdict));
  }

  #verdict(stage: ClientStage, reply: Reply): ClientVerdict {
    const { dsn, deliverBy } = this.#extensions;
    // RFC 2852 §4.1.4: we report ourselves where nobody else would keep the time, or where each relay is to report.
    const by = this.#transaction?.message.handling?.by ?? null;
    const isOurs = by !== null && (!deliverBy || by.trace);
    return { kind: "reply", stage, reply, reports: this.#config.protocol === "lmtp" || (dsn && !isOurs) };
  }

  #current(): ClientTransaction {
    assert(this.#transaction !== null, "a transaction is open");
    return this.#transaction;
  }

  #stage(): ClientStage {
    const phase = this.#phase;
    if (phase === "commands") return this.#awaiting[0]?.stage ?? "mail";
    return phase === "new" ? "greeting" : phase === "closed" ? "quit" : phase;
  }

  #needContent(): void {
    this.#moved = true;
    this.#out.push({ kind: "needContent" });
  }

  #await(stage: AskedStage, index = -1): void {
    this.#moved = true;
    this.#awaiting.push({ stage, index });
  }

  #ask(stage: AskedStage, text: string): void {
    this.#write(text);
    this.#await(stage);
  }

  #write(text: string): void {
    this.#out.push({ kind: "write", bytes: Buffer.from(text, "utf8") });
  }

  #nextDeadline(at: number): number | null {
    const { limits } = this.#config;
    if (this.#phase === "content") return at + limits.blockMs;
    const stage = this.#awaiting[0]?.stage;
    return stage === undefined ? null : at + limits[`${stage}Ms`];
  }

  #log(what: string, fields: LogEvent["fields"]): void {
    const { session } = this.#config;
    this.#out.push({ kind: "log", event: { priority: "debug", session, from: "mta", what, fields } });
  }
}

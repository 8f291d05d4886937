/** A client session on a real stream: carries bytes, content and time to the machine and does its effects. */

import type { Log } from "../event_log.ts";
import { assert, assertNever, type Fault } from "../fault.ts";
import type { Clock, Stream, Timer } from "../port.ts";
import { type ClientConfig, type ClientEvent, type ClientMessage, ClientSession } from "../smtp/client.ts";
import type { ClientEffect, ClientVerdict } from "../smtp/client_face.ts";
import type { ContentSource } from "./task.ts";

/** What the owner of a connection is told. */
export interface ConnectionHandler {
  /** A message may be sent now, by `send`. */
  ready(): void;
  /** The message is done; one verdict to each recipient, in order. */
  done(verdicts: readonly ClientVerdict[]): void;
  /** No further message can be sent. Once, last. Null after a QUIT of ours. */
  closed(reason: ClientVerdict | null): void;
}

/** What a connection needs of the world. */
export interface ClientConnectionPorts {
  /** Times the session's deadlines. */
  readonly clock: Clock;
  /** Takes the session's lines. */
  readonly log: Log;
  /** How long the stream may take to send what it holds once the session is over, ms. */
  readonly closeGraceMs: number;
}

/** The message on its way. */
interface Sending {
  readonly content: ContentSource;
  /** Null when the content ends where it ends. */
  readonly size: number | null;
  readonly verdicts: ClientVerdict[];
  nextPiece: number;
  octets: number;
}

/** One connection to a server, from just after it is made to its end. */
export class ClientConnection {
  readonly #stream: Stream;
  readonly #session: ClientSession;
  readonly #ports: ClientConnectionPorts;
  readonly #handler: ConnectionHandler;
  /** Events that came up while effects were being done: they wait for their turn. */
  #queue: ClientEvent[] = [];
  #running = false;
  /** The session is over. */
  #closed = false;
  /** The stream is. */
  #isGone = false;
  #sending: Sending | null = null;
  /** The stream has asked for patience, and content waits for that. */
  #full = false;
  #waiting = false;
  #timer: Timer | null = null;
  #timerAt = 0;

  /** Takes over `stream`. The handler hears nothing before this returns. */
  constructor(stream: Stream, config: ClientConfig, ports: ClientConnectionPorts, handler: ConnectionHandler) {
    this.#stream = stream;
    this.#session = new ClientSession(config);
    this.#ports = ports;
    this.#handler = handler;
    this.#feed({ kind: "connected", at: ports.clock.monotonic() });
    stream.attach({
      data: (bytes) => this.#feed({ kind: "bytes", at: ports.clock.monotonic(), bytes }),
      drain: () => this.#drained(),
      end: () => this.#feed({ kind: "eof", at: ports.clock.monotonic(), fault: null }),
      close: (fault) => this.#gone(fault),
    });
  }

  /** Messages tried. */
  get messages(): number {
    return this.#session.messages;
  }

  /** Our address on this connection, for the log. */
  get source(): string {
    return this.#stream.local.kind === "inet" ? this.#stream.local.ip : "";
  }

  /** Sends a message. Only after `ready`, once for each. */
  send(message: ClientMessage, content: ContentSource): void {
    assert(this.#sending === null, "one message at a time");
    this.#sending = { content, size: message.size, verdicts: [], nextPiece: 0, octets: 0 };
    this.#feed({ kind: "send", at: this.#now(), message });
  }

  /** Leaves as soon as the message in hand, if any, is done. */
  quit(): void {
    this.#feed({ kind: "quit", at: this.#now() });
  }

  /** Hangs up at once. `detail` says why. */
  destroy(detail: string): void {
    this.#feed({ kind: "abort", at: this.#now(), detail });
  }

  #now(): number {
    return this.#ports.clock.monotonic();
  }

  #feed(event: ClientEvent): void {
    if (this.#closed) return;
    this.#queue.push(event);
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      for (const effect of this.#session.step(next)) this.#do(effect);
    }
    this.#running = false;
    this.#arm();
  }

  #do(effect: ClientEffect): void {
    switch (effect.kind) {
      case "write":
        if (!this.#stream.write(effect.bytes)) this.#full = true;
        return;
      case "ready":
        return this.#handler.ready();
      case "needContent":
        return this.#pull();
      case "recipient":
        if (this.#sending !== null) this.#sending.verdicts[effect.index] = effect.verdict;
        return;
      case "done": {
        const verdicts = this.#sending?.verdicts ?? [];
        this.#sending = null;
        return this.#handler.done(verdicts);
      }
      case "close":
        return this.#close(effect.reason);
      case "log":
        return this.#ports.log(effect.event);
      default:
        assertNever(effect);
    }
  }

  /** Gets the next piece of content, once the stream has room for it. */
  #pull(): void {
    const sending = this.#sending;
    if (sending === null) return;
    const { inline } = sending.content;
    if (inline !== null) {
      if (sending.size !== null && inline.length !== sending.size) {
        return this.#feed({ kind: "contentFailed", at: this.#now() });
      }
      return this.#feed({ kind: "content", at: this.#now(), bytes: inline, last: true });
    }
    this.#waiting = this.#full;
    if (!this.#waiting) void this.#read(sending);
  }

  async #read(sending: Sending): Promise<void> {
    let piece: Uint8Array | null = null;
    let failed = false;
    try {
      piece = await sending.content.read(sending.nextPiece++);
    } catch {
      failed = true; // The queue logs why; here it only means that the message cannot be sent now.
    }
    if (this.#sending !== sending) return;
    sending.octets += piece?.length ?? 0;
    const { size, octets } = sending;
    // A message cut short must not be taken for a whole one.
    if (failed || (size !== null && (octets > size || (piece === null && octets < size)))) {
      return this.#feed({ kind: "contentFailed", at: this.#now() });
    }
    const last = size === null ? piece === null : octets === size;
    this.#feed({ kind: "content", at: this.#now(), bytes: piece ?? new Uint8Array(0), last });
  }

  #drained(): void {
    this.#full = false;
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#pull();
  }

  #gone(fault: Fault | null): void {
    this.#isGone = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#feed({ kind: "eof", at: this.#now(), fault });
  }

  #close(reason: ClientVerdict | null): void {
    this.#closed = true;
    this.#queue = [];
    this.#timer?.cancel();
    const isOrderly = reason === null || reason.kind === "reply";
    if (this.#isGone) {
      this.#timer = null;
    } else if (isOrderly) {
      this.#stream.end();
      this.#timer = this.#ports.clock.after(this.#ports.closeGraceMs, () => this.#stream.destroy());
    } else {
      this.#stream.destroy();
    }
    this.#handler.closed(reason);
  }

  /** One timer serves all deadlines: when it fires too early it is set again. */
  #arm(): void {
    const { deadline } = this.#session;
    if (this.#closed || deadline === null) return;
    if (this.#timer !== null && this.#timerAt <= deadline) return;
    this.#timer?.cancel();
    this.#timerAt = deadline;
    this.#timer = this.#ports.clock.after(Math.max(0, deadline - this.#now()), () => {
      this.#timer = null;
      this.#feed({ kind: "tick", at: this.#now() });
    });
  }
}

/** Did the server leave before it had answered anything of the message? Then another connection may take it. */
export function isStale(verdict: ClientVerdict): boolean {
  if (verdict.kind === "lost") {
    return verdict.stage === "idle" || (verdict.stage === "mail" && verdict.cause !== "timeout");
  }
  return verdict.kind === "reply" && verdict.stage === "mail" && verdict.reply.code === 421;
}

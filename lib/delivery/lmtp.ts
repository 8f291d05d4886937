/** Hands a message to a mail store by LMTP (RFC 2033). The agent runs this as the user. */

import { Buffer } from "node:buffer";
import type { Domain, Mailbox, ReversePath } from "../mail/address.ts";
import { Fault } from "../fault.ts";
import type { Clock, Dialer, DialTarget } from "../port.ts";
import { clientLimits, type ClientVerdict } from "../smtp/client_face.ts";
import { CrlfText } from "./lf.ts";
import type { MessageSink } from "./sink.ts";
import type { ContentSource } from "./task.ts";
import { ClientConnection } from "./transport.ts";

/** How long the connection may take to come up, ms. */
export const lmtpConnectMs = 30_000;

/** What the client works with. */
export interface LmtpWorld {
  /** Times the session. */
  readonly clock: Clock;
  /** Connects. */
  readonly dialer: Dialer;
  /** Our name in LHLO. */
  readonly hostname: Domain;
}

/** One message for one recipient. */
export interface LmtpRequest {
  /** Where the store listens. */
  readonly to: DialTarget;
  /** To be named in MAIL. */
  readonly sender: ReversePath;
  /** To be named in RCPT: an address, or the user's name alone, with an empty domain. */
  readonly rcpt: Mailbox;
  /** Octets of the content that will be written. Null when a program writes it: then nobody knows, and line ends are
   * made CRLF. */
  readonly size: number | null;
  /** Fields to put before it, CRLF line ends. */
  readonly prefix: string;
}

/** Connects and begins the message. Rejects with the Fault of the connection. */
export async function openLmtp(world: LmtpWorld, request: LmtpRequest): Promise<LmtpSink> {
  const stream = await world.dialer.dial(request.to, { timeoutMs: lmtpConnectMs });
  const content = new LmtpContent(Buffer.from(request.prefix));
  const { promise, resolve } = Promise.withResolvers<ClientVerdict>();
  const { sender, rcpt: path } = request;
  const size = request.size === null ? null : request.size + Buffer.byteLength(request.prefix);
  const recipients = [{ path, notify: [], originalRecipient: null }];
  const connection = new ClientConnection(
    stream,
    { session: "0".repeat(16), helo: world.hostname, protocol: "lmtp", limits: clientLimits },
    { clock: world.clock, log: () => {}, closeGraceMs: clientLimits.quitMs },
    {
      // It is ready once more when the message is done.
      ready: () =>
        content.isBegun ||
        connection.send({ sender, recipients, size, eightBit: null, ret: null, envId: null }, content),
      done: ([verdict]) => {
        if (verdict !== undefined) resolve(verdict);
        connection.quit();
      },
      closed: (reason) => {
        resolve(reason ?? { kind: "lost", stage: "idle", cause: "closed", detail: "the server closed the connection" });
        content.close();
      },
    },
  );
  void promise.then(() => content.close());
  return new LmtpSink(connection, content, promise, size === null ? new CrlfText() : null);
}

/** One message under way. `commit` resolves when the server has answered: `verdict` says what. */
export class LmtpSink implements MessageSink {
  readonly #connection: ClientConnection;
  readonly #pieces: LmtpContent;
  readonly #answer: Promise<ClientVerdict>;
  readonly #crlf: CrlfText | null;
  #verdict: ClientVerdict | null = null;

  /** Made by `openLmtp`. `crlf` makes the line ends of what is written. */
  constructor(
    connection: ClientConnection,
    pieces: LmtpContent,
    answer: Promise<ClientVerdict>,
    crlf: CrlfText | null,
  ) {
    this.#connection = connection;
    this.#pieces = pieces;
    this.#answer = answer;
    this.#crlf = crlf;
  }

  /** What the server said; null before that. */
  get verdict(): ClientVerdict | null {
    return this.#verdict;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#pieces.put(this.#crlf?.push(bytes) ?? bytes.slice());
  }

  async commit(): Promise<void> {
    void this.#pieces.put(null);
    this.#verdict = await this.#answer;
  }

  abandon(): Promise<void> {
    this.#connection.destroy("the message is not wanted any more");
    this.#pieces.close();
    return Promise.resolve();
  }
}

/** Content that arrives while it is read: one piece waits at a time. */
export class LmtpContent implements ContentSource {
  /** It is never all at hand. */
  readonly inline: null = null;
  #isBegun = false;
  #next: { readonly piece: Uint8Array | null; readonly taken: () => void } | null;
  #reader: PromiseWithResolvers<Uint8Array | null> | null = null;
  #isClosed = false;

  /** `first` is read before what is put. */
  constructor(first: Uint8Array) {
    this.#next = { piece: first, taken: () => {} };
  }

  /** Its reading has begun, or nobody will. */
  get isBegun(): boolean {
    return this.#isBegun || this.#isClosed;
  }

  /** The next piece, whatever `seq` is: each is read once. */
  read(_seq: number): Promise<Uint8Array | null> {
    this.#isBegun = true;
    const next = this.#next;
    if (next !== null) {
      this.#next = null;
      next.taken();
      return Promise.resolve(next.piece);
    }
    if (this.#isClosed) return Promise.reject(notWanted());
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  /** Resolves when the piece has been taken, or nobody will. */
  put(piece: Uint8Array | null): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const reader = this.#reader;
    if (reader !== null) {
      this.#reader = null;
      reader.resolve(piece);
      return Promise.resolve();
    }
    return this.#waitForRoom(piece);
  }

  /** Nobody reads any more, and nothing more comes: that is not the end of the content. */
  close(): void {
    this.#isClosed = true;
    this.#next?.taken();
    this.#next = null;
    this.#reader?.reject(notWanted());
    this.#reader = null;
  }

  async #waitForRoom(piece: Uint8Array | null): Promise<void> {
    const waiting = this.#next;
    if (waiting !== null) {
      await new Promise<void>((resolve) => {
        this.#next = {
          piece: waiting.piece,
          taken: () => {
            waiting.taken();
            resolve();
          },
        };
      });
      if (!this.#isClosed) await this.put(piece);
      return;
    }
    await new Promise<void>((taken) => this.#next = { piece, taken });
  }
}

function notWanted(): Fault {
  return new Fault("closed", "Cannot read the message: it is not wanted any more");
}

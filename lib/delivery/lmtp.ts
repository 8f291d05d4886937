/** Hands a message to a mail store by LMTP (RFC 2033). The agent runs this as the user. */

import { Buffer } from "node:buffer";
import type { Domain, Mailbox, ReversePath } from "../mail/address.ts";
import { parseIp } from "../mail/ip.ts";
import type { Address, Clock, Dialer } from "../port.ts";
import { clientLimits, type ClientVerdict } from "../smtp/client_face.ts";
import type { MessageSink } from "./sink.ts";
import type { ContentSource } from "./task.ts";
import { ClientConnection } from "./transport.ts";

/** How long the connection may take to come up, ms. */
export const lmtpConnectMs = 30_000;

/** Port of a destination that names none. */
export const lmtpPort = 25;

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
  readonly to: Address;
  /** To be named in MAIL. */
  readonly sender: ReversePath;
  /** To be named in RCPT: an address, or the user's name alone, with an empty domain. */
  readonly rcpt: Mailbox;
  /** Octets of the content that will be written. */
  readonly size: number;
  /** Fields to put before it, CRLF line ends. */
  readonly prefix: string;
}

/** Reads the destination of an `lmtp` action: the path of a socket, or an address and a port. A text says what is wrong.
 * QUIRK: a host's name is no destination, but for `localhost`: who delivers here asks no DNS. */
export function parseLmtpDestination(text: string): Address | string {
  if (text.startsWith("/")) return { kind: "unix", path: text };
  const match = /^(?:\[(?:IPv6:)?([^\]]*)\]|([^:]*))(?::([0-9]{1,5}))?$/i.exec(text);
  const port = match?.[3] === undefined ? lmtpPort : Number(match[3]);
  const host = match?.[1] ?? match?.[2] ?? "";
  const ip = host.toLowerCase() === "localhost" ? "127.0.0.1" : host;
  if (match === null || port < 1 || port > 65_535) return `\`${text}\` is neither a path nor host:port`;
  if (parseIp(ip) === null) return `\`${host}\` is no address; name the server by one`;
  return { kind: "inet", ip, port };
}

/** Connects and begins the message. Rejects with the Fault of the connection. */
export async function openLmtp(world: LmtpWorld, request: LmtpRequest): Promise<LmtpSink> {
  const stream = await world.dialer.dial(request.to, { timeoutMs: lmtpConnectMs });
  const content = new LmtpContent(Buffer.from(request.prefix));
  const { promise, resolve } = Promise.withResolvers<ClientVerdict>();
  const { sender, rcpt: path } = request;
  const size = request.size + Buffer.byteLength(request.prefix);
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
  return new LmtpSink(connection, content, promise);
}

/** One message under way. `commit` resolves when the server has answered: `verdict` says what. */
export class LmtpSink implements MessageSink {
  readonly #connection: ClientConnection;
  readonly #pieces: LmtpContent;
  readonly #answer: Promise<ClientVerdict>;
  #verdict: ClientVerdict | null = null;

  /** Made by `openLmtp`. */
  constructor(connection: ClientConnection, pieces: LmtpContent, answer: Promise<ClientVerdict>) {
    this.#connection = connection;
    this.#pieces = pieces;
    this.#answer = answer;
  }

  /** What the server said; null before that. */
  get verdict(): ClientVerdict | null {
    return this.#verdict;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#pieces.put(bytes.slice());
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
  #reader: ((piece: Uint8Array | null) => void) | null = null;
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
    return new Promise((resolve) => this.#reader = resolve);
  }

  /** Resolves when the piece has been taken, or nobody will. */
  put(piece: Uint8Array | null): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const reader = this.#reader;
    if (reader !== null) {
      this.#reader = null;
      reader(piece);
      return Promise.resolve();
    }
    return this.#waitForRoom(piece);
  }

  /** Nobody reads any more. */
  close(): void {
    this.#isClosed = true;
    this.#next?.taken();
    this.#next = null;
    this.#reader?.(null);
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

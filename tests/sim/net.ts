/** A network in memory: pairs of streams, and a dialer that knows who listens where. */

import { Fault, type FaultKind } from "../../lib/fault.ts";
import type { Address, Clock, Dialer, DialTarget, Listener, Stream, StreamHandler } from "../../lib/port.ts";

/** Bytes written to a peer that is paused before `write` returns false. */
const highWaterMark = 64 * 1024;

/** One end of a pair. What is written arrives at the other end in a later turn, in order. */
export class FakeStream implements Stream {
  readonly remote: Address;
  readonly local: Address;
  readonly #clock: Clock;
  #peer: FakeStream | null = null;
  #handler: StreamHandler | null = null;
  /** What waits to be handed to our handler. Null is the peer's end. */
  #inbox: (Uint8Array | null)[] = [];
  #paused = false;
  #pumping = false;
  #ended = false;
  #endQueued = false;
  #isFinishing = false;
  #sawEnd = false;
  #wantsDrain = false;
  #closing: { readonly fault: Fault | null } | null = null;
  #closed = false;

  constructor(clock: Clock, local: Address, remote: Address) {
    this.#clock = clock;
    this.local = local;
    this.remote = remote;
  }

  /** Joins two ends. */
  static join(a: FakeStream, b: FakeStream): void {
    a.#peer = b;
    b.#peer = a;
  }

  get buffered(): number {
    return this.#peer === null ? 0 : this.#peer.#waiting();
  }

  get closed(): boolean {
    return this.#closed;
  }

  attach(handler: StreamHandler): void {
    this.#handler = handler;
    this.#schedule();
  }

  write(bytes: Uint8Array): boolean {
    const peer = this.#peer;
    if (peer === null || this.#ended || this.#isFinishing || this.#closing !== null) return true;
    if (bytes.length > 0) peer.#receive(bytes.slice());
    if (peer.#waiting() <= highWaterMark) return true;
    this.#wantsDrain = true;
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#peer !== null) this.#peer.#receive(null);
    this.#closeIfOver();
  }

  finish(): void {
    this.#isFinishing = true;
    if (this.buffered === 0) this.destroy();
  }

  /** Both directions have ended. */
  #closeIfOver(): void {
    if (!this.#ended || !this.#sawEnd) return;
    this.#closing ??= { fault: null };
    this.#schedule();
  }

  destroy(): void {
    this.#finish(null);
    if (this.#peer !== null) this.#peer.#hangUp(null);
  }

  /** Cuts the connection as the network would: our peer sees `kind` at once, we see it too. */
  break(kind: FaultKind): void {
    const fault = new Fault(kind, `Cannot use the connection: ${kind}`);
    if (this.#peer !== null) this.#peer.#finish(fault);
    this.#finish(fault);
  }

  #waiting(): number {
    let sum = 0;
    for (const item of this.#inbox) sum += item?.length ?? 0;
    return sum;
  }

  #receive(item: Uint8Array | null): void {
    if (this.#closing !== null) return;
    if (item === null) this.#endQueued = true;
    this.#inbox.push(item);
    this.#schedule();
  }

  /** The peer went away: deliver what it sent before, then close. */
  #hangUp(fault: Fault | null): void {
    if (this.#closing !== null) return;
    if (!this.#endQueued) this.#receive(null);
    this.#closing = { fault };
    this.#schedule();
  }

  #finish(fault: Fault | null): void {
    if (this.#closed) return;
    this.#inbox = [];
    this.#closing ??= { fault };
    this.#schedule();
  }

  #schedule(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    this.#clock.soon(() => this.#pump());
  }

  #pump(): void {
    this.#pumping = false;
    const handler = this.#handler;
    if (handler === null || this.#closed) return;
    if (this.#inbox.length > 0 && !this.#paused) {
      const item = this.#inbox.shift();
      if (item === null) {
        this.#sawEnd = true;
        handler.end();
        this.#closeIfOver();
      } else if (item !== undefined) handler.data(item);
      if (this.#peer !== null) this.#peer.#drained(this.#waiting());
      this.#schedule();
      return;
    }
    if (this.#closing !== null && this.#inbox.length === 0) {
      this.#closed = true;
      handler.close(this.#closing.fault);
    }
  }

  #drained(left: number): void {
    if (this.#isFinishing && left === 0) this.destroy();
    if (!this.#wantsDrain || left > 0 || this.#closed) return;
    this.#wantsDrain = false;
    this.#handler?.drain();
  }
}

/** Two joined ends: the one that dialled and the one that accepted. */
export function streamPair(
  clock: Clock,
  server: Address = { kind: "inet", ip: "192.0.2.10", port: 25 },
  client: Address = { kind: "inet", ip: "198.51.100.1", port: 40000 },
): { readonly client: FakeStream; readonly server: FakeStream } {
  const ends = { client: new FakeStream(clock, client, server), server: new FakeStream(clock, server, client) };
  FakeStream.join(ends.client, ends.server);
  return ends;
}

type Host =
  | { readonly kind: "accept"; readonly accept: (stream: FakeStream) => void }
  | { readonly kind: "refuse"; readonly fault: FaultKind }
  | { readonly kind: "silent" };

/** Who listens where. An address that was never named is unreachable. */
export class FakeNet implements Dialer {
  readonly #clock: Clock;
  readonly #hosts = new Map<string, Host>();
  /** Every call of `dial`, as `ip:port`, in order. */
  readonly dialled: string[] = [];
  /** Which of our addresses each was to come from, null for any. */
  readonly sources: (string | null)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `accept` gets the server's end of each new connection. */
  listen(ip: string, port: number, accept: (stream: FakeStream) => void): void {
    this.#hosts.set(keyOf(ip, port), { kind: "accept", accept });
  }

  /** Dialling fails at once. */
  refuse(ip: string, port: number, fault: FaultKind = "refused"): void {
    this.#hosts.set(keyOf(ip, port), { kind: "refuse", fault });
  }

  /** Dialling gets no answer until its time is over. */
  silence(ip: string, port: number): void {
    this.#hosts.set(keyOf(ip, port), { kind: "silent" });
  }

  dial(to: DialTarget, options: { readonly timeoutMs: number; readonly source?: string }): Promise<Stream> {
    const key = to.kind === "unix" ? to.path : keyOf(to.kind === "inet" ? to.ip : to.name, to.port);
    this.dialled.push(key);
    this.sources.push(options.source ?? null);
    const host = this.#hosts.get(key);
    return new Promise((resolve, reject) => {
      const fail = (kind: FaultKind) => reject(new Fault(kind, `Cannot connect to ${key}: ${kind}`));
      if (host === undefined) return this.#clock.soon(() => fail("unreachable"));
      if (host.kind === "refuse") return this.#clock.soon(() => fail(host.fault));
      if (host.kind === "silent") {
        this.#clock.after(options.timeoutMs, () => fail("timeout"));
        return;
      }
      this.#clock.soon(() => {
        const at = to.kind === "host" ? { kind: "inet" as const, ip: "192.0.2.99", port: to.port } : to;
        const ends = streamPair(this.#clock, at);
        host.accept(ends.server);
        resolve(ends.client);
      });
    });
  }
}

function keyOf(ip: string, port: number): string {
  return `${ip}:${port}`;
}

/** A listening socket: `connect` is a client's side of it. */
export class FakeListener implements Listener {
  readonly #clock: Clock;
  readonly #at: Address;
  #take: ((stream: Stream) => void) | null = null;
  isClosed = false;

  constructor(clock: Clock, at: Address = { kind: "inet", ip: "192.0.2.25", port: 25 }) {
    this.#clock = clock;
    this.#at = at;
  }

  accept(take: (stream: Stream) => void): void {
    this.#take = take;
  }

  close(): void {
    this.isClosed = true;
  }

  /** The client's end of a new connection. Refused by a socket that is closed or that nobody serves: the client's end
   * closes. */
  connect(from?: Address): FakeStream {
    const { client, server } = streamPair(this.#clock, this.#at, from);
    if (this.#take !== null && !this.isClosed) this.#take(server);
    else client.break("refused");
    return client;
  }
}

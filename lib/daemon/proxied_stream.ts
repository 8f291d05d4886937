/** A connection that a proxy hands on: its header is read first, and from there on it is the client's. */

import type { Fault } from "../fault.ts";
import type { Address, Clock, Stream, StreamHandler } from "../port.ts";
import { ProxyInput, type ProxyVersions } from "../smtp/proxy.ts";

/** How the header is read. */
export interface ProxyOpening {
  /** Times it. */
  readonly clock: Clock;
  /** How long the header may take, ms. */
  readonly timeoutMs: number;
  /** Which headers are taken. */
  readonly versions: ProxyVersions;
}

/** Reads the header. Then `opened` gets the connection, or `failed` the reason, fit for a log, why there is none, and
 * whether the time was up: the connection has been dropped. One of them is called, once. The result drops the connection
 * if none has been called. */
export function openProxied(
  stream: Stream,
  { clock, timeoutMs, versions }: ProxyOpening,
  opened: (stream: Stream) => void,
  failed: (reason: string, isLate: boolean) => void,
): () => void {
  const proxied = new ProxiedStream(stream);
  const input = new ProxyInput(versions);
  let isDone = false;
  const finish = (): boolean => {
    if (isDone) return false;
    isDone = true;
    timer.cancel();
    return true;
  };
  const fail = (reason: string, isLate = false): void => {
    if (!finish()) return;
    stream.destroy();
    failed(reason, isLate);
  };
  const timer = clock.after(timeoutMs, () => fail("no header in time", true));
  proxied.readFirst({
    data: (bytes) => {
      const progress = input.add(bytes);
      if (progress.kind === "more") return;
      if (progress.kind === "bad") return fail(progress.reason);
      if (!finish()) return;
      const { source, rest } = progress;
      proxied.hold(source === null ? stream.remote : { kind: "inet", ip: source.ip, port: source.port }, rest);
      opened(proxied);
    },
    drain: () => {},
    end: () => fail("the connection ended before the header"),
    close: () => fail("the connection was closed before the header"),
  });
  return () => fail("the daemon stops");
}

/** What comes after the header. Between the two handlers nothing is lost. */
export class ProxiedStream implements Stream {
  /** The client's end, as the proxy says. */
  remote: Address;
  readonly #stream: Stream;
  #handler: StreamHandler | null = null;
  #early: Uint8Array | null = null;
  #isEnded = false;
  #closed: { readonly fault: Fault | null } | null = null;

  /** Nothing is read before `readFirst`. */
  constructor(stream: Stream) {
    this.#stream = stream;
    this.remote = stream.remote;
  }

  /** Our end. */
  get local(): Address {
    return this.#stream.local;
  }

  get buffered(): number {
    return this.#stream.buffered;
  }

  /** Sets the handler that reads the header. */
  readFirst(handler: StreamHandler): void {
    this.#handler = handler;
    this.#stream.attach({
      data: (bytes) => this.#handler?.data(bytes),
      drain: () => this.#handler?.drain(),
      end: () => {
        this.#isEnded = true;
        this.#handler?.end();
      },
      close: (fault) => {
        this.#closed = { fault };
        this.#handler?.close(fault);
      },
    });
  }

  /** The header has been read: nothing more is told before `attach`. */
  hold(remote: Address, rest: Uint8Array): void {
    this.remote = remote;
    this.#handler = null;
    this.#early = rest.length === 0 ? null : rest;
    this.#stream.pause();
  }

  /** Gives the connection itself away, with what came behind the header and nobody has taken. This stream tells nothing
   * any more. */
  surrender(): { readonly stream: Stream; readonly head: Uint8Array } {
    const head = this.#early ?? new Uint8Array(0);
    this.#early = null;
    this.#handler = null;
    return { stream: this.#stream, head };
  }

  attach(handler: StreamHandler): void {
    if (this.#closed !== null) return handler.close(this.#closed.fault);
    this.#handler = handler;
    const early = this.#early;
    this.#early = null;
    this.#stream.resume();
    if (early !== null) handler.data(early);
    if (this.#isEnded) handler.end();
  }

  write(bytes: Uint8Array): boolean {
    return this.#stream.write(bytes);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#stream.end();
  }

  finish(): void {
    this.#stream.finish();
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

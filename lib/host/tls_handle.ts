/** TLS straight on the socket handles that lie under node:net, as their server.
 *
 * A tls.TLSSocket is a second Duplex on top of that of a net.Socket: a session that only begins TLS took a fifth of its
 * time for the two. The library's end under it (tls_wrap in Node's terms) is a handle as that of a socket is, and takes
 * the place of one here. As in socket_handle.ts, what is used of it is looked for first, and where something is
 * missing, node:tls serves as before. */

import { Duplex } from "node:stream";
import tls from "node:tls";
import { assert } from "../fault.ts";
import {
  endOfFile,
  type Handle,
  hasMethods,
  results,
  type ShutdownRequest,
  type WriteRequest,
} from "./socket_handle.ts";

/** Certificate, key, versions and what is asked of clients, in the library's form. It is read when a connection
 * begins. */
export type TlsContext = object;

/** What the library's end of a connection offers. Calls return 0 when all is well. */
interface TlsWrap {
  /** As `Handle.onread`: what the peer sends, without TLS. */
  onread: Handle["onread"];
  onhandshakedone: () => void;
  /** TLS has failed. The peer has been told. */
  onerror: (error: Error) => void;
  /** The client has named a host: `finishAccept` is awaited. */
  onclienthello: () => void;
  initServerTls(context: TlsContext): number;
  /** Has what it sends go out by a socket's handle. What comes in `receive` and `emitEof` are told. */
  attach(handle: Handle): number;
  /** What its callbacks are looked up in: itself. */
  setHandle(self: object): void;
  /** As `readStart` does it. */
  setOnread(onread: () => void): void;
  enableClientHelloCb(): void;
  getServername(): string | undefined;
  finishAccept(context: TlsContext): void;
  start(): number;
  receive(bytes: Uint8Array): void;
  emitEof(): void;
  /** Has `onread`, as it is now, called from here on. */
  readStart(): number;
  /** One at a time: another before `oncomplete` would take its place. */
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  /** Sends TLS's end, then ends our side of the connection. */
  shutdown(request: ShutdownRequest): number;
  getCipher(out: { name?: string }): number;
  getProtocol(out: { protocol?: string }): number;
  getPeerCertificateChain(): { readonly certificates: readonly Uint8Array[] } | null;
  /** A code, empty for none. */
  verifyError(): string;
  isSessionReused(): boolean;
  /** Gives up what is being written. The socket's handle stays open. */
  close(done: () => void): void;
  /** Forgets the session, and what was set, if one had begun. */
  destroySsl(): void;
}

const methods = [
  ...["initServerTls", "attach", "setHandle", "setOnread", "enableClientHelloCb", "getServername", "finishAccept"],
  ...["start", "receive", "emitEof", "readStart", "writeBuffer", "shutdown", "getCipher", "getProtocol"],
  ...["getPeerCertificateChain", "verifyError", "isSessionReused", "close", "destroySsl"],
] as const;

/** EPROTO: what came is no TLS. */
const protocolError = -71;

/** Makes the library's end of a connection; null when this Deno has none of the form that is known here. */
const makeWrap = findMaker();

function findMaker(): (() => TlsWrap) | null {
  try {
    const stream = nowhere();
    // Only a socket shows it. The types do not tell that one can be made of any stream.
    const socket: unknown = Reflect.construct(tls.TLSSocket, [stream, { isServer: true }]);
    if (!(socket instanceof tls.TLSSocket)) return null;
    const wrap: unknown = Reflect.get(socket, "_handle");
    const make: unknown = hasMethods(wrap, methods) ? wrap.constructor : null;
    socket.destroy();
    stream.destroy();
    if (results === null || typeof make !== "function") return null;
    return () => {
      // 1 stands for a server.
      const made: unknown = Reflect.construct(make, [1, 0]);
      if (!isWrap(made)) throw new Error("the library's end of TLS has changed its form");
      return made;
    };
  } catch {
    return null;
  }
}

/** A connection that takes all and brings nothing. */
export function nowhere(): Duplex {
  return new Duplex({ read() {}, write: (_bytes, _encoding, done) => done() });
}

function isWrap(value: unknown): value is TlsWrap {
  return hasMethods(value, methods);
}

/** What a handshake came to. */
export interface HandshakeFacts {
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version: string;
  /** The library's name of the cipher suite. */
  readonly cipher: string;
  /** The host that the client named, empty for none. */
  readonly serverName: string;
  /** The client's, as DER; null for none. */
  readonly certificate: Uint8Array | null;
  /** What the library has against it, as its code; empty for nothing. */
  readonly problem: string;
  /** The session was taken up again: nothing was checked. */
  readonly isResumed: boolean;
}

/** Who is told of a handshake that is not closed meanwhile. One of the two is called, once: `secure` amid a call of the
 * system's, `failed` also before `begin` has returned. */
export interface HandshakeTold {
  /** The connection has TLS. */
  secure(handle: TlsHandle, facts: HandshakeFacts): void;
  /** `reason` is for people. The connection is to be closed. */
  failed(reason: string, handle: TlsHandle): void;
}

/** A socket's handle with TLS on it, as a handle. */
export class TlsHandle implements Handle {
  onread: Handle["onread"] = () => {};
  readonly #wrap: TlsWrap;
  readonly #under: Handle;
  /** What came while nobody read: bytes, or how reading ended. */
  readonly #early: (ArrayBuffer | number)[] = [];
  #isReading = false;
  /** Nothing more is read: what came behind the end of TLS the library would store. */
  #isReadEnded = false;
  /** What the library has not been given yet. */
  readonly #waiting: WriteRequest[] = [];
  #isWriting = false;
  /** Our side is to end once all is written. */
  #ending: ShutdownRequest | null = null;
  #isEnded = false;
  #isClosing = false;

  private constructor(wrap: TlsWrap, under: Handle) {
    this.#wrap = wrap;
    this.#under = under;
  }

  /** TLS may be had straight on handles with this Deno. */
  static get isPossible(): boolean {
    return makeWrap !== null;
  }

  /** Begins a handshake on a socket's handle, which belongs to it from here on. `head` are octets that have been read
   * from it already; `choose` names the context for a host, where there are several. */
  static begin(
    under: Handle,
    context: TlsContext,
    choose: ((host: string) => TlsContext) | null,
    head: Uint8Array,
    told: HandshakeTold,
  ): TlsHandle {
    assert(makeWrap !== null, "who begins TLS on a handle has asked whether it is possible");
    const handle = new TlsHandle(makeWrap(), under);
    handle.#shake(context, choose, head, told);
    return handle;
  }

  #shake(context: TlsContext, choose: ((host: string) => TlsContext) | null, head: Uint8Array, told: HandshakeTold) {
    const wrap = this.#wrap;
    wrap.setHandle(wrap);
    let isDone = false;
    const fail = (reason: string) => {
      if (isDone || this.#isClosing) return;
      isDone = true;
      told.failed(reason, this);
    };
    wrap.onerror = (error) => isDone ? this.#endReading(protocolError) : fail(error.message);
    wrap.onread = (bytes) => isDone ? this.#came(bytes) : fail("the peer closed the connection");
    wrap.onhandshakedone = () => {
      if (isDone || this.#isClosing) return;
      isDone = true;
      told.secure(this, this.#facts());
      if (!this.#isReading && !this.#isClosing) this.#under.readStop();
    };
    if (wrap.initServerTls(context) !== 0 || wrap.attach(this.#under) !== 0) return fail("the library cannot begin");
    if (choose !== null) {
      wrap.enableClientHelloCb();
      wrap.onclienthello = () => wrap.finishAccept(choose(wrap.getServername() ?? ""));
    }
    this.#under.onread = (bytes) => this.#arrived(bytes);
    if (wrap.start() !== 0) return fail("the library cannot begin");
    wrap.readStart();
    if (head.length > 0) wrap.receive(head);
    if (!this.#isClosing) this.#under.readStart();
  }

  #facts(): HandshakeFacts {
    const wrap = this.#wrap;
    const cipher: { name?: string } = {};
    const version: { protocol?: string } = {};
    wrap.getCipher(cipher);
    wrap.getProtocol(version);
    return {
      version: version.protocol ?? "",
      cipher: cipher.name ?? "",
      serverName: wrap.getServername() ?? "",
      certificate: wrap.getPeerCertificateChain()?.certificates[0] ?? null,
      problem: wrap.verifyError(),
      isResumed: wrap.isSessionReused(),
    };
  }

  /** The socket has something to read. */
  #arrived(bytes: ArrayBuffer | undefined): void {
    if (this.#isClosing) return;
    if (bytes !== undefined) return this.#wrap.receive(new Uint8Array(bytes));
    const status = results?.state[results.read] ?? endOfFile;
    if (status === 0) return;
    this.#under.readStop();
    // An end without that of TLS is an end, too: SMTP and LMTP say by themselves where they end.
    if (status === endOfFile) this.#wrap.emitEof();
    else this.#endReading(status);
  }

  /** No more can be read. */
  #endReading(status: number): void {
    if (results === null) return;
    results.state[results.read] = status;
    this.#wrap.onread();
  }

  /** The library has read something, or the end. */
  #came(bytes: ArrayBuffer | undefined): void {
    if (bytes === undefined) {
      this.#isReadEnded = true;
      this.#under.readStop();
    }
    if (this.#isReading && this.#early.length === 0) this.onread(bytes);
    else this.#early.push(bytes ?? results?.state[results.read] ?? endOfFile);
  }

  /** Hands over what came while nobody read. */
  #deliver(): void {
    while (this.#isReading && !this.#isClosing) {
      const next = this.#early.shift();
      if (next === undefined) return;
      if (typeof next !== "number") this.onread(next);
      else this.#endReading(next);
    }
  }

  /** As `Handle.readStart`. What came meanwhile is handed over a moment later. */
  readStart(): number {
    this.#isReading = true;
    if (this.#early.length > 0) queueMicrotask(() => this.#deliver());
    return this.#isReadEnded ? 0 : this.#under.readStart();
  }

  /** As `Handle.readStop`. */
  readStop(): number {
    this.#isReading = false;
    return this.#under.readStop();
  }

  writeBuffer(request: WriteRequest, bytes: Uint8Array): number {
    if (!this.#isWriting) return this.#write(request, bytes);
    this.#waiting.push(request);
    if (results !== null) results.state[results.isAsync] = 1;
    return 0;
  }

  #write(request: WriteRequest, bytes: Uint8Array): number {
    this.#isWriting = true;
    const status = this.#wrap.writeBuffer({ bytes, oncomplete: (status) => this.#written(request, status) }, bytes);
    if (status < 0) this.#isWriting = false;
    return status;
  }

  #written(request: WriteRequest, status: number): void {
    this.#isWriting = false;
    const next = status < 0 || this.#isClosing ? undefined : this.#waiting.shift();
    const begun = next === undefined ? 0 : this.#write(next, next.bytes);
    request.oncomplete(status);
    if (begun < 0) next?.oncomplete(begun);
    if (!this.#isWriting && this.#ending !== null) this.#end(this.#ending);
  }

  shutdown(request: ShutdownRequest): number {
    if (this.#isWriting) this.#ending = request;
    else this.#end(request);
    return 0;
  }

  #end(request: ShutdownRequest): void {
    this.#ending = null;
    if (this.#isEnded || this.#isClosing) return;
    this.#isEnded = true;
    this.#wrap.shutdown(request);
  }

  /** TLS's end, so that the peer knows that it has all. */
  farewell(): void {
    this.#end({ oncomplete() {} });
  }

  /** Our end of the connection. */
  getsockname(out: object): void {
    const method: unknown = Reflect.get(this.#under, "getsockname");
    if (typeof method === "function") method.call(this.#under, out);
  }

  /** Closes the connection at once; for an orderly end `farewell` stands before it. */
  close(done: () => void): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const [wrap, under] = [this.#wrap, this.#under];
    under.readStop();
    wrap.close(() => {
      wrap.destroySsl();
      under.close(() => {
        // What was set is kept, and all this with it, where no session had begun.
        wrap.setHandle({});
        wrap.setOnread(nothing);
        done();
      });
    });
  }
}

function nothing(): void {}

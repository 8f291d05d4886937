/** TLS straight on the socket handles that lie under node:net, as their server.
 *
 * A tls.TLSSocket is a second Duplex on top of that of a net.Socket, and a session that only begins TLS spends an eighth
 * of its time in the two. The library's end under it (tls_wrap in Node's terms) is a handle as that of a socket is, and
 * takes the place of one here. As in socket_handle.ts, all that is used of it is looked for first, and where something
 * is missing, node:tls serves as before. */

import { Duplex } from "node:stream";
import tls from "node:tls";
import { getSystemErrorName } from "node:util";
import { assert } from "../fault.ts";
import { type Handle, hasMethods, results, type ShutdownRequest, type WriteRequest } from "./socket_handle.ts";

/** Certificate, key and versions, in the library's form. It is read when a connection begins. */
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
  /** What `close` frees, and the handle that it closes. */
  _owner: { ssl: TlsWrap | null };
  _nativeTcpHandle: Handle;
  initServerTls(context: TlsContext): number;
  /** Has what it sends go out by a socket's handle. What comes in `receive` and `emitEof` are told. */
  attach(handle: Handle): number;
  /** Itself: what its callbacks are looked up in. */
  setHandle(self: TlsWrap): void;
  enableClientHelloCb(): void;
  getServername(): string | undefined;
  finishAccept(context: TlsContext): void;
  start(): number;
  receive(bytes: Uint8Array): void;
  emitEof(): void;
  /** Has `onread` as it is now called. */
  readStart(): number;
  /** One at a time: another before `oncomplete` would take its place. */
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  /** Sends TLS's end, then ends our side of the connection. */
  shutdown(request: ShutdownRequest): number;
  getCipher(out: { name?: string }): number;
  getProtocol(out: { protocol?: string }): number;
  close(done: () => void): void;
}

const methods = [
  ...["initServerTls", "attach", "setHandle", "enableClientHelloCb", "getServername", "finishAccept", "start"],
  ...["receive", "emitEof", "readStart", "writeBuffer", "shutdown", "getCipher", "getProtocol", "close"],
] as const;

/** EPROTO: what came is no TLS. */
const protocolError = -71;

/** Makes the library's end of a connection; null when this Deno has none of the form that is known here. */
const makeWrap = findMaker();

function findMaker(): (() => TlsWrap) | null {
  try {
    const nowhere = new Duplex({ read() {}, write: (_bytes, _encoding, done) => done() });
    // Only a socket shows it. The types do not tell that one can be made of any stream.
    const socket: unknown = Reflect.construct(tls.TLSSocket, [nowhere, { isServer: true }]);
    if (!(socket instanceof tls.TLSSocket)) return null;
    const wrap: unknown = Reflect.get(socket, "_handle");
    const make: unknown = hasMethods(wrap, methods) ? wrap.constructor : null;
    socket.destroy();
    nowhere.destroy();
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

function isWrap(value: unknown): value is TlsWrap {
  return hasMethods(value, methods);
}

/** What a handshake came to. */
export interface HandleTls {
  readonly version: string;
  /** The library's name of the cipher suite. */
  readonly cipher: string;
  /** The host that the client named, null for none. */
  readonly serverName: string | null;
}

/** Who is told of a handshake. One of the two is called, once: `secure` amid a call of the system's, `failed` also
 * before `begin` has returned. */
export interface HandshakeTold {
  /** What the peer has sent behind its handshake is delivered once this returns. */
  secure(handle: TlsHandle, tls: HandleTls): void;
  /** `reason` is for people. The connection is to be closed. */
  failed(reason: string, handle: TlsHandle): void;
}

/** A socket's handle with TLS on it, as a handle. */
export class TlsHandle implements Handle {
  onread: Handle["onread"] = () => {};
  readonly #wrap: TlsWrap;
  readonly #under: Handle;
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

  /** Begins a handshake on a socket's handle, which belongs to it from here on. `head` are octets that have been read
   * from it already; `choose` names the context for a host, where there are several. */
  static begin(
    under: Handle,
    context: TlsContext,
    choose: ((host: string) => TlsContext) | null,
    head: Uint8Array,
    told: HandshakeTold,
  ): TlsHandle {
    assert(makeWrap !== null, "TLS straight on handles was asked whether it is possible");
    const handle = new TlsHandle(makeWrap(), under);
    handle.#shake(context, choose, head, told);
    return handle;
  }

  /** TLS may be had straight on handles with this Deno. */
  static get isPossible(): boolean {
    return makeWrap !== null;
  }

  #shake(
    context: TlsContext,
    choose: ((host: string) => TlsContext) | null,
    head: Uint8Array,
    told: HandshakeTold,
  ): void {
    const wrap = this.#wrap;
    wrap._nativeTcpHandle = this.#under;
    wrap._owner = { ssl: wrap };
    wrap.setHandle(wrap);
    let isDone = false;
    const fail = (reason: string) => {
      if (isDone || this.#isClosing) return;
      isDone = true;
      told.failed(reason, this);
    };
    wrap.onerror = (error) => fail(error.message);
    wrap.onread = () => fail("the peer closed the connection");
    wrap.onhandshakedone = () => {
      if (isDone || this.#isClosing) return;
      isDone = true;
      wrap.onerror = () => this.#broken();
      told.secure(this, this.#facts());
    };
    if (wrap.initServerTls(context) !== 0 || wrap.attach(this.#under) !== 0) return fail("the library cannot begin");
    if (choose !== null) {
      wrap.enableClientHelloCb();
      wrap.onclienthello = () => wrap.finishAccept(choose(wrap.getServername() ?? ""));
    }
    this.#under.onread = (bytes) => this.#arrived(bytes);
    wrap.start();
    wrap.readStart();
    if (head.length > 0) wrap.receive(head);
    this.#under.readStart();
  }

  #facts(): HandleTls {
    const cipher: { name?: string } = {};
    const version: { protocol?: string } = {};
    this.#wrap.getCipher(cipher);
    this.#wrap.getProtocol(version);
    const host = this.#wrap.getServername();
    return {
      version: version.protocol ?? "",
      cipher: cipher.name ?? "",
      serverName: host === undefined || host === "" ? null : host,
    };
  }

  #arrived(bytes: ArrayBuffer | undefined): void {
    if (this.#isClosing) return;
    if (bytes !== undefined) return this.#wrap.receive(new Uint8Array(bytes));
    const status = results?.state[results.read] ?? 0;
    if (status === 0) return;
    this.#under.readStop();
    // An end without that of TLS is an end: all that counts here says by itself where it ends.
    if (getSystemErrorName(status) === "EOF") this.#wrap.emitEof();
    else this.#wrap.onread();
  }

  /** What came after the handshake is no TLS. */
  #broken(): void {
    if (this.#isClosing || results === null) return;
    results.state[results.read] = protocolError;
    this.onread();
  }

  readStart(): number {
    this.#wrap.onread = (bytes) => this.onread(bytes);
    const status = this.#under.readStart();
    return status < 0 ? status : this.#wrap.readStart();
  }

  readStop(): number {
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
    return this.#wrap.writeBuffer({ bytes, oncomplete: (status) => this.#written(request, status) }, bytes);
  }

  #written(request: WriteRequest, status: number): void {
    this.#isWriting = false;
    const next = status < 0 ? undefined : this.#waiting.shift();
    if (next !== undefined) this.#write(next, next.bytes);
    request.oncomplete(status);
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

  getsockname(out: object): void {
    const method: unknown = Reflect.get(this.#under, "getsockname");
    if (typeof method === "function") method.call(this.#under, out);
  }

  close(done: () => void): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#wrap.close(done);
  }
}

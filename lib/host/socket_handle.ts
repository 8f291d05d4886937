/** Streams straight on the socket handles that lie under node:net.
 *
 * A net.Socket is a Duplex: buffers, events and ticks for each read and write, and more for each connection. It took
 * smtp-in a tenth of its time. The handle under it (tcp_wrap and pipe_wrap in Node's terms, the same in Deno) reads,
 * writes and closes, and tells each by one call. It is no public interface: all that is used of it is looked for first,
 * and where something is missing, net.Socket serves as before. */

import net from "node:net";
import process from "node:process";
import { getSystemErrorName } from "node:util";
import type { Address, Stream, StreamHandler } from "../port.ts";
import { Fault } from "../fault.ts";
import { addressOf, highWater, kindOf, usingAction } from "./socket.ts";

/** What is used of a handle. Calls return 0, or a system error as a negative number. */
export interface Handle {
  /** Called with what was read; without it at the end and for an error: see `Results.read`. */
  onread: (bytes?: ArrayBuffer) => void;
  /** Has `onread` called from here on. */
  readStart(): number;
  /** Has `onread` called no more until `readStart`. */
  readStop(): number;
  /** What the system does not take at once waits in the handle; `Results.isAsync` tells. */
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  /** Ends our side once all that was written has gone out. */
  shutdown(request: ShutdownRequest): number;
  /** Tells the peer that all has been sent, where more than to close is due: TLS. */
  farewell?(): void;
  /** Closes it at once; what waits is dropped. */
  close(done: () => void): void;
}

/** The end of our side. */
export interface ShutdownRequest {
  /** Our side has ended. `status` is 0, or an error. */
  oncomplete(status: number): void;
}

/** One write. `oncomplete` is called when it ends later than the call that made it, and only then. */
export interface WriteRequest {
  /** Kept here until the end: the handle only borrows them. */
  readonly bytes: Uint8Array;
  /** It has gone out. `status` is 0, or an error. */
  oncomplete(status: number): void;
}

/** Where handles leave what a call came to, beside what it returns. */
export interface Results {
  /** The places, as the indices below name them. */
  readonly state: Int32Array;
  /** Index of the length of the last read, or of its error as a negative number. */
  readonly read: number;
  /** Index of 0 when the last write was done at once, else 1. */
  readonly isAsync: number;
}

/** Where what a call came to is found; null when this Deno has no such place. */
export const results: Results | null = findResults();

/** UV_EOF: the peer has ended its side. */
export const endOfFile: number = -4095;

function findResults(): Results | null {
  try {
    const wrap: unknown = call(process, "binding", "stream_wrap");
    if (typeof wrap !== "object" || wrap === null) return null;
    const state: unknown = Reflect.get(wrap, "streamBaseState");
    const read: unknown = Reflect.get(wrap, "kReadBytesOrError");
    const isAsync: unknown = Reflect.get(wrap, "kLastWriteWasAsync");
    if (!(state instanceof Int32Array) || typeof read !== "number" || typeof isAsync !== "number") return null;
    return { state, read, isAsync };
  } catch {
    return null;
  }
}

/** Calls a method that the types do not tell of; undefined when there is none. */
function call(owner: object, name: string, argument: unknown): unknown {
  const method: unknown = Reflect.get(owner, name);
  return typeof method === "function" ? method.call(owner, argument) : undefined;
}

/** True for an object with these methods. */
export function hasMethods(value: unknown, names: readonly string[]): value is object {
  return typeof value === "object" && value !== null &&
    names.every((name) => typeof Reflect.get(value, name) === "function");
}

function isHandle(value: unknown): value is Handle {
  return hasMethods(value, ["readStart", "readStop", "writeBuffer", "shutdown", "close"]);
}

/** A stream that takes a socket's handle away from it; null when the handle is not of the form that is known here, or
 * the connection is over. Nobody has read from the socket; it is of no use afterwards. */
export function takeHandle(socket: net.Socket): HandleStream | null {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (results === null || !isHandle(handle) || socket.connecting || !socket.readable || !socket.writable) return null;
  handle.readStop();
  // Without a handle the socket does nothing when it is collected.
  Reflect.set(socket, "_handle", null);
  // A socket that is made around a handle begins to read at once.
  const early: unknown = socket.readableLength > 0 ? socket.read() : null;
  return new HandleStream(handle, early instanceof Uint8Array ? early : null);
}

/** Has a server that listens hand over its connections without making sockets of them. False when that cannot be: then
 * the server's own handler of connections goes on to get them. */
export function acceptHandles(server: net.Server, take: (stream: Stream) => void): boolean {
  const listener: unknown = Reflect.get(server, "_handle");
  if (results === null || !hasMethods(listener, ["accept", "onconnection"])) return false;
  const make: unknown = listener.constructor;
  const failed: unknown = Reflect.get(listener, "onconnection");
  if (typeof make !== "function" || typeof failed !== "function") return false;
  Reflect.set(listener, "onconnection", (status: number) => {
    if (status !== 0) return failed.call(listener, status);
    // 0 stands for a connection (SOCKET), in both families.
    const handle: unknown = Reflect.construct(make, [0]);
    if (!isHandle(handle)) return failed.call(listener, status);
    // Not 0: the peer has gone again.
    if (call(listener, "accept", handle) !== 0) return;
    call(handle, "setNoDelay", true);
    take(new HandleStream(handle));
  });
  return true;
}

/** A handle as a `Stream`. It behaves as a `SocketStream` whose socket allows half-open connections. */
export class HandleStream implements Stream {
  /** The peer's end. */
  readonly remote: Address;
  readonly #handle: Handle;
  #early: Uint8Array | null;
  #handler: StreamHandler | null = null;
  #fault: Fault | null = null;
  #buffered = 0;
  /** A `write` returned false, and `drain` has not been called since. */
  #isOver = false;
  #isReadEnded = false;
  #isEnding = false;
  #isWriteEnded = false;
  /** `finish` was called and waits for what is buffered. */
  #isFinishing = false;
  #isClosing = false;
  #isClosed = false;

  /** `early` are bytes that have been read from it. The system is asked for the peer's address where the caller does
   * not know it. */
  constructor(handle: Handle, early: Uint8Array | null = null, remote: Address | null = null) {
    this.#handle = handle;
    this.#early = early;
    this.remote = remote ?? nameOf(handle, "getpeername");
  }

  /** Our end. Asked of the system each time: few want to know. */
  get local(): Address {
    return nameOf(this.#handle, "getsockname");
  }

  get buffered(): number {
    return this.#buffered;
  }

  /** Sets the one handler and begins to read. */
  attach(handler: StreamHandler): void {
    this.#handler = handler;
    if (this.#isClosed) return handler.close(this.#fault);
    this.#handle.onread = (bytes) => this.#received(bytes);
    const early = this.#early;
    this.#early = null;
    if (early !== null && !this.#isClosing) handler.data(early);
    this.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#isEnding || bytes.length === 0) return true;
    const status = this.#handle.writeBuffer({ bytes, oncomplete: (status) => this.#sent(bytes, status) }, bytes);
    if (status < 0) this.#fail(status);
    else if (results?.state[results.isAsync] !== 0) this.#buffered += bytes.length;
    this.#isOver ||= this.#buffered >= highWater;
    return this.#buffered < highWater;
  }

  pause(): void {
    if (!this.#isClosing) this.#handle.readStop();
  }

  /** Reads again after `pause`. */
  resume(): void {
    if (this.#isClosing || this.#isReadEnded) return;
    const status = this.#handle.readStart();
    if (status < 0) this.#fail(status);
  }

  end(): void {
    if (this.#isClosing || this.#isEnding) return;
    this.#isEnding = true;
    const oncomplete = () => {
      this.#isWriteEnded = true;
      if (this.#isReadEnded) this.destroy();
    };
    // It cannot be ended when the peer has gone already.
    if (this.#handle.shutdown({ oncomplete }) < 0) oncomplete();
  }

  /** Sends what is queued, then closes. */
  finish(): void {
    if (this.#buffered === 0) this.#leave();
    else this.#isFinishing = true;
  }

  #leave(): void {
    if (this.#isClosing) return;
    this.#handle.farewell?.();
    this.destroy();
  }

  destroy(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#buffered = 0;
    this.#handle.close(() => {
      this.#isClosed = true;
      this.#handler?.close(this.#fault);
    });
  }

  /** Gives the handle away, with what has been read from it and not delivered; null when it is closed. This stream does
   * and tells nothing any more. */
  releaseHandle(): { readonly handle: Handle; readonly early: Uint8Array | null } | null {
    if (this.#isClosing) return null;
    this.#handle.readStop();
    this.#isClosing = true;
    return { handle: this.#handle, early: this.#early };
  }

  /** Makes a net.Socket of the connection, as node:tls needs one; null when it is closed. This stream does and tells
   * nothing any more. */
  release(): net.Socket | null {
    const released = this.releaseHandle();
    if (released === null) return null;
    const { handle, early } = released;
    // The option is not in the types.
    const options: object = { handle, allowHalfOpen: true };
    const socket = new net.Socket(options);
    if (early !== null) socket.unshift(early);
    return socket;
  }

  #received(bytes: ArrayBuffer | undefined): void {
    if (this.#isClosing) return;
    if (bytes !== undefined) return this.#handler?.data(new Uint8Array(bytes));
    const status = results?.state[results.read] ?? endOfFile;
    if (status === 0) return;
    if (status !== endOfFile) return this.#fail(status);
    this.#isReadEnded = true;
    this.#handler?.end();
    if (this.#isWriteEnded) this.destroy();
  }

  #sent({ length }: Uint8Array, status: number): void {
    if (this.#isClosing) return;
    this.#buffered -= length;
    if (status < 0) return this.#fail(status);
    if (this.#buffered > 0) return;
    if (this.#isFinishing) return this.#leave();
    if (!this.#isOver) return;
    this.#isOver = false;
    this.#handler?.drain();
  }

  #fail(status: number): void {
    const code = getSystemErrorName(status);
    this.#fault ??= new Fault(kindOf(code), `Cannot ${usingAction}: ${code}`);
    this.destroy();
  }
}

/** Handles of unix sockets do not tell. */
function nameOf(handle: Handle, method: "getpeername" | "getsockname"): Address {
  const name: { readonly address?: string; readonly port?: number } = {};
  call(handle, method, name);
  return addressOf(name.address, name.port);
}

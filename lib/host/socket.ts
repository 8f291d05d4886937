/** A node:net socket as a `Stream`, and what all streams on sockets share. */

import type net from "node:net";
import type { Address, Stream, StreamHandler } from "../port.ts";
import { Fault, type FaultKind } from "../fault.ts";
import { describeErrno } from "./errno.ts";

/** Turns a socket error into a Fault that says what was tried. */
export function socketFault(action: string, error: unknown): Fault {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const state = code !== "" ? describeErrno(code) : error instanceof Error ? error.message : String(error);
  const denied = error instanceof Error && error.name === "NotCapable";
  return new Fault(denied ? "denied" : kindOf(code), `Cannot ${action}: ${state}`, { cause: error });
}

/** What a system error, by its name, means. */
export function kindOf(code: string): FaultKind {
  const kinds: Record<string, FaultKind> = {
    ECONNREFUSED: "refused",
    ECONNRESET: "reset",
    EPIPE: "reset",
    ETIMEDOUT: "timeout",
    EHOSTUNREACH: "unreachable",
    ENETUNREACH: "unreachable",
    EADDRNOTAVAIL: "unreachable",
    EADDRINUSE: "exists",
    EACCES: "denied",
    EPERM: "denied",
    ENOENT: "notFound",
    ENOTFOUND: "notFound",
    EAI_AGAIN: "unavailable",
  };
  return kinds[code] ?? "io";
}

/** What is being done when an open connection fails. */
export const usingAction = "use the connection";

/** Bytes that may wait in our buffer before `write` asks for patience. */
export const highWater = 256 * 1024;

/** A node:net socket as a `Stream`. */
export class SocketStream implements Stream {
  /** The peer's end. */
  readonly remote: Address;
  readonly #socket: net.Socket;
  #fault: Fault | null = null;

  /** `socket` has no `data` listener: it would take bytes before a handler does. The system is asked for the peer's
   * address where the caller does not know it. */
  constructor(socket: net.Socket, remote: Address | null = null) {
    this.#socket = socket;
    this.remote = remote ?? addressOf(socket.remoteAddress, socket.remotePort);
    // An error before a handler is attached must not end the process.
    socket.on("error", (error) => this.#fault = socketFault(usingAction, error));
  }

  /** Our end. Asked of the system each time: few want to know. */
  get local(): Address {
    return addressOf(this.#socket.localAddress, this.#socket.localPort);
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  /** Sets the one handler and begins to read. */
  attach(handler: StreamHandler): void {
    const socket = this.#socket;
    if (socket.destroyed) {
      handler.close(this.#fault);
      return;
    }
    socket.on("data", (bytes: Uint8Array) => handler.data(bytes));
    socket.on("drain", () => handler.drain());
    socket.on("end", () => handler.end());
    socket.on("close", () => handler.close(this.#fault));
    socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    this.#socket.write(bytes);
    return this.#socket.writableLength < highWater;
  }

  pause(): void {
    this.#socket.pause();
  }

  /** Reads again after `pause`. */
  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  /** Sends what is queued, then closes. */
  finish(): void {
    const socket = this.#socket;
    if (socket.writableLength === 0) socket.destroy();
    else if (socket.writableEnded) socket.once("finish", () => socket.destroy());
    // Cheaper than to end our side first: the system says goodbye when the socket is closed.
    else socket.write("", () => socket.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Gives the socket away, as TLS needs one; null when it is closed. This stream does and tells nothing any more. */
  release(): net.Socket | null {
    const socket = this.#socket;
    if (socket.destroyed) return null;
    for (const event of ["data", "drain", "end", "close", "error"]) socket.removeAllListeners(event);
    socket.pause();
    return socket;
  }
}

/** An address as sockets tell it; without one it is that of a unix socket. */
export function addressOf(ip: string | undefined, port: number | undefined): Address {
  if (ip === undefined || port === undefined) return { kind: "unix", path: "" };
  return { kind: "inet", ip: ip.startsWith("::ffff:") && ip.includes(".") ? ip.slice(7) : ip, port };
}

/** Sockets, over node:net: the one socket library of Deno whose sockets can be handed from process to process. */

import { renameSync } from "node:fs";
import net from "node:net";
import type { Address, Dialer, Listener, Stream, StreamHandler } from "../port.ts";
import { Fault, type FaultKind } from "../fault.ts";

/** Turns a socket error into a Fault that says what was tried. */
export function socketFault(action: string, error: unknown): Fault {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
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
  };
  const denied = error instanceof Error && error.name === "NotCapable";
  const kind = denied ? "denied" : kinds[code] ?? "io";
  const state = code !== "" ? code : error instanceof Error ? error.message : String(error);
  return new Fault(kind, `Cannot ${action}: ${state}`, { cause: error });
}

/** Bytes that may wait in our buffer before `write` asks for patience. */
const highWater = 256 * 1024;

/** A node:net socket as a `Stream`. */
export class SocketStream implements Stream {
  /** The peer's end. */
  readonly remote: Address;
  readonly #socket: net.Socket;
  #fault: Fault | null = null;

  /** `socket` has no `data` listener: it would take bytes before a handler does. */
  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.remote = addressOf(socket.remoteAddress, socket.remotePort);
    // An error before a handler is attached must not end the process.
    socket.on("error", (error) => this.#fault = socketFault("use the connection", error));
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
}

/** Closes a socket that could not be handed over, so that its other end learns of it. */
export function discardSocket(handle: unknown): void {
  if (handle instanceof net.Socket) handle.destroy();
}

/** A socket that came over IPC as a `Stream`; null when it is none. */
export function wrapSocket(handle: unknown): Stream | null {
  return handle instanceof net.Socket ? new SocketStream(handle) : null;
}

function addressOf(ip: string | undefined, port: number | undefined): Address {
  if (ip === undefined || port === undefined) return { kind: "unix", path: "" };
  return { kind: "inet", ip: ip.startsWith("::ffff:") && ip.includes(".") ? ip.slice(7) : ip, port };
}

/** Serves a listening socket that was inherited as file descriptor `fd`. Needs no permission. */
export function listenOnFd(fd: number): Listener {
  let take: ((stream: Stream) => void) | null = null;
  // Half-open, so that a client that shuts down its side after QUIT still gets its replies.
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    if (take === null) return void socket.destroy();
    socket.setNoDelay(true);
    take(new SocketStream(socket));
  });
  server.on("error", (error) => {
    throw socketFault(`listen on descriptor ${fd}`, error);
  });
  return {
    accept(run) {
      take = run;
      server.listen({ fd });
    },
    close: () => void server.close(),
  };
}

/** A bound socket that this process holds for its children without ever accepting on it. */
export interface HeldSocket {
  /** Descriptor number to give to a child's `stdio`. */
  readonly fd: number;
  /** What it is bound to. */
  readonly local: Address;
}

/** Binds and listens. The socket stays open for the life of the process, so a child that is
 * restarted finds the connections that queued up meanwhile. Faults: `exists`, `denied`, `unreachable`. */
export function holdSocket(at: Address): Promise<HeldSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<HeldSocket>();
  const server = net.createServer((socket) => void socket.destroy());
  const name = at.kind === "inet" ? `${at.ip} port ${at.port}` : at.path;
  server.on("error", (error) => reject(socketFault(`listen on ${name}`, error)));
  // Closing the server removes the name it listened on: a unix socket gets its own name before.
  const temporary = `${name}.new`;
  const listening = () => {
    try {
      if (at.kind === "unix") renameSync(temporary, name);
      const bound = server.address();
      const fd = duplicate(server);
      const port = typeof bound === "object" && bound !== null ? bound.port : 0;
      resolve({ fd, local: at.kind === "inet" ? { ...at, port } : at });
    } catch (error) {
      reject(error instanceof Fault ? error : socketFault(`listen on ${name}`, error));
    } finally {
      // Closing the server ends its accept loop; the duplicate keeps the socket itself open.
      server.close();
    }
  };
  if (at.kind === "unix") server.listen(temporary, listening);
  else server.listen({ host: at.ip, port: at.port, backlog: 512, ipv6Only: at.ip.includes(":") }, listening);
  return promise;
}

/** Closes a held socket. Deno knows no descriptor that it has not opened itself, but a server takes one over, and closes
 * it with itself. What children inherited of it stays open. */
export function releaseSocket({ fd }: HeldSocket): void {
  const server = net.createServer((socket) => void socket.destroy());
  server.on("error", () => {});
  server.listen({ fd }, () => server.close());
}

/** A second descriptor for a server's socket. Deno has no public call that tells a descriptor's number;
 * this is what its own IPC uses to pass sockets. */
function duplicate(server: net.Server): number {
  const handle: unknown = Reflect.get(server, "_handle");
  if (typeof handle === "object" && handle !== null) {
    const take: unknown = Reflect.get(handle, "fdForIpc");
    const fd: unknown = typeof take === "function" ? take.call(handle) : null;
    if (typeof fd === "number" && fd >= 0) return fd;
  }
  throw new Fault("io", "Cannot hold a listening socket: this version of Deno does not tell its descriptor; use 2.9.6");
}

/** Both ends of a private connection, to be handed to two children. `path` is a free name in a private directory. */
export function socketPair(path: string): Promise<readonly [net.Socket, net.Socket]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly [net.Socket, net.Socket]>();
  const fail = (error: unknown) => reject(socketFault("connect two roles", error));
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: false });
  server.on("error", fail);
  server.listen(path, () => {
    const near = net.connect({ path });
    near.pause();
    near.on("error", fail);
    const connected = new Promise<void>((done) => near.on("connect", () => done()));
    server.on("connection", (far) => {
      far.on("error", fail);
      server.close();
      // Else whoever sends it to a child, and the child, keep a list of this server's connections for ever.
      Reflect.set(far, "server", null);
      connected.then(() => resolve([near, far]));
    });
  });
  return promise;
}

/** Opens connections to other hosts. */
export const hostDialer: Dialer = {
  dial(to, options) {
    const { promise, resolve, reject } = Promise.withResolvers<Stream>();
    const name = to.kind === "inet" ? `${to.ip}:${to.port}` : to.path;
    const action = `connect to ${name}`;
    let socket: net.Socket;
    try {
      socket = to.kind === "unix" ? net.connect({ path: to.path }) : net.connect({
        host: to.ip,
        port: to.port,
        noDelay: true,
        autoSelectFamily: false,
        ...(options.source === undefined ? {} : { localAddress: options.source }),
      });
    } catch (error) {
      reject(socketFault(action, error));
      return promise;
    }
    const timer = setTimeout(() => {
      reject(new Fault("timeout", `Cannot ${action}: no answer within ${Math.round(options.timeoutMs / 1000)} s`));
      socket.destroy();
    }, options.timeoutMs);
    socket.on("error", (error) => {
      clearTimeout(timer);
      reject(socketFault(action, error));
    });
    socket.on("connect", () => {
      clearTimeout(timer);
      socket.pause();
      resolve(new SocketStream(socket));
    });
    return promise;
  },
};

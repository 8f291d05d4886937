/** Sockets, over node:net: the one socket library of Deno whose sockets can be handed from process to process. */

import net from "node:net";
import type { Address, Dialer, DialTarget, Listener, Stream } from "../port.ts";
import { Fault } from "../fault.ts";
import { acceptHandles, takeHandle } from "./socket_handle.ts";
import { socketFault, SocketStream } from "./socket.ts";

/** Closes a socket that could not be handed over, so that its other end learns of it. */
export function discardSocket(handle: unknown): void {
  if (handle instanceof net.Socket) handle.destroy();
  if (handle instanceof net.Server) handle.close(() => {});
}

/** A socket that came over IPC as a `Stream`; null when it is none. */
export function wrapSocket(handle: unknown): Stream | null {
  return handle instanceof net.Socket ? takeHandle(handle) ?? new SocketStream(handle) : null;
}

/** A listening socket that came over IPC as a `Listener`; null when it is none. It needs no permission. Connections that
 * come before `accept` wait. */
export function wrapListener(handle: unknown): Listener | null {
  if (!(handle instanceof net.Server)) return null;
  const early: Stream[] = [];
  let take: (stream: Stream) => void = (stream) => void early.push(stream);
  // Half-open, so that a client that shuts down its side after QUIT still gets its replies. It listens already: these
  // members are looked at with each connection.
  Reflect.set(handle, "allowHalfOpen", true);
  Reflect.set(handle, "pauseOnConnect", true);
  handle.on("connection", (socket) => {
    socket.setNoDelay(true);
    take(new SocketStream(socket));
  });
  handle.on("error", (error) => {
    throw socketFault("accept connections", error);
  });
  return {
    accept(run) {
      take = run;
      acceptHandles(handle, run);
      for (const stream of early.splice(0)) run(stream);
    },
    close: () => void handle.close(),
  };
}

/** A bound socket that this process holds for its children without ever accepting on it. */
export interface HeldSocket {
  /** What it is bound to. */
  readonly local: Address;
  /** A handle to send to a child: it is a `wrapListener` there, as often as one is sent. */
  share(): unknown;
  /** Closes it. Children that have it go on. */
  release(): void;
}

/** Binds and listens. The socket stays open until it is released, so a child that is restarted finds the connections
 * that queued up meanwhile. Faults: `exists`, `denied`, `unreachable`. */
export function holdSocket(at: Address): Promise<HeldSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<HeldSocket>();
  const server = net.createServer((socket) => void socket.destroy());
  const name = at.kind === "inet" ? `${at.ip} port ${at.port}` : at.path;
  server.on("error", (error) => reject(listenFault(at, name, error)));
  // Closing the server removes the name it listened on: a unix socket gets its own name before.
  const temporary = `${name}.new`;
  // Left by a daemon that was killed.
  if (at.kind === "unix") removeStale(temporary);
  const listening = () => {
    try {
      if (at.kind === "unix") Deno.renameSync(temporary, name);
      const bound = server.address();
      const kept = keepDescriptor(duplicate(server));
      const port = typeof bound === "object" && bound !== null ? bound.port : 0;
      resolve({ local: at.kind === "inet" ? { ...at, port } : at, ...kept });
    } catch (error) {
      reject(error instanceof Fault ? error : socketFault(`listen on ${name}`, error));
    } finally {
      // Closing the server ends its accept loop; the duplicate keeps the socket itself open.
      server.close();
    }
  };
  if (at.kind === "unix") server.listen(temporary, listening);
  // An IPv6 socket takes IPv4 too: Deno does not heed `ipv6Only`.
  else server.listen({ host: at.ip, port: at.port, backlog: 512 }, listening);
  return promise;
}

function listenFault(at: Address, name: string, error: unknown): Fault {
  // What Deno makes of EADDRNOTAVAIL.
  const isForeign = at.kind === "inet" && error instanceof Error && "code" in error && error.code === "EINVAL";
  if (isForeign) return new Fault("unreachable", `Cannot listen on ${name}: this machine has no such address`);
  const fault = socketFault(`listen on ${name}`, error);
  if (fault.kind !== "denied" || at.kind !== "inet" || at.port >= rootPortsEnd) return fault;
  const hint = `ports below ${rootPortsEnd} are root's: start as root, or choose another port`;
  return new Fault(fault.kind, `${fault.message}; ${hint}`, { cause: error });
}

/** Only root may listen below. */
const rootPortsEnd = 1024;

function removeStale(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // There is none, or binding says what is wrong.
  }
}

/** Keeps a descriptor of a listening socket as what it is, a number: a server would accept, and even a `net.Socket` of it
 * would wake this process for each connection that a child takes. No child inherits the descriptor (`duplicate` makes
 * it close on exec). To start a child would make it blocking, for all who share it, and who accepts on it then stands
 * still. */
export function keepDescriptor(first: number): Pick<HeldSocket, "share" | "release"> {
  // The types do not know that it is neither read nor written: it would fail, for it is not connected.
  const open = (fd: number) => new net.Socket({ fd, readable: false, writable: false });
  let kept = first;
  return {
    share() {
      // What is sent is closed here: a duplicate stays.
      const sent = open(kept);
      kept = duplicate(sent);
      const server = new net.Server();
      Reflect.set(server, "_handle", Reflect.get(sent, "_handle"));
      return server;
    },
    release: () => void open(kept).destroy(),
  };
}

/** A second descriptor for a socket. Deno has no public call that tells a descriptor's number; this is what its own IPC
 * uses to pass sockets. */
export function duplicate(of: net.Server | net.Socket): number {
  const handle: unknown = Reflect.get(of, "_handle");
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
    const action = `connect to ${dialName(to)}`;
    let socket: net.Socket;
    try {
      socket = to.kind === "unix" ? net.connect({ path: to.path }) : net.connect({
        host: to.kind === "host" ? to.name : to.ip,
        port: to.port,
        noDelay: true,
        // One that is given by its address is that one.
        autoSelectFamily: to.kind === "host",
        autoSelectFamilyAttemptTimeout: addressWaitMs,
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

/** How long one address of a name may take to answer before the next is tried, ms. */
const addressWaitMs = 5_000;

function dialName(to: DialTarget): string {
  switch (to.kind) {
    case "unix":
      return to.path;
    case "inet":
      return `${to.ip}:${to.port}`;
    case "host":
      return `${to.name}:${to.port}`;
  }
}

/** Handshakes of TLS on loopback, with our server and the client of node:tls. */

import { equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import { Duplex } from "node:stream";
import tls from "node:tls";
import { SocketStream } from "../../lib/host/socket.ts";
import { acceptHandles, HandleStream } from "../../lib/host/socket_handle.ts";
import type { Stream } from "../../lib/port.ts";
import type { TlsOutcome, TlsServer, TlsSetup } from "../../lib/port_tls.ts";
import { handler } from "../contract/stream.ts";
import type { Certificates, CertificateWish } from "./certificates.ts";

/** A server with these certificates, the first one with what is asked of clients. */
export async function setupOf(
  made: Certificates,
  wishes: Readonly<Record<string, CertificateWish>>,
  more: Partial<TlsSetup> = {},
): Promise<TlsSetup> {
  const certificates = [];
  for (const [name, wish] of Object.entries(wishes)) certificates.push(await made.issue(name, wish));
  return { certificates, versions: ["TLSv1.2", "TLSv1.3"], authorities: null, ...more };
}

/** What stands below TLS: a handle, or a socket of node:net. Each has a way of its own. */
export type Below = "handle" | "socket";

/** Both. */
export const belows: readonly Below[] = ["handle", "socket"];

/** A connection that the server has accepted. */
export async function accepted(as: Below = "handle"): Promise<{ stream: Stream; client: net.Socket }> {
  const { port, stream } = await listening(as);
  const client = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  client.on("error", () => {});
  return { stream: await stream, client };
}

/** A server for one connection. */
export async function listening(as: Below): Promise<{ readonly port: number; readonly stream: Promise<Stream> }> {
  const { promise, resolve } = Promise.withResolvers<Stream>();
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    resolve(new SocketStream(socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", () => done()));
  if (as === "handle") ok(acceptHandles(server, resolve));
  const address = server.address();
  ok(typeof address === "object" && address !== null);
  void promise.then(() => server.close());
  return { port: address.port, stream: promise };
}

/** Begins TLS on our end; resolves with what comes of it. */
export function begun(server: TlsServer, stream: Stream, head?: Uint8Array): Promise<TlsOutcome> {
  return new Promise((resolve) => void server.begin(stream, resolve, head));
}

/** Begins TLS on both ends. */
export async function shake(
  server: TlsServer,
  options: tls.ConnectionOptions = {},
  as: Below = "handle",
): Promise<{ readonly outcome: TlsOutcome; readonly client: tls.TLSSocket }> {
  const { stream, client: socket } = await accepted(as);
  const outcome = begun(server, stream);
  // The types do not know the last one.
  const all: object = { socket, rejectUnauthorized: false, ...options, allowHalfOpen: true };
  const client = tls.connect(all);
  client.on("error", () => {});
  // The client's side is done before ours, or after it.
  const secure = new Promise<void>((resolve) => client.once("secureConnect", () => resolve()));
  const came = await outcome;
  if (came.kind === "secure") {
    equal(came.stream instanceof HandleStream, as === "handle", "this is the way that was asked for");
    await secure;
  }
  return { outcome: came, client };
}

/** Ends both sides. */
export function drop(outcome: TlsOutcome, client: net.Socket): Promise<void> {
  client.destroy();
  return new Promise((resolve) => {
    if (outcome.kind !== "secure") return resolve();
    outcome.stream.attach(handler({ close: () => resolve() }));
    outcome.stream.destroy();
  });
}

/** Lies between a client's TLS and its socket: holds back what TLS sends, and keeps what comes. */
export class Tap extends Duplex {
  /** What has come, under TLS. */
  readonly received: Uint8Array[] = [];
  readonly #socket: net.Socket;
  #held: Uint8Array[] | null = null;

  constructor(socket: net.Socket) {
    super();
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      this.received.push(bytes);
      this.push(bytes);
    });
    socket.on("end", () => this.push(null));
  }

  override _read(): void {}

  override _write(bytes: Uint8Array, _encoding: string, done: () => void): void {
    if (this.#held === null) this.#socket.write(bytes);
    else this.#held.push(bytes);
    done();
  }

  /** What TLS sends from here on waits. */
  hold(): void {
    this.#held ??= [];
  }

  /** Sends what waits, in one piece. */
  release(): void {
    this.#socket.write(Buffer.concat(this.#held ?? []));
    this.#held = null;
  }
}

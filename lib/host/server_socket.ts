/** Sockets to database servers, made here and handed to their drivers, so that an end is an end and no stray event of a
 * driver's socket takes a role down. */

import net from "node:net";
import type { ConnectionOptions } from "node:tls";
import { Fault } from "../fault.ts";
import type { ServerAddress, ServerLogin } from "../port_database.ts";

/** Options of TLS for a driver: what is checked of the certificate. */
export type TlsOptions = Pick<
  ConnectionOptions,
  "ca" | "rejectUnauthorized" | "servername" | "checkServerIdentity"
>;

/** Connects. `lost` is called when the socket has closed. Rejects with a Fault `unavailable`; `signal` gives it up. */
export function dialServer(address: ServerAddress, signal: AbortSignal, lost: () => void): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    let isOpen = false;
    const fail = (why: string) => reject(new Fault("unavailable", `cannot reach ${placeOf(address)}: ${why}`));
    let socket: net.Socket;
    try {
      socket = address.kind === "unix"
        ? net.connect({ path: address.path })
        : net.connect({ host: address.host, port: address.port });
    } catch (error) {
      // A right that is missing is told at once.
      return fail(error instanceof Error ? error.message : String(error));
    }
    const giveUp = () => {
      if (!isOpen) socket.destroy();
      fail("given up");
    };
    guard(socket, (error) => fail(error.message), () => {
      fail("closed");
      if (isOpen) lost();
    });
    socket.once("connect", () => {
      isOpen = true;
      socket.setNoDelay(true);
      socket.setKeepAlive(true, keepAliveMs);
      resolve(socket);
    });
    if (signal.aborted) giveUp();
    else signal.addEventListener("abort", giveUp, { once: true });
  });
}

/** Silence on a session after which the system asks whether the other end is there, ms. */
const keepAliveMs = 30_000;

/** Keeps our listeners on a socket whose driver takes all of them off: an `error` without one ends the process. */
function guard(socket: net.Socket, failed: (error: Error) => void, closed: () => void): void {
  const listen = () => {
    socket.on("error", failed);
    socket.on("close", closed);
  };
  const removeAll = socket.removeAllListeners.bind(socket);
  socket.removeAllListeners = (event?: string | symbol) => {
    if (event === undefined) {
      // An event that is undefined would count as an event.
      removeAll();
      listen();
    } else {
      removeAll(event);
      if (event === "error") socket.on("error", failed);
      if (event === "close") socket.on("close", closed);
    }
    return socket;
  };
  // A driver that throws at what a server sends ends the session, not the process.
  const emit = socket.emit.bind(socket);
  socket.emit = (event: string | symbol, ...values: unknown[]) => {
    try {
      return emit(event, ...values);
    } catch {
      socket.destroy();
      return true;
    }
  };
  listen();
}

/** What a driver tells TLS; null when there is none. The file of certificates is read for each session, so that a new
 * one counts. Throws a Fault `unavailable` when it cannot be. */
export function tlsOptionsOf({ address, tls }: ServerLogin): TlsOptions | null {
  if (tls === null || address.kind === "unix") return null;
  const name = net.isIP(address.name) === 0 ? { servername: address.name } : {};
  if (tls.mode === "prefer" || tls.mode === "require") return { ...name, rejectUnauthorized: false };
  const checked = { ...name, rejectUnauthorized: true, ...(tls.ca === null ? {} : { ca: readAuthority(tls.ca) }) };
  return tls.mode === "verify" ? checked : { ...checked, checkServerIdentity: () => undefined };
}

function readAuthority(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Fault("unavailable", `cannot read ${path}: ${why}`, { cause: error });
  }
}

/** An address, for people. */
export function placeOf(address: ServerAddress): string {
  if (address.kind === "unix") return address.path;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** What an error says, as a Fault of the session: `closed` when it is of no use any more. */
export function sessionFault(error: unknown, isClosed: boolean): Fault {
  if (error instanceof Fault) return error;
  const text = error instanceof Error && error.message !== "" ? error.message : String(error);
  return new Fault(isClosed ? "closed" : "unavailable", text, { cause: error });
}

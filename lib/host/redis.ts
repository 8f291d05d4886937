/** Redis and Valkey, over the driver `@redis/client`. */

import { createClient, SimpleError } from "@redis/client";
import { Fault } from "../fault.ts";
import type { RedisReply, ServerLogin, ServerSession } from "../port_database.ts";
import { placeOf, sessionFault, tlsOptionsOf } from "./server_socket.ts";

/** A session with a Redis server. */
export type Session = ServerSession<readonly string[], RedisReply>;

/** Connects and logs in: `DatabaseServer.connect`. The driver makes its sockets itself. */
export async function connectRedis(login: ServerLogin, signal: AbortSignal, lost: () => void): Promise<Session> {
  if (signal.aborted) throw new Fault("timeout", "given up");
  const { address, user, password, database } = login;
  const tls = tlsOptionsOf(login);
  const common = { reconnectStrategy: false, connectTimeout: 0 } as const;
  const place = address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port };
  const client = createClient({
    RESP: 2,
    socket: tls === null ? { ...common, ...place } : { ...common, ...place, ...tls, tls: true },
    ...(user === null ? {} : { username: user }),
    ...(password === null ? {} : { password }),
    ...(database === null ? {} : { database: Number(database) }),
    disableOfflineQueue: true,
    disableClientInfo: true,
    // It looks hosts up in a way that would need more rights.
    maintNotifications: "disabled",
  });
  let isUp = false;
  let isOver = false;
  const close = () => {
    isOver = true;
    if (client.isOpen) client.destroy();
  };
  // Without a listener an error of the connection ends the process.
  client.on("error", () => {
    if (isUp && !isOver) lost();
  });
  client.on("end", () => {
    if (isUp && !isOver) lost();
  });
  // What the driver is doing when it is ended may never settle.
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {});
  signal.addEventListener("abort", () => {
    close();
    aborted.reject(new Fault("timeout", "given up"));
  }, { once: true });
  try {
    await Promise.race([client.connect(), aborted.promise]);
    isUp = true;
  } catch (error) {
    close();
    const where = error instanceof SimpleError ? placeOf(address) : `cannot reach ${placeOf(address)}`;
    throw new Fault("unavailable", `${where}: ${sessionFault(error, true).message}`, { cause: error });
  }
  return {
    close,
    async ask(words) {
      try {
        return readReply(await client.sendCommand([...words]));
      } catch (error) {
        throw sessionFault(error, !(error instanceof SimpleError));
      }
    },
  };
}

function readReply(reply: unknown): RedisReply {
  if (reply === null || typeof reply === "string" || typeof reply === "number") return reply;
  if (Array.isArray(reply)) return reply.map(readReply);
  throw new Fault("malformed", "the server gives something else than text");
}

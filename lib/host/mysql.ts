/** MySQL and MariaDB, over the driver `mysql2`. */

import mysql from "mysql2";
import type { SqlValue } from "../port.ts";
import type { ServerLogin, ServerSession, SqlRequest, SqlRows } from "../port_database.ts";
import { Fault } from "../fault.ts";
import { dialServer, placeOf, sessionFault, tlsOptionsOf } from "./server_socket.ts";

/** A session with a MySQL server. */
export type Session = ServerSession<SqlRequest, SqlRows>;

/** Connects and logs in: `DatabaseServer.connect`. */
export async function connectMysql(login: ServerLogin, signal: AbortSignal, lost: () => void): Promise<Session> {
  const tls = tlsOptionsOf(login);
  const socket = await dialServer(login.address, signal, lost);
  const connection = mysql.createConnection({
    stream: socket,
    user: login.user ?? "",
    password: login.password ?? "",
    ...(login.database === null ? {} : { database: login.database }),
    ...(login.address.kind === "host" ? { host: login.address.name } : {}),
    ...(tls === null ? {} : {
      ssl: {
        rejectUnauthorized: tls.rejectUnauthorized ?? true,
        verifyIdentity: login.tls?.mode === "verify",
        ...(typeof tls.ca === "string" ? { ca: tls.ca } : {}),
      },
    }),
    charset: "utf8mb4",
    connectTimeout: 0,
    rowsAsArray: true,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    jsonStrings: true,
    flags: ["-LOCAL_FILES"],
  });
  // Without a listener an error of the connection ends the process. What is asked is told of it all the same.
  connection.on("error", () => {});
  const close = () => {
    connection.destroy();
    socket.destroy();
  };
  signal.addEventListener("abort", close, { once: true });
  await new Promise<void>((resolve, reject) => {
    connection.connect((error) => {
      if (error === null) return resolve();
      close();
      reject(new Fault("unavailable", `${placeOf(login.address)}: ${error.message}`, { cause: error }));
    });
  });
  return { close, ask: ({ sql, parameters }) => execute(connection, sql, parameters) };
}

function execute(connection: mysql.Connection, sql: string, parameters: readonly string[]): Promise<SqlRows> {
  return new Promise((resolve, reject) => {
    connection.execute<mysql.RowDataPacket[][]>({ sql, values: [...parameters], rowsAsArray: true }, (error, rows) => {
      // An answer of the server has its number; without one, or when it says so, the session is over.
      if (error !== null) {
        return reject(
          sessionFault(error, error.fatal === true || error.errno === undefined || error.sqlState === undefined),
        );
      }
      if (!Array.isArray(rows)) return reject(new Fault("malformed", "the query gives no rows"));
      resolve(rows.map((row) => row.map(valueOf)));
    });
  });
}

function valueOf(value: unknown): SqlValue {
  if (value === null || typeof value === "string" || typeof value === "number") return value;
  return value instanceof Uint8Array ? value : String(value);
}

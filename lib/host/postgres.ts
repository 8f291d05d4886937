/** PostgreSQL, over the driver `postgres`. */

import postgres from "postgres";
import { Fault } from "../fault.ts";
import type { DatabaseDrivers, PostgresTarget, ServerSession, SqlRequest, SqlRows } from "../port_database.ts";
import { dialServer, placeOf, sessionFault, tlsOptionsOf } from "./server_socket.ts";

/** How a PostgreSQL server is entered. */
export type Login = Parameters<DatabaseDrivers["postgres"]>[0];
/** A session with a PostgreSQL server. */
export type Session = ServerSession<SqlRequest, SqlRows>;

/** Connects and logs in: `DatabaseServer.connect`. */
export async function connectPostgres(login: Login, signal: AbortSignal, lost: () => void): Promise<Session> {
  const tls = tlsOptionsOf(login);
  // The driver does not settle everything when its socket closes.
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => {});
  const socket = await dialServer(login.address, signal, () => {
    gone.reject(new Fault("closed", "the server has ended the session"));
    lost();
  });
  let uses = 0;
  // The driver connects anew by itself, and for ever.
  const once = () => {
    if (uses++ > 0) throw new Fault("closed", "the server has ended the session");
    return socket;
  };
  const sql = postgres({
    user: login.user ?? "",
    // A function, because the driver takes an absent password from the environment.
    password: () => login.password ?? "",
    database: login.database ?? "",
    host: "localhost",
    ssl: tls === null ? false : login.tls?.mode === "prefer" ? "prefer" : tls,
    max: 1,
    max_lifetime: null,
    idle_timeout: 0,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "smtpd", ...Object.fromEntries(login.parameters) },
    // Not in its types: the driver takes a socket that is open.
    ...{ socket: once },
  });
  const close = () => {
    // The driver says goodbye, if the socket still takes it; then it is over in any case.
    sql.end({ timeout: 0 }).then(() => socket.destroy(), () => socket.destroy());
  };
  const ask = async ({ sql: text, parameters }: SqlRequest): Promise<SqlRows> => {
    try {
      const rows = await Promise.race([sql.unsafe(text, [...parameters], { prepare: true }).raw(), gone.promise]);
      return rows.map((row) => row.map((value) => value === null ? null : value.toString("utf8")));
    } catch (error) {
      throw sessionFault(error, isFatal(error));
    }
  };
  signal.addEventListener("abort", () => socket.destroy(), { once: true });
  try {
    const [row] = await ask({
      sql: "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')",
      parameters: [],
    });
    if (row === undefined || !suits(login.target, row[0] === "t", row[1] === "on")) {
      throw new Fault("unavailable", `${placeOf(login.address)} is no server of kind ${login.target}`);
    }
  } catch (error) {
    close();
    throw error instanceof Fault ? new Fault("unavailable", `${placeOf(login.address)}: ${error.message}`) : error;
  }
  return { ask, close };
}

function suits(target: PostgresTarget, isStandby: boolean, isReadOnly: boolean): boolean {
  switch (target) {
    case "any":
      return true;
    case "read-write":
      return !isStandby && !isReadOnly;
    case "read-only":
      return isStandby || isReadOnly;
    case "primary":
      return !isStandby;
    case "standby":
      return isStandby;
  }
}

/** Classes 08 and 57P01 to 57P03 of SQLSTATE end a session; so does whatever is not the server's word. */
function isFatal(error: unknown): boolean {
  return !(error instanceof postgres.PostgresError) || /^(?:08|57P0[1-5])/.test(error.code) ||
    error.severity_local === "FATAL";
}

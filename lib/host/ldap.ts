/** LDAP, over the driver `ldapts`. */

import tls from "node:tls";
import { Client, type Entry, ResultCodeError } from "ldapts";
import { Fault } from "../fault.ts";
import type { DatabaseDrivers, DirectoryEntry, DirectorySearch, ServerSession } from "../port_database.ts";
import { dialServer, placeOf, sessionFault, tlsOptionsOf } from "./server_socket.ts";

/** How a LDAP server is entered. */
export type Login = Parameters<DatabaseDrivers["ldap"]>[0];
/** A session with a LDAP server. */
export type Session = ServerSession<DirectorySearch, readonly DirectoryEntry[]>;

/** Connects and binds: `DatabaseServer.connect`. */
export async function connectLdap(login: Login, signal: AbortSignal, lost: () => void): Promise<Session> {
  const options = tlsOptionsOf(login);
  const socket = await dialServer(login.address, signal, lost);
  let uses = 0;
  // The driver connects anew by itself, and would go on without a name then.
  const once = () => {
    if (uses++ > 0) throw new Fault("closed", "the session is over");
    return socket;
  };
  const isSecure = options !== null && !login.startTls;
  const client = new Client({
    url: `${isSecure ? "ldaps" : "ldap"}://localhost`,
    createConnection: once,
    createSecureConnection: () => listened(tls.connect({ ...options, socket: isSecure ? once() : socket })),
  });
  const close = () => socket.destroy();
  signal.addEventListener("abort", close, { once: true });
  try {
    if (options !== null && login.startTls) await client.startTLS({ ...options });
    await client.bind(login.user ?? "", login.password ?? "");
  } catch (error) {
    close();
    throw new Fault("unavailable", `${placeOf(login.address)}: ${messageOf(error)}`, { cause: error });
  }
  return { close, ask: (search) => run(client, search) };
}

async function run(client: Client, { base, filter, attributes }: DirectorySearch): Promise<readonly DirectoryEntry[]> {
  try {
    const { searchEntries } = await client.search(base, { scope: "sub", filter, attributes: [...attributes] });
    return searchEntries.map((entry) => attributes.map((name) => valuesOf(entry, name)));
  } catch (error) {
    // What the server says has a code. 51 and 52: it is busy, or goes away.
    const isAnswer = error instanceof ResultCodeError && error.code !== 51 && error.code !== 52;
    throw sessionFault(isAnswer ? new Error(messageOf(error)) : error, !isAnswer);
  }
}

/** Names of attributes know no case. */
function valuesOf(entry: Entry, name: string): readonly string[] {
  const wanted = name.toLowerCase();
  const key = Object.keys(entry).find((one) => one !== "dn" && one.toLowerCase() === wanted);
  const value = key === undefined ? [] : entry[key] ?? [];
  return (Array.isArray(value) ? value : [value]).map((one) =>
    typeof one === "string" ? one : new TextDecoder().decode(one)
  );
}

function messageOf(error: unknown): string {
  if (error instanceof ResultCodeError) return `${error.name}: ${error.message}`.trim();
  return error instanceof Error ? error.message : String(error);
}

/** A socket whose error ends nothing but itself. */
function listened(socket: tls.TLSSocket): tls.TLSSocket {
  return socket.on("error", () => {});
}

/** Servers of databases that the system may ask. host/ implements these with drivers; tests implement them for a fake
 * world. All failures are `Fault`s (lib/fault.ts). */

import type { SqlValue } from "./port.ts";

/** Where a database server is reached. */
export type ServerAddress =
  | {
    readonly kind: "host";
    /** Host name or literal address, without brackets. */
    readonly host: string;
    /** 1 … 65535. */
    readonly port: number;
    /** The name that its certificate must show. */
    readonly name: string;
  }
  | { readonly kind: "unix"; readonly path: string };

/** TLS on the way to a server; never used on unix sockets. */
export interface ServerTls {
  /** `prefer` takes TLS when the server has it, `require` insists on it, and neither checks the certificate.
   * `authority` checks who signed it, `verify` its name as well. */
  readonly mode: "prefer" | "require" | "authority" | "verify";
  /** File of trusted certificates, PEM; null for those that Deno trusts. */
  readonly ca: string | null;
}

/** How one server is entered. */
export interface ServerLogin {
  /** Where it is. */
  readonly address: ServerAddress;
  /** Null for none. */
  readonly tls: ServerTls | null;
  /** Who we are to it; null for nobody. */
  readonly user: string | null;
  /** Null for none. */
  readonly password: string | null;
  /** Which of its databases; null for the one it gives. */
  readonly database: string | null;
}

/** A session with a server, asked one thing at a time. */
export interface ServerSession<Request, Answer> {
  /** Rejects with a Fault: `closed` when the session is of no use any more, `unavailable` when the server answered with
   * an error, `malformed` for an answer that cannot be read. */
  ask(request: Request): Promise<Answer>;
  /** Ends it at once. What is asked may never settle then. */
  close(): void;
}

/** A server that sessions are had with. */
export interface DatabaseServer<Request, Answer> {
  /** Connects and logs in. Rejects with a Fault `unavailable`, or of any kind when `signal` gives it up. `lost` is called
   * when the session has ended by itself, possibly more than once. */
  connect(signal: AbortSignal, lost: () => void): Promise<ServerSession<Request, Answer>>;
}

/** A question to an SQL server. The parameters never become part of the text. */
export interface SqlRequest {
  /** One statement, with placeholders as the server has them. */
  readonly sql: string;
  /** What stands for them. */
  readonly parameters: readonly string[];
}

/** Rows, each with its columns in order. */
export type SqlRows = readonly (readonly SqlValue[])[];

/** Which PostgreSQL servers will do: `target_session_attrs` of libpq. */
export type PostgresTarget = "any" | "read-write" | "read-only" | "primary" | "standby";

/** What a Redis server says. */
export type RedisReply = string | number | null | readonly RedisReply[];

/** A search below the base of a directory. */
export interface DirectorySearch {
  /** Where it begins: a distinguished name. */
  readonly base: string;
  /** RFC 4515, with values escaped. */
  readonly filter: string;
  /** Attributes that are wanted. */
  readonly attributes: readonly string[];
}

/** Values of the wanted attributes of one entry, in the order of `DirectorySearch.attributes`. */
export type DirectoryEntry = readonly (readonly string[])[];

/** The drivers of databases. Each is loaded when its first session is made. */
export interface DatabaseDrivers {
  /** PostgreSQL. `parameters` are settings of the session. */
  postgres(
    login: ServerLogin & {
      readonly target: PostgresTarget;
      readonly parameters: readonly (readonly [name: string, value: string])[];
    },
  ): DatabaseServer<SqlRequest, SqlRows>;
  /** MySQL and MariaDB. */
  mysql(login: ServerLogin): DatabaseServer<SqlRequest, SqlRows>;
  /** Redis and Valkey. A request is the words of a command. */
  redis(login: ServerLogin): DatabaseServer<readonly string[], RedisReply>;
  /** LDAP, version 3. `startTls` asks for TLS in a session that begins without. */
  ldap(login: ServerLogin & { readonly startTls: boolean }): DatabaseServer<DirectorySearch, readonly DirectoryEntry[]>;
}

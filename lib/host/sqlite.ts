/** SQLite databases for `SqlDatabase`, over node:sqlite. No other file names that module. */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { dirname } from "@std/path";
import { Fault, type FaultKind } from "../fault.ts";
import type { SqlDatabase, SqlStatement, SqlValue } from "../port.ts";

/** Opens the database in `path`, an absolute path, or makes it: the file with mode 0600, its directory (one level)
 * with mode 0700. SQLite gives its WAL file the mode of the database. Needs read and write permission for the
 * directory. Faults: `denied` when others may read or write the directory; `notFound`, `io`. */
export function openSqlDatabase(path: string): SqlDatabase {
  const directory = dirname(path);
  try {
    makeDirectory(directory);
    // Before SQLite has the file open: closing any descriptor of a file drops the process's locks on it.
    Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 }).close();
  } catch (error) {
    throw toFault(`open ${path}`, error);
  }
  return new NodeSqlDatabase(attempt(`open ${path}`, () => new DatabaseSync(path)));
}

/** Makes a database in a new file, for one who writes it once and whole: it is not safe against crashes before it is
 * closed and synced. Faults: `exists`, `denied`, `notFound`, `noSpace`, `io`. */
export function createSqlDatabase(path: string, mode: number): SqlDatabase {
  try {
    Deno.openSync(path, { read: true, write: true, createNew: true, mode }).close();
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new Fault("exists", `Cannot make ${path}: it is there already`);
    }
    throw toFault(`make ${path}`, error);
  }
  const db = attempt(`make ${path}`, () => new DatabaseSync(path));
  db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE");
  return new NodeSqlDatabase(db);
}

/** How long a reader waits for another process that writes, ms. The whole role waits with it. */
const readerWaitMs = 100;

/** What a reader keeps of a database's pages, KiB. They are not mapped: a file that is cut short would end the role. */
export const readerCacheMax: number = 64 * 1024;

/** Opens the database in `path`, an absolute path, for reading. Needs read permission for the file. Nothing is made
 * or changed. Faults: `notFound`, `denied`, `io`; `malformed` when it is no database. */
export function openSqlReader(path: string): SqlDatabase {
  try {
    Deno.statSync(path);
  } catch (error) {
    throw toFault(`open ${path}`, error);
  }
  const db = attempt(`open ${path}`, () => new DatabaseSync(path, { readOnly: true }));
  try {
    attempt(`open ${path}`, () => {
      db.exec(`PRAGMA busy_timeout = ${readerWaitMs}; PRAGMA cache_size = -${readerCacheMax}`);
      // SQLite reads the file no earlier than it has to.
      db.prepare("SELECT count(*) FROM sqlite_schema").get();
    });
  } catch (error) {
    db.close();
    throw error;
  }
  return new NodeSqlDatabase(db);
}

class NodeSqlDatabase implements SqlDatabase {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  exec(sql: string): void {
    attempt("write the database", () => this.#db.exec(sql));
  }

  prepare(sql: string): SqlStatement {
    return new NodeSqlStatement(attempt("read the database", () => this.#db.prepare(sql)));
  }

  close(): void {
    attempt("close the database", () => this.#db.close());
  }
}

class NodeSqlStatement implements SqlStatement {
  readonly #statement: StatementSync;

  constructor(statement: StatementSync) {
    // Rows as arrays make no names for columns. The method is in Node 24 and Deno, not yet in the types.
    (statement as StatementSync & { setReturnArrays(on: boolean): void }).setReturnArrays(true);
    this.#statement = statement;
  }

  run(...values: SqlValue[]): number {
    try {
      return Number(this.#statement.run(...values).changes);
    } catch (error) {
      throw toFault("write the database", error);
    }
  }

  first(...values: SqlValue[]): readonly SqlValue[] | null {
    try {
      const row: unknown = this.#statement.get(...values);
      return row === undefined || row === null ? null : (row as SqlValue[]);
    } catch (error) {
      throw toFault("read the database", error);
    }
  }

  all(...values: SqlValue[]): readonly (readonly SqlValue[])[] {
    try {
      const rows: unknown = this.#statement.all(...values);
      return rows as SqlValue[][];
    } catch (error) {
      throw toFault("read the database", error);
    }
  }
}

function makeDirectory(directory: string): void {
  try {
    Deno.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const mode = Deno.statSync(directory).mode ?? 0;
  if ((mode & 0o066) !== 0) {
    const octal = (mode & 0o7777).toString(8).padStart(4, "0");
    throw new Fault("denied", `${directory} has mode ${octal}, open to other users; run: chmod 0700 ${directory}`, {
      blame: "ours",
    });
  }
}

function attempt<Value>(what: string, run: () => Value): Value {
  try {
    return run();
  } catch (error) {
    throw toFault(what, error);
  }
}

// Deno's node:sqlite gives no result code, only SQLite's text for it (sqlite3ErrStr in main.c): a fixed set.
const kindsOfText: readonly (readonly [string, FaultKind])[] = [
  ["database or disk is full", "noSpace"],
  ["disk I/O error", "io"],
  ["unable to open database file", "io"],
  ["database is locked", "unavailable"],
  ["database table is locked", "unavailable"],
  ["database disk image is malformed", "malformed"],
  ["file is not a database", "malformed"],
  ["attempt to write a readonly database", "denied"],
  ["access permission denied", "denied"],
];

function toFault(what: string, error: unknown): unknown {
  if (error instanceof Fault) return new Fault(error.kind, `Cannot ${what}: ${error.message}`, { blame: error.blame });
  if (!(error instanceof Error)) return error;
  const kind = kindOf(error);
  return kind === null ? error : new Fault(kind, `Cannot ${what}: ${error.message}`, { cause: error });
}

function kindOf(error: Error): FaultKind | null {
  if (error instanceof Deno.errors.NotFound) return "notFound";
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) return "denied";
  if (error.message.includes("os error 28")) return "noSpace";
  if (error.message.includes("os error")) return "io";
  return kindsOfText.find(([text]) => error.message.includes(text))?.[1] ?? null;
}

/** Tables in SQLite databases: of an administrator's own, asked by queries (table-sqlite(5)), and maps that makemap
 * made. */

import { Fault } from "../fault.ts";
import type { Disk, SqlDatabase, SqlStatement, SqlValue } from "../port.ts";
import { type Found, KeyIndex, type KeyStore } from "./index.ts";
import { countParameters, FetchCycle, fetchedOfRows, queryOf, readQueries, valueOfRows } from "./query.ts";
import { matchingOf, normalizeKey } from "./service.ts";
import { type DatabaseSpec, sqliteDatabase } from "./spec.ts";
import type { Service, Table } from "./table.ts";
import { FileWatch, type WatchClock } from "./watch.ts";

/** What a SQLite table needs beside its specification. */
export interface SqliteOptions {
  /** Opens a database for reading. Faults: `notFound`, `denied`, `io`, `malformed`, `unavailable`. */
  readonly openSql: (path: string) => SqlDatabase;
  /** Begins the tag of an address's user; for maps. */
  readonly delimiter: string;
  /** Times the looks at the file. */
  readonly clock: WatchClock;
  /** Told once when a replaced database cannot be opened, while the old one stays in use. */
  readonly report: (fault: Fault) => void;
}

/** The first octets of every SQLite database. */
export const sqliteHeader = "SQLite format 3\0";
/** SQL that makes the table of a map. Keys are in lower case. */
export const sqliteMapSchema = "CREATE TABLE map (key TEXT NOT NULL, value TEXT NOT NULL)";
/** SQL that makes its keys findable, once they are there; it fails when two are equal. */
export const sqliteMapIndex = "CREATE UNIQUE INDEX map_key ON map (key)";

/** How many keys of a map are read at once when all are gone through. */
const keysAtOnce = 10_000;

/** A table in a SQLite database. What other processes write to it is seen at once; a file that was replaced is opened
 * within a second, and when that fails the old one stays in use. A database that is locked or broken is a Fault. */
export class SqliteTable implements Table {
  /** Its entries are whatever the database has when they are asked for. */
  readonly shape = "dynamic";
  readonly #spec: DatabaseSpec;
  readonly #disk: Disk;
  readonly #path: string;
  readonly #options: SqliteOptions;
  readonly #watch: FileWatch;
  #content: SqliteContent;

  private constructor(spec: DatabaseSpec, disk: Disk, options: SqliteOptions, content: SqliteContent) {
    this.#spec = spec;
    this.#disk = disk;
    this.#path = sqliteDatabase(spec);
    this.#options = options;
    this.#watch = new FileWatch(disk, this.#path, options.clock, "file");
    this.#content = content;
  }

  /** Opens the database and compiles its queries. Faults: as `openSql`; `malformed` for settings or queries that make no
   * sense. */
  static async open(spec: DatabaseSpec, disk: Disk, options: SqliteOptions): Promise<SqliteTable> {
    const table = new SqliteTable(spec, disk, options, openContent(spec, options));
    await table.#note();
    return table;
  }

  /** As the configuration calls it. */
  get name(): string {
    return this.#spec.name;
  }

  async check(service: Service, key: string): Promise<boolean> {
    const normal = normalizeKey(this.name, key);
    await this.#refresh();
    return this.#content.check(service, normal);
  }

  async lookup(service: Service, key: string): Promise<string | null> {
    const normal = normalizeKey(this.name, key);
    await this.#refresh();
    return this.#content.lookup(service, normal);
  }

  async fetch(service: Service): Promise<string | null> {
    await this.#refresh();
    return await this.#content.fetch(service);
  }

  async update(): Promise<void> {
    const content = openContent(this.#spec, this.#options);
    this.#content.close();
    this.#content = content;
    await this.#note();
  }

  /** Closes the database. */
  close(): void {
    this.#content.close();
  }

  async #note(): Promise<void> {
    const file = await this.#disk.open(this.#path, { read: true });
    try {
      this.#watch.seen(await file.stat());
    } finally {
      file.close();
    }
  }

  async #refresh(): Promise<void> {
    if (this.#watch.isDue) await this.#watch.refresh(() => this.update(), this.#options.report);
  }
}

/** An open database. */
interface SqliteContent {
  check(service: Service, key: string): boolean;
  lookup(service: Service, key: string): string | null;
  fetch(service: Service): Promise<string | null>;
  close(): void;
}

function openContent(spec: DatabaseSpec, options: SqliteOptions): SqliteContent {
  const db = options.openSql(sqliteDatabase(spec));
  try {
    return spec.settings.length === 0
      ? new SqliteMap(spec.name, db, options.delimiter)
      : new SqliteQueries(spec, db, () => options.clock.monotonic());
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Queries of the administrator's. */
class SqliteQueries implements SqliteContent {
  readonly #name: string;
  readonly #db: SqlDatabase;
  readonly #lookups = new Map<string, Query>();
  readonly #fetches = new Map<string, FetchCycle>();
  readonly #sql: ReturnType<typeof readQueries>;

  constructor(spec: DatabaseSpec, db: SqlDatabase, monotonic: () => number) {
    this.#name = spec.name;
    this.#db = db;
    this.#sql = readQueries(spec.name, spec.settings);
    for (const [service, sql] of this.#sql.lookups) {
      this.#lookups.set(service, new Query(spec.name, `query_${service}`, db, sql));
    }
    for (const [service, sql] of this.#sql.fetches) {
      const query = new Query(spec.name, `fetch_${service}`, db, sql);
      const load = () => Promise.resolve().then(() => fetchedOfRows(spec.name, service, query.all("")));
      this.#fetches.set(service, new FetchCycle(load, monotonic, this.#sql));
    }
  }

  check(service: Service, key: string): boolean {
    return this.#query(service).all(key).length > 0;
  }

  lookup(service: Service, key: string): string | null {
    return valueOfRows(this.#name, service, this.#query(service).all(key));
  }

  async fetch(service: Service): Promise<string | null> {
    queryOf(this.#name, this.#sql.fetches, "fetch", service);
    return await this.#fetches.get(service)?.next() ?? null;
  }

  close(): void {
    this.#db.close();
  }

  #query(service: Service): Query {
    const query = this.#lookups.get(service);
    if (query !== undefined) return query;
    // It throws: there is no such query.
    queryOf(this.#name, this.#sql.lookups, "look up", service);
    throw new Error("Assertion failed: a query is compiled for each that there is");
  }
}

/** All entries of a map, in the order in which they were added. Faults: `malformed` when it is no map of makemap, and
 * those of the database. */
export function* sqliteMapEntries(db: SqlDatabase): Generator<readonly [key: string, value: string]> {
  const sql = `SELECT rowid, key, value FROM map WHERE rowid > ? ORDER BY rowid LIMIT ${keysAtOnce}`;
  const query = new Query("map", "no map that makemap made", db, sql);
  for (let last: SqlValue = 0;;) {
    const rows: readonly (readonly SqlValue[])[] = query.all(last);
    for (const row of rows) {
      last = row[0] ?? last;
      yield [textOf(row[1]), textOf(row[2])];
    }
    if (rows.length < keysAtOnce) return;
  }
}

/** One compiled query. What SQLite has to say against it is the administrator's to mend: a Fault, not a mistake of
 * ours. */
class Query {
  readonly #name: string;
  readonly #keyword: string;
  readonly #statement: SqlStatement;
  readonly #parameters: number;

  constructor(name: string, keyword: string, db: SqlDatabase, sql: string) {
    this.#name = name;
    this.#keyword = keyword;
    this.#parameters = countParameters(sql);
    this.#statement = this.#attempt(() => db.prepare(sql));
  }

  /** All rows; every parameter is the key. */
  all(key: SqlValue): readonly (readonly SqlValue[])[] {
    return this.#attempt(() => this.#statement.all(...new Array<SqlValue>(this.#parameters).fill(key)));
  }

  #attempt<Value>(run: () => Value): Value {
    try {
      return run();
    } catch (error) {
      if (error instanceof Fault || !(error instanceof Error)) throw error;
      throw new Fault("malformed", `Cannot use table ${this.#name}: ${this.#keyword}: ${error.message}`, {
        blame: "ours",
        cause: error,
      });
    }
  }
}

/** A map of makemap: keys match as in a cdb. */
class SqliteMap implements SqliteContent, KeyStore {
  readonly #db: SqlDatabase;
  readonly #delimiter: string;
  readonly #get: Query;
  readonly #keys: Query;
  readonly #next: Query;
  readonly #version: Query;
  #index: KeyIndex;
  #seenVersion: SqlValue | undefined;
  #last = "";

  constructor(name: string, db: SqlDatabase, delimiter: string) {
    const query = (sql: string) => new Query(name, "no map that makemap made", db, sql);
    this.#db = db;
    this.#delimiter = delimiter;
    this.#get = query("SELECT value FROM map WHERE key = ?");
    this.#keys = query(`SELECT key FROM map WHERE key > ? ORDER BY key LIMIT ${keysAtOnce}`);
    this.#next = query("SELECT key FROM map WHERE key > ? ORDER BY key LIMIT 1");
    this.#version = query("PRAGMA data_version");
    this.#index = new KeyIndex(this, delimiter);
  }

  get(key: string): string | undefined {
    const [row] = this.#get.all(key);
    return row === undefined ? undefined : textOf(row[0]);
  }

  *keys(): Generator<string> {
    let last: string | null = null;
    for (;;) {
      const rows: readonly (readonly SqlValue[])[] = this.#keys.all(last ?? "");
      // An empty key is no key.
      for (const [key] of rows) yield last = textOf(key);
      if (rows.length < keysAtOnce) return;
    }
  }

  check(service: Service, key: string): boolean {
    return this.#find(service, key) !== null;
  }

  lookup(service: Service, key: string): string | null {
    return this.#find(service, key)?.value ?? null;
  }

  fetch(_service: Service): Promise<string | null> {
    return Promise.resolve().then(() => {
      const [row] = [...this.#next.all(this.#last), ...this.#next.all("")];
      if (row === undefined) return null;
      return this.#last = textOf(row[0]);
    });
  }

  close(): void {
    this.#db.close();
  }

  #find(service: Service, key: string): Found | null {
    if (matchingOf(service) !== "exact") this.#forgetOldPatterns();
    return this.#index.find(service, key);
  }

  /** Another process may have written to the database since its patterns were gathered. */
  #forgetOldPatterns(): void {
    const version = this.#version.all("")[0]?.[0];
    if (version === this.#seenVersion) return;
    this.#seenVersion = version;
    this.#index = new KeyIndex(this, this.#delimiter);
  }
}

function textOf(value: SqlValue | undefined): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value ?? "");
}

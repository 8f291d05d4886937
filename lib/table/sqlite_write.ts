/** Makes maps in SQLite databases (the schema is in sqlite.ts). */

import { Buffer } from "node:buffer";
import type { Disk, SqlDatabase, SqlStatement } from "../port.ts";
import type { DuplicateReport, MapWriter } from "./compile.ts";
import { sqliteMapIndex, sqliteMapSchema } from "./sqlite.ts";

/** Writes one map. Keys become findable when all are there: that is several times faster than one by one. */
export class SqliteWriter implements MapWriter {
  /** Nothing gathers here: rows go to the database at once. */
  readonly isFull = false;
  readonly #db: SqlDatabase;
  readonly #disk: Disk;
  readonly #path: string;
  readonly #insert: SqlStatement;
  #count = 0;
  #isOpen = true;

  /** Takes a new database, and `path` where it is. Faults: those of the database. */
  constructor(db: SqlDatabase, disk: Disk, path: string) {
    this.#db = db;
    this.#disk = disk;
    this.#path = path;
    db.exec(sqliteMapSchema);
    db.exec("BEGIN");
    this.#insert = db.prepare("INSERT INTO map (rowid, key, value) VALUES (?, ?, ?)");
  }

  get count(): number {
    return this.#count;
  }

  add(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const key = buffer.toString("utf8", keyStart, keyEnd);
    this.#insert.run(++this.#count, key, buffer.toString("utf8", valueStart, valueEnd));
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  writeTables(duplicate: DuplicateReport): Promise<void> {
    return Promise.resolve().then(() => {
      const [row] = this.#db.prepare("SELECT count(*), count(DISTINCT key) FROM map").all();
      if (row?.[0] === row?.[1]) this.#db.exec(sqliteMapIndex);
      else this.#tellDuplicates(duplicate);
      this.#db.exec("COMMIT");
    });
  }

  async seal(prepare: () => Promise<void>): Promise<void> {
    this.abandon();
    await prepare();
    const file = await this.#disk.open(this.#path, { write: true });
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }

  abandon(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#db.close();
  }

  #tellDuplicates(duplicate: DuplicateReport): void {
    this.#db.exec("CREATE INDEX map_key ON map (key)");
    const all = this.#db.prepare(`
      SELECT (SELECT min(rowid) FROM map AS first WHERE first.key = again.key), rowid, key FROM map AS again
      WHERE EXISTS (SELECT 1 FROM map AS first WHERE first.key = again.key AND first.rowid < again.rowid)
      ORDER BY rowid
    `).all();
    for (const [first, again, key] of all) duplicate(Number(first) - 1, Number(again) - 1, Buffer.from(String(key)));
  }
}

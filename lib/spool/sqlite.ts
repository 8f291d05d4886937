/** The spool in one SQLite database. The whole queue is three tables that `sqlite3` can read while the daemon is down.
 *
 *   message    one row per committed message; content in the row when it is one piece, the usual case
 *   chunk      pieces of longer messages, keyed message * 2^21 + seq, which is exact in a double
 *   envelope   one row per envelope, ordered by message; index `due` holds those not suspended by kind and time
 *   incoming   messages with pieces stored and no commit yet
 *   totals     one row of counts, kept in the same transaction as what they count */

import { assert, assertNever, Fault } from "../fault.ts";
import type { SqlDatabase, SqlStatement, SqlValue } from "../port.ts";
import type { Envelope, StoredMessage } from "./envelope.ts";
import { type EvpId, type MsgId, msgIdOf, msgIdOfEvp, numberOfEvpId, numberOfMsgId } from "./id.ts";
import { envelopeColumns, envelopeOf, kindNumber, rowOf } from "./row.ts";
import type { DueMark, SpoolChange, SpoolCounts, SpoolFilter, SpoolStore } from "./store.ts";

/** Version of the tables. A newer one is refused. Version 1 has the same tables, and envelopes that ask for no handling:
 * it becomes version 2 when it is opened, because its smtpd would forget what envelopes ask for now. */
export const spoolSchemaVersion = 2;

/** `Post` in ASCII: marks the file as a spool (PRAGMA application_id). */
export const spoolApplicationId = 0x506f7374;

/** Octets of a database page. Measured: 4 KiB is as good at 5 kB and worse at 50 kB; 64 KiB is worse. */
const pageSize = 16384;

/** Octets of log after which it is copied into the database. The log file is reused, never truncated. */
const logLength = 16 * 1024 * 1024;

/** Distance of two messages' keys in `chunk`: 2^32 messages of 2^21 pieces fill the exact integers. */
const chunkStride = 2 ** 21;

const schema = `
CREATE TABLE message (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, chunks INTEGER NOT NULL,
  created_at INTEGER NOT NULL, content BLOB);
CREATE TABLE chunk (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE incoming (message INTEGER PRIMARY KEY);
CREATE TABLE envelope (message INTEGER NOT NULL, low INTEGER NOT NULL, kind INTEGER NOT NULL,
  suspended INTEGER NOT NULL, next_at INTEGER NOT NULL, action TEXT NOT NULL, sender TEXT, rcpt TEXT NOT NULL,
  dest TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
  last_try_at INTEGER NOT NULL, status TEXT, detail TEXT NOT NULL, PRIMARY KEY (message, low)) WITHOUT ROWID;
CREATE INDEX due ON envelope (kind, next_at) WHERE suspended = 0;
CREATE TABLE totals (id INTEGER PRIMARY KEY, messages INTEGER NOT NULL, envelopes INTEGER NOT NULL,
  bounces INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO totals VALUES (1, 0, 0, 0, 0);
PRAGMA application_id = ${spoolApplicationId};
PRAGMA user_version = ${spoolSchemaVersion};`;

const columns = envelopeColumns.join(", ");
const marks = envelopeColumns.map(() => "?").join(", ");
const assignments = envelopeColumns.slice(2).map((column, index) => `${column} = ?${index + 3}`).join(", ");

/** Every statement that the store runs while it works. A test reads the plan of each. */
export const spoolSql = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  addMessage: "INSERT INTO message VALUES (?, ?, ?, ?, ?)",
  addChunk: "INSERT INTO chunk VALUES (?, ?)",
  addIncoming: "INSERT OR IGNORE INTO incoming VALUES (?)",
  dropIncoming: "DELETE FROM incoming WHERE message = ?",
  countChunks: "SELECT count(*) FROM chunk WHERE id BETWEEN ? AND ?",
  dropChunks: "DELETE FROM chunk WHERE id BETWEEN ? AND ?",
  dropMessage: "DELETE FROM message WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM envelope WHERE message = ?1) " +
    "RETURNING size, content IS NULL",
  addEnvelope: `INSERT INTO envelope VALUES (${marks})`,
  addLateEnvelope: `INSERT OR IGNORE INTO envelope SELECT ${marks} WHERE EXISTS (SELECT 1 FROM message WHERE id = ?1)`,
  updateEnvelope: `UPDATE envelope SET ${assignments} WHERE message = ?1 AND low = ?2`,
  dropEnvelope: "DELETE FROM envelope WHERE message = ? AND low = ? RETURNING kind",
  kindOfEnvelope: "SELECT kind FROM envelope WHERE message = ? AND low = ?",
  setTotals: "UPDATE totals SET messages = ?, envelopes = ?, bounces = ?, bytes = ? WHERE id = 1",
  totals: "SELECT messages, envelopes, bounces, bytes FROM totals WHERE id = 1",
  due: `SELECT ${columns} FROM envelope WHERE suspended = 0 AND kind = ? AND next_at <= ? ` +
    "AND (next_at, message, low) > (?, ?, ?) ORDER BY next_at, message, low LIMIT ?",
  nextDue: "SELECT next_at FROM envelope WHERE suspended = 0 AND kind = ? AND next_at > ? ORDER BY next_at LIMIT 1",
  hold: "UPDATE envelope SET suspended = 1 WHERE message = ? AND low = ?",
  envelope: `SELECT ${columns} FROM envelope WHERE message = ? AND low = ?`,
  list: `SELECT ${columns} FROM envelope WHERE (message, low) > (?, ?) ORDER BY message, low LIMIT ?`,
  listOfMessage: `SELECT ${columns} FROM envelope WHERE message = ? AND low > ? ORDER BY low LIMIT ?`,
  message: "SELECT size, chunks, created_at FROM message WHERE id = ?",
  content: "SELECT content FROM message WHERE id = ?",
  chunk: "SELECT bytes FROM chunk WHERE id = ?",
  has: "SELECT 1 FROM message WHERE id = ?1 UNION ALL SELECT 1 FROM incoming WHERE message = ?1",
} as const;

/** SpoolStore over a database that this process alone has open. Statements are prepared once. */
export class SqliteStore implements SpoolStore {
  readonly #db: SqlDatabase;
  readonly #unreadable: (id: string) => void;
  readonly #sql: Record<keyof typeof spoolSql, SqlStatement>;
  #totals: { -readonly [Name in keyof SpoolCounts]: number };

  /** Takes over `db`, makes the tables in an empty one, and locks out every other process until `close`.
   * `unreadable` is told of each envelope row that cannot be read; such a row is suspended and left alone.
   * Faults: `unavailable` when another process has the spool; `malformed` when `db` is no spool, or a newer one. */
  constructor(db: SqlDatabase, unreadable: (id: string) => void = () => {}) {
    this.#db = db;
    this.#unreadable = unreadable;
    prepareSpool(db);
    this.#sql = prepareAll(db);
    this.#totals = this.#readTotals();
  }

  apply(changes: readonly SpoolChange[]): Promise<void> {
    try {
      this.#transact(() => this.#applyAll(changes));
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Octets in the database file that deleted mail has left free: new mail takes them before the file grows. */
  reusable(): number {
    return numberOf(this.#db, "PRAGMA freelist_count") * numberOf(this.#db, "PRAGMA page_size");
  }

  #transact(work: () => void): void {
    const before = this.#totals;
    this.#sql.begin.run();
    try {
      this.#totals = { ...before };
      work();
      const { messages, envelopes, bounces, bytes } = this.#totals;
      this.#sql.setTotals.run(messages, envelopes, bounces, bytes);
      this.#sql.commit.run();
    } catch (error) {
      this.#totals = before;
      try {
        this.#sql.rollback.run();
      } catch {
        // SQLite has rolled back by itself, as it does when the disk is full. Were a transaction still open,
        // the next BEGIN would fail.
      }
      throw error;
    }
  }

  #applyAll(changes: readonly SpoolChange[]): void {
    for (let index = 0; index < changes.length; index++) {
      const change = changes[index];
      assert(change !== undefined, "index is within the batch");
      const next = changes[index + 1];
      // A message of one piece that is complete in this batch is one row, written once.
      if (change.kind === "chunk" && next?.kind === "commit" && isWhole(change, next.message)) {
        this.#commit(next.message, next.envelopes, change.bytes);
        index++;
      } else this.#applyOne(change);
    }
  }

  #applyOne(change: SpoolChange): void {
    switch (change.kind) {
      case "chunk": {
        const message = numberOfMsgId(change.message);
        this.#sql.addIncoming.run(message);
        this.#sql.addChunk.run(message * chunkStride + change.seq, change.bytes);
        return;
      }
      case "commit":
        this.#checkChunks(change.message);
        return this.#commit(change.message, change.envelopes, null);
      case "rollback":
        this.#forget(numberOfMsgId(change.message));
        return;
      case "add":
        if (this.#sql.addLateEnvelope.run(...rowOf(change.envelope)) > 0) this.#count(change.envelope.kind, 1);
        return;
      case "update":
        return this.#update(change.envelope);
      case "delete":
        return this.#delete(change.envelope);
      default:
        assertNever(change);
    }
  }

  #checkChunks(message: StoredMessage): void {
    const id = numberOfMsgId(message.id);
    this.#sql.dropIncoming.run(id);
    const found = Number(this.#sql.countChunks.first(...chunkRange(id))?.[0]);
    if (found === message.chunks) return;
    throw new Fault("io", `Cannot commit message ${message.id}: ${found} of ${message.chunks} pieces are stored`);
  }

  #commit(message: StoredMessage, envelopes: readonly Envelope[], content: Uint8Array | null): void {
    assert(envelopes.length > 0, "a message has an envelope");
    const id = numberOfMsgId(message.id);
    this.#sql.addMessage.run(id, message.size, message.chunks, message.createdAt, content);
    for (const envelope of envelopes) {
      this.#sql.addEnvelope.run(...rowOf(envelope));
      this.#count(envelope.kind, 1);
    }
    this.#totals.messages++;
    this.#totals.bytes += message.size;
  }

  #forget(message: number): void {
    if (this.#sql.dropIncoming.run(message) > 0) this.#sql.dropChunks.run(...chunkRange(message));
  }

  #update(envelope: Envelope): void {
    const row = rowOf(envelope);
    const [message, low, kind] = row;
    assert(message !== undefined && low !== undefined, "a row begins with its key");
    const old = this.#sql.kindOfEnvelope.first(message, low);
    if (old === null) return;
    this.#sql.updateEnvelope.run(...row);
    if (old[0] === kindNumber.bounce) this.#totals.bounces--;
    if (kind === kindNumber.bounce) this.#totals.bounces++;
  }

  #delete(id: EvpId): void {
    const message = numberOfMsgId(msgIdOfEvp(id));
    const dropped = this.#sql.dropEnvelope.first(message, numberOfEvpId(id));
    if (dropped === null) return;
    this.#count(dropped[0] === kindNumber.bounce ? "bounce" : "mta", -1);
    const orphan = this.#sql.dropMessage.first(message);
    if (orphan === null) return;
    const [size, isInChunks] = orphan;
    this.#totals.messages--;
    this.#totals.bytes -= Number(size);
    if (isInChunks === 1) this.#sql.dropChunks.run(...chunkRange(message));
  }

  #count(kind: Envelope["kind"], by: number): void {
    this.#totals.envelopes += by;
    if (kind === "bounce") this.#totals.bounces += by;
  }

  // deno-lint-ignore require-await -- async so that a Fault is a rejection
  async due(kind: Envelope["kind"], now: number, after: DueMark | null, limit: number): Promise<readonly Envelope[]> {
    const mark = after === null ? [-1, 0, 0] : [after.nextAt, ...keyOf(after.id)];
    for (;;) {
      const rows = this.#sql.due.all(kindNumber[kind], now, ...mark, limit);
      const envelopes = this.#envelopesOf(rows, "hold");
      // Rows that could not be read are suspended now: the same page again is full unless there is no more.
      if (envelopes.length === rows.length) return envelopes;
    }
  }

  // deno-lint-ignore require-await -- as due
  async nextDueAfter(kind: Envelope["kind"], after: number): Promise<number | null> {
    const row = this.#sql.nextDue.first(kindNumber[kind], after);
    return row === null ? null : Number(row[0]);
  }

  /** See SpoolStore. */
  // deno-lint-ignore require-await -- as due
  async envelope(id: EvpId): Promise<Envelope | null> {
    return this.#envelope(id);
  }

  /** See SpoolStore. */
  // deno-lint-ignore require-await -- as due
  async message(id: MsgId): Promise<StoredMessage | null> {
    const row = this.#sql.message.first(numberOfMsgId(id));
    return row === null ? null : { id, size: Number(row[0]), chunks: Number(row[1]), createdAt: Number(row[2]) };
  }

  // deno-lint-ignore require-await -- as due
  async chunk(message: MsgId, seq: number): Promise<Uint8Array | null> {
    const number = numberOfMsgId(message);
    const row = this.#sql.content.first(number);
    if (row === null) return null;
    if (row[0] instanceof Uint8Array) return seq === 0 ? row[0] : null;
    const bytes = this.#sql.chunk.first(number * chunkStride + seq)?.[0];
    return bytes instanceof Uint8Array ? bytes : null;
  }

  // deno-lint-ignore require-await -- as due
  async list(filter: SpoolFilter, after: EvpId | null, limit: number): Promise<readonly Envelope[]> {
    const [message, low] = after === null ? [0, 0] : keyOf(after);
    if (filter.envelope !== undefined) {
      const found = limit > 0 && (after === null || filter.envelope > after) ? this.#envelope(filter.envelope) : null;
      return found === null || (filter.message ?? found.message) !== found.message ? [] : [found];
    }
    if (filter.message === undefined) return this.#envelopesOf(this.#sql.list.all(message, low, limit), "keep");
    const wanted = numberOfMsgId(filter.message);
    if (message > wanted) return [];
    return this.#envelopesOf(this.#sql.listOfMessage.all(wanted, message === wanted ? low : 0, limit), "keep");
  }

  /** See SpoolStore. */
  counts(): Promise<SpoolCounts> {
    return Promise.resolve({ ...this.#totals });
  }

  // deno-lint-ignore require-await -- as due
  async has(id: MsgId): Promise<boolean> {
    return this.#sql.has.first(numberOfMsgId(id)) !== null;
  }

  // deno-lint-ignore require-await -- as due
  async recover(): Promise<number> {
    const left = this.#db.prepare("SELECT message FROM incoming").all();
    if (left.length > 0) this.#transact(() => left.forEach(([message]) => this.#forget(Number(message))));
    return left.length;
  }

  /** See SpoolStore. */
  // deno-lint-ignore require-await -- as due
  async close(): Promise<void> {
    this.#db.close();
  }

  #envelope(id: EvpId): Envelope | null {
    const row = this.#sql.envelope.first(...keyOf(id));
    return row === null ? null : this.#envelopesOf([row], "keep")[0] ?? null;
  }

  #envelopesOf(rows: readonly (readonly SqlValue[])[], unreadable: "hold" | "keep"): Envelope[] {
    const envelopes: Envelope[] = [];
    for (const row of rows) {
      const envelope = envelopeOf(row);
      if (envelope !== null) envelopes.push(envelope);
      else if (unreadable === "hold") {
        const [message = 0, low = 0] = row;
        this.#sql.hold.run(message, low);
        this.#unreadable(msgIdOf(Number(message)) + msgIdOf(Number(low)));
      }
    }
    return envelopes;
  }

  #readTotals(): SpoolCounts {
    const [messages, envelopes, bounces, bytes] = this.#sql.totals.first() ?? [];
    return {
      messages: Number(messages),
      envelopes: Number(envelopes),
      bounces: Number(bounces),
      bytes: Number(bytes),
    };
  }
}

function prepareAll(db: SqlDatabase): Record<keyof typeof spoolSql, SqlStatement> {
  const prepared = Object.entries(spoolSql).map(([name, sql]): [string, SqlStatement] => [name, db.prepare(sql)]);
  return Object.fromEntries(prepared) as Record<keyof typeof spoolSql, SqlStatement>;
}

/** First and last key that pieces of a message can have. */
function chunkRange(message: number): [number, number] {
  return [message * chunkStride, message * chunkStride + chunkStride - 1];
}

function keyOf(id: EvpId): [number, number] {
  return [numberOfMsgId(msgIdOfEvp(id)), numberOfEvpId(id)];
}

function isWhole(chunk: { readonly message: MsgId; readonly seq: number }, message: StoredMessage): boolean {
  return chunk.message === message.id && chunk.seq === 0 && message.chunks === 1;
}

/** Sets the database up, takes the lock, checks whose file it is. */
function prepareSpool(db: SqlDatabase): void {
  try {
    // The exclusive lock needs no shared memory file, and a crash releases it. The order matters: the page size
    // before the first page, the locking mode before the log.
    db.exec(`PRAGMA busy_timeout = 500; PRAGMA page_size = ${pageSize}; PRAGMA locking_mode = EXCLUSIVE`);
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF");
    db.exec(`PRAGMA wal_autocheckpoint = ${logLength / pageSize}; BEGIN IMMEDIATE; COMMIT`);
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== "unavailable") throw error;
    throw new Fault("unavailable", "Cannot open the spool: another smtpd owns this spool", { cause: error });
  }
  const application = numberOf(db, "PRAGMA application_id");
  const version = numberOf(db, "PRAGMA user_version");
  const isEmpty = numberOf(db, "SELECT count(*) FROM sqlite_schema") === 0;
  if (isEmpty && application === 0) return db.exec(`BEGIN; ${schema} COMMIT`);
  if (application !== spoolApplicationId) {
    throw new Fault("malformed", "Cannot open the spool: the file is a database of something else");
  }
  if (version > spoolSchemaVersion) {
    const versions = `it has version ${version}, this smtpd knows up to ${spoolSchemaVersion}`;
    throw new Fault("malformed", `Cannot open the spool: ${versions}; use the smtpd that wrote it`);
  }
  if (version < spoolSchemaVersion) db.exec(`PRAGMA user_version = ${spoolSchemaVersion}`);
}

function numberOf(db: SqlDatabase, sql: string): number {
  return Number(db.prepare(sql).first()?.[0]);
}

import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { openSqlDatabase, openSqlReader } from "../../lib/host/sqlite.ts";

const directory = Deno.makeTempDirSync({ prefix: "host_sqlite" });
addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));

function isFault(kind: string, text: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.kind === kind && text.test(error.message);
}

Deno.test("openSqlDatabase() makes a private file in a private directory", () => {
  const path = `${directory}/private/spool.db`;
  const db = openSqlDatabase(path);
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a)");
  assert.equal((Deno.statSync(`${directory}/private`).mode ?? 0) & 0o777, 0o700);
  assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  assert.equal((Deno.statSync(`${path}-wal`).mode ?? 0) & 0o777, 0o600);
  db.close();
});

Deno.test("openSqlDatabase() refuses a directory that others may read or write, and says what to do", () => {
  const open = `${directory}/open`;
  Deno.mkdirSync(open);
  for (const mode of [0o755, 0o720, 0o702]) {
    Deno.chmodSync(open, mode);
    assert.throws(() => openSqlDatabase(`${open}/spool.db`), isFault("denied", /has mode 0[0-7]{3}.*chmod 0700/));
  }
  Deno.chmodSync(open, 0o711);
  openSqlDatabase(`${open}/spool.db`).close();
});

Deno.test("openSqlDatabase() tells a missing parent directory", () => {
  assert.throws(() => openSqlDatabase(`${directory}/no/such/spool.db`), isFault("notFound", /spool\.db/));
});

Deno.test("SqlStatement gives changed rows, rows as arrays, and null for no row", () => {
  const db = openSqlDatabase(`${directory}/rows/spool.db`);
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, content BLOB)");
  const insert = db.prepare("INSERT INTO t VALUES (?, ?, ?)");
  assert.equal(insert.run(2 ** 53 - 1, "x", new Uint8Array([1, 0, 255])), 1);
  assert.equal(insert.run(2, null, null), 1);
  const row = db.prepare("SELECT * FROM t WHERE id = ?");
  assert.deepEqual(row.first(2 ** 53 - 1), [2 ** 53 - 1, "x", new Uint8Array([1, 0, 255])]);
  assert.equal(row.first(3), null);
  assert.deepEqual(db.prepare("SELECT id, name FROM t ORDER BY id").all(), [[2, null], [2 ** 53 - 1, "x"]]);
  assert.equal(db.prepare("DELETE FROM t").run(), 2);
  db.close();
});

Deno.test("SqlDatabase tells a full disk, a lock and garbage apart from our own mistakes", () => {
  const path = `${directory}/faults/spool.db`;
  const db = openSqlDatabase(path);
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB); PRAGMA max_page_count = 3");
  const insert = db.prepare("INSERT INTO t VALUES (?, ?)");
  assert.throws(() => insert.run(1, new Uint8Array(100_000)), isFault("noSpace", /Cannot write the database.*full/));
  insert.run(1, null);
  assert.throws(() => insert.run(1, null), (error) => error instanceof Error && !(error instanceof Fault));
  assert.throws(() => db.prepare("SELECT nonsense FROM t"), (error) => !(error instanceof Fault));
  db.exec("BEGIN EXCLUSIVE");
  const second = openSqlDatabase(path);
  second.exec("PRAGMA busy_timeout = 0");
  assert.throws(() => second.exec("BEGIN EXCLUSIVE"), isFault("unavailable", /locked/));
  second.close();
  db.close();
  Deno.writeTextFileSync(path, "no database ".repeat(500));
  const garbage = openSqlDatabase(path);
  assert.throws(() => garbage.exec("CREATE TABLE u (a)"), isFault("malformed", /not a database/));
  garbage.close();
});

Deno.test("openSqlReader() reads and does not write", () => {
  const path = `${directory}/read/spool.db`;
  const writer = openSqlDatabase(path);
  writer.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  const reader = openSqlReader(path);
  assert.deepEqual(reader.prepare("SELECT a FROM t").all(), [[1]]);
  assert.throws(() => reader.exec("INSERT INTO t VALUES (2)"), isFault("denied", /readonly/));
  reader.close();
  writer.close();
});

Deno.test("openSqlReader() makes nothing, and faults on what is no database", () => {
  assert.throws(() => openSqlReader(`${directory}/none`), isFault("notFound", /open .*none/));
  assert.deepEqual([...Deno.readDirSync(directory)].filter((one) => one.name === "none"), []);
  const path = `${directory}/text`;
  Deno.writeTextFileSync(path, "no database at all, just text that is long enough to be read as a header\n".repeat(20));
  assert.throws(() => openSqlReader(path), isFault("malformed", /not a database/));
});

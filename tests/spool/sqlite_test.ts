import { plainHandling } from "../../lib/smtp/handling.ts";
import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { Fault } from "../../lib/fault.ts";
import { openSqlDatabase } from "../../lib/host/sqlite.ts";
import type { SqlDatabase, SqlStatement } from "../../lib/port.ts";
import { msgIdOf } from "../../lib/spool/id.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import { spoolSql, SqliteStore } from "../../lib/spool/sqlite.ts";
import { changeSequences, chunkOf, sampleEnvelope, sampleMessage, snapshot, storeContract } from "../contract/store.ts";
import type { SpoolChange } from "../../lib/spool/store.ts";

const directory = Deno.makeTempDirSync({ prefix: "sqlite_test" });
addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));
let spools = 0;

function newPath(): string {
  return `${directory}/${++spools}/spool.db`;
}

function isFault(kind: string, text: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.kind === kind && text.test(error.message);
}

storeContract("SqliteStore", () => {
  const path = newPath();
  const open = () => Promise.resolve(new SqliteStore(openSqlDatabase(path)));
  return open().then((store) => ({ store, reopen: open }));
});

Deno.test("SqliteStore agrees with MemoryStore on any sequence of changes", async () => {
  const ids = [1, 2, 3, 4, 5].map(msgIdOf);
  await fc.assert(
    fc.asyncProperty(changeSequences, async (batches) => {
      const path = newPath();
      const model = new MemoryStore();
      let store = new SqliteStore(openSqlDatabase(path));
      for (const [index, batch] of batches.entries()) {
        await model.apply(batch);
        await store.apply(batch);
        if (index % 10 === 9) {
          await store.close();
          store = new SqliteStore(openSqlDatabase(path));
          assert.equal(await store.recover(), await model.recover());
          break;
        }
      }
      assert.deepEqual(await snapshot(store, ids), await snapshot(model, ids));
      await store.close();
    }),
    { numRuns: 60 },
  );
});

/** A database that throws `fault` at the statement run number `at`, counted from 0. */
class FaultyDatabase implements SqlDatabase {
  runs = 0;
  at = Infinity;
  fault = new Fault("io", "Cannot write the database: disk I/O error");
  readonly #inner: SqlDatabase;

  constructor(inner: SqlDatabase) {
    this.#inner = inner;
  }

  exec(sql: string): void {
    this.#inner.exec(sql);
  }

  prepare(sql: string): SqlStatement {
    const statement = this.#inner.prepare(sql);
    const step = () => {
      if (this.runs++ === this.at) throw this.fault;
    };
    return {
      run: (...values) => (step(), statement.run(...values)),
      first: (...values) => (step(), statement.first(...values)),
      all: (...values) => (step(), statement.all(...values)),
    };
  }

  close(): void {
    this.#inner.close();
  }
}

Deno.test("SqliteStore undoes a batch whichever statement of it fails, and takes it the next time", async () => {
  const ids = [1, 2, 3].map(msgIdOf);
  const batch: SpoolChange[] = [
    ...sampleMessage(2, [sampleEnvelope(2, 1), sampleEnvelope(2, 2)]),
    chunkOf(3, 0),
    { kind: "update", envelope: sampleEnvelope(1, 1, { kind: "bounce" }) },
    { kind: "add", envelope: sampleEnvelope(1, 2) },
    { kind: "delete", envelope: sampleEnvelope(1, 1).id },
    { kind: "delete", envelope: sampleEnvelope(1, 2).id },
    { kind: "rollback", message: msgIdOf(3) },
  ];
  const faulty = new FaultyDatabase(openSqlDatabase(newPath()));
  const store = new SqliteStore(faulty);
  const first = sampleMessage(1, [sampleEnvelope(1, 1)]);
  await store.apply(first);
  const before = await snapshot(store, ids);
  let failures = 0;
  for (;; failures++) {
    faulty.runs = 0;
    faulty.at = failures;
    const failed = await store.apply(batch).then(() => null, (error) => error);
    faulty.at = Infinity;
    if (failed === null) break;
    assert.equal(failed, faulty.fault);
    assert.deepEqual(await snapshot(store, ids), before, `statement ${failures}`);
  }
  assert.ok(failures > 15, `${failures} statements`);
  assert.deepEqual(await store.counts(), { messages: 1, envelopes: 2, bounces: 0, bytes: 100 });
  await store.close();
});

Deno.test("SqliteStore reports a full disk as noSpace, keeps what it had, and takes mail again after deletes", async () => {
  const db = openSqlDatabase(newPath());
  const store = new SqliteStore(db);
  db.exec("PRAGMA max_page_count = 40");
  let stored = 0;
  const big = (n: number) => sampleMessage(n, [sampleEnvelope(n, 1)], 50_000);
  let failed: unknown = null;
  while (failed === null && stored < 50) {
    failed = await store.apply(big(stored + 1)).then(() => null, (error) => error);
    if (failed === null) stored++;
  }
  assert.ok(isFault("noSpace", /full/)(failed), String(failed));
  assert.ok(stored > 2);
  assert.equal((await store.counts()).messages, stored);
  assert.equal(await store.has(msgIdOf(stored + 1)), false);
  await store.apply([{ kind: "delete", envelope: sampleEnvelope(1, 1).id }]);
  await store.apply(big(stored + 1));
  assert.equal((await store.chunk(msgIdOf(stored + 1), 0))?.length, 50_000);
  await store.close();
});

Deno.test("SqliteStore refuses a spool that another one has open", async () => {
  const path = newPath();
  const store = new SqliteStore(openSqlDatabase(path));
  const second = openSqlDatabase(path);
  assert.throws(() => new SqliteStore(second), isFault("unavailable", /another smtpd owns this spool/));
  second.close();
  await store.close();
  await new SqliteStore(openSqlDatabase(path)).close();
});

Deno.test("SqliteStore refuses a newer spool and a database of something else", async () => {
  const newer = newPath();
  await new SqliteStore(openSqlDatabase(newer)).close();
  let db = openSqlDatabase(newer);
  db.exec("PRAGMA user_version = 3");
  assert.throws(() => new SqliteStore(db), isFault("malformed", /version 3, this smtpd knows up to 2/));
  db.close();
  const foreign = newPath();
  db = openSqlDatabase(foreign);
  db.exec("CREATE TABLE photos (id INTEGER)");
  assert.throws(() => new SqliteStore(db), isFault("malformed", /something else/));
  db.close();
  const text = newPath();
  Deno.mkdirSync(text.slice(0, text.lastIndexOf("/")), { mode: 0o700 });
  Deno.writeTextFileSync(text, "# not a database at all\n".repeat(50));
  db = openSqlDatabase(text);
  assert.throws(() => new SqliteStore(db), isFault("malformed", /not a database/));
  db.close();
});

Deno.test("SqliteStore opens a spool of version 1, whose envelopes ask for no handling, and makes it one of version 2", async () => {
  const path = newPath();
  let store = new SqliteStore(openSqlDatabase(path));
  await store.apply(sampleMessage(1, [sampleEnvelope(1, 1)]));
  await store.close();
  const db = openSqlDatabase(path);
  // What version 1 wrote: the same tables, and details without handling.
  db.exec("UPDATE envelope SET detail = json_remove(detail, '$.handling'); PRAGMA user_version = 1");
  db.close();
  store = new SqliteStore(openSqlDatabase(path));
  assert.deepEqual(await store.due("mta", 5000, null, 9), [sampleEnvelope(1, 1)]);
  const handling = { ...plainHandling, requireTls: true, priority: 4, holdUntil: 2000 };
  await store.apply([{ kind: "update", envelope: sampleEnvelope(1, 1, { handling }) }]);
  assert.deepEqual((await store.envelope(sampleEnvelope(1, 1).id))?.handling, handling);
  await store.close();
  const upgraded = openSqlDatabase(path);
  assert.equal(upgraded.prepare("PRAGMA user_version").first()?.[0], 2);
  upgraded.close();
});

Deno.test("SqliteStore suspends an envelope row that it cannot read, tells of it, and lists the others", async () => {
  const db = openSqlDatabase(newPath());
  const told: string[] = [];
  const store = new SqliteStore(db, (id) => told.push(id));
  await store.apply(sampleMessage(1, [sampleEnvelope(1, 1), sampleEnvelope(1, 2), sampleEnvelope(1, 3)]));
  db.exec("UPDATE envelope SET detail = '{' WHERE low = 1");
  db.exec("UPDATE envelope SET rcpt = 'nobody' WHERE low = 3");
  assert.deepEqual(await store.due("mta", 5000, null, 9), [sampleEnvelope(1, 2)]);
  assert.deepEqual(told, ["0000000100000001", "0000000100000003"]);
  assert.deepEqual(await store.due("mta", 5000, null, 9), [sampleEnvelope(1, 2)]);
  assert.equal(told.length, 2);
  assert.equal(await store.envelope(sampleEnvelope(1, 1).id), null);
  await store.close();
});

Deno.test("SqliteStore runs no statement that walks a whole table", async () => {
  const db = openSqlDatabase(newPath());
  const store = new SqliteStore(db);
  for (const [name, sql] of Object.entries(spoolSql)) {
    if (!/^(SELECT|INSERT|UPDATE|DELETE)/.test(sql)) continue;
    const bound = sql.replace(/\?\d*/g, "1");
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${bound}`).all().map((row) => String(row[3]));
    for (const step of plan) {
      assert.doesNotMatch(step, /^SCAN (?!CONSTANT ROW)|TEMP B-TREE/, `${name}: ${plan.join("; ")}`);
    }
    if (name === "due" || name === "nextDue") assert.match(plan[0] ?? "", /USING (COVERING )?INDEX due/);
  }
  await store.close();
});

Deno.test("SqliteStore writes through a log that is synced at each commit", async () => {
  const db = openSqlDatabase(newPath());
  const store = new SqliteStore(db);
  const setting = (name: string) => db.prepare(`PRAGMA ${name}`).first()?.[0];
  assert.equal(setting("journal_mode"), "wal");
  assert.equal(setting("synchronous"), 2);
  assert.equal(setting("page_size"), 16384);
  assert.equal(setting("wal_autocheckpoint"), 1024);
  assert.equal(setting("locking_mode"), "exclusive");
  await store.close();
});

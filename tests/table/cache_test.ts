import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import {
  cacheAnswersMax,
  CachedTable,
  type CacheLimits,
  cacheLimitsOf,
  cacheNegativeTtlMs,
  cacheTtlMs,
  readCacheLimits,
} from "../../lib/table/cache.ts";
import { programSpec } from "../../lib/table/spec.ts";
import { StaticTable } from "../../lib/table/static.ts";
import type { Service, Table } from "../../lib/table/table.ts";
import { testTable } from "../contract/table.ts";

const limits: CacheLimits = { ttlMs: 1000, negativeTtlMs: 100, size: 3 };

/** A table that counts what it is asked, and fails while `fault` is set. */
class Counted implements Table {
  readonly name = "t";
  readonly shape = "dynamic";
  readonly entries = new Map<string, string>([["bob", "ann"]]);
  asked: string[] = [];
  fault: Fault | null = null;
  /** While set, answers wait for it. */
  gate: Promise<void> = Promise.resolve();

  async check(service: Service, key: string): Promise<boolean> {
    return await this.#ask(`check ${service} ${key}`, key) !== null;
  }

  lookup(service: Service, key: string): Promise<string | null> {
    return this.#ask(`lookup ${service} ${key}`, key);
  }

  fetch(_service: Service): Promise<string | null> {
    return this.#ask("fetch", "bob");
  }

  update(): Promise<void> {
    return this.fault === null ? Promise.resolve() : Promise.reject(this.fault);
  }

  close(): void {}

  async #ask(what: string, key: string): Promise<string | null> {
    this.asked.push(what);
    const value = this.entries.get(key) ?? null;
    await this.gate;
    if (this.fault !== null) throw this.fault;
    return value;
  }

  /** What was asked since the last time. */
  take(): number {
    return this.asked.splice(0).length;
  }
}

function cachedTable(wanted: CacheLimits = limits) {
  const clock = { now: 0 };
  const table = new Counted();
  return { clock, table, cached: new CachedTable(table, wanted, () => clock.now) };
}

testTable({ name: "cached static", shape: "map", keepsCase: true }, async (entries, run) => {
  await run(new CachedTable(new StaticTable("t", "map", entries, "+"), limits, () => 0));
});

Deno.test("readCacheLimits() reads the settings of a table", () => {
  assert.deepEqual(readCacheLimits([]), {
    ttlMs: cacheTtlMs,
    negativeTtlMs: cacheNegativeTtlMs,
    size: cacheAnswersMax,
  });
  assert.deepEqual(readCacheLimits([["cache_ttl", "2m"], ["cache_negative_ttl", "0"], ["cache_size", "7"]]), {
    ttlMs: 120_000,
    negativeTtlMs: 0,
    size: 7,
  });
});

Deno.test("cacheLimitsOf() reads the line of a program, and the settings of a database", () => {
  const program = programSpec("t", "/bin/t", null);
  assert.deepEqual(cacheLimitsOf(program), readCacheLimits([]));
  assert.deepEqual(cacheLimitsOf({ ...program, cacheTtlMs: 0, cacheNegativeTtlMs: 60_000 }), {
    ttlMs: 0,
    negativeTtlMs: 60_000,
    size: cacheAnswersMax,
  });
  const settings = [["cache_ttl", "2m"]] as const;
  assert.equal(cacheLimitsOf({ kind: "redis", name: "t", path: "/c", settings }).ttlMs, 120_000);
});

Deno.test("CachedTable remembers what is found, and for a shorter time what is not", async () => {
  const { cached, table, clock } = cachedTable();
  for (let i = 0; i < 2; i++) {
    assert.equal(await cached.lookup("alias", "bob"), "ann");
    assert.equal(await cached.check("alias", "bob"), true);
    assert.equal(await cached.lookup("alias", "eve"), null);
  }
  assert.equal(table.take(), 3);
  clock.now = limits.negativeTtlMs + 1;
  table.entries.set("eve", "carl");
  assert.equal(await cached.lookup("alias", "eve"), "carl");
  assert.equal(await cached.lookup("alias", "bob"), "ann");
  assert.equal(table.take(), 1);
  clock.now = limits.ttlMs + 1;
  table.entries.set("bob", "dave");
  assert.equal(await cached.lookup("alias", "bob"), "dave");
});

Deno.test("CachedTable tells services apart, and a check from a look-up", async () => {
  const { cached, table } = cachedTable();
  await cached.lookup("alias", "bob");
  await cached.lookup("string", "bob");
  await cached.check("string", "bob");
  assert.deepEqual(table.asked, ["lookup alias bob", "lookup string bob", "check string bob"]);
});

Deno.test("CachedTable never remembers a Fault", async () => {
  const { cached, table } = cachedTable();
  table.fault = new Fault("unavailable", "down");
  for (let i = 0; i < 2; i++) await assert.rejects(cached.lookup("alias", "bob"), /down/);
  assert.equal(table.take(), 2);
  table.fault = null;
  assert.equal(await cached.lookup("alias", "bob"), "ann");
});

Deno.test("CachedTable answers from memory while the backend fails, as long as its memory lasts", async () => {
  const { cached, table, clock } = cachedTable();
  await cached.lookup("alias", "bob");
  table.fault = new Fault("unavailable", "down");
  assert.equal(await cached.lookup("alias", "bob"), "ann");
  clock.now = limits.ttlMs + 1;
  await assert.rejects(cached.lookup("alias", "bob"), /down/);
});

Deno.test("CachedTable asks equal questions of one time once", async () => {
  const { cached, table } = cachedTable();
  const answers = await Promise.all([1, 2, 3].map(() => cached.lookup("alias", "bob")));
  assert.deepEqual(answers, ["ann", "ann", "ann"]);
  assert.equal(table.take(), 1);
});

Deno.test("CachedTable forgets at update(), also what was on its way, and when the update fails", async () => {
  const { cached, table } = cachedTable();
  const gate = Promise.withResolvers<void>();
  table.gate = gate.promise;
  const old = cached.lookup("alias", "bob");
  table.entries.set("bob", "new");
  await cached.update();
  gate.resolve();
  assert.equal(await old, "ann");
  assert.equal(await cached.lookup("alias", "bob"), "new");
  table.entries.set("bob", "newer");
  table.fault = new Fault("unavailable", "down");
  await assert.rejects(cached.update(), /down/);
  table.fault = null;
  assert.equal(await cached.lookup("alias", "bob"), "newer");
});

Deno.test("CachedTable forgets the least used first, and nothing is remembered for a time of 0", async () => {
  const { cached, table } = cachedTable();
  for (const key of ["a", "b", "c", "d"]) table.entries.set(key, key);
  for (const key of ["a", "b", "c", "a", "d", "a", "b"]) await cached.lookup("alias", key);
  assert.equal(table.take(), 5);
  const never = cachedTable({ ttlMs: 0, negativeTtlMs: 0, size: 3 });
  for (const key of ["bob", "bob", "eve", "eve"]) await never.cached.lookup("alias", key);
  assert.equal(never.table.take(), 4);
});

Deno.test("CachedTable remembers neither passwords nor what goes round", async () => {
  const { cached, table } = cachedTable();
  for (let i = 0; i < 2; i++) {
    await cached.check("auth", "bob:secret");
    await cached.lookup("credentials", "bob");
    await cached.fetch("source");
  }
  assert.equal(table.take(), 6);
});

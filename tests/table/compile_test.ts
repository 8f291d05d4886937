import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import type { Disk } from "../../lib/port.ts";
import { CdbFile } from "../../lib/table/cdb.ts";
import { CdbWriter } from "../../lib/table/cdb_write.ts";
import { type ByteSource, compileMap, type MapPlan, type MapResult } from "../../lib/table/compile.ts";
import { createSqlDatabase, openSqlReader } from "../../lib/host/sqlite.ts";
import { sqliteMapEntries } from "../../lib/table/sqlite.ts";
import { SqliteWriter } from "../../lib/table/sqlite_write.ts";
import { inFolder } from "../support/folder.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** A source that gives at most `step` octets at once. */
function sourceOf(text: string | Uint8Array, step = Infinity): ByteSource {
  const bytes = typeof text === "string" ? encode(text) : text;
  let at = 0;
  return {
    read: (into) => {
      if (at === bytes.length) return Promise.resolve(null);
      const part = bytes.subarray(at, at + Math.min(step, into.length));
      into.set(part);
      at += part.length;
      return Promise.resolve(part.length);
    },
  };
}

function planOf(changes: Partial<MapPlan> = {}): MapPlan {
  return {
    shape: "map",
    check: () => null,
    problemsMax: 100,
    prepare: () => Promise.resolve(),
    progress: () => {},
    ...changes,
  };
}

async function recordsOf(path: string): Promise<[string, string][]> {
  const cdb = await CdbFile.open(hostDisk, path);
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const records = [...cdb.records()].map(({ key, value }): [string, string] => [decode(key), decode(value)]);
  cdb.close();
  return records;
}

const writerOf = (disk: Disk, path: string) => CdbWriter.create(disk, path, 0o600);

/** Makes both a cdb and a SQLite map, which must come out the same. */
function compile(
  text: string | Uint8Array,
  changes: Partial<MapPlan> = {},
  step = Infinity,
): Promise<{ result: MapResult; records: [string, string][] }> {
  return inFolder(async (folder) => {
    const writer = await writerOf(hostDisk, `${folder}/t`);
    const result = await compileMap(sourceOf(text, step), writer, planOf(changes));
    const records = result.kind === "made" ? await recordsOf(`${folder}/t`) : [];
    const db = new SqliteWriter(createSqlDatabase(`${folder}/s`, 0o600), hostDisk, `${folder}/s`);
    assert.deepEqual(await compileMap(sourceOf(text, step), db, planOf({ ...changes, progress: () => {} })), result);
    if (result.kind === "made") assert.deepEqual(rowsOf(`${folder}/s`), records);
    return { result, records };
  });
}

function rowsOf(path: string): readonly (readonly [string, string])[] {
  const db = openSqlReader(path);
  try {
    return [...sqliteMapEntries(db)];
  } finally {
    db.close();
  }
}

Deno.test("compileMap() stores keys in lower case and values as they are", async () => {
  const { result, records } = await compile("# x\nRoot: Ann\n\nBÜRO Grüße aus\n[::1]: V6\n");
  assert.deepEqual(result, { kind: "made", entries: 3, converted: 0 });
  assert.deepEqual(records, [["root", "Ann"], ["bÜro", "Grüße aus"], ["[::1]", "V6"]]);
});

Deno.test("compileMap() of a list stores whole lines with the value <set>", async () => {
  const { records } = await compile("Example.org\n a b: c \n", { shape: "list" });
  assert.deepEqual(records, [["example.org", "<set>"], ["a b: c", "<set>"]]);
});

Deno.test("compileMap() stores keys with U-labels in A-labels as well", async () => {
  const { result, records } = await compile("Info@BÜCHER.test Ann\nbüro x\n*.ü.test y\nxn--tda.example z\n");
  assert.deepEqual(result, { kind: "made", entries: 4, converted: 2 });
  assert.deepEqual(records, [
    ["info@bÜcher.test", "Ann"],
    ["info@xn--bcher-kva.test", "Ann"],
    ["büro", "x"],
    ["*.ü.test", "y"],
    ["*.xn--tda.test", "y"],
    ["xn--tda.example", "z"],
  ]);
  const list = await compile("ü.test\n", { shape: "list" });
  assert.deepEqual(list.records, [["ü.test", "<set>"], ["xn--tda.test", "<set>"]]);
  const twice = (await compile("a.test x\nü.test y\nxn--tda.test z\n")).result;
  assert.deepEqual(twice, {
    kind: "invalid",
    count: 1,
    problems: [{ line: 3, message: "duplicate entry for xn--tda.test (first on line 2)" }],
  });
  const latin1 = await compile(new Uint8Array([0x61, 0xfc, 0x2e, 0x62, 0x20, 0x78, 0x0a]));
  assert.deepEqual(latin1.result, { kind: "made", entries: 1, converted: 0 }, "no UTF-8: as it is");
});

Deno.test("compileMap() makes an empty map of nothing", async () => {
  assert.deepEqual((await compile("# nothing\n")).result, { kind: "made", entries: 0, converted: 0 });
});

Deno.test("compileMap() gives the same however the text arrives", async () => {
  const lines = Array.from({ length: 50 }, (_, i) => `key${i}: value ${"é".repeat(i)}`);
  const whole = (await compile(lines.join("\n"))).records;
  assert.equal(whole.length, 50);
  for (const step of [1, 2, 7, 100]) assert.deepEqual((await compile(lines.join("\n"), {}, step)).records, whole);
});

Deno.test("compileMap() takes lines longer than its buffer, and refuses those without end", async () => {
  const long = `a: ${"x".repeat(3_000_000)}`;
  const { records } = await compile(`${long}\nb: c\n`);
  assert.deepEqual(records.map(([key, value]) => [key, value.length]), [["a", 3_000_000], ["b", 1]]);
  await assert.rejects(
    compile(`b: c\n${"x".repeat(17 * 1024 * 1024)}`),
    (error) => error instanceof Fault && error.kind === "malformed" && error.message.includes("line 2 is longer"),
  );
});

Deno.test("compileMap() names all problems in the order of lines", async () => {
  const text = "a: 1\nbad\nb: 2\nA: 3\n: no key\nc: refused\nb: 4\na: 5\n";
  const check: MapPlan["check"] = (bytes, start, end) =>
    new TextDecoder().decode(bytes.subarray(start, end)) === "refused" ? "because" : null;
  const { result } = await compile(text, { check });
  assert.deepEqual(result, {
    kind: "invalid",
    count: 6,
    problems: [
      { line: 2, message: "invalid entry" },
      { line: 4, message: "duplicate entry for a (first on line 1)" },
      { line: 5, message: "invalid entry" },
      { line: 6, message: "invalid entry: because" },
      { line: 7, message: "duplicate entry for b (first on line 3)" },
      { line: 8, message: "duplicate entry for a (first on line 1)" },
    ],
  });
});

Deno.test("compileMap() describes the first problems and counts the others", async () => {
  const twice = Array.from({ length: 500 }, (_, i) => `k${i} v`).join("\n");
  const { result } = await compile(`${twice}\n${twice}\n`, { problemsMax: 3 });
  assert.ok(result.kind === "invalid");
  assert.equal(result.count, 500);
  assert.deepEqual(result.problems.map(({ line }) => line), [501, 502, 503]);
});

Deno.test("compileMap() finds exactly the duplicates", async () => {
  const key = fc.constantFrom("a", "b", "ab", "A", "Ab", "ba", "c");
  await fc.assert(
    fc.asyncProperty(fc.array(key, { maxLength: 20 }), async (keys) => {
      const seen = new Set<string>();
      const want = keys.flatMap((one, at) => {
        const lower = one.toLowerCase();
        if (seen.has(lower)) return [at + 1];
        seen.add(lower);
        return [];
      });
      const { result } = await compile(keys.map((one) => `${one} v\n`).join(""));
      assert.deepEqual(result.kind === "made" ? [] : result.problems.map(({ line }) => line), want);
    }),
    { numRuns: 60 },
  );
});

Deno.test("compileMap() prepares before the last sync, and only a map that is whole", () =>
  inFolder(async (folder) => {
    const log: string[] = [];
    const disk: Disk = {
      ...hostDisk,
      open: async (path, how) => {
        const file = await hostDisk.open(path, how);
        return {
          readAt: (at, into) => file.readAt(at, into),
          write: (bytes) => file.write(bytes),
          stat: () => file.stat(),
          close: () => file.close(),
          sync: () => {
            log.push("sync");
            return file.sync();
          },
        };
      },
    };
    const prepare = () => Promise.resolve(void log.push("prepare"));
    await compileMap(sourceOf("a b\n"), await writerOf(disk, `${folder}/good`), planOf({ prepare }));
    assert.deepEqual(log, ["prepare", "sync"]);
    await compileMap(sourceOf("a\n"), await writerOf(disk, `${folder}/bad`), planOf({ prepare }));
    assert.deepEqual(log, ["prepare", "sync"]);
  }));

Deno.test("compileMap() passes on faults of the source and of the disk", () =>
  inFolder(async (folder) => {
    const broken: ByteSource = { read: () => Promise.reject(new Fault("io", "broken")) };
    await assert.rejects(compileMap(broken, await writerOf(hostDisk, `${folder}/a`), planOf()), /broken/);
    let closed = 0;
    const full: Disk = {
      ...hostDisk,
      open: async (path, how) => {
        const file = await hostDisk.open(path, how);
        return {
          readAt: (at, into) => file.readAt(at, into),
          sync: () => file.sync(),
          stat: () => file.stat(),
          write: () => Promise.reject(new Fault("noSpace", "full")),
          close: () => {
            closed++;
            file.close();
          },
        };
      },
    };
    await assert.rejects(compileMap(sourceOf("a b\n"), await writerOf(full, `${folder}/b`), planOf()), /full/);
    assert.equal(closed, 1);
  }));

Deno.test("compileMap() tells its progress", async () => {
  const seen: [number, number][] = [];
  const text = "key: value\n".repeat(1).concat(Array.from({ length: 200_000 }, (_, i) => `k${i}: v\n`).join(""));
  await compile(text, { progress: (line, octets) => void seen.push([line, octets]) });
  assert.ok(seen.length >= 2);
  assert.deepEqual(seen.at(-1), [200_001, text.length]);
});

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { openOfflineSpool } from "../../cli/smtpctl_offline.ts";
import { openSqlDatabase } from "../../lib/host/sqlite.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { type EvpId, evpIdOf, msgIdOf } from "../../lib/spool/id.ts";
import { SqliteStore } from "../../lib/spool/sqlite.ts";
import { exampleEnvelope } from "../support/envelope.ts";

async function withState(work: (path: string) => Promise<void>): Promise<void> {
  const state = await Deno.makeTempDir();
  try {
    await work(`${state}/spool/spool.sqlite`);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

/** Three messages: two envelopes, one, one; the third is in two pieces. */
async function fill(path: string): Promise<readonly EvpId[]> {
  const store = new SqliteStore(openSqlDatabase(path));
  const ids: EvpId[] = [];
  for (const [n, envelopes, pieces] of [[1, 2, 1], [2, 1, 1], [3, 1, 2]] as const) {
    const message = msgIdOf(n);
    const list = Array.from(
      { length: envelopes },
      (_, i): Envelope => ({ ...exampleEnvelope, id: evpIdOf(message, i + 1), message }),
    );
    ids.push(...list.map((one) => one.id));
    const bytes = new TextEncoder().encode(`${n}\r\n`);
    for (let seq = 0; seq < pieces; seq++) await store.apply([{ kind: "chunk", message, seq, bytes }]);
    const stored = { id: message, size: bytes.length * pieces, chunks: pieces, createdAt: 1 };
    await store.apply([{ kind: "commit", message: stored, envelopes: list }]);
  }
  await store.close();
  return ids;
}

async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of items) all.push(one);
  return all;
}

Deno.test("openOfflineSpool() finds nothing where there is no spool, and makes none", async () => {
  await withState(async (path) => {
    equal(await openOfflineSpool(path), null);
    equal(await openOfflineSpool(path), null);
    await rejects(Deno.stat(path), Deno.errors.NotFound);
  });
});

Deno.test("openOfflineSpool() lists envelopes whatever the length of a page", async () => {
  await withState(async (path) => {
    const ids = await fill(path);
    for (const length of [1, 2, 3, 4, 5, 1000]) {
      const spool = await openOfflineSpool(path, length);
      ok(spool);
      const list = async (filter: Parameters<typeof spool.envelopes>[0]) =>
        (await gather(spool.envelopes(filter))).map((one) => one.id);
      deepEqual(await list({}), ids);
      deepEqual(await list({ message: msgIdOf(1) }), ids.slice(0, 2));
      deepEqual(await list({ message: msgIdOf(1), envelope: ids[1] ?? evpIdOf(msgIdOf(9), 9) }), ids.slice(1, 2));
      deepEqual(await list({ message: msgIdOf(9) }), []);
    }
  });
});

Deno.test("openOfflineSpool() gives a message in pieces", async () => {
  await withState(async (path) => {
    await fill(path);
    const spool = await openOfflineSpool(path);
    const content = await spool?.content(msgIdOf(3));
    ok(content);
    deepEqual((await gather(content)).map((piece) => new TextDecoder().decode(piece)), ["3\r\n", "3\r\n"]);
    equal(await spool?.content(msgIdOf(9)), null);
  });
});

Deno.test("openOfflineSpool() does not read behind a daemon's back", async () => {
  await withState(async (path) => {
    await fill(path);
    const owner = new SqliteStore(openSqlDatabase(path));
    const spool = await openOfflineSpool(path);
    ok(spool);
    await rejects(gather(spool.envelopes({})), { name: "Fault", kind: "unavailable" });
    await owner.close();
    equal((await gather(spool.envelopes({}))).length, 4);
  });
});

Deno.test("openOfflineSpool() lets a daemon in between two pages", async () => {
  await withState(async (path) => {
    await fill(path);
    const spool = await openOfflineSpool(path, 1);
    ok(spool);
    const iterator = spool.envelopes({})[Symbol.asyncIterator]();
    equal((await iterator.next()).done, false);
    const owner = new SqliteStore(openSqlDatabase(path));
    await owner.close();
    equal((await iterator.next()).done, false);
    await iterator.return?.();
  });
});

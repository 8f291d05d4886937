import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { msgIdOf } from "../../lib/spool/id.ts";
import { GroupCommit } from "../../lib/spool/group.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import type { SpoolChange } from "../../lib/spool/store.ts";
import { chunkOf, sampleEnvelope, sampleMessage } from "../contract/store.ts";

/** A store that notes each batch, and can be held up. */
class WatchedStore extends MemoryStore {
  readonly batches: number[] = [];
  gate: Promise<void> = Promise.resolve();

  override async apply(changes: readonly SpoolChange[]): Promise<void> {
    this.batches.push(changes.length);
    await this.gate;
    await super.apply(changes);
  }
}

const limits = { changes: 10, bytes: 1000 };

function newGroup(store: WatchedStore): { group: GroupCommit; soon: (() => void)[] } {
  const soon: (() => void)[] = [];
  return { group: new GroupCommit(store, (run) => soon.push(run), limits), soon };
}

async function settle(soon: (() => void)[]): Promise<void> {
  for (let round = 0; round < 50; round++) {
    for (const run of soon.splice(0)) run();
    await Promise.resolve();
  }
}

function message(n: number, size = 10): SpoolChange[] {
  return sampleMessage(n, [sampleEnvelope(n, 1)], size);
}

Deno.test("GroupCommit commits in one transaction what is handed in before its turn", async () => {
  const store = new WatchedStore();
  const { group, soon } = newGroup(store);
  const done: string[] = [];
  for (const n of [1, 2, 3]) group.submit(message(n), (fault) => done.push(`${n} ${fault}`));
  assert.deepEqual([store.batches, done, soon.length], [[], [], 1]);
  await settle(soon);
  assert.deepEqual([store.batches, done], [[6], ["1 null", "2 null", "3 null"]]);
});

Deno.test("GroupCommit gathers what comes while a transaction runs into the next", async () => {
  const store = new WatchedStore();
  const { group, soon } = newGroup(store);
  let open = () => {};
  store.gate = new Promise((resolve) => open = resolve);
  const first = group.commit(message(1));
  await settle(soon);
  const others = [2, 3, 4].map((n) => group.commit(message(n)));
  await settle(soon);
  assert.deepEqual(store.batches, [2]);
  open();
  await settle(soon);
  await Promise.all([first, ...others, group.idle()]);
  assert.deepEqual(store.batches, [2, 6]);
});

Deno.test("GroupCommit bounds a transaction by changes and by octets, but takes a big submission whole", async () => {
  const store = new WatchedStore();
  const { group, soon } = newGroup(store);
  for (let n = 1; n <= 6; n++) group.submit(message(n), () => {});
  group.submit(message(7, 600), () => {});
  group.submit(message(8, 600), () => {});
  group.submit(message(9, 5000), () => {});
  group.submit(
    [...message(20), ...message(21), ...message(22), ...message(23), ...message(24), ...message(25)],
    () => {},
  );
  await settle(soon);
  assert.deepEqual(store.batches, [10, 4, 2, 2, 12]);
  assert.equal((await store.counts()).messages, 15);
});

Deno.test("GroupCommit lets input in between two transactions", async () => {
  const store = new WatchedStore();
  const { group, soon } = newGroup(store);
  for (let n = 1; n <= 6; n++) group.submit(message(n), () => {});
  soon.splice(0).forEach((run) => run());
  for (let round = 0; round < 20; round++) await Promise.resolve();
  assert.deepEqual([store.batches, soon.length], [[10], 1]);
  group.submit(message(7), () => {});
  await settle(soon);
  assert.deepEqual(store.batches, [10, 4]);
});

Deno.test("GroupCommit retries alone what failed together: a message that does not fit fails no other", async () => {
  const store = new WatchedStore(100);
  const { group, soon } = newGroup(store);
  const done: [number, string | null][] = [];
  for (const [n, size] of [[1, 40], [2, 90], [3, 40], [4, 30], [5, 5]] as const) {
    group.submit(message(n, size), (fault) => done.push([n, fault?.kind ?? null]));
  }
  await settle(soon);
  assert.deepEqual(done, [[1, null], [2, "noSpace"], [3, null], [4, "noSpace"], [5, null]]);
  assert.deepEqual(store.batches, [10, 2, 2, 2, 2, 2]);
  assert.equal(await store.has(msgIdOf(2)), false);
  assert.equal((await store.counts()).bytes, 85);
});

Deno.test("GroupCommit reports a failed submission that was alone once, without a second try", async () => {
  const store = new WatchedStore(5);
  const { group, soon } = newGroup(store);
  const commit = group.commit([chunkOf(1, 0, 10)]);
  const rejected = assert.rejects(commit, (error) => error instanceof Fault && error.kind === "noSpace");
  await settle(soon);
  await rejected;
  assert.deepEqual(store.batches, [1]);
  await group.idle();
});

Deno.test("GroupCommit takes submissions from within `done`, in order", async () => {
  const store = new WatchedStore();
  const { group, soon } = newGroup(store);
  const seen: number[] = [];
  group.submit(message(1), () => {
    seen.push(1);
    group.submit([{ kind: "delete", envelope: sampleEnvelope(1, 1).id }], () => seen.push(2));
  });
  await settle(soon);
  assert.deepEqual(seen, [1, 2]);
  assert.equal((await store.counts()).messages, 0);
});

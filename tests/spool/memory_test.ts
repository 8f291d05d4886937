import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { msgIdOf } from "../../lib/spool/id.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import { chunkOf, sampleEnvelope, sampleMessage, storeContract } from "../contract/store.ts";

storeContract("MemoryStore", () => Promise.resolve({ store: new MemoryStore(), reopen: null }));

Deno.test("MemoryStore is full at its capacity, and has room again after a delete", async () => {
  const store = new MemoryStore(250);
  await store.apply([...sampleMessage(1, [sampleEnvelope(1, 1)]), chunkOf(2, 0, 100)]);
  const third = sampleMessage(3, [sampleEnvelope(3, 1)]);
  await assert.rejects(store.apply(third), (error) => error instanceof Fault && error.kind === "noSpace");
  assert.equal(await store.has(msgIdOf(3)), false);
  await store.apply([{ kind: "delete", envelope: sampleEnvelope(1, 1).id }]);
  await store.apply(third);
  await assert.rejects(store.apply([chunkOf(4, 0, 100)]));
  assert.equal(await store.recover(), 1);
  await store.apply([chunkOf(4, 0, 100)]);
});

Deno.test("MemoryStore keeps its own copy of a piece", async () => {
  const store = new MemoryStore();
  const changes = sampleMessage(1, [sampleEnvelope(1, 1)]);
  await store.apply(changes);
  if (changes[0]?.kind === "chunk") changes[0].bytes.fill(99);
  assert.equal((await store.chunk(msgIdOf(1), 0))?.[0], 1);
});

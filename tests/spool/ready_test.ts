import { plainHandling } from "../../lib/smtp/handling.ts";
import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { ReadyList } from "../../lib/spool/ready.ts";
import { sampleEnvelope } from "../contract/store.ts";

const idsOf = (envelopes: readonly Envelope[]) => envelopes.map(({ id }) => id);

Deno.test("ReadyList gives batches of one message and action, in order of arrival", () => {
  const list = new ReadyList();
  const [a1, b1, a2, a3] = [
    sampleEnvelope(1, 1),
    sampleEnvelope(2, 1),
    sampleEnvelope(1, 2),
    sampleEnvelope(1, 3, { action: "other" }),
  ];
  for (const envelope of [a1, b1, a2, a3]) list.add(envelope);
  assert.equal(list.length, 4);
  assert.deepEqual(list.take(9), [a1, a2]);
  assert.deepEqual(list.take(9), [b1]);
  assert.deepEqual(list.take(9), [a3]);
  assert.deepEqual(list.take(9), []);
  assert.equal(list.length, 0);
});

Deno.test("ReadyList gathers notices of a message whatever their action", () => {
  const list = new ReadyList();
  const notices = [1, 2, 3].map((low) => sampleEnvelope(1, low, { kind: "bounce", action: `action${low}` }));
  for (const notice of notices) list.add(notice);
  assert.deepEqual(list.take(9), notices);
});

Deno.test("ReadyList leaves the rest of a batch that is too long in its place", () => {
  const list = new ReadyList();
  for (let low = 1; low <= 5; low++) list.add(sampleEnvelope(1, low));
  list.add(sampleEnvelope(2, 1));
  assert.deepEqual(idsOf(list.take(2)), [sampleEnvelope(1, 1).id, sampleEnvelope(1, 2).id]);
  list.add(sampleEnvelope(1, 6));
  assert.equal(list.take(9).length, 4);
  assert.deepEqual(list.take(9), [sampleEnvelope(2, 1)]);
});

Deno.test("ReadyList removes from the middle, and passes over what became empty", () => {
  const list = new ReadyList();
  const [a, b, c] = [sampleEnvelope(1, 1), sampleEnvelope(2, 1), sampleEnvelope(2, 2)];
  for (const envelope of [a, b, c]) list.add(envelope);
  list.remove(b);
  list.remove(a);
  list.remove(a);
  assert.equal(list.length, 1);
  assert.deepEqual(list.take(9), [c]);
  list.add(a);
  assert.deepEqual(list.take(9), [a]);
});

Deno.test("ReadyList holds what was added and not taken or removed, through any sequence", () => {
  const step = fc.record({
    what: fc.constantFrom("add", "add", "remove", "take"),
    message: fc.integer({ min: 1, max: 4 }),
    low: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = new ReadyList();
      const model = new Set<string>();
      for (const { what, message, low } of steps) {
        const envelope = sampleEnvelope(message, low);
        if (what === "add" && !model.has(envelope.id)) {
          list.add(envelope);
          model.add(envelope.id);
        } else if (what === "remove") {
          list.remove(envelope);
          model.delete(envelope.id);
        } else if (what === "take") {
          const taken = list.take(low);
          assert.equal(taken.length > 0, model.size > 0);
          for (const { id } of taken) assert.ok(model.delete(id));
        }
        assert.equal(list.length, model.size);
      }
      for (let taken = list.take(9); taken.length > 0; taken = list.take(9)) {
        for (const { id } of taken) assert.ok(model.delete(id));
      }
      assert.equal(model.size, 0);
    }),
    { numRuns: 300 },
  );
});

Deno.test("ReadyList does not keep what it has given away", () => {
  const list = new ReadyList();
  for (let n = 1; n <= 5000; n++) {
    list.add(sampleEnvelope(n, 1));
    if (n > 10) assert.equal(list.take(1)[0]?.message, sampleEnvelope(n - 10, 1).message);
  }
  assert.equal(list.length, 10);
});

Deno.test("ReadyList gives higher priorities first, and keeps the order of arrival within one", () => {
  const list = new ReadyList();
  const of = (message: number, priority: number) =>
    sampleEnvelope(message, 1, { handling: { ...plainHandling, priority } });
  const [low, plain, high, alsoHigh, alsoPlain] = [of(1, -9), of(2, 0), of(3, 9), of(4, 9), of(5, 0)];
  for (const envelope of [low, plain, high, alsoHigh, alsoPlain]) list.add(envelope);
  assert.deepEqual([list.take(9), list.take(9), list.take(9)], [[high], [alsoHigh], [plain]]);
  list.add(high);
  list.remove(alsoPlain);
  assert.deepEqual([list.take(9), list.take(9), list.take(9)], [[high], [low], []]);
});

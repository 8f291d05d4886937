import assert from "node:assert/strict";
import { Lane } from "../../lib/spool/lane.ts";
import { sampleEnvelope } from "../contract/store.ts";

const at = (low: number, nextAt: number) => sampleEnvelope(1, low, { nextAt });

Deno.test("Lane asks for a page at once, and reads on from the last envelope while pages are full", () => {
  const lane = new Lane("mta", 4);
  assert.equal(lane.wakeAt, 0);
  assert.deepEqual(lane.page(100), { kind: "mta", until: 100, after: null, limit: 4 });
  assert.equal(lane.wakeAt, Infinity);
  const last = at(4, 50);
  lane.paged(last, 100);
  assert.equal(lane.wakeAt, 100);
  assert.deepEqual(lane.page(200), { kind: "mta", until: 200, after: { nextAt: 50, id: last.id }, limit: 4 });
});

Deno.test("Lane wants a page when half of its window is used up, and only as much as fits", () => {
  const lane = new Lane("mta", 4);
  for (const low of [1, 2, 3]) lane.ready.add(at(low, 1));
  assert.equal(lane.wakeAt, Infinity);
  assert.equal(lane.hasRoom, true);
  lane.ready.remove(at(3, 1));
  assert.equal(lane.wakeAt, 0);
  assert.equal(lane.page(5).limit, 2);
  for (const low of [3, 4]) lane.ready.add(at(low, 1));
  assert.equal(lane.hasRoom, false);
});

Deno.test("Lane wants nothing while it is paused", () => {
  const lane = new Lane("mda", 4);
  lane.isPaused = true;
  assert.equal(lane.wakeAt, Infinity);
  lane.isPaused = false;
  assert.equal(lane.wakeAt, 0);
});

Deno.test("Lane goes back for what is stored behind its mark, also during a page", () => {
  const lane = new Lane("mta", 4);
  lane.page(100);
  lane.paged(at(1, 90), Infinity);
  lane.note(95);
  assert.equal(lane.wakeAt, 95);
  assert.equal(lane.page(100).after?.nextAt, 90, "still ahead of the mark");
  lane.note(90);
  lane.paged(at(1, 96), 500);
  assert.equal(lane.wakeAt, 90);
  const page = lane.page(100);
  assert.equal(page.after?.nextAt, 89);
  assert.ok(page.after !== null && page.after.id > at(0xfffffffe, 0).id);
  lane.note(300);
  lane.paged(null, 200);
  assert.equal(lane.wakeAt, 200);
  assert.equal(lane.page(200).after?.nextAt, 89, "an empty page moves nothing");
});

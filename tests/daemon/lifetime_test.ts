import { deepEqual, equal } from "node:assert/strict";
import { datedStore, expiryOf, ttlOf } from "../../lib/daemon/lifetime.ts";
import { plainHandling } from "../../lib/smtp/handling.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import { draftTo, msg, plant, policyOf } from "./rig.ts";

const hour = 3_600_000;
const policyWith = (queueTtl: string, ttl = "") =>
  policyOf(
    `queue ttl ${queueTtl}\naction "box" maildir\naction "out" relay ${ttl}\n` +
      `match for local action "box"\nmatch for any action "out"\n`,
  );

Deno.test("ttlOf() is the action's, else the queue's", () => {
  const policy = policyWith("2h", "ttl 1h");
  deepEqual(["out", "box", "gone"].map((action) => ttlOf(policy, action)), [hour, 2 * hour, 2 * hour]);
});

for (
  const [name, change, want] of [
    ["plain mail", {}, 100 + hour],
    ["mail that was held", { holdUntil: 500 }, 500 + hour],
    ["mail that was released before it came", { holdUntil: 50 }, 100 + hour],
    ["mail that is wanted back in time", { deliverBy: { at: 900, mode: "return", trace: false } }, 900],
    ["mail that is wanted back too late", { deliverBy: { at: 9 * hour, mode: "return", trace: false } }, 100 + hour],
    ["mail whose sender is to be told", { deliverBy: { at: 900, mode: "notify", trace: false } }, 100 + hour],
  ] as const
) {
  Deno.test(`expiryOf() dates ${name}`, () => {
    equal(expiryOf({ createdAt: 100, handling: { ...plainHandling, ...change } }, hour), want);
  });
}

Deno.test("datedStore() gives mail the time that the configuration says now, and leaves notices as they are", async () => {
  const inner = new MemoryStore();
  let policy = policyWith("1h");
  const store = datedStore(inner, () => policy);
  const [mail, gone] = await plant(inner, msg(1), 100, [
    draftTo("x@b.test", { ttlMs: hour }),
    draftTo("y@b.test", { ttlMs: hour, action: "gone" }),
  ]);
  const expiries = async () => {
    const listed = await store.list({}, null, 10);
    const due = await store.due("mta", 100, null, 10);
    deepEqual(listed.map(({ expiresAt }) => expiresAt), due.map(({ expiresAt }) => expiresAt));
    equal((await store.envelope(mail!.id))?.expiresAt, listed[0]?.expiresAt);
    return listed.map(({ expiresAt }) => expiresAt);
  };
  deepEqual(await expiries(), [100 + hour, 100 + hour]);
  policy = policyWith("4d", "ttl 3h");
  deepEqual(await expiries(), [100 + 3 * hour, 100 + hour]);
  policy = policyWith("30m");
  deepEqual(await expiries(), [100 + hour / 2, 100 + hour]);
  await inner.apply([{ kind: "update", envelope: { ...mail!, kind: "bounce" } }]);
  equal((await store.envelope(mail!.id))?.expiresAt, 100 + hour);
  equal((await store.envelope(gone!.id))?.action, "gone");
});

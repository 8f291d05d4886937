import { deepEqual, equal, ok } from "node:assert/strict";
import { hostClock, hostRandom } from "../../lib/host/clock.ts";

Deno.test("hostClock.after() calls once, and not at all when it is cancelled", async () => {
  const calls: string[] = [];
  const cancelled = hostClock.after(1, () => calls.push("cancelled"));
  cancelled.cancel();
  await new Promise<void>((resolve) =>
    hostClock.after(1, () => {
      calls.push("due");
      resolve();
    })
  );
  deepEqual(calls, ["due"]);
});

Deno.test("hostClock.soon() runs after what is queued as a microtask", async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    hostClock.soon(() => {
      order.push("soon");
      resolve();
    });
    queueMicrotask(() => order.push("microtask"));
  });
  deepEqual(order, ["microtask", "soon"]);
});

Deno.test("hostClock.monotonic() does not go back", () => {
  const first = hostClock.monotonic();
  ok(hostClock.monotonic() >= first);
});

Deno.test("hostClock.zone() tells the offset that dates have", () => {
  for (const time of [1_700_000_000_000, 1_720_000_000_000]) {
    equal(hostClock.zone(time).offsetMinutes, -new Date(time).getTimezoneOffset());
  }
});

Deno.test("hostRandom gives numbers of 32 bits and as many octets as asked for", () => {
  const numbers = Array.from({ length: 1000 }, () => hostRandom.u32());
  ok(numbers.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32));
  ok(new Set(numbers).size > 990);
  equal(hostRandom.bytes(33).length, 33);
});

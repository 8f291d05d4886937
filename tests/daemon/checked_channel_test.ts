import { deepEqual, equal } from "node:assert/strict";
import { checkedChannel } from "../../lib/daemon/checked_channel.ts";
import { channelPair } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";

function world() {
  const clock = new FakeClock();
  const [near, far] = channelPair<string, unknown>(clock);
  const seen: unknown[] = [];
  const numberOf = (value: unknown) => typeof value === "number" ? value * 2 : null;
  const channel = checkedChannel(near, numberOf, () => void seen.push("broken"));
  channel.onMessage((message, body) => void seen.push(message, body?.length ?? 0));
  channel.onClose(() => void seen.push("closed"));
  return { clock, near, far, channel, seen };
}

Deno.test("checkedChannel() hands on what is made of each message, with its body", async () => {
  const { clock, far, seen } = world();
  far.send(1);
  far.send(2, new Uint8Array(3));
  await clock.settle();
  deepEqual(seen, [2, 0, 4, 3]);
});

Deno.test("checkedChannel() cuts off the other side at the first message that is none, and hears no more", async () => {
  const { clock, far, seen } = world();
  far.onMessage(() => {});
  far.send(1);
  far.send("nonsense");
  far.send(2);
  far.send("more nonsense");
  await clock.settle();
  deepEqual(seen, [2, 0, "broken", "closed"]);
  equal(far.isClosed, true);
});

Deno.test("checkedChannel() is the channel in all else", async () => {
  const { clock, near, far, channel, seen } = world();
  const got: unknown[] = [];
  far.onMessage((message, body) => void got.push(message, body?.length ?? 0));
  equal(channel.send("a"), true);
  near.isSlow = true;
  channel.onDrain(() => void seen.push("drained"));
  equal(channel.send("b", new Uint8Array(7)), false);
  equal(channel.buffered, near.buffered);
  await clock.settle();
  near.relax();
  deepEqual(got, ["a", 0, "b", 7]);
  channel.close();
  await clock.settle();
  deepEqual(seen, ["drained", "closed"]);
});

Deno.test("checkedChannel() cuts off who asks and does not read what is answered", async () => {
  const clock = new FakeClock();
  const [near, far] = channelPair<string, unknown>(clock);
  const seen: unknown[] = [];
  far.onMessage(() => {});
  let buffered = 100;
  Object.defineProperty(near, "buffered", { get: () => buffered });
  const channel = checkedChannel(near, (value) => value, () => void seen.push("broken"), 100);
  channel.onMessage((message) => void seen.push(message));
  far.send(1);
  await clock.settle();
  buffered = 101;
  far.send(2);
  await clock.settle();
  deepEqual([seen, far.isClosed], [[1, "broken"], true]);
});

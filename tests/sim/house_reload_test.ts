/** The daemon as a whole while its configuration changes: what it promises holds, whoever dies when. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Policy } from "../../lib/policy/policy.ts";
import { policyOf, policyText } from "../daemon/rig.ts";
import { standing } from "./house.ts";
import { copies, newHouse, send } from "./house_site.ts";
import { SeededRandom } from "./random.ts";
import { Sender } from "./sender.ts";

const hour = 3_600_000;

/** The rules of `policyOf()`, and one more that makes each configuration another. */
function nextPolicy(n: number): Policy {
  const ttl = n % 2 === 0 ? "" : ` ttl ${n}h`;
  return policyOf(`${policyText.replace("relay", `relay${ttl}`)}match from any for domain "d${n}.test" reject\n`);
}

Deno.test("a session that is open while the configuration changes finishes under the rules that it began with", async () => {
  const { house, peers } = await newHouse(1);
  const slow = new Sender(house.connect(), {
    from: "x@c.test",
    to: ["bob@example.org"],
    content: `Subject: m1\r\n\r\nHello.\r\n`,
  });
  await house.settle();
  await house.reload(policyOf(policyText.replace(`for domain "example.org"`, `for domain "other.org"`)));
  await house.world.advance(1000);
  equal(slow.state, "accepted");
  const late = send(house, "m2", ["bob@example.org"]);
  await house.world.advance(10_000);
  equal(late.state, "accepted");
  equal(copies(house, peers).get("m1 bob@example.org"), 1);
  equal(copies(house, peers).get("m2 bob@example.org"), undefined, "it was relayed by the rule that is left");
  await house.world.advance(10 * 60_000);
  deepEqual([...house.places].sort(), ["delivery", "lookup#v2", "queue", "smtp-in#v2"], "those of before have ended");
});

for (let seed = 1; seed <= 30; seed++) {
  Deno.test(`the configuration changes again and again while roles die, seed ${seed}: nothing promised is lost`, async () => {
    const { house, peers } = await newHouse(seed);
    const random = new SeededRandom(seed * 7919);
    const senders: { readonly token: string; readonly to: string; readonly sender: Sender }[] = [];
    for (let n = 1; n <= 10; n++) {
      for (let m = 0; m < 3; m++) {
        const token = `s${n}-${m}`;
        const to = random.u32() % 2 === 0 ? "bob@example.org" : "x@b.test";
        senders.push({ token, to, sender: send(house, token, [to]) });
      }
      // Anywhere between two steps of the reload, and of the mail under way.
      if (random.u32() % 2 === 0) {
        const role = standing[random.u32() % standing.length] ?? "queue";
        house.world.before(house.world.steps + random.u32() % 60, () => house.kill(role, 1 + random.u32() % 300));
      }
      await house.reload(nextPolicy(n));
      await house.world.advance(random.u32() % 2000);
    }
    await house.world.advance(3 * hour);
    const found = copies(house, peers);
    for (const { token, to, sender } of senders) {
      if (sender.state === "accepted") ok((found.get(`${token} ${to}`) ?? 0) >= 1, `${token} was promised`);
    }
    ok(senders.filter(({ sender }) => sender.state === "accepted").length >= 5, "most went through");
    deepEqual([...house.places].sort(), [`delivery#v11`, "lookup#v11", "queue", "smtp-in#v11"]);
    await house.checkAtRest();
  });
}

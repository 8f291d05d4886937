import { equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { handSize } from "../../lib/daemon/queue_intake.ts";
import type { MsgId } from "../../lib/spool/id.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import { bytesOf, draftTo, plant } from "../daemon/rig.ts";
import { type Client, Rig } from "../daemon/intake_rig.ts";

Deno.test("Intake never deals an id that somebody holds, or that is in the spool (property)", async () => {
  const step = fc.constantFrom("client", "take", "commit", "gone", "own", "restart");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      // Ids count up from 1 in every life of the queue: without a look they would come again.
      const low = { u32: () => 0, bytes: (length: number) => new Uint8Array(length) };
      let rig = new Rig();
      const stored = new Set<MsgId>();
      const taken = new Map<MsgId, string>();
      let clients = new Map<string, Client>();
      const begin = (memory: MemoryStore) => {
        rig = new Rig(Infinity, 1, memory, low);
        clients = new Map();
        taken.clear();
      };
      begin(new MemoryStore());
      for (const [n, one] of ["client", ...steps].entries()) {
        const [name, client] = [...clients].at(-1) ?? ["", null];
        if (one === "client") clients.set(`c${n}`, await rig.client(`c${n}`));
        if (one === "own") stored.add(await ownMessage(rig, stored));
        if (one === "restart") begin(rig.memory);
        if (client !== null && one === "gone") {
          client.channel.die();
          await rig.clock.settle();
          clients.delete(name);
          for (const [id, owner] of taken) if (owner === name) taken.delete(id);
        }
        if (client !== null && one === "take") {
          for (let count = 0; count < handSize / 2 + 2; count++) {
            const id = client.take();
            taken.set(id, name);
            rig.offer(name, id, draftTo("x@b.test"));
          }
        }
        if (client !== null && one === "commit") {
          const id = client.take();
          client.commit(id, [rig.offer(name, id, draftTo("x@b.test"))], bytesOf("x"));
          stored.add(id);
        }
        await rig.clock.settle();
        const all = [...stored, ...taken.keys(), ...[...clients.values()].flatMap((each) => each.ids)];
        equal(new Set(all).size, all.length);
      }
    }),
    { numRuns: 40 },
  );
});

async function ownMessage(rig: Rig, stored: ReadonlySet<MsgId>): Promise<MsgId> {
  const id = await settled(rig, rig.intake.newId());
  ok(!stored.has(id));
  await plant(rig.memory, id, 0, [draftTo("x@b.test")]);
  return id;
}

async function settled<T>(rig: Rig, promise: Promise<T>): Promise<T> {
  await rig.clock.settle();
  return await promise;
}

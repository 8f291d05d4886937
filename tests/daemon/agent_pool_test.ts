import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { agentIdleMs, type AgentLink, AgentPool } from "../../lib/daemon/agent_pool.ts";
import { agentsMax, agentStartMs } from "../../lib/daemon/supervision.ts";
import type { AgentToDelivery, DeliveryToAgent } from "../../lib/daemon/imsg.ts";
import type { AgentRequest } from "../../lib/daemon/supervision.ts";
import { Fault } from "../../lib/fault.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";

type AgentEnd = FakeChannel<AgentToDelivery, DeliveryToAgent>;

class Rig {
  readonly clock = new FakeClock();
  readonly needed: string[] = [];
  readonly agents = new Map<string, AgentEnd>();
  readonly gone: string[] = [];
  readonly pool = new AgentPool(this.clock, ({ key }) => void this.needed.push(key));

  /** The supervisor hands over an agent. */
  async arrive(key: string): Promise<AgentEnd> {
    const [agent, near] = channelPair<AgentToDelivery, DeliveryToAgent>(this.clock);
    this.agents.set(key, agent);
    agent.onMessage(() => {});
    agent.onClose(() => void this.gone.push(key));
    this.pool.arrived(key, near);
    await this.clock.settle();
    return agent;
  }

  /** Begins a use that lasts until `end` is called. */
  use(key: string): { readonly result: Promise<string>; readonly end: () => void; state: string } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const use = { result: Promise.resolve(""), end: resolve, state: "waits" };
    use.result = this.pool.use(requestFor(key), async () => {
      use.state = "runs";
      await promise;
      use.state = "done";
      return key;
    });
    use.result.catch(() => use.state = "failed");
    return use;
  }

  /** A use that is over at once. */
  async touch(key: string): Promise<void> {
    const use = this.use(key);
    use.end();
    await this.clock.settle();
  }
}

function requestFor(key: string): AgentRequest {
  return {
    key,
    action: "box",
    user: key,
    uid: 1001,
    gid: 1001,
    home: `/home/${key}`,
    accountHome: `/home/${key}`,
    exec: null,
  };
}

function isUnavailable(error: unknown): boolean {
  return error instanceof Fault && error.kind === "unavailable";
}

Deno.test("AgentPool asks for an agent once, and lets all who wait use it", async () => {
  const rig = new Rig();
  const [a, b] = [rig.use("ann"), rig.use("ann")];
  await rig.clock.settle();
  deepEqual(rig.needed, ["ann"]);
  deepEqual([a.state, b.state], ["waits", "waits"]);
  await rig.arrive("ann");
  deepEqual([a.state, b.state], ["runs", "runs"]);
  a.end();
  b.end();
  equal(await a.result, "ann");
  await rig.touch("ann");
  deepEqual(rig.needed, ["ann"]);
});

Deno.test("AgentPool gives up on an agent that does not come up, and asks again next time", async () => {
  const rig = new Rig();
  const [a, b] = [rig.use("ann"), rig.use("ann")];
  await rig.clock.advance(agentStartMs - 1);
  deepEqual([a.state, b.state], ["waits", "waits"]);
  await rig.clock.advance(1);
  await rejects(a.result, isUnavailable);
  await rejects(b.result, isUnavailable);
  const c = rig.use("ann");
  await rig.clock.settle();
  deepEqual(rig.needed, ["ann", "ann"]);
  await rig.arrive("ann");
  equal(c.state, "runs");
});

Deno.test("AgentPool closes a channel that nobody waits for any more, and a second one", async () => {
  const rig = new Rig();
  await rig.arrive("stranger");
  deepEqual(rig.gone, ["stranger"]);
  const use = rig.use("ann");
  await rig.clock.settle();
  const first = await rig.arrive("ann");
  const second = await rig.arrive("ann");
  await rig.clock.settle();
  deepEqual([first.isClosed, second.isClosed, use.state], [false, true, "runs"]);
});

Deno.test("AgentPool lets an agent go that was idle for 30 s, at the latest after 60 s", async () => {
  const rig = new Rig();
  const use = rig.use("ann");
  await rig.arrive("ann");
  await rig.clock.advance(10 * agentIdleMs);
  deepEqual(rig.gone, []);
  use.end();
  await rig.clock.advance(agentIdleMs - 1);
  deepEqual(rig.gone, []);
  await rig.clock.advance(agentIdleMs + 1);
  deepEqual(rig.gone, ["ann"]);
  await rig.clock.advance(10 * agentIdleMs);
  equal(rig.clock.pending, 0, "nothing is watched any more");
});

Deno.test("AgentPool keeps an agent that is used again and again", async () => {
  const rig = new Rig();
  rig.use("ann").end();
  await rig.arrive("ann");
  for (let n = 0; n < 20; n++) {
    await rig.clock.advance(agentIdleMs / 2);
    await rig.touch("ann");
  }
  deepEqual([rig.gone, rig.needed], [[], ["ann"]]);
});

/** A pool with as many agents as may be, all idle, used one second apart. */
async function fullPool(): Promise<Rig> {
  const rig = new Rig();
  for (let n = 0; n < agentsMax; n++) {
    rig.use(`u${n}`).end();
    await rig.arrive(`u${n}`);
    await rig.clock.advance(100);
  }
  return rig;
}

Deno.test("AgentPool makes room by letting the agent go that was idle longest", async () => {
  const rig = await fullPool();
  await rig.touch("u0");
  const use = rig.use("next");
  await rig.clock.settle();
  deepEqual(rig.gone, ["u1"]);
  await rig.arrive("next");
  equal(use.state, "runs");
});

Deno.test("AgentPool waits for an agent to become idle when all are busy", async () => {
  const rig = await fullPool();
  const busy = Array.from({ length: agentsMax }, (_, n) => rig.use(`u${n}`));
  const waiting = [rig.use("next"), rig.use("other"), rig.use("next")];
  await rig.clock.advance(2 * agentStartMs);
  deepEqual([rig.gone, rig.needed.length], [[], agentsMax]);
  busy[5]!.end();
  await rig.clock.settle();
  deepEqual([rig.gone, rig.needed.slice(agentsMax)], [["u5"], ["next"]]);
  await rig.arrive("next");
  equal(waiting[0]!.state, "runs");
  busy[7]!.end();
  await rig.clock.settle();
  deepEqual(rig.gone, ["u5", "u7"]);
  await rig.arrive("other");
  equal(waiting[1]!.state, "runs");
  busy[9]!.end();
  await rig.clock.settle();
  equal(waiting[2]!.state, "runs", "the agent of its own is there by now");
  deepEqual(rig.needed.slice(agentsMax), ["next", "other"]);
});

Deno.test("AgentPool takes the room of an agent that died or did not come up", async () => {
  const rig = await fullPool();
  const busy = Array.from({ length: agentsMax }, (_, n) => rig.use(`u${n}`));
  const next = rig.use("next");
  rig.agents.get("u3")!.die();
  await rig.clock.settle();
  busy[3]!.end();
  await rig.clock.settle();
  deepEqual(rig.needed.slice(agentsMax), ["next"]);
  const after = rig.use("after");
  await rig.clock.advance(agentStartMs);
  await rejects(next.result, isUnavailable);
  await rig.clock.settle();
  deepEqual(rig.needed.slice(agentsMax), ["next", "after"]);
  equal(after.state, "waits");
});

Deno.test("AgentLink answers each piece, and rejects what waits when the agent dies", async () => {
  const rig = new Rig();
  let link: AgentLink | null = null;
  const hold = Promise.withResolvers<void>();
  void rig.pool.use(requestFor("ann"), async (agent) => {
    link = agent;
    await hold.promise;
  });
  const agent = await rig.arrive("ann");
  ok(link);
  const got: DeliveryToAgent[] = [];
  agent.onMessage((message) => void got.push(message));
  const { send, nextRequest, abandon } = bound(link);
  const [first, second] = [nextRequest(), nextRequest()];
  ok(first !== second);
  const answers = [
    send({ kind: "more", request: first, last: false }, new Uint8Array(1)),
    send({ kind: "more", request: second, last: true }, null),
  ];
  await rig.clock.settle();
  deepEqual(got.map(({ request }) => request), [first, second]);
  agent.send({ kind: "stored", request: second });
  agent.send({ kind: "more", request: first });
  agent.send({ kind: "stored", request: 99 });
  await rig.clock.settle();
  deepEqual(await Promise.all(answers), [{ kind: "more", request: first }, { kind: "stored", request: second }]);
  abandon(first);
  const lost = send({ kind: "more", request: first, last: true }, null);
  const rejected = rejects(lost, isUnavailable);
  await rig.clock.settle();
  deepEqual(got.map(({ kind }) => kind), ["more", "more", "abandon", "more"]);
  agent.die();
  await rig.clock.settle();
  await rejected;
  await rejects(send({ kind: "more", request: first, last: true }, null), isUnavailable, "nor is it asked any more");
  hold.resolve();
  // The next mail gets an agent of its own.
  const next = rig.use("ann");
  await rig.clock.settle();
  deepEqual(rig.needed, ["ann", "ann"]);
  equal(next.state, "waits");
});

function bound(link: AgentLink) {
  return {
    send: link.send.bind(link),
    nextRequest: link.nextRequest.bind(link),
    abandon: link.abandon.bind(link),
  };
}

Deno.test("AgentPool closes all agents, and leaves no timer", async () => {
  const rig = await fullPool();
  rig.use("u1");
  rig.pool.close();
  await rig.clock.settle();
  equal(rig.gone.length, agentsMax);
  equal(rig.clock.pending, 0);
});

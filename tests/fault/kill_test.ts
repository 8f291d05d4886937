/** kill -9 in mid-load: what was answered 250 is delivered. */

import { deepEqual, ok } from "node:assert/strict";
import { type Daemon, kill, Site } from "../e2e/daemon.ts";
import { seeded } from "../support/random.ts";
import { until } from "../support/wait.ts";
import { countCopies, Load } from "./load.ts";

const sessions = 5;
/** A role that dies again and again is started later and later; so each daemon has to bear five deaths of the ten. */
const deathsEach = 5;

/** Waits until some more messages are promised: a random moment, but one that the load has got to. */
async function someLater(load: Load, random: (bound: number) => number): Promise<void> {
  const goal = load.promised.size + 1 + random(60);
  await until("the load goes on", () => load.promised.size >= goal, { everyMs: 1, limitMs: 30_000 });
}

/** Waits until nothing is left in the queue; what was put off because somebody had died is not waited for. */
async function settle(site: Site, daemon: Daemon): Promise<void> {
  try {
    await until("the queue empties", async () => {
      await site.run("smtpctl", ["schedule", "all"]);
      const { code, stdout } = await site.run("smtpctl", ["show", "queue"]);
      return code === 0 && stdout === "";
    }, { everyMs: 100, limitMs: 40_000 });
  } catch (error) {
    const left = (await site.run("smtpctl", ["show", "queue"])).stdout.slice(0, 2000);
    throw new Error(`${error}\n${left}\n${daemon.log.slice(-3000)}`);
  }
}

/** Judges after the fact. `maybeTwice`: how many messages may have been in the hands of what was killed. */
async function judge(site: Site, daemon: Daemon, load: Load, maybeTwice: number): Promise<void> {
  await settle(site, daemon);
  const copies = countCopies(site.mail());
  deepEqual([...load.promised].filter((id) => !copies.has(id)), [], "promised and not delivered");
  deepEqual([...copies.keys()].filter((id) => !load.promised.has(id) && !load.unsure.has(id)), [], "never taken");
  const twice = [...copies].filter(([, count]) => count > 1);
  ok(twice.length <= maybeTwice, `${twice.length} messages came more than once, ${maybeTwice} may`);
  deepEqual(twice.filter(([, count]) => count > 1 + maybeTwice), []);
}

/** What is handed to delivery at once may be stored and not yet told when it dies. */
const inHands = 200;

for (
  const [role, maybeTwice] of [["smtp-in", 0], ["lookup", 0], ["queue", inHands], ["delivery", inHands], [
    "agent",
    inHands,
  ]] as const
) {
  for (const life of [1, 2]) {
    Deno.test(`kill -9 of ${role}, ${deathsEach} times in mid-load, life ${life}: nothing promised is lost`, async () => {
      const random = seeded(1000 * life + role.length);
      await using site = await Site.local();
      const daemon = await site.start();
      const load = new Load(site.port, role, sessions);
      try {
        for (let i = 0; i < deathsEach; i++) {
          await someLater(load, random);
          await killOne(daemon, role, random);
        }
        await someLater(load, random);
      } finally {
        await load.stop();
      }
      await judge(site, daemon, load, maybeTwice * deathsEach);
      await daemon.stop();
    });
  }
}

async function killOne(daemon: Daemon, role: string, random: (bound: number) => number): Promise<void> {
  let found = daemon.role(role);
  await until(`a process of ${role} runs`, () => (found = daemon.role(role)).length > 0, { limitMs: 40_000 });
  kill(found[random(found.length)]?.pid ?? 0);
}

Deno.test("kill -9 of the whole tree, ten times in mid-load: nothing promised is lost", async () => {
  const random = seeded(10);
  await using site = await Site.local();
  const loads: Load[] = [];
  for (let i = 0; i < 10; i++) {
    const daemon = await site.start();
    const load = new Load(site.port, `tree${i}`, sessions);
    loads.push(load);
    try {
      await someLater(load, random);
      await daemon.killAll();
    } finally {
      await load.stop();
    }
  }
  const daemon = await site.start();
  await settle(site, daemon);
  const copies = countCopies(site.mail());
  for (const load of loads) deepEqual([...load.promised].filter((id) => !copies.has(id)), []);
  ok([...copies].filter(([, count]) => count > 1).length <= inHands * 10);
  await daemon.stop();
});

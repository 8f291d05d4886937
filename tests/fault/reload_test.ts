/** Reloads in mid-load: no connection is refused, and what was answered 250 is delivered. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Client } from "../e2e/client.ts";
import { kill, Site } from "../e2e/daemon.ts";
import { until } from "../support/wait.ts";
import { countCopies, Load } from "./load.ts";

/** Waits until some more messages are promised. */
async function someMore(load: Load): Promise<void> {
  const goal = load.promised.size + 20;
  await until("the load goes on", () => load.promised.size >= goal, { everyMs: 1, limitMs: 60_000 });
}

Deno.test("ten reloads in mid-load: nothing is refused, lost or delivered twice", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const good = await Deno.readTextFile(site.conf);
  const load = new Load(site.port, "reload", 5);
  let refused = 0;
  try {
    for (let n = 1; n <= 10; n++) {
      await someMore(load);
      // Every other one has another action, so that delivery is followed as well.
      const ttl = n % 2 === 0 ? "" : ` ttl ${n}d`;
      const text = good.replace(/^(action .*)$/m, `$1${ttl}`) +
        `match from any for domain "d${n}.test" action "local"\n`;
      await Deno.writeTextFile(site.conf, text);
      const { code, stdout, stderr } = await site.run("smtpctl", ["reload"]);
      equal(code, 0, stderr);
      match(stdout, new RegExp(`^\\+ match .*"?d${n}\\.test"?.*\n`, "m"));
      await Client.connect(site.port).then((client) => client.close(), () => refused++);
    }
    await someMore(load);
  } finally {
    await load.stop();
  }
  await until("the queue empties", async () => {
    const { code, stdout } = await site.run("smtpctl", ["show", "queue"]);
    return code === 0 && stdout === "";
  }, { everyMs: 100, limitMs: 60_000 });
  equal(/result=TempFail.*/.exec(daemon.log)?.[0], undefined, "none is put off by a reload");
  const copies = countCopies(site.mail());
  equal(refused, 0);
  deepEqual([...load.promised].filter((id) => !copies.has(id)), [], "promised and not delivered");
  deepEqual([...copies].filter(([, count]) => count > 1), [], "more than once");
  deepEqual([...copies.keys()].filter((id) => !load.promised.has(id) && !load.unsure.has(id)), [], "never taken");
  await until("those that were followed end", () => daemon.processes().length <= 6);
  ok(!/role-died|failure|nonsense/.test(daemon.log), daemon.log.slice(-3000));
  await daemon.stop();
});

for (const role of ["lookup", "smtp-in", "queue", "delivery"]) {
  Deno.test(`${role} dies while a reload is under way: it ends one way or the other, and mail goes on`, async () => {
    await using site = await Site.local();
    const daemon = await site.start();
    const before = daemon.role(role).map(({ pid }) => pid);
    await Deno.writeTextFile(
      site.conf,
      (await Deno.readTextFile(site.conf)).replace(/^(action .*)$/m, "$1 ttl 3d").replace("example.org", "example.com"),
    );
    Deno.kill(daemon.pid, "SIGHUP");
    await until("newcomers start", () => daemon.role("smtp-in").length > 1, { everyMs: 1 });
    // Those of before, and for roles that are followed the newcomer too, in two runs of this.
    const victims = role === "lookup"
      ? daemon.role(role).filter(({ pid }) => !before.includes(pid))
      : daemon.role(role);
    for (const { pid } of victims) kill(pid);
    await daemon.logs(/smtpd: (reloaded version=2|reload-failed)/);
    const isNew = /reloaded version=2/.test(daemon.log);
    await until("mail goes through under what is in force", async () => {
      try {
        using client = await Client.open(site.port);
        const domain = isNew ? "example.com" : "example.org";
        await client.send("ann@client.test", [`bob@${domain}`], "Subject: x\r\n\r\nHello\r\n");
        return true;
      } catch {
        return false;
      }
    });
    await site.delivered(1);
    await daemon.stop();
  });
}

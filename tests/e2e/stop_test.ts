import { equal, match, rejects } from "node:assert/strict";
import { runTask } from "../support/command.ts";
import { until } from "../support/wait.ts";
import { Client } from "./client.ts";
import { kill, Site } from "./daemon.ts";

Deno.test("SIGTERM ends the daemon with status 0 though a session is open, and nothing stays behind", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  using client = await Client.open(site.port);
  await client.command("MAIL FROM:<ann@client.test>", 250);
  await daemon.stop();
  match(await client.ended(), /^(421 .*\r\n)?$/);
  await rejects(Client.connect(site.port));
});

Deno.test("a message that is on its way at SIGTERM is answered before the end, or not taken", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  using client = await Client.open(site.port);
  await client.command("MAIL FROM:<ann@client.test>", 250);
  await client.command("RCPT TO:<bob@example.org>", 250);
  await client.command("DATA", 354);
  await client.write("Subject: last\r\n\r\nHello\r\n");
  const stopped = daemon.stop();
  await client.write(".\r\n");
  const answer = await client.answer().catch(() => null);
  await stopped;
  const again = await site.start();
  if (answer?.code === 250) await site.delivered(1);
  await site.queueEmpties();
  equal(site.mail().length, answer?.code === 250 ? 1 : 0);
  await again.stop();
});

for (const role of ["smtp-in", "lookup", "queue", "delivery"]) {
  Deno.test(`${role} is started again when it dies, and mail goes through`, async () => {
    await using site = await Site.local();
    const daemon = await site.start();
    const before = daemon.role(role).map((one) => one.pid);
    for (const pid of before) kill(pid);
    await daemon.logs(/role-died/);
    await until(`${role} runs again`, () => {
      const now = daemon.role(role).map((one) => one.pid);
      return now.length === before.length && !now.some((pid) => before.includes(pid));
    });
    await until("a message goes through", async () => {
      try {
        using client = await Client.open(site.port);
        await client.send("ann@client.test", ["bob@example.org"], "Subject: again\r\n\r\nHello\r\n");
        return true;
      } catch {
        return false;
      }
    });
    await site.delivered(1);
    await daemon.stop();
  });
}

Deno.test("a second daemon on the same state directory is refused and the first goes on", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const second = await runTask("smtpd", ["-d", "-f", site.conf, "--state", site.state, "--same-user"], {
    limitMs: 20_000,
  });
  equal(second.code === 0, false);
  match(second.stderr, /runs already/);
  const client = await Client.open(site.port);
  await client.quit();
  await daemon.stop();
});

Deno.test("smtpd -n checks the configuration and says where it is wrong", async () => {
  await using site = await Site.local();
  const good = await runTask("smtpd", ["-n", "-f", site.conf, "--state", site.state]);
  equal(good.code, 0, good.stderr);
  match(good.stderr, /configuration OK/);
  await Deno.writeTextFile(site.conf, `listen on 127.0.0.1 prot 25\naction "a" maildr\n`);
  const bad = await runTask("smtpd", ["-n", "-f", site.conf, "--state", site.state]);
  equal(bad.code, 1);
  match(bad.stderr, new RegExp(`${site.conf}:1:21: `));
  match(bad.stderr, new RegExp(`${site.conf}:2:12: `));
});

import { equal, match, ok } from "node:assert/strict";
import { pssOf } from "../support/processes.ts";
import { until } from "../support/wait.ts";
import { Client } from "./client.ts";
import { Site } from "./daemon.ts";
import { Sink } from "./sink.ts";

const megabyte = 1_000_000;

/** A message of about `size` octets, no two lines alike. */
function largeMessage(size: number): string {
  const lines = ["Subject: large", ""];
  for (let length = 0, n = 0; length < size; n++) {
    const line = `${n} ${"the quick brown fox jumps over the lazy dog ".repeat(1 + n % 20)}`;
    lines.push(line);
    length += line.length + 2;
  }
  return lines.join("\r\n") + "\r\n";
}

Deno.test("a message of 30 MB arrives whole in a Maildir and at a relay", async () => {
  using sink = new Sink();
  await using site = await Site.relaying(sink.port);
  const daemon = await site.start();
  const message = largeMessage(30 * megabyte);
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["bob@example.org", "x@far.test"], message);
  await client.quit();
  const [text = ""] = await site.delivered(1);
  ok(text.endsWith(message.replaceAll("\r\n", "\n")), "the Maildir has it as it was");
  const [got] = await sink.received(1);
  ok(got?.data.endsWith(message), "the relay got it as it was");
  await site.queueEmpties();
  await daemon.stop();
});

Deno.test("16 messages of 30 MB at once pass through in bounded memory", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const memory = () => pssOf(daemon.processes().map((one) => one.pid));
  const before = memory();
  const message = largeMessage(30 * megabyte);
  await Promise.all(Array.from({ length: 16 }, async () => {
    const client = await Client.open(site.port);
    await client.send("ann@client.test", ["bob@example.org"], message);
    await client.quit();
  }));
  await until("all are delivered", () => site.mailCount() === 16, { everyMs: 100, limitMs: 60_000 });
  const grown = memory() - before;
  // Three processes keep pieces of each; all of all of them would be 1,440 MB.
  ok(grown < 600 * megabyte, `${Math.round(grown / megabyte)} MB more`);
  await site.queueEmpties();
  await daemon.stop();
});

Deno.test("a message above the limit is refused by its declared size and by its true one", async () => {
  await using site = await Site.make((
    site,
  ) => ["smtp max-message-size 100K", ...site.localLines(), ...site.matchLocal()]);
  const daemon = await site.start();
  const client = await Client.open(site.port);
  match((await client.command("EHLO again.test", 250)).lines.join("\n"), /^SIZE 102400$/m);
  await client.command("MAIL FROM:<ann@client.test> SIZE=102401", 552);
  await client.command("MAIL FROM:<ann@client.test> SIZE=1000", 250);
  await client.command("RCPT TO:<bob@example.org>", 250);
  await client.command("DATA", 354);
  await client.write(largeMessage(150_000) + ".\r\n");
  await client.expect(552);
  await client.send("ann@client.test", ["bob@example.org"], "Subject: small\r\n\r\nHello\r\n");
  await client.quit();
  match((await site.delivered(1))[0] ?? "", /\nSubject: small\n/);
  await site.queueEmpties();
  equal(site.mail().length, 1);
  await daemon.stop();
});

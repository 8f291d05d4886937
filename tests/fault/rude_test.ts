/** Clients that nobody wants: memory stays bounded and others are served. */

import { equal, match, ok, rejects } from "node:assert/strict";
import { Client } from "../e2e/client.ts";
import { type Daemon, Site } from "../e2e/daemon.ts";
import { pssOf } from "../support/processes.ts";
import { seeded } from "../support/random.ts";

const megabyte = 1_000_000;
const memoryOf = (daemon: Daemon) => pssOf(daemon.processes().map((one) => one.pid));

async function othersAreServed(site: Site, count: number): Promise<void> {
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["bob@example.org"], "Subject: fine\r\n\r\nHello\r\n");
  await client.quit();
  await site.delivered(count);
}

Deno.test("a line that never ends is answered 500 and cut off, in bounded memory", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const before = memoryOf(daemon);
  using client = await Client.open(site.port);
  const piece = "x".repeat(64 * 1024);
  const sending = async () => {
    for (let written = 0; written < 64 * 1024 * 1024; written += piece.length) await client.write(piece);
  };
  await rejects(sending(), /broken pipe|reset/i);
  ok(memoryOf(daemon) - before < 60 * megabyte);
  await othersAreServed(site, 1);
  await daemon.stop();
});

Deno.test("a line too long is refused by name, and the session goes on or ends, never hangs", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  using client = await Client.open(site.port);
  const { code } = await client.command("NOOP " + "x".repeat(5000));
  ok(code === 500 || code === 421, String(code));
  await othersAreServed(site, 1);
  await daemon.stop();
});

Deno.test("1,000 idle clients cost little, and others are served", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const before = memoryOf(daemon);
  const idle: Client[] = [];
  try {
    for (let i = 0; i < 1000; i++) {
      const client = await Client.connect(site.port);
      idle.push(client);
      await client.expect(220);
    }
    const grown = memoryOf(daemon) - before;
    ok(grown < 60 * megabyte, `${Math.round(grown / megabyte)} MB more`);
    await othersAreServed(site, 1);
    // They are alive, not only connected.
    await idle[999]?.command("NOOP", 250);
    await idle[0]?.command("NOOP", 250);
  } finally {
    for (const client of idle) client.close();
  }
  await daemon.stop();
});

Deno.test("clients that send a message one octet at a time do not hold up others", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const slow = await Promise.all(Array.from({ length: 20 }, () => Client.open(site.port)));
  await Promise.all(slow.map(async (client) => {
    for (const octet of "MAIL FROM:<ann@client.test>\r\n") await client.write(octet);
    await client.expect(250);
    await client.command("RCPT TO:<bob@example.org>", 250);
    await client.command("DATA", 354);
    for (const octet of "Subject: slow\r\n\r\nHel") await client.write(octet);
  }));
  await othersAreServed(site, 1);
  await Promise.all(slow.map(async (client) => {
    for (const octet of "lo\r\n.\r\n") await client.write(octet);
    await client.expect(250);
    await client.quit();
  }));
  await site.delivered(21);
  await daemon.stop();
});

Deno.test("a client that asks and never reads is cut off or held, in bounded memory", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const before = memoryOf(daemon);
  using client = await Client.open(site.port);
  const asking = (async () => {
    for (let i = 0; i < 4000; i++) await client.write("HELP\r\n".repeat(2000));
  })().catch(() => {});
  for (let i = 1; i <= 5; i++) await othersAreServed(site, i);
  ok(memoryOf(daemon) - before < 60 * megabyte);
  client.close();
  await asking;
  await daemon.stop();
});

Deno.test("garbage is answered with 5xx or an end, and the daemon lives", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const random = seeded(7);
  const pids = daemon.processes().map((one) => one.pid).sort().join();
  for (let i = 0; i < 40; i++) {
    using client = await Client.connect(site.port);
    await client.expect(220);
    const garbage = Array.from({ length: 1 + random(3000) }, () => String.fromCharCode(random(256))).join("");
    const said = client.ended();
    await client.write(garbage + "\r\nQUIT\r\n").catch(() => {});
    match(await said, /^((5\d\d|421|221|250)[ -][^\r\n]*\r\n)*$/);
  }
  await othersAreServed(site, 1);
  equal(
    daemon.processes().map((one) => one.pid).filter((pid) => pids.includes(String(pid))).length,
    pids.split(",").length,
  );
  await daemon.stop();
});

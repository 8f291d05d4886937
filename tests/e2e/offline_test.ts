import { equal, match } from "node:assert/strict";
import { Client } from "./client.ts";
import { Site } from "./daemon.ts";

Deno.test("sendmail keeps a message while the daemon is down, and the daemon takes it up at its start", async () => {
  await using site = await Site.local();
  const first = await site.start();
  await first.stop();
  const kept = await site.run("sendmail", ["-f", "ann@client.test", "bob@example.org"], "Subject: later\n\nHello\n");
  equal(kept.code, 75, kept.stderr);
  const second = await site.start();
  const [text = ""] = await site.delivered(1);
  match(text, /^Return-Path: <ann@client\.test>\n/);
  match(text, /\nSubject: later\n/);
  await second.stop();
});

Deno.test("what is in the queue at a stop is delivered after the next start", async () => {
  await using site = await Site.local();
  const first = await site.start();
  await site.run("smtpctl", ["pause", "mda"]);
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["bob@example.org"], "Subject: kept\r\n\r\nHello\r\n");
  await client.quit();
  await first.stop();
  equal(site.mail().length, 0);
  const second = await site.start();
  match((await site.delivered(1))[0] ?? "", /\nSubject: kept\n/);
  await second.stop();
});

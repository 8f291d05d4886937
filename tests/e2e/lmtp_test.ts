/** Delivery to a mail store by LMTP, through a real daemon. */

import { equal, match } from "node:assert/strict";
import { Client } from "./client.ts";
import { Site } from "./daemon.ts";
import { Sink } from "./sink.ts";

Deno.test("mail goes by LMTP to a host that is given by its name, through a wrapper", async () => {
  using store = new Sink((command) => command.startsWith("LHLO ") ? "250-store.test\r\n250 SIZE 1000000" : null);
  await using site = await Site.make((site) => [
    `table users { bob = "1000:1000:${site.home("bob")}" }`,
    `mda wrapper "mark" "sed 's/Hello/Marked %{user.username}/' | %{mda}"`,
    `listen on 127.0.0.1 port ${site.port}`,
    `action "local" lmtp localhost:${store.port} rcpt-to userbase <users> wrapper mark`,
    ...site.matchLocal(),
    `match for any reject`,
  ], ["bob"]);
  const daemon = await site.start();
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["bob@example.org"], "Subject: x\r\n\r\nHello\r\n.dot\r\n");
  await client.quit();
  await site.queueEmpties();
  const [message] = await store.received(1);
  equal(message?.to.join(), "bob@example.org");
  match(message?.data ?? "", /^Return-Path: .*\r\nDelivered-To: .*\r\nSubject: x\r\n\r\nMarked bob\r\n\.dot\r\n$/s);
  await daemon.logs(/result=Ok.*stat=/);
  await daemon.stop();
});

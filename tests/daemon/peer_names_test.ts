import { deepEqual, equal } from "node:assert/strict";
import { noNameKeepMs, peerNameKeepMs, PeerNames, peerNamesMax } from "../../lib/daemon/peer_names.ts";
import { fullWorld, World } from "./smtp_in_rig.ts";

Deno.test("PeerNames keeps names for a while, and for a short while that there is none", () => {
  const names = new PeerNames();
  equal(names.get("192.0.2.1", 0), null);
  names.set("192.0.2.1", "a.test", 0);
  names.set("192.0.2.2", null, 0);
  equal(names.get("192.0.2.1", peerNameKeepMs - 1), "a.test");
  equal(names.get("192.0.2.1", peerNameKeepMs), null);
  equal(names.get("192.0.2.2", noNameKeepMs - 1), "<unknown>");
  equal(names.get("192.0.2.2", noNameKeepMs), null);
});

Deno.test("PeerNames knows the loopback addresses", () => {
  const names = new PeerNames();
  equal(names.get("127.0.0.1", 0), "localhost");
  equal(names.get("[::1]", 0), "localhost");
  equal(names.get("127.0.0.2", 0), null);
});

Deno.test("PeerNames keeps no more than its share", () => {
  const names = new PeerNames();
  for (let i = 0; i <= peerNamesMax; i++) names.set(`10.0.${i >> 8}.${i & 255}`, "x.test", 0);
  equal(names.get("10.0.0.0", 1), null);
  equal(names.get("10.0.0.1", 1), "x.test");
});

Deno.test("smtp-in greets before it knows the name of a peer, and rules and the log get it when it comes", async () => {
  const { world, lookup } = await fullWorld();
  const client = await world.connect();
  await world.say(client, "", "220");
  const [question] = lookup.questions;
  deepEqual([question?.address, question?.ask], ["198.51.100.1", { kind: "name" }]);
  deepEqual(world.log.of("connected"), []);
  lookup.channel.send({ kind: "named", request: question?.request ?? 0, hostname: "mail.client.test" });
  await world.say(client, "EHLO client.test\r\n", "250");
  await world.say(client, "MAIL FROM:<ann@client.test>\r\n", "250");
  await world.say(client, "RCPT TO:<bob@example.org>\r\n");
  equal(world.log.of("connected")[0]?.fields["host"], "mail.client.test");
  equal(lookup.asked[0]?.claim.hostname, "mail.client.test");
});

Deno.test("smtp-in asks once for the name of a peer that comes again, and again when some time has passed", async () => {
  const { world, lookup } = await fullWorld();
  await world.connect();
  lookup.channel.send({ kind: "named", request: lookup.questions[0]?.request ?? 0, hostname: "mail.client.test" });
  await world.clock.settle();
  await world.connect();
  equal(lookup.questions.length, 1);
  equal(world.log.of("connected").at(-1)?.fields["host"], "mail.client.test");
  await world.clock.advance(peerNameKeepMs);
  await world.connect();
  equal(lookup.questions.length, 2);
});

Deno.test("smtp-in asks nobody about the submission socket, nor where lookup is gone", async () => {
  const { world, lookup } = await fullWorld();
  await world.connect("socket");
  deepEqual(lookup.questions, []);
  lookup.channel.close();
  await world.clock.settle();
  await world.say(await world.connect(), "", "220");
  equal(world.log.of("connected").at(-1)?.fields["host"], "<unknown>");
  const alone = new World();
  await alone.say(await alone.connect(), "", "220");
});

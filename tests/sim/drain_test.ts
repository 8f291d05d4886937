/** Roles that others follow: they finish what they have begun. Of delivery see delivery_test.ts. */

import { deepEqual, equal } from "node:assert/strict";
import type { LookupToQueue, LookupToSmtpIn, QueueToLookup, SmtpInToLookup } from "../../lib/daemon/imsg.ts";
import { Lookup } from "../../lib/daemon/lookup.ts";
import { tablesOf } from "../policy/tables.ts";
import { channelPair } from "./channel.ts";
import { FakeClock } from "./clock.ts";
import { msg, noSessions, policyOf, recipientQuestion } from "../daemon/rig.ts";
import { fullWorld } from "../daemon/smtp_in_rig.ts";

const content = "Subject: hi\r\n\r\nHello\r\n.\r\n";

Deno.test("drain: no new connection, open sessions go on as they like, and it is over when the last one ends", async () => {
  const { world, queue, lookup } = await fullWorld();
  const client = await world.greeted();
  let isOver = false;
  void world.smtpIn.drain(300_000).then(() => isOver = true);
  equal(world.isListening, false);
  await world.clock.advance(200_000);
  await world.say(client, "MAIL FROM:<a@client.test>\r\n", "250");
  await world.say(client, "RCPT TO:<bob@example.org>\r\n");
  lookup.resolve();
  await world.clock.settle();
  deepEqual(client.codes(), ["250"]);
  await world.say(client, "DATA\r\n", "354");
  client.write(content);
  await world.clock.settle();
  queue.channel.send({ kind: "committed", message: msg(1) });
  await world.clock.settle();
  deepEqual(client.codes(), ["250"]);
  equal(isOver, false);
  await world.say(client, "QUIT\r\n", "221");
  await world.clock.advance(5000);
  equal(isOver, true);
});

Deno.test("drain: after its time sessions are told 421", async () => {
  const { world } = await fullWorld({ idleTimeoutMs: 3_600_000 });
  const client = await world.greeted();
  let isOver = false;
  void world.smtpIn.drain(300_000).then(() => isOver = true);
  await world.clock.advance(299_000);
  deepEqual([isOver, client.codes()], [false, []]);
  await world.clock.advance(1000);
  deepEqual(client.codes(), ["421"]);
  await world.clock.advance(20_000);
  equal(isOver, true);
});

function lookupWorld() {
  const clock = new FakeClock();
  const policy = policyOf();
  const lookup = new Lookup({
    clock,
    policy,
    tables: tablesOf(policy),
    log: () => {},
    sessions: noSessions,
    allow: () => {},
  });
  const [nearQueue, queue] = channelPair<LookupToQueue, QueueToLookup>(clock);
  const [nearSmtpIn, smtpIn] = channelPair<LookupToSmtpIn, SmtpInToLookup>(clock);
  const told: string[] = [];
  queue.onMessage((message) => void told.push(message.kind));
  smtpIn.onMessage((message) => void told.push(message.kind));
  lookup.setQueue(nearQueue);
  lookup.addSmtpIn("smtp-in", nearSmtpIn);
  return { clock, lookup, queue, smtpIn, told };
}

Deno.test("a lookup that another follows answers what it is asked, and ends when nobody is left to ask", async () => {
  const { clock, lookup, queue, smtpIn, told } = lookupWorld();
  let isOver = false;
  void lookup.drain(1_000_000).then(() => isOver = true);
  smtpIn.send(recipientQuestion(policyOf(), "bob@example.org"));
  await clock.advance(10_000);
  deepEqual([told, isOver], [["offer", "resolved"], false], "a session may ask again");
  smtpIn.close();
  await clock.advance(1000);
  deepEqual([isOver, queue.isClosed], [true, true]);
});

Deno.test("a lookup that another follows ends after its time in any case", async () => {
  const { clock, lookup } = lookupWorld();
  let isOver = false;
  void lookup.drain(300_000).then(() => isOver = true);
  await clock.advance(310_000);
  equal(isOver, true);
});

/** smtp-in, with the test in the place of queue and lookup: sessions through them, and what happens when they die. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type Client, counted, type FakeLookup, fullWorld, World } from "./smtp_in_rig.ts";
import { msg } from "./rig.ts";
import { formatMailbox } from "../../lib/mail/address.ts";
import { replies } from "../../lib/smtp/reply.ts";
import { lingerMs } from "../../lib/daemon/smtp_in_connection.ts";

const mail = "MAIL FROM:<ann@client.test>\r\n";
const rcpt = "RCPT TO:<bob@example.org>\r\n";
const content = "Subject: hi\r\n\r\nHello\r\n.\r\n";

/** MAIL and RCPT, with the recipient resolved; message ids go up from 1. */
async function addressed(world: World, lookup: FakeLookup, client: Client): Promise<void> {
  await world.say(client, mail, "250");
  await world.say(client, rcpt);
  lookup.resolve();
  await world.say(client, "", "250");
}

/** The same, and DATA. */
async function atData(world: World, lookup: FakeLookup, client: Client): Promise<void> {
  await addressed(world, lookup, client);
  await world.say(client, "DATA\r\n", "354");
}

Deno.test("a message goes to queue in pieces, and is answered 250 only when queue has it", async () => {
  const { world, queue, lookup } = await fullWorld();
  const client = await world.greeted();
  await addressed(world, lookup, client);
  const [ask] = lookup.asked;
  ok(ask);
  const rcptText = formatMailbox(ask.rcpt);
  deepEqual([ask.kind, ask.message, rcptText], ["expand", msg(1), "bob@example.org"]);
  deepEqual(ask.claim, {
    address: "198.51.100.1",
    hostname: "<unknown>",
    helo: "client.test",
    smtpName: "mx.example.org",
    username: "",
    tls: false,
  });
  await world.say(client, "DATA\r\n", "354");
  await world.say(client, "Subject: hi\r\n\r\nHello\r\n");
  await world.say(client, ".\r\n");
  const [commit] = queue.of("commit");
  equal(commit?.message, msg(1));
  const body = queue.bodies.get(msg(1)) ?? "";
  match(body, /^Received: from client\.test .*Subject: hi\r\n\r\nHello\r\n$/s);
  equal(commit?.size, body.length);
  queue.channel.send({ kind: "committed", message: msg(1) });
  await world.say(client, "QUIT\r\n", "250", "221");
  equal(client.state, "closed");
  deepEqual(queue.of("rollback"), []);
});

Deno.test("a message that comes in one read leaves in one message to queue", async () => {
  const { world, queue, lookup } = await fullWorld();
  const client = await world.greeted();
  await atData(world, lookup, client);
  await world.say(client, content);
  deepEqual(queue.got.map(({ kind }) => kind), ["commit"]);
  ok(queue.bodies.get(msg(1))?.endsWith("Hello\r\n"));
});

Deno.test("the submission socket's client is local", async () => {
  const { world, lookup } = await fullWorld();
  const client = await world.connect("socket");
  await world.say(client, "EHLO localhost\r\n", "220", "250");
  await addressed(world, lookup, client);
  equal(lookup.asked[0]?.claim.address, "local");
  equal(lookup.asked[0]?.claim.hostname, "mx.example.org");
});

Deno.test("lookup's refusals go to the client as they are", async () => {
  const { world, lookup } = await fullWorld();
  const client = await world.greeted();
  await world.say(client, mail + rcpt, "250");
  lookup.refuse(replies.invalidRecipient("bob@example.org"));
  await world.say(client, "", "550");
});

Deno.test("a commit names the recipients of its own message that were answered 250, and no others", async () => {
  const { world, queue, lookup } = await fullWorld();
  const client = await world.greeted();
  await addressed(world, lookup, client);
  // This transaction is given up.
  await world.say(client, "RSET\r\n" + mail + rcpt, "250", "250");
  lookup.refuse(replies.invalidRecipient("bob@example.org"));
  await world.say(client, rcpt, "550");
  lookup.channel.die();
  const next = await world.lookup();
  await world.say(client, rcpt, "451");
  next.resolve();
  await world.say(client, rcpt, "250");
  next.resolve();
  // queue may have been offered the one that was answered 451.
  next.channel.send({ kind: "resolved", request: lookup.asked.at(-1)!.request, envelopes: 1 });
  await world.say(client, "DATA\r\n", "250", "354");
  await world.say(client, content);
  const [commit] = queue.of("commit");
  deepEqual([commit?.message, commit?.requests], [msg(2), next.asked.map(({ request }) => request)]);
});

Deno.test("answers find their own session, whatever order they come in", async () => {
  const { world, queue, lookup } = await fullWorld();
  const [a, b] = [await world.greeted(), await world.greeted()];
  for (const client of [a, b]) await world.say(client, mail, "250");
  for (const client of [a, b]) await world.say(client, rcpt);
  const [first, second] = lookup.asked.map(({ request }) => request);
  const resolved = (request: number) => lookup.channel.send({ kind: "resolved", request, envelopes: 1 });
  resolved(second!);
  // One that nobody asked, and one twice: neither may end the role.
  resolved(999);
  resolved(second!);
  queue.channel.send({ kind: "committed", message: msg(77) });
  await world.clock.settle();
  deepEqual([a.codes(), b.codes()], [[], ["250"]]);
  resolved(first!);
  await world.clock.settle();
  deepEqual([a.codes(), b.codes()], [["250"], []]);
});

Deno.test("ids are dealt lowest first, each once; who finds none waits for more", async () => {
  const world = new World();
  const queue = await world.queue();
  const lookup = await world.lookup();
  const clients = [await world.greeted(), await world.greeted(), await world.greeted()];
  for (const client of clients) await world.say(client, mail);
  queue.deal(5, 6);
  await world.clock.settle();
  deepEqual(clients.map((client) => client.codes()), [["250"], ["250"], []]);
  queue.deal(7);
  await world.clock.settle();
  deepEqual(clients[2]?.codes(), ["250"]);
  for (const client of clients) await world.say(client, rcpt);
  deepEqual(lookup.asked.map(({ message }) => message), [msg(5), msg(6), msg(7)]);
});

Deno.test("an id is not spent on a client that has gone while it waited", async () => {
  const world = new World();
  const queue = await world.queue();
  const lookup = await world.lookup();
  const [gone, stays] = [await world.greeted(), await world.greeted()];
  for (const client of [gone, stays]) await world.say(client, mail);
  gone.stream.break("reset");
  await world.clock.settle();
  queue.deal(8);
  await world.say(stays, rcpt, "250");
  equal(lookup.asked[0]?.message, msg(8));
});

Deno.test("each cause of a failed commit has its answer", async () => {
  for (const [cause, code] of [["noSpace", "452"], ["io", "451"], ["unknown", "451"]] as const) {
    const { world, queue, lookup } = await fullWorld();
    const client = await world.greeted();
    await atData(world, lookup, client);
    await world.say(client, content);
    queue.channel.send({ kind: "commitFailed", message: msg(1), cause });
    await world.say(client, "", code);
  }
});

Deno.test("when queue dies, all that waits for it is answered 451, and sessions go on with the next one", async () => {
  const { world, queue, lookup } = await fullWorld();
  const clients = await Promise.all([world.greeted(), world.greeted()]);
  const [committing, asking] = clients;
  await atData(world, lookup, committing);
  await world.say(committing, content);
  await world.say(asking, mail, "250");
  await world.say(asking, rcpt);
  queue.channel.die();
  await world.clock.settle();
  deepEqual(clients.map((client) => client.codes()), [["451"], ["451"]]);
  // Nobody is there: nothing hangs.
  await world.say(committing, mail, "451");
  await world.say(asking, rcpt, "451");
  const next = await world.queue();
  // The ids of the last one are not used again.
  await world.say(committing, mail);
  next.deal(40);
  await world.say(committing, rcpt, "250");
  equal(lookup.asked.at(-1)?.message, msg(40));
});

Deno.test("a client that waits for an id is answered 451 when queue dies", async () => {
  const world = new World();
  const queue = await world.queue();
  const client = await world.greeted();
  await world.say(client, mail);
  queue.channel.die();
  await world.say(client, "", "451");
});

Deno.test("a queue that takes the place of one whose end is not seen yet leaves nobody waiting", async () => {
  const { world, queue, lookup } = await fullWorld();
  const clients = await Promise.all([world.greeted(), world.greeted()]);
  const [committing, asking] = clients;
  await atData(world, lookup, committing);
  await world.say(committing, content);
  await world.say(asking, mail, "250");
  await world.say(asking, rcpt);
  const next = await world.queue();
  deepEqual(clients.map((client) => client.codes()), [["451"], ["451"]]);
  // What the former still says, and its end, change nothing.
  queue.deal(50);
  queue.channel.send({ kind: "paused", paused: true });
  await world.clock.settle();
  queue.channel.die();
  next.deal(60);
  await world.clock.settle();
  await world.say(committing, mail + rcpt, "250");
  equal(lookup.asked.at(-1)?.message, msg(60));
  equal((await world.greeted()).state, "open");
});

Deno.test("when lookup dies, recipients are answered 451, and the next lookup is asked", async () => {
  const { world, lookup } = await fullWorld();
  const client = await world.greeted();
  await world.say(client, mail, "250");
  await world.say(client, rcpt);
  lookup.channel.die();
  await world.say(client, rcpt, "451", "451");
  const next = await world.lookup();
  await world.say(client, rcpt);
  equal(next.asked.length, 1);
  // One that is replaced before its end is seen is taken for dead.
  const last = await world.lookup();
  await world.say(client, rcpt, "451");
  equal(last.asked.length, 1);
});

Deno.test("a client that goes while its recipient is looked up leaves nothing with queue", async () => {
  const { world, queue, lookup } = await fullWorld();
  const client = await world.greeted();
  await world.say(client, mail, "250");
  await world.say(client, rcpt);
  client.stream.break("reset");
  await world.clock.settle();
  // The answer comes to nobody; queue holds the recipient by now and has to be told.
  lookup.resolve();
  await world.clock.settle();
  deepEqual(queue.of("rollback").map(({ message }) => message), [msg(1)]);
});

Deno.test("a client that goes in the middle of its message leaves nothing with queue", async () => {
  const { world, queue, lookup } = await fullWorld();
  const client = await world.greeted();
  await atData(world, lookup, client);
  await world.say(client, "Subject: half\r\n");
  client.stream.break("reset");
  await world.clock.settle();
  deepEqual(queue.of("rollback").map(({ message }) => message), [msg(1)]);
  deepEqual(queue.of("commit"), []);
});

Deno.test("a message committed after its client has gone is logged as taken", async () => {
  const { world, queue, lookup } = await fullWorld();
  const client = await world.greeted();
  await atData(world, lookup, client);
  await world.say(client, content);
  client.stream.break("reset");
  await world.clock.settle();
  queue.channel.send({ kind: "committed", message: msg(1) });
  await world.clock.settle();
  equal(world.log.of("message")[0]?.fields["msgid"], msg(1));
  deepEqual(queue.of("rollback"), []);
  equal(world.log.of("disconnected").length, 1);
});

Deno.test("a queue that does not keep up stops the reading of messages until it does", async () => {
  const { world, queue, lookup } = await fullWorld();
  const client = await world.greeted();
  const other = await world.greeted();
  await atData(world, lookup, client);
  queue.near.isSlow = true;
  const piece = "x".repeat(998) + "\r\n";
  await world.say(client, "\r\n" + piece.repeat(300));
  const before = queue.of("body").length;
  ok(before > 0);
  for (let i = 0; i < 5; i++) await world.say(client, piece.repeat(100));
  equal(queue.of("body").length, before);
  // The others do not wait for it.
  await world.say(other, "NOOP\r\n", "250");
  queue.near.relax();
  await world.say(client, ".\r\n");
  equal(queue.of("commit").length, 1);
  equal(queue.bodies.get(msg(1))?.match(/x{998}\r\n/g)?.length, 800);
});

Deno.test("a death of queue lets go of what was held back", async () => {
  const { world, queue, lookup } = await fullWorld();
  const client = await world.greeted();
  await atData(world, lookup, client);
  queue.near.isSlow = true;
  await world.say(client, "\r\n" + ("x".repeat(998) + "\r\n").repeat(300));
  queue.channel.die();
  await world.clock.settle();
  await world.say(client, "more\r\n.\r\n", "451");
});

Deno.test("pause and resume: 421 to new clients, the ones inside go on", async () => {
  const { world, queue } = await fullWorld();
  const inside = await world.greeted();
  queue.channel.send({ kind: "paused", paused: true });
  await world.clock.settle();
  const refused = await world.connect();
  deepEqual(refused.codes(), ["421"]);
  equal(refused.state, "closed");
  await world.say(inside, mail, "250");
  queue.channel.send({ kind: "paused", paused: false });
  await world.clock.settle();
  await world.greeted();
  // A queue that was started anew and says nothing of a pause does not pause.
  queue.channel.send({ kind: "paused", paused: true });
  await world.clock.settle();
  queue.channel.die();
  await world.queue();
  await world.greeted();
});

Deno.test("one connection more than is served at once is answered 421", async () => {
  const { world } = await fullWorld({ maxSession: 50 });
  const client = await world.greeted();
  world.fill(49);
  const refused = await world.connect();
  deepEqual([refused.codes(), refused.state], [["421"], "closed"]);
  // There is room again when one goes.
  await world.say(client, "QUIT\r\n", "221");
  await world.greeted();
});

Deno.test("a refused client that does not close is cut off", async () => {
  const { world, queue } = await fullWorld();
  queue.channel.send({ kind: "paused", paused: true });
  await world.clock.settle();
  const client = await world.connect("inet", true);
  deepEqual([client.codes(), client.state], [["421"], "ended"]);
  await world.clock.advance(lingerMs);
  equal(client.state, "closed");
  equal(world.clock.pending, 0);
});

Deno.test("stop: 421 to who is idle, a message on its way is finished first", async () => {
  const { world, queue, lookup } = await fullWorld();
  const [idle, asking, sending] = [await world.greeted(), await world.greeted(), await world.greeted()];
  await atData(world, lookup, sending);
  await world.say(sending, "Subject: hi\r\n");
  await world.say(asking, mail, "250");
  await world.say(asking, rcpt);
  let isStopped = false;
  const stopped = world.smtpIn.stop(10_000).then(() => isStopped = true);
  await world.clock.settle();
  equal(world.isListening, false);
  deepEqual([idle.codes(), asking.codes(), sending.codes()], [["421"], ["421"], []]);
  deepEqual([idle.state, asking.state, sending.state, isStopped], ["closed", "closed", "open", false]);
  await world.say(sending, "\r\nlate\r\n.\r\n");
  queue.channel.send({ kind: "committed", message: msg(1) });
  await world.say(sending, "", "250", "421");
  await stopped;
});

Deno.test("stop: after the grace time everything is closed", async () => {
  const { world, queue, lookup } = await fullWorld();
  const client = await world.greeted();
  await atData(world, lookup, client);
  let isStopped = false;
  const stopped = world.smtpIn.stop(10_000).then(() => isStopped = true);
  await world.clock.advance(9_999);
  equal(isStopped, false);
  await world.clock.advance(1);
  await stopped;
  equal(client.state, "closed");
  deepEqual(queue.of("rollback").map(({ message }) => message), [msg(1)]);
});

Deno.test("stop: with nobody there it is over at once, and no timer is left", async () => {
  const world = new World();
  await world.smtpIn.stop(10_000);
  equal(world.clock.pending, 0);
});

Deno.test("counters go to queue when they have changed, and to a new queue in any case", async () => {
  const { world, queue } = await fullWorld();
  const client = await world.greeted();
  await world.clock.advance(5_000);
  deepEqual(queue.of("stats").map(({ stats }) => stats), [counted(1, 1)]);
  await world.say(client, "QUIT\r\n", "221");
  await world.clock.advance(2_000);
  deepEqual(queue.of("stats").at(-1)?.stats, counted(0, 1));
  equal(world.clock.pending, 0, "nobody is connected: no timer runs");
  const next = await world.queue();
  await world.greeted();
  await world.clock.advance(1_000);
  deepEqual(next.of("stats").map(({ stats }) => stats), [counted(1, 2)]);
  await world.smtpIn.stop(10_000);
  deepEqual(next.of("stats").at(-1)?.stats, counted(0, 2));
});

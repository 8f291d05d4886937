import { Buffer } from "node:buffer";
import { deepEqual, equal } from "node:assert/strict";
import { descriptorReserve, FrontDoor, type Guest, refusalLingerMs, refusalsMax } from "../../lib/daemon/front_door.ts";
import type { SmtpLimits } from "../../lib/policy/policy.ts";
import type { Address } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { streamPair } from "../sim/net.ts";
import { KeptLog, policyOf, textOf } from "./rig.ts";
import { fullWorld } from "./smtp_in_rig.ts";

const policy = policyOf(`pki p cert "/p.crt" key "/p.key"
listen on 192.0.2.1
listen on 192.0.2.1 port 26 proxy from { 198.51.100.0/24 }
listen on 192.0.2.1 port 27 proxy-v2
listen on socket "/s" lmtp
listen on 192.0.2.1 port 465 smtps pki p
action "a" relay
match for any action "a"
`);
const [socket, plain, trusted, open, lmtp, smtps] = policy.listeners;

/** A door, and who came in. */
function world(limits: Partial<SmtpLimits> = {}, processes = 1, descriptors: number | null = null) {
  const clock = new FakeClock();
  const log = new KeptLog();
  const counts = new Map<string, number>();
  const door = new FrontDoor({
    clock,
    log: log.log,
    limits: { ...policy.smtp, ...limits },
    processes,
    descriptors,
    count: (name) => void counts.set(name, (counts.get(name) ?? 0) + 1),
  });
  const guests: Guest[] = [];
  const knock = async (ip: string | null, listener = plain, text = "") => {
    const remote: Address = ip === null ? { kind: "unix", path: "" } : { kind: "inet", ip, port: 40000 };
    const ends = streamPair(clock, undefined, remote);
    const client = { said: "", isClosed: false, stream: ends.client };
    ends.client.attach({
      data: (bytes) => void (client.said += textOf(bytes)),
      drain: () => {},
      end: () => {},
      close: () => void (client.isClosed = true),
    });
    if (text !== "") ends.client.write(Buffer.from(text, "latin1"));
    door.open(ends.server, listener!, (guest) => void guests.push(guest));
    await clock.settle();
    return client;
  };
  return { clock, log, door, counts, guests, knock };
}

Deno.test("FrontDoor drops who came to an address that no line asks for, and logs it", () => {
  const { clock, door, log } = world();
  const knock = (ip: string) => {
    const ends = streamPair(clock, { kind: "inet", ip, port: 25 });
    return door.find(ends.server, policy.listeners, 1);
  };
  deepEqual([knock("192.0.2.1"), log.events], [1, []]);
  equal(knock("192.0.2.2"), null);
  const reason = "no `listen` line is for this address";
  deepEqual(log.of("refused").map(({ fields }) => fields), [{ address: "198.51.100.1", local: "192.0.2.2", reason }]);
});

Deno.test("FrontDoor lets so many in at once, and tells the next one why not", async () => {
  const { door, guests, knock, counts, log } = world({ maxSession: 2 });
  await knock("192.0.2.10");
  await knock(null, socket);
  const third = await knock("192.0.2.11");
  deepEqual([guests.length, door.size], [2, 2]);
  equal(third.said, `421 4.3.2 ${plain!.hostname} Too many connections, try again later\r\n`);
  deepEqual([...counts], [["smtp.limit.max-session", 1]]);
  deepEqual(log.of("refused").map(({ fields }) => fields), [{ address: "192.0.2.11", limit: "max-session" }]);
  guests[0]!.leave();
  await knock("192.0.2.11");
  equal(guests.length, 3);
});

Deno.test("FrontDoor has no words in clear text for who comes for TLS", async () => {
  const { guests, knock, counts, log } = world({ maxSession: 2, maxSessionPerSource: 1 });
  await knock("192.0.2.10", smtps);
  const second = await knock("192.0.2.10", smtps);
  deepEqual([second.said, second.isClosed], ["", true]);
  await knock("192.0.2.11");
  const third = await knock("192.0.2.12", smtps);
  deepEqual([third.said, third.isClosed], ["", true]);
  equal(guests.length, 2);
  deepEqual([...counts.keys()], ["smtp.limit.max-session-per-source", "smtp.limit.max-session"]);
  equal(log.of("refused").length, 2);
});

Deno.test("FrontDoor gives out its part of the limits, and no more than it has descriptors for", async () => {
  const parts = world({ maxSession: 10, maxSessionPerSource: 4 }, 4);
  for (const ip of ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]) await parts.knock(ip);
  equal(parts.guests.length, 3);
  deepEqual([...parts.counts], [["smtp.limit.max-session-per-source", 1], ["smtp.limit.max-session", 1]]);
  const few = world({ maxSession: 10 }, 1, descriptorReserve + 2);
  for (const ip of ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) await few.knock(ip);
  equal(few.guests.length, 2);
});

Deno.test("FrontDoor counts sources, but neither this machine nor unix sockets", async () => {
  const { guests, knock, counts } = world({ maxSessionPerSource: 1, maxConnPerMinute: 2 });
  await knock("192.0.2.1");
  const second = await knock("192.0.2.1");
  equal(second.said, `421 4.7.0 ${plain!.hostname} Too many connections from your network, try again later\r\n`);
  guests[0]!.leave();
  await knock("192.0.2.1");
  guests[1]!.leave();
  const fourth = await knock("192.0.2.1");
  equal(
    fourth.said,
    `421 4.7.0 ${plain!.hostname} Too many new connections from your network, try again in a minute\r\n`,
  );
  equal(guests.length, 2);
  for (let n = 0; n < 5; n++) {
    await knock("127.0.0.1");
    await knock(null, socket);
    await knock(null, lmtp);
  }
  equal(guests.length, 17);
  deepEqual([...counts], [["smtp.limit.max-session-per-source", 1], ["smtp.limit.max-conn-per-minute", 1]]);
});

Deno.test("FrontDoor reads the header of a proxy, and the client counts", async () => {
  const { guests, knock, log } = world({ maxSessionPerSource: 1 });
  const header = "PROXY TCP4 192.0.2.50 192.0.2.1 1000 25\r\n";
  await knock("198.51.100.7", trusted, header);
  deepEqual(guests[0]?.stream.remote, { kind: "inet", ip: "192.0.2.50", port: 1000 });
  const again = await knock("198.51.100.7", trusted, header);
  equal(again.said.slice(0, 9), "421 4.7.0");
  await knock("198.51.100.7", trusted, header.replace("192.0.2.50", "192.0.2.51"));
  equal(guests.length, 2);
  deepEqual(log.of("bad-proxy"), []);
});

Deno.test("FrontDoor drops without a word who is no proxy, or sends no header", async () => {
  const { clock, guests, knock, log, counts, door } = world();
  const stranger = await knock("203.0.113.7", trusted, "PROXY UNKNOWN\r\n");
  const noise = await knock("203.0.113.7", open, "EHLO a.test\r\n");
  const silent = await knock("203.0.113.8", open);
  equal(door.size, 1);
  await clock.advance(policy.smtp.proxyTimeoutMs);
  for (const client of [stranger, noise, silent]) deepEqual([client.said, client.isClosed], ["", true]);
  deepEqual(log.of("bad-proxy").map(({ fields }) => fields), [
    { address: "203.0.113.7", reason: "not one of the proxies" },
    { address: "203.0.113.7", reason: "no header of version 2" },
    { address: "203.0.113.8", reason: "no header in time" },
  ]);
  deepEqual([guests.length, door.size, [...counts]], [0, 0, [["smtp.limit.proxy-timeout", 1]]]);
});

Deno.test("FrontDoor drops those who wait when it closes", async () => {
  const { clock, door, knock, guests } = world();
  const client = await knock("203.0.113.8", open);
  door.close();
  await clock.settle();
  deepEqual([client.isClosed, door.size, guests.length, clock.pending], [true, 0, 0, 0]);
});

Deno.test("FrontDoor lets only so many linger who were turned away", async () => {
  const { clock, knock } = world({ maxSession: 1 });
  await knock("192.0.2.1");
  const all = [];
  for (let n = 0; n < refusalsMax + 1; n++) all.push(await knock("192.0.2.2"));
  equal(all.every(({ said }) => said.startsWith("421 ")), true);
  deepEqual([all[0]?.isClosed, all.at(-1)?.isClosed], [false, true]);
  await clock.advance(refusalLingerMs);
  equal(all.every(({ isClosed }) => isClosed), true);
  const next = await knock("192.0.2.3");
  equal(next.isClosed, false);
});

Deno.test("smtp-in asks for more ids when all are given out, once for all who wait", async () => {
  const { world, queue } = await fullWorld();
  const clients = [];
  for (let n = 0; n < 7; n++) {
    const client = await world.greeted();
    client.write("MAIL FROM:<x@client.test>\r\n");
    await world.clock.settle();
    clients.push(client);
  }
  deepEqual(clients.map((client) => client.codes().join()), ["250", "250", "250", "250", "", "", ""]);
  equal(queue.of("wantIds").length, 1);
  queue.deal(5, 6);
  await world.clock.settle();
  deepEqual(clients.map((client) => client.codes().join()), ["", "", "", "", "250", "250", ""]);
  equal(queue.of("wantIds").length, 2);
});

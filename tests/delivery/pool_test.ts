import { deepEqual, equal, ok } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import type { PeerScript } from "../sim/peer.ts";
import { World, type WorldChange } from "./dispatch_world.ts";

const relay = "smtp://192.0.2.1";

function world(script: PeerScript = {}, change: WorldChange = {}): World {
  const made = new World(change);
  made.serve("192.0.2.1", script);
  return made;
}

const count = (it: World, kind: string) => it.reports.filter((line) => line.split(" ")[1] === kind).length;

Deno.test("RelayPool sends the next message on the same connection at once", async () => {
  const it = world();
  for (let i = 0; i < 3; i++) await it.send(relay);
  equal(it.peers.length, 1);
  equal(it.peers[0]?.taken.length, 3);
});

Deno.test("RelayPool keeps an idle connection for ten seconds, then quits", async () => {
  const it = world();
  await it.send(relay);
  await it.clock.advance(9_999);
  equal(it.peers[0]?.state, "open");
  await it.clock.advance(1);
  equal(it.peers[0]?.state, "quit");
  deepEqual(it.dispatcher.counts, { tasks: 0, relays: 0, connections: 0 });
  equal(it.clock.pending, 0);
});

Deno.test("RelayPool gives up idle connections beyond the first sooner", async () => {
  const it = world();
  for (let i = 0; i < 10; i++) it.submit(relay);
  await it.clock.settle();
  ok(it.peers.length > 1);
  await it.clock.advance(it.limits.spareKeepaliveMs);
  equal(it.peers.filter(({ state }) => state === "open").length <= 1, true);
  await it.clock.advance(it.limits.keepaliveMs);
  equal(it.dispatcher.counts.connections, 0);
});

Deno.test("RelayPool uses the connection that was used last", async () => {
  const it = world({ dot: (_, __, n) => n === 1 ? null : "250 Ok" });
  for (let i = 0; i < 3; i++) it.submit(relay);
  await it.clock.settle();
  for (const peer of it.peers) peer.say("250 Ok");
  await it.clock.settle();
  const before = it.peers.map(({ taken, commands }) => taken.length + commands.length);
  for (let i = 0; i < 5; i++) await it.send(relay);
  const changed = it.peers.filter(({ taken, commands }, i) => taken.length + commands.length !== before[i]);
  equal(changed.length, 1);
});

Deno.test("RelayPool opens one connection, and others when the first is ready", async () => {
  const it = world({
    greeting: () => it.peers.length === 0 ? null : "220 hi",
    dot: () => null,
  });
  for (let i = 0; i < 40; i++) it.submit(relay);
  await it.clock.settle();
  equal(it.peers.length, 1);
  it.peers[0]?.say("220 hi");
  await it.clock.settle();
  equal(it.peers.length, it.limits.connectionsPerHostMax);
});

Deno.test("RelayPool opens no more connections than the messages are worth", async () => {
  for (const [messages, most] of [[1, 1], [2, 2], [3, 3], [6, 4], [100, 10]] as const) {
    const it = world({ dot: () => null });
    for (let i = 0; i < messages; i++) it.submit(relay);
    await it.clock.settle();
    ok(it.peers.length <= most, `${messages} messages: ${it.peers.length}`);
    ok(it.peers.length >= Math.min(messages, 2), `${messages} messages: ${it.peers.length}`);
  }
});

Deno.test("RelayPool spreads connections over hosts that are alike", async () => {
  const it = new World({ limits: { connectionsPerHostMax: 3 } });
  it.dns.mx("b.test", "10 a.mx", "10 b.mx", "20 c.mx");
  for (const [i, name] of ["a.mx", "b.mx", "c.mx"].entries()) {
    it.dns.host(name, `192.0.2.${i + 1}`);
    it.serve(`192.0.2.${i + 1}`, { dot: () => null });
  }
  for (let i = 0; i < 100; i++) it.submit("b.test");
  await it.clock.settle();
  const calls = (n: number) => it.net.dialled.filter((key) => key === `192.0.2.${n}:25`).length;
  deepEqual([calls(1), calls(2), calls(3)], [3, 3, 0]);
});

Deno.test("RelayPool relays everything that it is given", async () => {
  const it = world({ dot: (_, __, n) => n % 7 === 0 ? "450 later" : "250 Ok" }, {
    limits: { connectionsPerHostMax: 4 },
  });
  for (let i = 0; i < 500; i++) it.submit(relay);
  await it.clock.advance(60_000);
  equal(it.reports.length, 500);
  equal(count(it, "relayed"), it.taken.length);
  ok(count(it, "delayed") > 0);
  deepEqual(it.dispatcher.counts, { tasks: 0, relays: 0, connections: 0 });
});

Deno.test("RelayPool begins a new session after session-mail-max messages", async () => {
  const it = world({}, { limits: { session: { ...new World().limits.session, messagesMax: 3 } } });
  for (let i = 0; i < 7; i++) await it.send(relay);
  deepEqual(it.peers.map(({ taken }) => taken.length), [3, 3, 1]);
  deepEqual(it.peers.map(({ state }) => state), ["quit", "quit", "open"]);
  equal(count(it, "relayed"), 7);
});

const stale: readonly (readonly [string, PeerScript])[] = [
  ["hangs up at MAIL", { mail: (peer, _, n) => n === 1 ? "250 Ok" : (peer.stream.break("reset"), null) }],
  ["says 421 to MAIL", { mail: (_, __, n) => n === 1 ? "250 Ok" : "421 4.4.2 too late" }],
];

for (const [name, script] of stale) {
  Deno.test(`RelayPool takes another connection when an idle one ${name}`, async () => {
    const it = world(script);
    await it.send(relay);
    await it.send(relay);
    deepEqual(it.reports, ["1 relayed 2.0.0", "2 relayed 2.0.0"]);
    equal(it.peers.length, 2);
  });
}

Deno.test("RelayPool takes another connection only once", async () => {
  let taken = 0;
  const it = world({ mail: (_, __, n) => ++taken > 0 && n === 1 && taken !== 3 ? "250 Ok" : "421 4.4.2 bye" });
  await it.send(relay);
  await it.send(relay);
  deepEqual(it.reports, ["1 relayed 2.0.0", "2 delayed 4.4.2"]);
});

Deno.test("RelayPool reports a loss after the dot, and does not try again itself", async () => {
  const it = world({ dot: (peer, _, n) => n === 1 ? "250 Ok" : (peer.stream.break("reset"), null) });
  await it.send(relay);
  await it.send(relay);
  deepEqual(it.reports, ["1 relayed 2.0.0", "2 delayed 4.4.2"]);
  equal(it.peers.length, 1);
});

Deno.test("RelayPool notices that an idle connection was closed", async () => {
  const it = world();
  await it.send(relay);
  it.peers[0]?.say("421 4.4.2 Idle");
  it.peers[0]?.stream.end();
  await it.clock.settle();
  equal(it.dispatcher.counts.connections, 0);
  await it.send(relay);
  deepEqual(it.reports, ["1 relayed 2.0.0", "2 relayed 2.0.0"]);
});

Deno.test("RelayPool leaves an address alone for 15 s after it has failed", async () => {
  const it = world();
  it.net.refuse("192.0.2.1", 25);
  await it.send(relay);
  await it.send(relay);
  deepEqual(it.reports, ["1 delayed 4.4.1", "2 delayed 4.4.1"]);
  equal(it.net.dialled.length, 1);
  it.serve("192.0.2.1");
  await it.clock.advance(15_000);
  await it.send(relay);
  deepEqual(it.reports.slice(2), ["3 relayed 2.0.0"]);
});

Deno.test("RelayPool goes on with the connections that a host allows", async () => {
  const it = world({
    greeting: () => it.peers.filter(({ state }) => state === "open").length < 2 ? "220 hi" : "421 4.3.2 enough",
  });
  for (let i = 0; i < 50; i++) it.submit(relay);
  await it.clock.advance(60_000);
  equal(count(it, "relayed"), 50);
});

Deno.test("RelayPool does not go to a worse host while a better one is only busy", async () => {
  const it = new World({ limits: { connectionsPerHostMax: 1 } });
  it.dns.mx("b.test", "10 a.mx", "20 b.mx").host("a.mx", "192.0.2.1").host("b.mx", "192.0.2.2");
  it.serve("192.0.2.1", { dot: () => null });
  it.serve("192.0.2.2");
  for (let i = 0; i < 5; i++) await it.send("b.test");
  await it.clock.advance(30_000);
  deepEqual([...new Set(it.net.dialled)], ["192.0.2.1:25"]);
});

Deno.test("RelayPool looks hosts up again after a minute, and keeps the old ones while a connection serves", async () => {
  const it = new World();
  it.dns.mx("b.test", "10 a.mx").host("a.mx", "192.0.2.1");
  it.serve("192.0.2.1", { dot: (_, __, n) => n === 1 ? "250 Ok" : null });
  await it.send("b.test");
  await it.send("b.test");
  equal(it.dns.asked.length, 3);
  it.dns.fail("b.test", "MX");
  await it.clock.advance(60_000);
  await it.send("b.test");
  equal(count(it, "delayed"), 0);
  equal(it.peers.length, 2);
});

Deno.test("RelayPool shares the reason among all messages when nothing can be reached", async () => {
  const it = world();
  it.net.silence("192.0.2.1", 25);
  for (let i = 0; i < 20; i++) it.submit(relay);
  await it.clock.advance(it.limits.connectTimeoutMs);
  equal(count(it, "delayed"), 20);
  equal(it.net.dialled.length, 1);
  equal(it.clock.pending <= 1, true);
});

const rewritten = { localPart: "SRS0=x", domain: "us.test" as Domain };

function asking(record: string | null, script: PeerScript = {}, change: WorldChange = {}): World {
  const it = world(script, change);
  it.senderIfSpfFails = rewritten;
  const records = [{ type: "TXT", text: record ?? "", ttlMs: 60_000 } as const];
  if (record !== null) it.dns.set("a.test", "TXT", { kind: "records", records, secure: false });
  return it;
}

const senders = (it: World) => it.taken.map(({ sender }) => sender);

Deno.test("RelayPool keeps a sender where SPF lets our address send for it, and takes the other elsewhere", async () => {
  const table: readonly (readonly [string | null, string, string])[] = [
    ["v=spf1 ip4:198.51.100.1 -all", "pass", "a@a.test"],
    ["v=spf1 ?all", "neutral", "a@a.test"],
    [null, "none", "a@a.test"],
    ["v=spf1 ip4:198.51.100.2 -all", "fail", "SRS0=x@us.test"],
    ["v=spf1 ~all", "softfail", "SRS0=x@us.test"],
    ["v=spf1 foo", "permerror", "SRS0=x@us.test"],
    ["v=spf1 a:down.test", "temperror", "SRS0=x@us.test"],
    ["v=spf1 exists:%{h}.%{i}.x.test -all", "pass", "a@a.test"],
  ];
  for (const [record, result, want] of table) {
    const it = asking(record);
    it.dns.fail("down.test", "A").host("us.test.198.51.100.1.x.test", "127.0.0.2");
    await it.send(relay);
    deepEqual(senders(it), [want]);
    deepEqual(it.reports, ["1 relayed 2.0.0"]);
    const [line] = it.log.filter(({ what }) => what === "spf").map(({ fields }) => fields);
    deepEqual([line?.["from"], line?.["source"], line?.["result"]], ["<a@a.test>", "198.51.100.1", result]);
    equal(it.log.find(({ what }) => what === "delivery")?.fields["from"], `<${want}>`);
  }
});

Deno.test("RelayPool asks no SPF for mail whose sender stays in any case", async () => {
  const it = asking("v=spf1 -all");
  it.senderIfSpfFails = null;
  await it.send(relay);
  deepEqual([senders(it), it.dns.asked], [["a@a.test"], []]);
});

Deno.test("RelayPool asks once for messages of one domain, over one connection or several", async () => {
  const it = asking("v=spf1 -all");
  for (let i = 0; i < 3; i++) await it.send(relay);
  deepEqual(senders(it), ["SRS0=x@us.test", "SRS0=x@us.test", "SRS0=x@us.test"]);
  deepEqual([it.dns.asked, it.peers.length], [["TXT a.test"], 1]);
});

Deno.test("RelayPool waits for a slow DNS no longer than it must, once", async () => {
  const it = asking(null);
  it.dns.query = () => new Promise(() => {});
  await it.send(relay);
  await it.clock.advance(19_999);
  deepEqual(it.reports, []);
  await it.clock.advance(1);
  await it.send(relay);
  deepEqual(senders(it), ["SRS0=x@us.test", "SRS0=x@us.test"]);
  equal(it.peers.length, 1);
});

Deno.test("RelayPool gives a message to another connection, once, when the server hangs up while SPF is asked", async () => {
  const it = asking(null);
  it.dns.query = () => new Promise(() => {});
  await it.send(relay);
  it.peers[0]?.stream.end();
  await it.clock.settle();
  equal(it.peers.length, 2);
  await it.clock.advance(20_000);
  deepEqual([senders(it), it.reports], [["SRS0=x@us.test"], ["1 relayed 2.0.0"]]);

  const other = asking(null);
  other.dns.query = () => new Promise(() => {});
  await other.send(relay);
  for (const at of [0, 1]) {
    other.peers[at]?.stream.end();
    await other.clock.settle();
  }
  await other.clock.advance(60_000);
  deepEqual([senders(other), other.reports], [[], ["1 delayed 4.3.2"]]);
  deepEqual(other.dispatcher.counts, { tasks: 0, relays: 0, connections: 0 });
});

Deno.test("RelayPool forgets a message whose sender is still asked about when it is closed", async () => {
  const it = asking(null);
  it.dns.query = () => new Promise(() => {});
  await it.send(relay);
  await it.dispatcher.close(30_000);
  await it.clock.advance(30_000);
  deepEqual([senders(it), it.reports, it.peers[0]?.state], [[], [], "quit"]);
  deepEqual([it.dispatcher.counts.relays, it.dispatcher.counts.connections], [0, 0]);
});

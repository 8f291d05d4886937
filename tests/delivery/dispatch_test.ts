import { deepEqual, equal, match } from "node:assert/strict";
import { mtaLimits } from "../../lib/delivery/limits.ts";
import { formatEvent } from "../../lib/event_log.ts";
import type { Domain } from "../../lib/mail/address.ts";
import { plainManner } from "../../lib/delivery/relay.ts";
import type { PeerScript } from "../sim/peer.ts";
import { text, World, type WorldChange } from "./dispatch_world.ts";

/** A world with the domain b.test, its server mx.test at 192.0.2.1, and perhaps mx2.test at 192.0.2.2 behind it. */
function world(script: PeerScript = {}, second: PeerScript | null = null, change: WorldChange = {}): World {
  const made = new World(change);
  made.dns.mx("b.test", "10 mx.test", ...(second === null ? [] : ["20 mx2.test"]));
  made.dns.host("mx.test", "192.0.2.1").host("mx2.test", "192.0.2.2");
  made.serve("192.0.2.1", script);
  if (second !== null) made.serve("192.0.2.2", second);
  return made;
}

Deno.test("Dispatcher relays a message and reports", async () => {
  const it = world();
  await it.send("b.test", ["b", "c"], text(".dot\r\n"));
  deepEqual(it.taken, [{ sender: "a@a.test", recipients: ["b@b.test", "c@b.test"], content: ".dot\r\n" }]);
  deepEqual(it.reports, ["1 relayed 2.0.0", "2 relayed 2.0.0"]);
  equal(it.lastWords, "250 2.0.0 Taken | mx.test [192.0.2.1]:25");
  equal(it.peers[0]?.commands[0], "EHLO us.test");
  deepEqual(it.dispatcher.counts, { tasks: 0, relays: 1, connections: 1 });
});

Deno.test("Dispatcher logs what it does in OpenSMTPD's lines", async () => {
  const it = world();
  await it.send("b.test");
  await it.clock.advance(20_000);
  const lines = it.log.map((event) => formatEvent(event, "text").replace(/^[0-9a-f]{16} /, ""));
  deepEqual(lines, [
    "mta connecting address=smtp://192.0.2.1:25 host=mx.test",
    "mta connected",
    "mta delivery evpid=0000feed00000001 from=<a@a.test> to=<b@b.test> rcpt=- source=198.51.100.1 " +
    'relay="192.0.2.1 (mx.test)" delay=0s result=Ok stat="250 2.0.0 Taken"',
    "mta disconnected reason=quit messages=1",
  ]);
  equal(new Set(it.log.map(({ session }) => session)).size, 1);
  match(it.log[0]?.session ?? "", /^[0-9a-f]{16}$/);
});

const stages: readonly (readonly [string, PeerScript, string])[] = [
  ["MAIL is refused", { mail: () => "550 5.7.1 no" }, "failed 5.7.1"],
  ["MAIL is delayed", { mail: () => "451 4.7.1 later" }, "delayed 4.7.1"],
  ["RCPT is refused", { rcpt: () => "550 5.1.1 no" }, "failed 5.1.1"],
  ["RCPT is delayed", { rcpt: () => "450 4.2.0 later" }, "delayed 4.2.0"],
  ["RCPT gets 552", { rcpt: () => "552 5.2.2 full" }, "delayed 4.2.2"],
  ["DATA is refused", { data: () => "554 5.6.0 no" }, "failed 5.6.0"],
  ["DATA is delayed", { data: () => "451 4.3.0 later" }, "delayed 4.3.0"],
  ["the content is refused", { dot: () => "554 5.7.1 spam" }, "failed 5.7.1"],
  ["the content is delayed", { dot: () => "452 4.3.1 full" }, "delayed 4.3.1"],
  ["the connection is lost in MAIL", { mail: cut }, "delayed 4.4.2"],
  ["the connection is lost in RCPT", { rcpt: cut }, "delayed 4.4.2"],
  ["the connection is lost in DATA", { data: cut }, "delayed 4.4.2"],
  ["the connection is lost after the dot", { dot: cut }, "delayed 4.4.2"],
  ["421 in RCPT", { rcpt: () => "421 4.3.2 bye" }, "delayed 4.3.2"],
  ["the server talks nonsense in MAIL", { mail: () => "what?" }, "delayed 4.5.0"],
];

function cut(peer: { readonly stream: { break(kind: "reset"): void } }): null {
  peer.stream.break("reset");
  return null;
}

for (const [name, script, want] of stages) {
  Deno.test(`Dispatcher reports ${want} when ${name}, and tries no other server`, async () => {
    const it = world(script, {});
    await it.send("b.test");
    deepEqual(it.reports, [`1 ${want}`]);
    deepEqual(it.net.dialled, ["192.0.2.1:25"]);
    equal(it.dispatcher.counts.tasks, 0);
  });
}

const unready: readonly (readonly [string, PeerScript, string])[] = [
  ["greets with 554", { greeting: () => "554 5.7.1 go away" }, "delayed 4.7.1"],
  ["greets with 421", { greeting: () => "421 4.3.2 busy" }, "delayed 4.3.2"],
  ["refuses EHLO and HELO", { hello: () => "550 no" }, "delayed 4.0.0"],
  ["delays EHLO", { hello: () => "451 later" }, "delayed 4.0.0"],
  ["hangs up", { greeting: cut }, "delayed 4.4.2"],
  ["is no mail server", { greeting: () => "SSH-2.0-x" }, "delayed 4.5.0"],
];

for (const [name, script, want] of unready) {
  Deno.test(`Dispatcher goes to the next server when one ${name}`, async () => {
    const it = world(script, {});
    await it.send("b.test");
    deepEqual(it.reports, ["1 relayed 2.0.0"]);
    deepEqual(it.net.dialled, ["192.0.2.1:25", "192.0.2.2:25"]);
  });

  Deno.test(`Dispatcher reports ${want} when the only server ${name}`, async () => {
    const it = world(script);
    await it.send("b.test");
    deepEqual(it.reports, [`1 ${want}`]);
    deepEqual(it.dispatcher.counts, { tasks: 0, relays: 0, connections: 0 });
  });
}

Deno.test("Dispatcher goes to the next server when one refuses, is unreachable or is silent", async () => {
  for (const make of ["refuse", "silence"] as const) {
    const it = world({}, {});
    it.net[make]("192.0.2.1", 25);
    await it.send("b.test");
    await it.clock.advance(make === "silence" ? it.limits.connectTimeoutMs : 0);
    deepEqual(it.reports, ["1 relayed 2.0.0"], make);
  }
});

Deno.test("Dispatcher delays when no server can be reached", async () => {
  const it = world({}, {});
  it.net.refuse("192.0.2.1", 25);
  it.net.refuse("192.0.2.2", 25, "unreachable");
  await it.send("b.test");
  deepEqual(it.reports, ["1 delayed 4.4.1"]);
  equal(it.lastWords, "Cannot connect to 192.0.2.1:25: refused | mx.test [192.0.2.1]:25");
});

Deno.test("Dispatcher tries the IPv4 address of a host whose IPv6 address does not answer", async () => {
  const it = world();
  it.dns.host("mx.test", "192.0.2.1", "2001:db8::25");
  await it.send("b.test");
  deepEqual(it.net.dialled, ["2001:db8::25:25", "192.0.2.1:25"]);
  deepEqual(it.reports, ["1 relayed 2.0.0"]);
});

const nowhere: readonly (readonly [string, (it: World) => void, string])[] = [
  ["does not exist", () => {}, "failed 5.1.2"],
  ["takes no mail", (it) => it.dns.mx("c.test", "0 "), "failed 5.1.10"],
  ["cannot be looked up", (it) => it.dns.fail("c.test", "MX"), "delayed 4.4.3"],
  ["is us", (it) => it.dns.mx("c.test", "10 us.test"), "failed 5.4.6"],
  ["has a private address", (it) => it.dns.host("c.test", "10.0.0.1"), "delayed 4.4.4"],
];

for (const [name, prepare, want] of nowhere) {
  Deno.test(`Dispatcher reports ${want} when the domain ${name}`, async () => {
    const it = world();
    prepare(it);
    await it.send("c.test", ["b", "c"]);
    deepEqual(it.reports, [`1 ${want}`, `2 ${want}`]);
    deepEqual(it.net.dialled, []);
    deepEqual(it.dispatcher.counts, { tasks: 0, relays: 0, connections: 0 });
  });
}

Deno.test("Dispatcher uses a smart host, its port, and LMTP where it is asked to", async () => {
  const it = new World();
  it.serve("127.0.0.1", {}, 2526);
  it.serve("127.0.0.1", {}, 24);
  await it.send("smtp://127.0.0.1:2526");
  await it.send("lmtp://127.0.0.1:24");
  deepEqual(it.reports, ["1 relayed 2.0.0", "2 delivered 2.0.0"]);
  deepEqual(it.peers.map(({ commands }) => commands[0]), ["EHLO us.test", "LHLO us.test"]);
  equal(it.lastWords, "250 2.0.0 Taken | 127.0.0.1 [127.0.0.1]:24");
});

Deno.test("Dispatcher splits a message with very many recipients", async () => {
  const it = world({}, null, { limits: { recipientsPerTransactionMax: 2 } });
  await it.send("b.test", ["a", "b", "c", "d", "e"]);
  deepEqual(it.taken.map(({ recipients }) => recipients.length), [2, 2, 1]);
  equal(it.reports.length, 5);
  equal(it.dispatcher.counts.tasks, 0);
});

Deno.test("Dispatcher takes no more tasks than it may", async () => {
  const it = world({ greeting: () => null }, null, { limits: { tasksMax: 2 } });
  for (let i = 0; i < 3; i++) it.submit("b.test");
  deepEqual(it.reports, []);
  await it.clock.settle();
  deepEqual(it.reports, ["3 delayed 4.3.2"]);
  equal(it.dispatcher.counts.tasks, 2);
});

Deno.test("Dispatcher lets relays share the limit of all connections", async () => {
  const it = world({}, null, { limits: { connectionsMax: 1 } });
  it.dns.mx("c.test", "10 mx3.test").host("mx3.test", "192.0.2.3");
  it.serve("192.0.2.3");
  it.submit("b.test");
  await it.send("c.test");
  deepEqual(it.reports, ["1 relayed 2.0.0"]);
  await it.clock.advance(it.limits.keepaliveMs);
  deepEqual(it.reports, ["1 relayed 2.0.0", "2 relayed 2.0.0"]);
});

Deno.test("Dispatcher lets relays share the limit of one host", async () => {
  const it = world({ dot: (_, __, n) => n === 1 ? null : "250 Ok" }, null, { limits: { connectionsPerHostMax: 1 } });
  it.dns.mx("c.test", "10 mx.test");
  await it.send("b.test");
  await it.send("c.test");
  equal(it.net.dialled.length, 1);
  it.peers[0]?.say("250 Ok");
  await it.clock.advance(it.limits.keepaliveMs + it.limits.limitRetryMs);
  equal(it.net.dialled.length, 2);
});

Deno.test("Dispatcher has relays that wait for the first connection to a host go on when it is ready", async () => {
  const it = world();
  it.dns.mx("c.test", "10 mx.test");
  it.submit("b.test");
  await it.send("c.test");
  deepEqual([it.reports.toSorted(), it.net.dialled.length], [["1 relayed 2.0.0", "2 relayed 2.0.0"], 2]);
});

Deno.test("Dispatcher tries disabled addresses at once for a task that an administrator insists on", async () => {
  const it = world();
  it.net.refuse("192.0.2.1", 25);
  await it.send("b.test");
  await it.send("b.test");
  equal(it.net.dialled.length, 1);
  it.serve("192.0.2.1");
  await it.insist("b.test");
  await it.send("b.test");
  deepEqual(it.reports, ["1 delayed 4.4.1", "2 delayed 4.4.1", "3 relayed 2.0.0", "4 relayed 2.0.0"]);
});

Deno.test("Dispatcher goes on leaving alone what failed on the way to others", async () => {
  const it = world();
  it.dns.mx("d.test", "10 mx.d.test").host("mx.d.test", "192.0.2.9");
  it.net.refuse("192.0.2.1", 25);
  it.net.refuse("192.0.2.9", 25);
  await it.send("b.test");
  await it.insist("d.test");
  await it.send("b.test");
  await it.insist("d.test");
  deepEqual(it.net.dialled.map((address) => address.split(":")[0]), ["192.0.2.1", "192.0.2.9", "192.0.2.9"]);
});

Deno.test("Dispatcher.close() ends what is under way, forgets what is not, and takes nothing more", async () => {
  const it = world({ dot: () => null });
  it.submit("b.test");
  it.submit("b.test");
  it.submit("c.test");
  await it.clock.settle();
  const closed = it.dispatcher.close(30_000);
  await it.send("b.test");
  it.peers[0]?.say("250 2.0.0 Taken");
  await it.clock.settle();
  await it.clock.advance(30_000);
  await closed;
  equal(it.dispatcher.counts.connections, 0);
  equal(it.reports.filter((line) => line.includes("relayed")).length, 1);
  equal(it.peers[0]?.state, "quit");
  equal(it.reports.some((line) => line.startsWith("4")), false);
  equal(it.clock.pending, 0);
});

Deno.test("Dispatcher.close() cuts what does not end in time, and reports it as delayed", async () => {
  const it = world({ dot: () => null });
  await it.send("b.test");
  const closed = it.dispatcher.close(30_000);
  await it.clock.advance(29_999);
  deepEqual(it.reports, []);
  await it.clock.advance(1);
  await closed;
  deepEqual(it.reports, ["1 delayed 4.3.2"]);
  equal(it.peers[0]?.state, "gone");
});

Deno.test("Dispatcher.close() does not wait for what is not connected", async () => {
  const it = world();
  it.net.silence("192.0.2.1", 25);
  await it.send("b.test");
  await it.dispatcher.close(30_000);
  deepEqual(it.reports, []);
  await new World().dispatcher.close(1);
});

Deno.test("Dispatcher greets and connects in the manner of the action", async () => {
  const it = world();
  await it.sendAs("b.test", { helo: "other.test" as Domain, source: "198.51.100.7" });
  await it.send("b.test");
  deepEqual(it.peers.map((peer) => peer.commands[0]), ["EHLO other.test", "EHLO us.test"]);
  deepEqual(it.net.sources, ["198.51.100.7", null]);
});

Deno.test("Dispatcher goes from an address to hosts of its family only", async () => {
  const it = new World();
  it.dns.mx("b.test", "10 mx.test").host("mx.test", "192.0.2.1", "2001:db8::25");
  it.serve("2001:db8::25");
  await it.sendAs("b.test", { source: "2001:db8::7" });
  deepEqual(it.net.dialled, ["2001:db8::25:25"]);
});

Deno.test("Dispatcher sends for a backup to better servers than the one it stands in for", async () => {
  const it = world({}, {});
  await it.sendAs("b.test", { backupFor: "mx2.test" as Domain });
  deepEqual(it.net.dialled, ["192.0.2.1:25"]);
  await it.sendAs("b.test", { backupFor: "mx.test" as Domain });
  deepEqual(it.reports, ["1 relayed 2.0.0", "2 failed 5.4.6"]);
});

Deno.test("Dispatcher has limits for single destinations", async () => {
  const limitsOf = new Map([["b.test", { ...mtaLimits, session: { ...mtaLimits.session, messagesMax: 1 } }]]);
  const it = world({}, null, { options: { limitsOf } });
  it.dns.mx("c.test", "10 mx.test");
  for (const to of ["b.test", "b.test", "c.test", "c.test"]) await it.send(to);
  deepEqual(it.peers.map(({ taken }) => taken.length), [1, 1, 2]);
});

Deno.test("Dispatcher uses one address family where it is told to", async () => {
  const it = new World({ limits: { family: 4 } });
  it.dns.mx("b.test", "10 mx.test").host("mx.test", "192.0.2.1", "2001:db8::25");
  it.serve("192.0.2.1");
  await it.send("b.test");
  deepEqual([it.net.dialled, it.reports], [["192.0.2.1:25"], ["1 relayed 2.0.0"]]);
});

Deno.test("Dispatcher says where mail would go, and connects to nobody", async () => {
  const { dispatcher, dns, net } = new World();
  dns.mx("b.test", "10 mx.b.test", "20 in.b.test").host("mx.b.test", "203.0.113.1").host("in.b.test", "10.0.0.1");
  const to = (name: string, source: string | null = null) =>
    dispatcher.routesOf({ relay: { kind: "domain", domain: name as Domain }, manner: { ...plainManner, source } });
  deepEqual(await to("b.test"), {
    kind: "hosts",
    hosts: [{ name: "mx.b.test", preference: 10, addresses: ["203.0.113.1"] }],
  });
  deepEqual([(await to("none.test")).kind, (await to("b.test", "2001:db8::1")).kind], ["none", "none"]);
  deepEqual(net.dialled, []);
});

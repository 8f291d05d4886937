import { deepEqual, equal, match, ok } from "node:assert/strict";
import { lookupWaitMs } from "../../lib/daemon/delivery.ts";
import { plainHandling } from "../../lib/smtp/handling.ts";
import { chunkLengthMax } from "../../lib/spool/envelope.ts";
import { mailboxOf } from "../support/envelope.ts";
import { bytesOf, draftTo, msg } from "./rig.ts";
import { envelopeTo, FakeLookup, FakeQueue, hello, Rig } from "./delivery_rig.ts";

Deno.test("Delivery brings mda envelopes to an agent, each for itself", async () => {
  const { rig, queue } = await Rig.full();
  queue.deliver([envelopeTo("ann@example.org", 1), envelopeTo("ann@example.org", 2)]);
  await rig.settle();
  deepEqual(queue.reports, ["1 delivered 2.0.0", "2 delivered 2.0.0"]);
  deepEqual(rig.stored, [hello, hello]);
  deepEqual(rig.needed.map(({ key }) => key), ["1001:1001:/mail/ann"]);
  deepEqual([rig.net.dialled, rig.dnsMade], [[], 0], "a local server needs no resolver");
});

Deno.test("Delivery relays mta envelopes, those of one domain together", async () => {
  const { rig, queue } = await Rig.full();
  rig.serve("203.0.113.1");
  rig.serve("203.0.113.2");
  const rcpts = ["x@b.test", "y@c.test", "z@b.test"];
  queue.deliver(rcpts.map((rcpt, index) => envelopeTo(rcpt, index + 1)));
  await rig.settle();
  deepEqual(rig.taken.toSorted(), ["x@b.test z@b.test", "y@c.test"]);
  deepEqual(queue.reports.toSorted(), ["1 relayed 2.0.0", "2 relayed 2.0.0", "3 relayed 2.0.0"]);
  deepEqual([rig.needed.length, rig.dnsMade], [0, 1]);
});

Deno.test("Delivery gives up what is to travel under TLS, but for notices and mail to a mailbox of ours", async () => {
  const [{ rig, queue }, handling] = [await Rig.full(), { ...plainHandling, requireTls: true }];
  rig.serve("203.0.113.1");
  queue.deliver([envelopeTo("x@b.test", 1, { handling })]);
  queue.deliver([envelopeTo("y@b.test", 2, { handling, sender: null })]);
  queue.deliver([envelopeTo("ann@example.org", 3, { handling })]);
  await rig.settle();
  deepEqual(queue.reports.toSorted(), ["1 failed 5.7.30", "2 relayed 2.0.0", "3 delivered 2.0.0"]);
  deepEqual(rig.taken, ["y@b.test"]);
});

Deno.test("Delivery relays UTF-8 only where it has to, and then to those who take it", async () => {
  const [{ rig, queue }, handling] = [await Rig.full(), { ...plainHandling, smtpUtf8: true }];
  rig.serve("203.0.113.1");
  queue.deliver([envelopeTo("x@b.test", 1, { handling }), envelopeTo("ü@b.test", 2, { handling })]);
  queue.deliver([envelopeTo("x@b.test", 3, { handling, message: msg(3) })], "Subject: \u00fc\r\n\r\nhi\r\n");
  await rig.settle();
  deepEqual(queue.reports.toSorted(), ["1 relayed 2.0.0", "2 failed 5.6.7", "3 failed 5.6.9"]);
});

Deno.test("Delivery groups by the address after expansion, not by the recipient as given", async () => {
  const { rig, queue } = await Rig.full();
  rig.serve("203.0.113.2");
  const [to] = [draftTo("list@c.test").dest];
  queue.deliver([envelopeTo("alias@example.net", 1, { dest: to })]);
  await rig.settle();
  deepEqual(rig.taken, ["list@c.test"]);
});

Deno.test("Delivery brings all envelopes to a smart host in one transaction", async () => {
  const { rig, queue, lookup } = await Rig.full();
  rig.serve("203.0.113.3", {}, 2525);
  const rcpts = ["x@b.test", "y@c.test"];
  queue.deliver(rcpts.map((rcpt, index) => envelopeTo(rcpt, index + 1, { action: "smart" })));
  await rig.settle();
  deepEqual(rig.taken, ["x@b.test y@c.test"]);
  deepEqual(lookup.asked.map((ask) => [ask.kind, ask.table]), [["relay", "hosts"]]);
  deepEqual(rig.net.dialled, ["203.0.113.3:2525"]);
});

for (
  const [url, status, words] of [
    ["nonsense://", "delayed 4.3.5", /Cannot parse smarthost/],
    ["smtps://smart.test", "delayed 4.3.2", /^TLS required by `smtps:\/\/`, and it is not active yet for relaying$/],
    ["smtp+tls://label@smart.test", "delayed 4.3.2", /^TLS required by `smtp\+tls:\/\/`/],
    ["lmtp://smart.test:24", "delayed 4.3.2", /^relaying to `lmtp:\/\/` is not active yet$/],
    [null, "delayed 4.3.2", /Cannot retrieve smarthost/],
  ] as const
) {
  Deno.test(`Delivery delays when lookup gives ${url ?? "no smart host"}`, async () => {
    const { rig, queue } = await Rig.full();
    rig.relayUrl = url;
    queue.deliver([envelopeTo("x@b.test", 1, { action: "smart" }), envelopeTo("y@c.test", 2, { action: "smart" })]);
    await rig.settle();
    deepEqual(queue.reports, [`1 ${status}`, `2 ${status}`]);
    match(queue.texts[0] ?? "", words);
    deepEqual(rig.net.dialled, []);
  });
}

for (
  const [relay, words] of [
    [{ tls: { mode: "required", verify: true } }, /^TLS required for relaying/],
    [{ tls: { mode: "required", verify: false } }, /^TLS required for relaying/],
    [{ host: "hosts", auth: "secrets" }, /^authentication required for relaying/],
  ] as const
) {
  Deno.test(`Delivery lets mail wait whose relay demands what cannot be given: ${words.source}`, async () => {
    const { rig, queue, lookup } = await Rig.full(relay);
    rig.serve("203.0.113.1");
    queue.deliver([envelopeTo("x@b.test", 1, { action: "out" })]);
    await rig.settle();
    deepEqual(queue.reports, ["1 delayed 4.3.2"]);
    match(queue.texts[0] ?? "", words);
    deepEqual([rig.net.dialled, lookup.asked], [[], []], "it never goes with less");
  });
}

Deno.test("Delivery delays what its action does not fit: gone, or local by now", async () => {
  const { rig, queue } = await Rig.full();
  queue.deliver([envelopeTo("x@b.test", 1, { action: "gone" }), envelopeTo("y@b.test", 2, { action: "gone" })]);
  queue.deliver([envelopeTo("x@b.test", 3, { action: "box" })]);
  queue.deliver([envelopeTo("ann@example.org", 4, { action: "out" })]);
  await rig.settle();
  deepEqual(queue.reports.toSorted(), [1, 2, 3, 4].map((n) => `${n} delayed 4.3.5`));
});

Deno.test("Delivery delays when lookup is not there, or goes before it answers", async () => {
  const rig = new Rig();
  rig.answerOf = () => null;
  const queue = new FakeQueue(rig);
  const both = (n: number) => {
    queue.deliver([envelopeTo("ann@example.org", n)]);
    queue.deliver([envelopeTo("x@b.test", n + 1, { action: "smart" })]);
  };
  both(1);
  await rig.clock.advance(lookupWaitMs - 1);
  deepEqual(queue.reports, []);
  await rig.clock.advance(1);
  await rig.settle();
  deepEqual(queue.reports.toSorted(), ["1 delayed 4.3.2", "2 delayed 4.3.2"]);
  const lookup = new FakeLookup(rig);
  both(3);
  await rig.settle();
  equal(queue.reports.length, 2);
  lookup.channel.die();
  await rig.settle();
  deepEqual(queue.reports.slice(2).toSorted(), ["3 delayed 4.3.2", "4 delayed 4.3.2"]);
});

Deno.test("Delivery waits a moment for a lookup that comes after queue, as after its own restart", async () => {
  const rig = new Rig();
  const queue = new FakeQueue(rig);
  queue.deliver([envelopeTo("ann@example.org", 1)]);
  queue.deliver([envelopeTo("bob@example.org", 2)]);
  await rig.clock.advance(lookupWaitMs - 1);
  const lookup = new FakeLookup(rig);
  await rig.settle();
  equal(lookup.asked.length, 2);
  // The wait is over: its end means nothing any more.
  await rig.clock.advance(lookupWaitMs);
  deepEqual(queue.reports.filter((report) => report.includes("delayed")), []);
});

Deno.test("Delivery asks the lookup that has come, and the close of the former does not touch that", async () => {
  const { rig, queue, lookup: former } = await Rig.full();
  rig.answerOf = () => null;
  queue.deliver([envelopeTo("ann@example.org", 1)]);
  await rig.settle();
  const lookup = new FakeLookup(rig);
  queue.deliver([envelopeTo("x@b.test", 2, { action: "smart" })]);
  await rig.settle();
  former.channel.die();
  await rig.settle();
  deepEqual(queue.reports, ["1 delayed 4.3.2"]);
  rig.serve("203.0.113.3", {}, 2525);
  const [ask] = lookup.asked;
  ok(ask);
  const answer = { kind: "found", url: "smtp://smart.test:2525" } as const;
  lookup.channel.send({ kind: "relay", request: ask.request, answer });
  await rig.settle();
  deepEqual(queue.reports, ["1 delayed 4.3.2", "2 relayed 2.0.0"]);
});

Deno.test("Delivery reads a long message from the queue as the server takes it", async () => {
  const { rig, queue } = await Rig.full();
  rig.serve("203.0.113.1");
  const line = "x".repeat(76) + "\r\n";
  const content = "Subject: long\r\n\r\n" + line.repeat(Math.ceil((chunkLengthMax + 1000) / line.length));
  queue.channel.onMessage((message) => {
    if (message.kind !== "needChunk") return void queue.reports.push("outcome" in message ? message.outcome.kind : "");
    const piece = content.slice(message.seq * chunkLengthMax, (message.seq + 1) * chunkLengthMax);
    const state = piece === "" ? "end" : "piece";
    queue.asked.push(message);
    queue.channel.send({ kind: "chunk", request: message.request, state }, bytesOf(piece));
  });
  queue.deliverLong(envelopeTo("x@b.test", 1), content.length);
  for (let n = 0; n < 20; n++) await rig.settle();
  deepEqual(queue.reports, ["relayed"]);
  deepEqual(queue.asked.map(({ seq }) => seq), [0, 1]);
  equal(rig.peers[0]?.taken[0]?.content, content);
});

Deno.test("Delivery delays when the queue cannot give a piece", async () => {
  const { rig, queue } = await Rig.full();
  rig.serve("203.0.113.1");
  for (const envelope of [envelopeTo("ann@example.org", 1), envelopeTo("x@b.test", 2)]) {
    queue.deliverLong(envelope, 300_000);
  }
  await rig.settle();
  for (const { request } of queue.asked) queue.channel.send({ kind: "chunk", request, state: "failed" });
  await rig.settle();
  deepEqual(queue.reports.toSorted(), ["1 delayed 4.3.2", "2 delayed 4.3.0"]);
  deepEqual(rig.taken, []);
});

Deno.test("Delivery tells a new queue nothing of what the last one gave", async () => {
  const { rig, queue: former } = await Rig.full();
  const greetings: (() => void)[] = [];
  rig.serve("203.0.113.1", {
    dot: (peer) => {
      greetings.push(() => peer.say("250 2.0.0 Taken"));
      return null;
    },
  });
  former.deliver([envelopeTo("x@b.test", 1)]);
  await rig.settle();
  former.channel.die();
  const queue = new FakeQueue(rig);
  await rig.settle();
  for (const greet of greetings) greet();
  await rig.settle();
  equal(greetings.length, 1, "what had begun was finished");
  deepEqual(queue.reports, []);
});

Deno.test("Delivery begins nothing more of what a queue gave that is gone", async () => {
  const { rig, queue: former } = await Rig.full();
  rig.answerOf = () => null;
  rig.serve("203.0.113.1", { greeting: () => null });
  // One waits for lookup, one for the server's greeting.
  former.deliver([envelopeTo("ann@example.org", 1)]);
  former.deliver([envelopeTo("x@b.test", 2)]);
  await rig.settle();
  former.channel.die();
  await rig.settle();
  const lookup = new FakeLookup(rig);
  rig.answerOf = () => null;
  await rig.settle();
  for (const peer of rig.peers) peer.say("220 peer.test ESMTP");
  const queue = new FakeQueue(rig);
  await rig.settle();
  deepEqual([rig.taken, rig.stored, queue.reports, lookup.asked], [[], [], [], []]);
});

Deno.test("Delivery takes part in nothing more once it stops, and waits for what runs", async () => {
  const { rig, queue } = await Rig.full();
  const ends: (() => void)[] = [];
  rig.serve("203.0.113.1", {
    dot: (peer) => {
      ends.push(() => peer.say("250 2.0.0 Taken"));
      return null;
    },
  });
  rig.answerOf = () => null;
  for (let n = 1; n <= 9; n++) queue.deliver([envelopeTo("ann@example.org", n)]);
  queue.deliver([envelopeTo("x@b.test", 10)]);
  await rig.settle();
  let isStopped = false;
  void rig.delivery.stop(10_000).then(() => isStopped = true);
  await rig.settle();
  deepEqual(queue.reports.toSorted(), ["8 delayed 4.3.2", "9 delayed 4.3.2"], "what waits is given back");
  queue.deliver([envelopeTo("x@b.test", 11)]);
  for (const end of ends) end();
  await rig.settle();
  ok(queue.reports.includes("10 relayed 2.0.0"));
  equal(isStopped, false);
  await rig.clock.advance(10_000);
  await rig.settle();
  equal(isStopped, true);
  ok(!queue.reports.some((line) => line.startsWith("11 ")));
});

Deno.test("Delivery stops at once when nothing runs, and lets its agents go", async () => {
  const { rig, queue } = await Rig.full();
  queue.deliver([envelopeTo("ann@example.org", 1)]);
  await rig.settle();
  equal(rig.agents[0]?.isClosed, false);
  await Promise.all([rig.delivery.stop(10_000), rig.settle()]);
  await rig.settle();
  equal(rig.agents[0]?.isClosed, true);
});

Deno.test("Delivery asks for the smart host of each domain where the action has a map of them", async () => {
  const { rig, queue, lookup } = await Rig.full({ domain: "routes" });
  rig.serve("203.0.113.3", {}, 2525);
  queue.deliver(["x@b.test", "y@c.test"].map((rcpt, index) => envelopeTo(rcpt, index + 1)));
  await rig.settle();
  deepEqual(lookup.asked.map((ask) => ask.kind === "relay" && [ask.table, ask.domain]), [
    ["routes", "b.test"],
    ["routes", "c.test"],
  ]);
  deepEqual(queue.reports, ["1 relayed 2.0.0", "2 relayed 2.0.0"]);
});

for (
  const [mailFrom, want] of [
    ["bounces@us.test", "bounces@us.test"],
    ["@us.test", "sender@us.test"],
    ["bounces", "bounces@example.net"],
  ] as const
) {
  Deno.test(`Delivery sends with the sender of mail-from ${mailFrom}, but leaves the null sender alone`, async () => {
    const { rig, queue } = await Rig.full({ mailFrom });
    rig.serve("203.0.113.1");
    const sender = mailboxOf("sender@example.net");
    queue.deliver([envelopeTo("x@b.test", 1, { sender })]);
    await rig.settle();
    queue.deliver([envelopeTo("x@b.test", 2, { sender: null })]);
    await rig.settle();
    deepEqual(rig.peers.flatMap(({ taken }) => taken.map((one) => one.sender)), [want, ""]);
  });
}

Deno.test("Delivery goes from the next of our addresses, under the name that we have there", async () => {
  const { rig, queue, lookup } = await Rig.full({ source: "ours", heloSource: "names" });
  rig.dns.host("mx.b.test", "2001:db8::25");
  rig.serve("2001:db8::25");
  queue.deliver([envelopeTo("x@b.test", 1)]);
  await rig.settle();
  deepEqual(lookup.asked.map(({ request: _, ...ask }) => ask), [
    { kind: "source", table: "ours" },
    { kind: "helo", table: "names", address: "[2001:db8::7]" },
  ]);
  deepEqual([rig.net.sources, rig.peers[0]?.commands[0]], [["2001:db8::7"], "EHLO seven.test"]);
});

for (
  const [kind, answer] of [
    ["source", { kind: "absent" }],
    ["source", { kind: "failed" }],
    ["source", { kind: "found", text: "nonsense" }],
    ["helo", { kind: "absent" }],
    ["helo", { kind: "found", text: "no name!" }],
  ] as const
) {
  Deno.test(`Delivery delays when the ${kind} of a relay is ${JSON.stringify(answer)}`, async () => {
    const { rig, queue } = await Rig.full({ source: "ours", heloSource: "names" });
    rig.own[kind] = answer;
    queue.deliver([envelopeTo("x@b.test", 1)]);
    await rig.settle();
    deepEqual([queue.reports, rig.net.dialled], [["1 delayed 4.3.2"], []]);
  });
}

Deno.test("Delivery says which way mail would go, and sends nothing", async () => {
  const { rig, queue } = await Rig.full();
  rig.dns.mx("none.test", "0 .");
  const ask = async (action: string, to: string, sender: ReturnType<typeof mailboxOf> | null = null) => {
    queue.channel.send({ kind: "route", request: 1, action, domain: mailboxOf(to).domain, sender });
    await rig.settle();
  };
  await ask("out", "x@b.test");
  await ask("smart", "x@b.test");
  await ask("out", "x@none.test");
  await ask("box", "x@b.test");
  rig.relayUrl = null;
  await ask("smart", "x@b.test");
  const host = (name: string, address: string, preference: number) => [{ name, preference, addresses: [address] }];
  deepEqual(queue.routes, [
    { kind: "hosts", via: "MX of b.test", port: 25, hosts: host("mx.b.test", "203.0.113.1", 10) },
    { kind: "hosts", via: "smart host smart.test:2525", port: 2525, hosts: host("smart.test", "203.0.113.3", 0) },
    { kind: "none", via: "MX of none.test", reason: "Domain does not accept mail" },
    { kind: "none", via: "action box", reason: "it is no relay in the configuration" },
    { kind: "none", via: "action smart", reason: "Cannot retrieve smarthost" },
  ]);
  await ask("out", "x@b.test", mailboxOf("ann@a.test"));
  deepEqual(queue.spf, [{ address: "192.0.2.10", result: "none" }]);
  deepEqual(rig.net.dialled, []);
});

Deno.test("a delivery that another follows finishes what it was given, then ends with its agents and connections", async () => {
  const { rig, queue } = await Rig.full();
  rig.serve("203.0.113.1");
  let isOver = false;
  queue.deliver([envelopeTo("ann@example.org", 1)]);
  await rig.settle();
  queue.deliver([envelopeTo("ann@example.org", 2)]);
  queue.deliver([envelopeTo("x@b.test", 3)]);
  await rig.clock.settle();
  void rig.delivery.drain(300_000).then(() => isOver = true);
  await rig.clock.advance(5000);
  deepEqual([...queue.reports].sort(), ["1 delivered 2.0.0", "2 delivered 2.0.0", "3 relayed 2.0.0"]);
  equal(isOver, true);
  deepEqual(rig.agents.map((agent) => agent.isClosed), [true]);
});

Deno.test("a delivery whose lookup is followed asks the next one, and lets the former go", async () => {
  const { rig, queue, lookup } = await Rig.full();
  const next = new FakeLookup(rig, "lookup#v2");
  queue.deliver([envelopeTo("ann@example.org", 1)]);
  await rig.settle();
  deepEqual([lookup.asked.length, next.asked.length], [1, 0]);
  rig.delivery.follow({ lookup: "lookup#v2" });
  queue.deliver([envelopeTo("ann@example.org", 2)]);
  await rig.settle();
  deepEqual([lookup.asked.length, next.asked.length], [1, 1], "what the former said is not believed any more");
  deepEqual([lookup.channel.isClosed, next.channel.isClosed], [true, false]);
  deepEqual(queue.reports, ["1 delivered 2.0.0", "2 delivered 2.0.0"]);
});

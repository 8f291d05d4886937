import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Delivery, lookupWaitMs } from "../../lib/daemon/delivery.ts";
import type {
  AgentToDelivery,
  DeliveryToAgent,
  DeliveryToLookup,
  DeliveryToQueue,
  LookupToDelivery,
  QueueToDelivery,
} from "../../lib/daemon/imsg.ts";
import type { AgentRequest } from "../../lib/daemon/supervision.ts";
import type { Dns } from "../../lib/port.ts";
import { chunkLengthMax, type Envelope } from "../../lib/spool/envelope.ts";
import { evpIdOf } from "../../lib/spool/id.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDns } from "../sim/dns.ts";
import { FakeNet } from "../sim/net.ts";
import { FakePeer, type PeerScript } from "../sim/peer.ts";
import { SeededRandom } from "../sim/random.ts";
import { exampleEnvelope } from "../support/envelope.ts";
import { bytesOf, draftTo, KeptLog, msg, policyOf, textOf } from "./rig.ts";

const text = `
table users { ann = 1001:1001:/home/ann }
table hosts { "smtp://smart.test:2525" }
listen on 192.0.2.10
action "box" maildir "/mail/%{user.username}" userbase <users>
action "out" relay
action "smart" relay host <hosts>
match from any for domain "example.org" action "box"
match from any tag "x" for any action "smart"
match from any for any action "out"
`;

const hello = "Subject: hello\r\n\r\nHello.\r\n";

/** One life of queue. */
class FakeQueue {
  readonly reports: string[] = [];
  readonly texts: string[] = [];
  readonly asked: Extract<DeliveryToQueue, { kind: "needChunk" }>[] = [];
  readonly channel: FakeChannel<QueueToDelivery, DeliveryToQueue>;

  constructor(rig: Rig) {
    const [near, far] = channelPair<QueueToDelivery, DeliveryToQueue>(rig.clock);
    this.channel = near;
    near.onMessage((message) => {
      if (message.kind === "needChunk") return void this.asked.push(message);
      const { envelope, outcome } = message;
      this.reports.push(`${parseInt(envelope.slice(8), 16)} ${outcome.kind} ${outcome.enhanced}`);
      this.texts.push(outcome.text);
      equal(message.at, rig.clock.now());
    });
    rig.delivery.setQueue(far);
  }

  deliver(envelopes: readonly Envelope[], content: string = hello): void {
    const size = content.length;
    this.channel.send({ kind: "deliver", envelopes, size, inline: true, pardon: false }, bytesOf(content));
  }

  /** Its content is to be asked for. */
  deliverLong(envelope: Envelope, size: number): void {
    this.channel.send({ kind: "deliver", envelopes: [envelope], size, inline: false, pardon: false });
  }
}

/** One life of lookup. */
class FakeLookup {
  readonly asked: DeliveryToLookup[] = [];
  readonly channel: FakeChannel<LookupToDelivery, DeliveryToLookup>;

  constructor(rig: Rig) {
    const [near, far] = channelPair<LookupToDelivery, DeliveryToLookup>(rig.clock);
    this.channel = near;
    near.onMessage((message) => {
      this.asked.push(message);
      const answer = rig.answerOf(message);
      if (answer !== null) near.send(answer);
    });
    rig.delivery.setLookup(far);
  }
}

class Rig {
  readonly clock = new FakeClock();
  readonly kept = new KeptLog();
  readonly net = new FakeNet(this.clock);
  readonly dns = new FakeDns();
  readonly peers: FakePeer[] = [];
  readonly needed: AgentRequest[] = [];
  readonly stored: string[] = [];
  readonly agents: FakeChannel<AgentToDelivery, DeliveryToAgent>[] = [];
  readonly delivery: Delivery;
  dnsMade = 0;
  relayUrl: string | null = "smtp://smart.test:2525";
  answerOf: (ask: DeliveryToLookup) => LookupToDelivery | null = (ask) => {
    const { request } = ask;
    if (ask.kind === "user") {
      return {
        kind: "user",
        request,
        answer: { kind: "found", uid: 1001, gid: 1001, home: "/home/ann", accountHome: "/home/ann" },
      };
    }
    const answer = this.relayUrl === null
      ? { kind: "absent" } as const
      : { kind: "found", url: this.relayUrl } as const;
    return { kind: "relay", request, answer };
  };

  constructor() {
    this.dns.mx("b.test", "10 mx.b.test").host("mx.b.test", "203.0.113.1");
    this.dns.mx("c.test", "10 mx.c.test").host("mx.c.test", "203.0.113.2");
    this.dns.host("smart.test", "203.0.113.3");
    this.delivery = new Delivery({
      clock: this.clock,
      random: new SeededRandom(1),
      log: this.kept.log,
      policy: policyOf(text),
      sameUser: false,
      dns: () => {
        this.dnsMade++;
        return Promise.resolve<Dns>(this.dns);
      },
      dialer: this.net,
      selfAddresses: new Set(["192.0.2.10"]),
      needAgent: (request) => {
        this.needed.push(request);
        const [near, far] = channelPair<AgentToDelivery, DeliveryToAgent>(this.clock);
        this.agents.push(near);
        near.onMessage((message, body) => {
          if (message.kind === "abandon") return;
          this.stored.push(textOf(body));
          near.send({ kind: message.last ? "stored" : "more", request: message.request });
        });
        this.clock.soon(() => this.delivery.addAgent(request.key, far));
      },
    });
  }

  static async full(): Promise<{ rig: Rig; queue: FakeQueue; lookup: FakeLookup }> {
    const rig = new Rig();
    const [queue, lookup] = [new FakeQueue(rig), new FakeLookup(rig)];
    await rig.settle();
    return { rig, queue, lookup };
  }

  serve(ip: string, script: PeerScript = {}, port = 25): void {
    this.net.listen(ip, port, (stream) => void this.peers.push(new FakePeer(stream, script)));
  }

  async settle(): Promise<void> {
    for (let n = 0; n < 4; n++) await this.clock.settle();
  }

  /** What servers took, as `recipients: size`. */
  get taken(): readonly string[] {
    return this.peers.flatMap(({ taken }) => taken.map(({ recipients }) => recipients.join(" ")));
  }
}

/** Envelope `n` of message 1. */
function envelopeTo(rcpt: string, n: number, change: Partial<Envelope> = {}): Envelope {
  const { ttlMs: _, ...draft } = draftTo(rcpt);
  return { ...exampleEnvelope, ...draft, id: evpIdOf(msg(1), n), message: msg(1), last: null, ...change };
}

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
    ["smtps://smart.test", "delayed 4.3.5", /Cannot parse smarthost: `smtps:\/\/` is not supported yet/],
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
    if (message.kind === "outcome") return void queue.reports.push(message.outcome.kind);
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

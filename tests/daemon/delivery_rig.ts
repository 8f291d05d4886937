/** What tests of delivery work with. */

import { equal } from "node:assert/strict";
import { Delivery } from "../../lib/daemon/delivery.ts";
import type {
  AgentToDelivery,
  DeliveryToAgent,
  DeliveryToLookup,
  DeliveryToQueue,
  LookupToDelivery,
  QueueToDelivery,
} from "../../lib/daemon/imsg.ts";
import type { AgentRequest } from "../../lib/daemon/supervision.ts";
import type { ExplainedRoute } from "../../lib/delivery/explain_route.ts";
import type { SpfFinding } from "../../lib/trust/spf_result.ts";
import { hostSha1 } from "../../lib/host/hash.ts";
import { rewritingOf } from "../../lib/policy/rewrite.ts";
import type { RelayAction } from "../../lib/policy/policy.ts";
import type { Dns } from "../../lib/port.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { evpIdOf } from "../../lib/spool/id.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDns } from "../sim/dns.ts";
import { FakeNet } from "../sim/net.ts";
import { FakePeer, type PeerScript } from "../sim/peer.ts";
import { SeededRandom } from "../sim/random.ts";
import { exampleEnvelope } from "../support/envelope.ts";
import { bytesOf, draftTo, firstSuccessors, KeptLog, msg, policyOf, textOf } from "./rig.ts";

const text = `
srs key "secret"
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

export const hello = "Subject: hello\r\n\r\nHello.\r\n";

type OwnAnswer = Extract<LookupToDelivery, { kind: "source" | "helo" }>["answer"];

/** One life of queue. */
export class FakeQueue {
  readonly reports: string[] = [];
  readonly texts: string[] = [];
  readonly routes: ExplainedRoute[] = [];
  readonly spf: SpfFinding[] = [];
  readonly asked: Extract<DeliveryToQueue, { kind: "needChunk" }>[] = [];
  readonly channel: FakeChannel<QueueToDelivery, DeliveryToQueue>;

  constructor(rig: Rig) {
    const [near, far] = channelPair<QueueToDelivery, DeliveryToQueue>(rig.clock);
    this.channel = near;
    near.onMessage((message) => {
      if (message.kind === "needChunk") return void this.asked.push(message);
      if (message.kind === "route") {
        this.spf.push(...message.spf);
        return void this.routes.push(message.route);
      }
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
export class FakeLookup {
  readonly asked: DeliveryToLookup[] = [];
  readonly channel: FakeChannel<LookupToDelivery, DeliveryToLookup>;

  constructor(rig: Rig, name = "lookup") {
    const [near, far] = channelPair<LookupToDelivery, DeliveryToLookup>(rig.clock);
    this.channel = near;
    near.onMessage((message) => {
      this.asked.push(message);
      const answer = rig.answerOf(message);
      if (answer !== null) near.send(answer);
    });
    rig.delivery.addLookup(name, far);
  }
}

/** delivery, with the test in the place of everybody else. */
export class Rig {
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
  own: Record<"source" | "helo", OwnAnswer> = {
    source: { kind: "found", text: "[2001:db8::7]" },
    helo: { kind: "found", text: "seven.test" },
  };
  answerOf: (ask: DeliveryToLookup) => LookupToDelivery | null = (ask) => {
    const { request } = ask;
    if (ask.kind === "user") {
      return {
        kind: "user",
        request,
        answer: { kind: "found", uid: 1001, gid: 1001, home: "/home/ann", accountHome: "/home/ann" },
      };
    }
    if (ask.kind !== "relay") return { kind: ask.kind, request, answer: this.own[ask.kind] };
    const answer = this.relayUrl === null
      ? { kind: "absent" } as const
      : { kind: "found", url: this.relayUrl } as const;
    return { kind: "relay", request, answer };
  };

  /** `relay` changes the action `out`. */
  constructor(relay: Partial<RelayAction> = {}) {
    const policy = policyOf(text);
    const out = policy.actions["out"];
    const actions = { ...policy.actions, ...(out?.kind === "relay" ? { out: { ...out, ...relay } } : {}) };
    this.dns.mx("b.test", "10 mx.b.test").host("mx.b.test", "203.0.113.1");
    this.dns.mx("c.test", "10 mx.c.test").host("mx.c.test", "203.0.113.2");
    this.dns.host("smart.test", "203.0.113.3");
    this.delivery = new Delivery({
      clock: this.clock,
      random: new SeededRandom(1),
      log: this.kept.log,
      policy: { ...policy, actions },
      rewriting: rewritingOf(policy, this.clock, hostSha1),
      sameUser: false,
      successors: firstSuccessors,
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

  static async full(
    relay: Partial<RelayAction> = {},
  ): Promise<{ rig: Rig; queue: FakeQueue; lookup: FakeLookup }> {
    const rig = new Rig(relay);
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
export function envelopeTo(rcpt: string, n: number, change: Partial<Envelope> = {}): Envelope {
  const { ttlMs: _, ...draft } = draftTo(rcpt);
  return { ...exampleEnvelope, ...draft, id: evpIdOf(msg(1), n), message: msg(1), last: null, ...change };
}

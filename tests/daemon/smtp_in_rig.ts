/** smtp-in with everything around it in memory: clients on one side, the test in the place of queue and lookup on the
 * other. */

import { Buffer } from "node:buffer";
import { deepEqual } from "node:assert/strict";
import type {
  LookupToSmtpIn,
  QueueToSmtpIn,
  RecipientQuestion,
  SessionQuestion,
  SmtpInToLookup,
  SmtpInToQueue,
} from "../../lib/daemon/imsg.ts";
import { SmtpIn } from "../../lib/daemon/smtp_in.ts";
import type { Address, Listener as ListeningSocket, Stream } from "../../lib/port.ts";
import type { Policy, SmtpLimits } from "../../lib/policy/policy.ts";
import type { Reply } from "../../lib/smtp/reply.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { type FakeStream, streamPair } from "../sim/net.ts";
import { SeededRandom } from "../sim/random.ts";
import { KeptLog, msg, policyOf, textOf } from "./rig.ts";

/** A client that keeps what it is told. */
export class Client {
  /** Replies not looked at yet. */
  said = "";
  state: "open" | "ended" | "closed" = "open";
  readonly stream: FakeStream;

  /** A rude one does not close when the server does. */
  constructor(stream: FakeStream, isRude = false) {
    this.stream = stream;
    stream.attach({
      data: (bytes) => void (this.said += textOf(bytes)),
      drain: () => {},
      end: () => {
        this.state = "ended";
        if (!isRude) stream.end();
      },
      close: () => this.state = "closed",
    });
  }

  write(text: string): void {
    this.stream.write(Buffer.from(text, "latin1"));
  }

  /** Codes of the replies since the last call, one for each. */
  codes(): string[] {
    const lines = this.said.split("\r\n");
    this.said = lines.pop() ?? "";
    return lines.filter((line) => line[3] === " ").map((line) => line.slice(0, 3));
  }
}

/** The other end of smtp-in's channel to queue. Bodies are kept by message. */
export class FakeQueue {
  readonly channel: FakeChannel<QueueToSmtpIn, SmtpInToQueue>;
  readonly near: FakeChannel<SmtpInToQueue, QueueToSmtpIn>;
  readonly got: SmtpInToQueue[] = [];
  readonly bodies = new Map<string, string>();

  constructor(clock: FakeClock) {
    [this.near, this.channel] = channelPair<SmtpInToQueue, QueueToSmtpIn>(clock);
    this.channel.onMessage((message, body) => {
      this.got.push(message);
      if (body === null || message.kind === "stats" || message.kind === "wantIds") return;
      this.bodies.set(message.message, (this.bodies.get(message.message) ?? "") + textOf(body));
    });
  }

  of<K extends SmtpInToQueue["kind"]>(kind: K): Extract<SmtpInToQueue, { kind: K }>[] {
    return this.got.filter((one): one is Extract<SmtpInToQueue, { kind: K }> => one.kind === kind);
  }

  deal(...numbers: number[]): void {
    this.channel.send({ kind: "dealt", messages: numbers.map(msg) });
  }
}

/** The other end of smtp-in's channel to lookup. */
export class FakeLookup {
  readonly channel: FakeChannel<LookupToSmtpIn, SmtpInToLookup>;
  readonly near: FakeChannel<SmtpInToLookup, LookupToSmtpIn>;
  readonly asked: RecipientQuestion[] = [];
  readonly questions: SessionQuestion[] = [];

  constructor(clock: FakeClock) {
    [this.near, this.channel] = channelPair<SmtpInToLookup, LookupToSmtpIn>(clock);
    this.channel.onMessage((message) => {
      if (message.kind === "expand") this.asked.push(message);
      else this.questions.push(message);
    });
  }

  /** Says that the recipient asked of last comes to so many envelopes. */
  resolve(envelopes = 1): void {
    this.channel.send({ kind: "resolved", request: this.asked.at(-1)!.request, envelopes });
  }

  /** Refuses the recipient asked of last. */
  refuse(reply: Reply): void {
    this.channel.send({ kind: "refused", request: this.asked.at(-1)!.request, reply });
  }
}

/** The role and its world. */
export class World {
  readonly clock = new FakeClock();
  readonly log = new KeptLog();
  readonly policy: Policy;
  readonly smtpIn: SmtpIn;
  isListening = true;
  #take: ((stream: Stream) => void)[] = [];

  constructor(limits: Partial<SmtpLimits> = {}, policy = policyOf()) {
    this.policy = policy;
    this.smtpIn = new SmtpIn({
      clock: this.clock,
      random: new SeededRandom(1),
      log: this.log.log,
      limits: { ...policy.smtp, ...limits },
      policy,
      processes: 1,
      descriptors: null,
    });
    for (const index of this.policy.listeners.keys()) {
      const socket: ListeningSocket = {
        accept: (take) => void this.#take.push(take),
        close: () => void (this.isListening = false),
      };
      this.smtpIn.serve(socket, this.policy.listeners, index);
    }
  }

  async queue(): Promise<FakeQueue> {
    const queue = new FakeQueue(this.clock);
    this.smtpIn.setQueue(queue.near);
    await this.clock.settle();
    return queue;
  }

  async lookup(): Promise<FakeLookup> {
    const lookup = new FakeLookup(this.clock);
    this.smtpIn.setLookup(lookup.near);
    await this.clock.settle();
    return lookup;
  }

  /** A connection to the listener at `at` in the policy. */
  async connect(at: "socket" | "inet" = "inet", isRude = false): Promise<Client> {
    const index = this.policy.listeners.findIndex(({ kind }) => kind === at);
    const remote: Address = at === "socket"
      ? { kind: "unix", path: "" }
      : { kind: "inet", ip: "198.51.100.1", port: 40000 };
    const listener = this.policy.listeners[index];
    const local: Address = listener?.kind === "inet"
      ? { kind: "inet", ip: listener.address, port: listener.port }
      : { kind: "unix", path: "" };
    const ends = streamPair(this.clock, local, remote);
    const client = new Client(ends.client, isRude);
    this.#take[index]?.(ends.server);
    await this.clock.settle();
    return client;
  }

  /** Connections that only sit there. */
  fill(count: number): void {
    const address: Address = { kind: "inet", ip: "198.51.100.2", port: 40000 };
    for (let i = 0; i < count; i++) {
      this.#take[0]?.({
        remote: address,
        local: address,
        buffered: 0,
        attach() {},
        write: () => true,
        pause() {},
        resume() {},
        end() {},
        finish() {},
        destroy() {},
      });
    }
  }

  /** Says something and checks the codes of the answers. */
  async say(client: Client, text: string, ...codes: string[]): Promise<void> {
    client.write(text);
    await this.clock.settle();
    deepEqual(client.codes(), codes, text);
  }

  /** A connection past its greeting and EHLO. */
  async greeted(isRude = false): Promise<Client> {
    const client = await this.connect("inet", isRude);
    await this.say(client, "EHLO client.test\r\n", "220", "250");
    return client;
  }
}

/** Everybody is there, ids are dealt: the ordinary state. */
export async function fullWorld(limits: Partial<SmtpLimits> = {}) {
  const world = new World(limits);
  const queue = await world.queue();
  const lookup = await world.lookup();
  queue.deal(1, 2, 3, 4);
  await world.clock.settle();
  return { world, queue, lookup };
}

/** What an smtp-in tells queue that has so many sessions, and had so many. */
export const counted = (now: number, total: number) => ({
  gauges: { "smtp.session": now },
  counters: { "smtp.session.total": total },
});

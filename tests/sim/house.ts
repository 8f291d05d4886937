/** The whole daemon in one process: every role as it is, the world around them in memory. A role can be killed at any
 * moment and comes back as a new one, as the supervisor would have it. */

import { noBackends } from "../support/backends.ts";
import { deepEqual, ok } from "node:assert/strict";
import { Agent, type AgentWorld } from "../../lib/daemon/agent.ts";
import { AgentHouse } from "../../lib/daemon/agent_house.ts";
import type { ControlAnswer, ControlRequest, Subsystem } from "../../lib/daemon/control.ts";
import {
  controlAnswerMax,
  ControlLines,
  formatControlHello,
  formatControlRequest,
  parseControlAnswer,
} from "../../lib/daemon/control_parse.ts";
import { Delivery } from "../../lib/daemon/delivery.ts";
import type {
  AgentToDelivery,
  DeliveryToAgent,
  DeliveryToLookup,
  DeliveryToQueue,
  LookupToDelivery,
  LookupToQueue,
  LookupToSmtpIn,
  QueueToDelivery,
  QueueToLookup,
  QueueToSmtpIn,
  SmtpInToLookup,
  SmtpInToQueue,
} from "../../lib/daemon/imsg.ts";
import { Lookup } from "../../lib/daemon/lookup.ts";
import { policyPart } from "../../lib/daemon/policy_part.ts";
import { Queue } from "../../lib/daemon/queue.ts";
import { SmtpIn } from "../../lib/daemon/smtp_in.ts";
import { openTables } from "../../lib/daemon/tables.ts";
import type { Log, LogEvent } from "../../lib/event_log.ts";
import type { TableSource } from "../../lib/policy/expand.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import type { SpoolStore } from "../../lib/spool/store.ts";
import { channelPair, type FakeChannel } from "./channel.ts";
import { FakeClock } from "./clock.ts";
import { FakeDisk } from "./disk.ts";
import { FakeDns } from "./dns.ts";
import { MortalClock, MortalDialer, MortalDisk } from "./mortal.ts";
import { FakeNet, type FakeStream, streamPair } from "./net.ts";
import { SeededRandom } from "./random.ts";
import { FakeStore, type StoreFaults } from "./store.ts";
import { FakeShell } from "./shell.ts";
import type { NamedAccount } from "../../lib/daemon/supervision.ts";

/** Roles that come back when they die. */
export const standing = ["queue", "lookup", "delivery", "smtp-in"] as const;
type Standing = (typeof standing)[number];

/** One process. */
class Life {
  readonly clock: MortalClock;
  readonly mortals: { die(): void }[] = [];
  readonly ends: { die(lost: number): void }[] = [];
  readonly streams: FakeStream[] = [];

  constructor(world: FakeClock) {
    this.clock = new MortalClock(world);
  }

  /** Of the messages that it had sent to each peer, `lost` had not left it. */
  die(lost: number): void {
    this.clock.die();
    for (const mortal of this.mortals) mortal.die();
    for (const end of this.ends) end.die(lost);
    for (const stream of this.streams) stream.destroy();
  }
}

interface Roles {
  queue: Queue;
  lookup: Lookup;
  delivery: Delivery;
  "smtp-in": SmtpIn;
}

interface Common {
  readonly clock: MortalClock;
  readonly random: SeededRandom;
  readonly log: Log;
  readonly policy: Policy;
}

/** A clock that counts what it lets happen, so that something can be done between any two steps. */
class CountingClock extends FakeClock {
  steps = 0;
  readonly #at = new Map<number, () => void>();

  /** Calls `run` before step `step`, counted from 0; at once when that is past. */
  before(step: number, run: () => void): void {
    if (step < this.steps) return run();
    const others = this.#at.get(step);
    this.#at.set(step, () => {
      others?.();
      run();
    });
  }

  override soon(run: () => void): void {
    super.soon(() => {
      this.#at.get(this.steps)?.();
      this.#at.delete(this.steps++);
      run();
    });
  }
}

/** The house. What outlives its roles is public: tests look at it. */
export class House {
  readonly world = new CountingClock();
  readonly random: SeededRandom;
  readonly disk = new FakeDisk();
  readonly net = new FakeNet(this.world);
  readonly dns = new FakeDns();
  readonly spool: SpoolStore = new MemoryStore();
  readonly log: LogEvent[] = [];
  /** What fails of the spool, in every life of the queue. */
  storeFaults: StoreFaults = () => null;
  readonly #policy: Policy;
  #tables: TableSource | null = null;
  readonly #roles: Partial<Roles> = {};
  readonly #lives = new Map<Standing, Life>();
  readonly #agents = new Map<string, { readonly life: Life; readonly ended: () => void }>();
  readonly #house: AgentHouse;
  /** Connections that nobody has accepted yet: the supervisor holds the socket. */
  readonly #backlog: FakeStream[] = [];
  #accept: ((stream: FakeStream) => void) | null = null;
  #paused: readonly Subsystem[] = [];
  #control: ((stream: FakeStream) => void) | null = null;
  /** Queue's end of the channel to lookup. */
  #fromLookup: FakeChannel<QueueToLookup, LookupToQueue> | null = null;

  constructor(policy: Policy, seed: number) {
    this.#policy = policy;
    this.random = new SeededRandom(seed);
    this.#house = new AgentHouse({
      policy,
      premises: { spool: "/spool", state: "/state", accounts: null, includes: [], resolvers: [] },
      log: (event) => void this.log.push(event),
      prepareFile: () => {},
      start: (_grant, work, key, _received, ended) => {
        if (work.kind === "deliver") this.#startAgent(work, key, ended);
        return { stop: () => Promise.resolve() };
      },
    });
  }

  /** Starts every role. */
  async start(): Promise<this> {
    const opened = await openTables(
      this.#policy,
      this.disk,
      this.world,
      (event) => void this.log.push(event),
      noBackends,
    );
    this.#tables = {
      ...opened,
      reverseName: () => Promise.resolve(null),
      rewriting: null,
      readForward: () => Promise.resolve({ kind: "absent" }),
    };
    for (const role of standing) await this.#start(role);
    await this.settle();
    return this;
  }

  /** Whole turns: the disk takes some that the clock does not see. */
  async settle(): Promise<void> {
    for (let n = 0; n < 3; n++) await this.world.settle();
  }

  /** kill -9. No effect on a role that is not there. It comes back after `restartMs`; with 0 perhaps before its peers have seen it go. */
  kill(role: Standing, restartMs: number, lost = 0): void {
    const life = this.#lives.get(role);
    if (life === undefined) return;
    life.die(lost);
    this.#lives.delete(role);
    delete this.#roles[role];
    if (role === "smtp-in") this.#accept = null;
    if (restartMs === 0) void this.#start(role);
    else this.world.after(restartMs, () => void this.#start(role));
  }

  /** kill -9 of an agent, if there is any. */
  killAgent(lost = 0): void {
    const keys = [...this.#agents.keys()];
    const key = keys[this.random.u32() % Math.max(1, keys.length)];
    const agent = key === undefined ? undefined : this.#agents.get(key);
    if (key === undefined || agent === undefined) return;
    this.#agents.delete(key);
    agent.life.die(lost);
    this.world.soon(agent.ended);
  }

  /** What lookup says to queue waits on the way, until it is let go or lookup dies. */
  holdOffers(isHeld: boolean): void {
    if (this.#fromLookup === null) return;
    if (!isHeld) return this.#fromLookup.release();
    this.#fromLookup.isHeld = true;
  }

  /** The client's end of a new connection. */
  connect(): FakeStream {
    const { client, server } = streamPair(this.world);
    if (this.#accept === null) this.#backlog.push(server);
    else this.#accept(server);
    return client;
  }

  /** What smtpctl hears from the queue of the moment. */
  async ask(request: ControlRequest): Promise<readonly ControlAnswer[]> {
    const { client, server } = streamPair(this.world);
    const lines = new ControlLines(controlAnswerMax);
    const answers: (ControlAnswer | null)[] = [];
    client.attach({
      data: (bytes) => void answers.push(...(lines.push(bytes) ?? []).map(parseControlAnswer)),
      drain() {},
      end() {},
      close() {},
    });
    this.#control?.(server);
    client.write(new TextEncoder().encode(formatControlHello() + formatControlRequest(request)));
    await this.settle();
    client.destroy();
    return answers.filter((one) => one !== null);
  }

  /** Messages in the Maildirs below `/mail`, by mailbox. */
  mailboxes(): ReadonlyMap<string, readonly string[]> {
    const boxes = new Map<string, readonly string[]>();
    for (const user of this.disk.namesIn("/mail") ?? []) {
      const path = `/mail/${user}/new`;
      boxes.set(user, (this.disk.namesIn(path) ?? []).map((name) => this.disk.textOf(`${path}/${name}`) ?? ""));
    }
    return boxes;
  }

  /** Nothing is left to do, and nothing left over. */
  async checkAtRest(): Promise<void> {
    deepEqual(await this.spool.counts(), { messages: 0, envelopes: 0, bounces: 0, bytes: 0 });
    if (this.spool instanceof MemoryStore) deepEqual(await this.spool.recover(), 0);
  }

  async #start(role: Standing): Promise<void> {
    const life = new Life(this.world);
    this.#lives.set(role, life);
    const common = {
      clock: life.clock,
      random: this.random,
      log: (event: LogEvent) => void this.log.push(event),
      policy: policyPart(role, this.#policy),
    };
    switch (role) {
      case "queue": {
        const store = new FakeStore(life.clock, this.spool);
        store.faults = (call, changes) => this.storeFaults(call, changes);
        life.mortals.push(store);
        const queue = new Queue({
          ...common,
          store,
          traced: [],
          paused: this.#paused,
          keepPaused: (paused) => this.#paused = paused,
          allowExec: (named) => this.#house.allowExec(named),
          stopDaemon: () => {},
          room: () => null,
        });
        await queue.recover();
        queue.serve({ accept: (take) => this.#control = take, close: () => this.#control = null });
        this.#roles.queue = queue;
        break;
      }
      case "lookup": {
        ok(this.#tables);
        const allow = (named: NamedAccount) => this.#house.allow(named);
        this.#roles.lookup = new Lookup({ ...common, tables: this.#tables, allow });
        break;
      }
      case "delivery":
        this.#roles.delivery = this.#makeDelivery(life, common);
        break;
      case "smtp-in":
        this.#roles["smtp-in"] = this.#makeSmtpIn(life, common);
    }
    this.#join(role);
  }

  #makeDelivery(
    life: Life,
    common: Common,
  ) {
    const dialer = new MortalDialer(life.clock, this.net);
    life.mortals.push(dialer);
    return new Delivery({
      rewriting: null,
      ...common,
      dialer,
      sameUser: true,
      dns: () => Promise.resolve(this.dns),
      selfAddresses: new Set(),
      needAgent: (request) => this.world.after(1, () => this.#house.need(request)),
    });
  }

  #makeSmtpIn(
    life: Life,
    common: Common,
  ) {
    const smtpIn = new SmtpIn({ ...common, limits: common.policy.smtp });
    const listener = common.policy.listeners.find(({ kind }) => kind === "inet");
    ok(listener);
    const accept = (take: (stream: FakeStream) => void) => {
      this.#accept = (stream) => {
        life.streams.push(stream);
        take(stream);
      };
      for (const stream of this.#backlog.splice(0)) this.#accept(stream);
    };
    smtpIn.serve({ accept, close: () => this.#accept = null }, listener);
    return smtpIn;
  }

  /** Joins a role to each of its peers that is there. */
  #join(role: Standing): void {
    const { queue, lookup, delivery, "smtp-in": smtpIn } = this.#roles;
    const is = (a: Standing, b: Standing) => role === a || role === b;
    if (smtpIn && lookup && is("smtp-in", "lookup")) {
      const [near, far] = this.#pair<SmtpInToLookup, LookupToSmtpIn>("smtp-in", "lookup");
      smtpIn.setLookup(near);
      lookup.addSmtpIn("smtp-in", far);
    }
    if (smtpIn && queue && is("smtp-in", "queue")) {
      const [near, far] = this.#pair<SmtpInToQueue, QueueToSmtpIn>("smtp-in", "queue");
      smtpIn.setQueue(near);
      queue.addSmtpIn("smtp-in", far);
    }
    if (lookup && queue && is("lookup", "queue")) {
      const [near, far] = this.#pair<LookupToQueue, QueueToLookup>("lookup", "queue");
      lookup.setQueue(near);
      queue.setLookup(far);
      this.#fromLookup = far;
    }
    if (queue && delivery && is("queue", "delivery")) {
      const [near, far] = this.#pair<QueueToDelivery, DeliveryToQueue>("queue", "delivery");
      queue.setDelivery(near);
      delivery.setQueue(far);
    }
    if (delivery && lookup && is("delivery", "lookup")) {
      const [near, far] = this.#pair<DeliveryToLookup, LookupToDelivery>("delivery", "lookup");
      delivery.setLookup(near);
      lookup.setDelivery(far);
    }
  }

  #pair<Out, In>(a: Standing, b: Standing): [FakeChannel<Out, In>, FakeChannel<In, Out>] {
    const [near, far] = channelPair<Out, In>(this.world);
    this.#lives.get(a)?.ends.push(near);
    this.#lives.get(b)?.ends.push(far);
    return [near, far];
  }

  #startAgent(work: AgentWorld["work"], key: string, ended: () => void): void {
    const life = new Life(this.world);
    this.#agents.set(key, { life, ended });
    const disk = new MortalDisk(life.clock, this.disk);
    const { serverName: hostname } = this.#policy;
    const shell = new FakeShell();
    const agent = new Agent({ clock: life.clock, random: this.random, disk, shell, dialer: this.net, hostname, work });
    const [near, far] = channelPair<DeliveryToAgent, AgentToDelivery>(this.world);
    life.ends.push(far);
    agent.serve(far, () => {
      if (this.#agents.get(key)?.life !== life) return;
      this.#agents.delete(key);
      this.world.after(1, ended);
    });
    const { delivery } = this.#roles;
    if (delivery === undefined) return near.close();
    this.#lives.get("delivery")?.ends.push(near);
    delivery.addAgent(key, near);
  }
}

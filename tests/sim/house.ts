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
import type { AgentToDelivery, DeliveryToAgent, LookupToQueue, QueueToLookup } from "../../lib/daemon/imsg.ts";
import { Lookup } from "../../lib/daemon/lookup.ts";
import { policyPart } from "../../lib/daemon/policy_part.ts";
import { Queue } from "../../lib/daemon/queue.ts";
import { drainMs, type Successors } from "../../lib/daemon/supervision.ts";
import { isJoined } from "../../lib/daemon/wiring.ts";
import { SmtpIn } from "../../lib/daemon/smtp_in.ts";
import { openTables } from "../../lib/daemon/tables.ts";
import type { LogEvent } from "../../lib/event_log.ts";
import type { TableSource } from "../../lib/policy/expand.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import type { SpoolStore } from "../../lib/spool/store.ts";
import { firstConfiguration, noSessions } from "../daemon/rig.ts";
import { channelPair, type FakeChannel } from "./channel.ts";
import { FakeDisk } from "./disk.ts";
import { FakeDns } from "./dns.ts";
import { MortalDialer, MortalDisk } from "./mortal.ts";
import { joinMembers, type Member, type Running } from "./join.ts";
import { CountingClock, Life } from "./life.ts";
import { FakeNet, type FakeStream, streamPair } from "./net.ts";
import { SeededRandom } from "./random.ts";
import { FakeStore, type StoreFaults } from "./store.ts";
import { FakeShell } from "./shell.ts";
import type { NamedAccount } from "../../lib/daemon/supervision.ts";

/** Roles that come back when they die. */
export const standing = ["queue", "lookup", "delivery", "smtp-in"] as const;
type Standing = (typeof standing)[number];

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
  #policy: Policy;
  #version = 1;
  readonly #tables = new Map<number, TableSource>();
  #members: Member[] = [];
  readonly #agents = new Map<string, { readonly life: Life; readonly ended: () => void }>();
  readonly #house: AgentHouse<Member>;
  /** Connections that nobody has accepted yet: the supervisor holds the socket. */
  readonly #backlog: FakeStream[] = [];
  #accept: ((stream: FakeStream) => void) | null = null;
  #acceptor: Member | null = null;
  #paused: readonly Subsystem[] = [];
  #control: ((stream: FakeStream) => void) | null = null;
  /** Queue's end of the channel to lookup. */
  #fromLookup: FakeChannel<QueueToLookup, LookupToQueue> | null = null;

  constructor(policy: Policy, seed: number) {
    this.#policy = policy;
    this.random = new SeededRandom(seed);
    this.#house = new AgentHouse({
      premises: { spool: "/spool", state: "/state", accounts: null, includes: [], resolvers: [] },
      log: (event) => void this.log.push(event),
      prepareFile: () => {},
      start: (_grant, work, key, delivery, ended) => {
        if (work.kind === "deliver") this.#startAgent(work, key, delivery, ended);
        return { stop: () => Promise.resolve() };
      },
    });
  }

  /** Starts every role. */
  async start(): Promise<this> {
    await this.#openTables(1);
    for (const role of standing) {
      const member = this.#add(role, 1);
      member.mayServe = true;
      await this.#start(member);
    }
    await this.settle();
    return this;
  }

  /** Another policy takes over, as the supervisor brings it about: newcomers first, then those that stay are told, then
   * newcomers serve and those that they follow finish. */
  async reload(policy: Policy): Promise<void> {
    const version = this.#version + 1;
    const isSame =
      JSON.stringify(policyPart("delivery", policy)) === JSON.stringify(policyPart("delivery", this.#policy));
    const followed = standing.filter((role) => role !== "queue" && (role !== "delivery" || !isSame));
    const former = this.#members.filter(({ role, isRetired }) => !isRetired && followed.includes(role));
    this.#policy = policy;
    await this.#openTables(version);
    const newcomers = followed.map((role) => this.#add(role, version));
    for (const member of newcomers) await this.#start(member);
    await this.settle();
    this.#version = version;
    for (const member of this.#members) {
      if (member.isRetired || followed.includes(member.role)) continue;
      member.configuration = { policy };
      member.configured = version;
      const { running } = member;
      if (running?.role === "queue") running.it.follow(policyPart("queue", policy), this.#successors(version));
      if (running?.role === "delivery") running.it.follow(this.#successors(version));
    }
    await this.world.advance(1);
    for (const member of newcomers) {
      member.mayServe = true;
      this.#serve(member);
    }
    for (const member of former) this.#retire(member);
  }

  /** How many places there are: those that finish count. */
  get places(): readonly string[] {
    return this.#members.map(({ name }) => name);
  }

  /** Whole turns: the disk takes some that the clock does not see. */
  async settle(): Promise<void> {
    for (let n = 0; n < 3; n++) await this.world.settle();
  }

  /** kill -9. No effect on a role that is not there. It comes back after `restartMs`; with 0 perhaps before its peers have seen it go. */
  kill(role: Standing, restartMs: number, lost = 0): void {
    const member = this.#members.findLast((one) => one.role === role && !one.isRetired);
    if (member?.life == null) return;
    this.#end(member, lost);
    if (restartMs === 0) void this.#start(member);
    else this.world.after(restartMs, () => member.isRetired || void this.#start(member));
  }

  #end(member: Member, lost: number): void {
    member.life?.die(lost);
    if (member.role === "smtp-in" && this.#acceptor === member) this.#accept = null;
    member.life = null;
    member.running = null;
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

  async #openTables(version: number): Promise<void> {
    const log = (event: LogEvent) => void this.log.push(event);
    const opened = await openTables(this.#policy, this.disk, this.world, log, noBackends);
    this.#tables.set(version, {
      ...opened,
      reverseName: () => Promise.resolve(null),
      peerName: () => Promise.resolve({ name: null, forward: "fail" }),
      rewriting: null,
      readForward: () => Promise.resolve({ kind: "absent" }),
    });
  }

  #successors(version: number): Successors {
    const isOf = (role: Standing) => (one: Member) => one.role === role && one.version <= version && !one.isRetired;
    const name = (role: Standing) => this.#members.findLast(isOf(role))?.name ?? role;
    return { lookup: name("lookup"), delivery: name("delivery") };
  }

  #add(role: Standing, version: number): Member {
    const name = version === 1 ? role : `${role}#v${version}`;
    const member: Member = {
      role,
      version,
      name,
      process: { name, life: 0 },
      configuration: { policy: this.#policy },
      configured: version,
      mayServe: false,
      life: null,
      running: null,
      isRetired: false,
    };
    this.#members.push(member);
    return member;
  }

  async #start(member: Member): Promise<void> {
    const life = new Life(this.world);
    member.life = life;
    member.process.life++;
    const running = await this.#make(member, life);
    if (member.life !== life) return;
    member.running = running;
    // A reload may have come while it started.
    const successors = this.#successors(member.configured);
    if (running.role === "queue") running.it.follow(policyPart("queue", member.configuration.policy), successors);
    if (running.role === "delivery") running.it.follow(successors);
    for (const other of this.#members) if (other !== member && isJoined(member, other)) this.#join(member, other);
    if (member.mayServe) this.#serve(member);
  }

  async #make(member: Member, life: Life): Promise<Running> {
    const { role, version } = member;
    const common = {
      clock: life.clock,
      random: this.random,
      log: (event: LogEvent) => void this.log.push(event),
      policy: policyPart(role, member.configuration.policy),
      successors: this.#successors(member.configured),
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
          reload: () => {},
          configuration: firstConfiguration,
          room: () => null,
        });
        await queue.recover();
        queue.serve({ accept: (take) => this.#control = take, close: () => this.#control = null });
        return { role, it: queue };
      }
      case "lookup": {
        const tables = this.#tables.get(version);
        ok(tables);
        const allow = (named: NamedAccount) => this.#house.allow(named);
        return { role, it: new Lookup({ ...common, tables, sessions: noSessions, allow }) };
      }
      case "delivery": {
        const dialer = new MortalDialer(life.clock, this.net);
        life.mortals.push(dialer);
        const delivery = new Delivery({
          rewriting: null,
          ...common,
          dialer,
          sameUser: true,
          dns: () => Promise.resolve(this.dns),
          selfAddresses: new Set(),
          needAgent: (request) => this.world.after(1, () => this.#house.need(request, member)),
        });
        return { role, it: delivery };
      }
      case "smtp-in":
        return { role, it: new SmtpIn({ ...common, limits: common.policy.smtp, processes: 1, descriptors: null }) };
    }
  }

  /** The socket is held by the supervisor: connections wait until somebody accepts. */
  #serve(member: Member): void {
    const { running, life } = member;
    if (running?.role !== "smtp-in" || life === null) return;
    const { listeners } = member.configuration.policy;
    const index = listeners.findIndex(({ kind }) => kind === "inet");
    ok(index >= 0);
    const accept = (take: (stream: FakeStream) => void) => {
      this.#acceptor = member;
      this.#accept = (stream) => {
        life.streams.push(stream);
        take(stream);
      };
      for (const stream of this.#backlog.splice(0)) this.#accept(stream);
    };
    running.it.serve({ accept, close: () => this.#acceptor === member && (this.#accept = null) }, listeners, index);
  }

  #retire(member: Member): void {
    member.isRetired = true;
    const { running } = member;
    const gone = () => {
      this.#end(member, 0);
      this.#members = this.#members.filter((one) => one !== member);
    };
    if (running === null || running.role === "queue") return gone();
    void running.it.drain(drainMs).then(gone);
  }

  #join(one: Member, other: Member): void {
    const fromLookup = joinMembers(one, other, this.world);
    if (fromLookup !== null) this.#fromLookup = fromLookup;
  }

  #startAgent(work: AgentWorld["work"], key: string, delivery: Member, ended: () => void): void {
    const life = new Life(this.world);
    const name = `${delivery.name} ${key}`;
    this.#agents.set(name, { life, ended });
    const disk = new MortalDisk(life.clock, this.disk);
    const { serverName: hostname } = this.#policy;
    const shell = new FakeShell();
    const agent = new Agent({
      clock: life.clock,
      random: this.random,
      disk,
      shell,
      dialer: this.net,
      hostname,
      uid: null,
      work,
    });
    const [near, far] = channelPair<DeliveryToAgent, AgentToDelivery>(this.world);
    life.ends.push(far);
    agent.serve(far, () => {
      if (this.#agents.get(name)?.life !== life) return;
      this.#agents.delete(name);
      this.world.after(1, ended);
    });
    if (delivery.running?.role !== "delivery") return near.close();
    delivery.life?.ends.push(near);
    delivery.running.it.addAgent(key, near);
  }
}

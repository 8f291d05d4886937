/** delivery's agents: one channel for each account and directory, kept while there is mail and a little longer. */

import type { Channel, Clock, Timer } from "../port.ts";
import { Fault } from "../fault.ts";
import type { AgentToDelivery, DeliveryToAgent } from "./imsg.ts";
import { type AgentRequest, agentsMax, agentStartMs } from "./supervision.ts";

/** How long an idle agent is kept, ms. */
export const agentIdleMs = 10_000;

/** The same while delivery finishes what it has because another takes its place, ms: between two messages for one
 * mailbox there is less. */
export const agentDrainIdleMs = 500;

/** Delivery's end of a channel to an agent. */
export type AgentChannel = Channel<DeliveryToAgent, AgentToDelivery>;

/** One agent that is up. */
export class AgentLink {
  readonly #channel: AgentChannel;
  readonly #waiting = new Map<number, { resolve: (answer: AgentToDelivery) => void; reject: (fault: Fault) => void }>();
  #requests = 0;
  #isGone = false;

  /** `closed` is called once, when the agent is gone and what waited for it has failed. */
  constructor(channel: AgentChannel, closed: () => void) {
    this.#channel = channel;
    channel.onMessage((answer) => {
      const waiting = this.#waiting.get(answer.request);
      this.#waiting.delete(answer.request);
      waiting?.resolve(answer);
    });
    channel.onClose(() => {
      this.#isGone = true;
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const { reject } of waiting) reject(agentGone());
      closed();
    });
  }

  /** A number that no message of this agent has had. */
  nextRequest(): number {
    return ++this.#requests;
  }

  /** Sends one piece and waits for the answer to it. Rejects with `unavailable` when the agent is gone, before or after. */
  send(message: DeliveryToAgent, body: Uint8Array | null): Promise<AgentToDelivery> {
    if (this.#isGone) return Promise.reject(agentGone());
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.request, { resolve, reject });
      if (body === null) this.#channel.send(message);
      else this.#channel.send(message, body);
    });
  }

  /** Tells the agent to forget a message, with no answer expected. */
  abandon(request: number): void {
    this.#channel.send({ kind: "abandon", request });
  }

  /** Lets the agent go: it ends what it has begun. */
  close(): void {
    this.#channel.close();
  }
}

interface Slot {
  link: AgentLink | null;
  users: number;
  usedAt: number;
  readonly waiting: { resolve: (link: AgentLink) => void; reject: (fault: Fault) => void }[];
  timer: Timer | null;
}

/** Finds, starts and lets go of agents. */
export class AgentPool {
  readonly #clock: Clock;
  readonly #need: (request: AgentRequest) => void;
  readonly #slots = new Map<string, Slot>();
  /** Those that wait for an agent of others to become idle. */
  readonly #crowd: (() => void)[] = [];
  #sweeper: Timer | null = null;
  #idleMs = agentIdleMs;

  /** `need` asks the supervisor for an agent. */
  constructor(clock: Clock, need: (request: AgentRequest) => void) {
    this.#clock = clock;
    this.#need = need;
  }

  /** Runs `work` with the agent that `request` names. Rejects with `unavailable` when none comes up. While as many as
   * may run are all busy, it waits. */
  async use<T>(request: AgentRequest, work: (agent: AgentLink) => Promise<T>): Promise<T> {
    while (!this.#slots.has(request.key) && !this.#makeRoom()) {
      await new Promise<void>((resolve) => this.#crowd.push(resolve));
    }
    const slot = this.#slots.get(request.key) ?? this.#begin(request);
    slot.users++;
    try {
      return await work(slot.link ?? await new Promise((resolve, reject) => slot.waiting.push({ resolve, reject })));
    } finally {
      slot.users--;
      slot.usedAt = this.#clock.monotonic();
      this.#sweeper ??= this.#clock.after(this.#idleMs, () => this.#sweep());
      this.#crowd.shift()?.();
    }
  }

  /** The supervisor hands over the channel to an agent. */
  arrived(key: string, channel: AgentChannel): void {
    const slot = this.#slots.get(key);
    if (slot === undefined || slot.link !== null) return channel.close();
    const link = new AgentLink(channel, () => {
      if (this.#slots.get(key) === slot) this.#slots.delete(key);
    });
    slot.timer?.cancel();
    slot.link = link;
    for (const { resolve } of slot.waiting.splice(0)) resolve(link);
  }

  /** Lets agents go soon when they have nothing to do: another delivery may need the room. */
  drain(): void {
    this.#idleMs = agentDrainIdleMs;
    this.#sweeper?.cancel();
    this.#sweep();
  }

  /** Lets all agents go and stops looking for idle ones. */
  close(): void {
    this.#sweeper?.cancel();
    for (const { link, timer } of this.#slots.values()) {
      timer?.cancel();
      link?.close();
    }
    this.#slots.clear();
  }

  #begin(request: AgentRequest): Slot {
    const slot: Slot = { link: null, users: 0, usedAt: this.#clock.monotonic(), waiting: [], timer: null };
    this.#slots.set(request.key, slot);
    slot.timer = this.#clock.after(agentStartMs, () => {
      this.#slots.delete(request.key);
      const fault = new Fault("unavailable", "Cannot write the message: no agent came up in time");
      for (const { reject } of slot.waiting.splice(0)) reject(fault);
    });
    this.#need(request);
    return slot;
  }

  /** Lets the agent go that has been idle longest, when there is no room. False when all are busy. */
  #makeRoom(): boolean {
    if (this.#slots.size < agentsMax) return true;
    let oldest: readonly [string, Slot] | null = null;
    for (const entry of this.#slots) {
      if (entry[1].users > 0 || entry[1].link === null) continue;
      if (oldest === null || entry[1].usedAt < oldest[1].usedAt) oldest = entry;
    }
    if (oldest !== null) this.#release(...oldest);
    return oldest !== null;
  }

  #sweep(): void {
    this.#sweeper = null;
    const before = this.#clock.monotonic() - this.#idleMs;
    for (const [key, slot] of this.#slots) {
      if (slot.users === 0 && slot.link !== null && slot.usedAt <= before) this.#release(key, slot);
    }
    if (this.#slots.size > 0) this.#sweeper = this.#clock.after(this.#idleMs, () => this.#sweep());
  }

  #release(key: string, slot: Slot): void {
    this.#slots.delete(key);
    slot.link?.close();
  }
}

function agentGone(): Fault {
  return new Fault("unavailable", "Cannot write the message: the agent is gone");
}

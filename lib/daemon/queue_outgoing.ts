/** queue's back: gives due envelopes to delivery, makes what became of them durable, and never loses sight of one. */

import { Buffer } from "node:buffer";
import type { Channel, Clock, Timer } from "../port.ts";
import { describeError, Fault } from "../fault.ts";
import type { Log } from "../event_log.ts";
import type { Envelope } from "../spool/envelope.ts";
import type { GroupCommit } from "../spool/group.ts";
import type { EvpId, MsgId } from "../spool/id.ts";
import type { Batch, Schedule, Settlement } from "../spool/schedule.ts";
import type { SpoolStore } from "../spool/store.ts";
import type { DeliveryToQueue, QueueToDelivery } from "./imsg.ts";
import type { NamedExec } from "./supervision.ts";

/** Content up to this length goes along with its envelopes, octets. */
export const inlineMax = 64 * 1024;

/** Content that may be with delivery at once without having been asked for, octets. */
const inlineTotalMax = 32 * 1024 * 1024;

/** Content of messages that have just come in, kept for their first attempt, octets. */
const freshTotalMax = 8 * 1024 * 1024;

/** Destinations whose servers are to be tried although they failed: more are forgotten, the oldest first. */
const pardonsMax = 10_000;

/** How long to wait when the store cannot take an outcome, ms. */
const storeRetryMs = 5_000;

/** Longest sleep, ms: the wall clock may jump, and timers do not see it. */
const sleepMaxMs = 60_000;

/** What the back works with. */
export interface OutgoingPorts {
  /** Wakes it when an envelope is due. */
  readonly clock: Clock;
  /** For failures of the store. */
  readonly log: Log;
  /** Content is read from it. */
  readonly store: SpoolStore;
  /** What makes outcomes durable. */
  readonly group: GroupCommit;
  /** What is due. */
  readonly schedule: Schedule;
  /** Tells the supervisor what a file or command envelope, which is about to go to delivery, is to be given to. */
  readonly allowExec: (named: NamedExec) => void;
  /** Tells senders about these envelopes, of one message. */
  readonly notify: (envelopes: readonly Envelope[]) => void;
  /** delivery says where mail would go. */
  readonly routed: (message: Extract<DeliveryToQueue, { kind: "route" }>) => void;
}

/** Queue's end of its channel to delivery. */
export type DeliveryChannel = Channel<QueueToDelivery, DeliveryToQueue>;

/** Drives the schedule. */
export class Outgoing {
  readonly #ports: OutgoingPorts;
  readonly #fresh = new Map<MsgId, Uint8Array>();
  readonly #inline = new Map<EvpId, number>();
  readonly #deliveries = new Map<string, DeliveryChannel>();
  /** Who has which envelope; while one delivery follows another, both have some. */
  readonly #holders = new Map<EvpId, DeliveryChannel>();
  readonly #pardons = new Set<string>();
  /** Outcomes since the start: delivered, to be tried again, failed for good. */
  readonly counts = { ok: 0, tempfail: 0, permfail: 0 };
  #freshTotal = 0;
  #inlineTotal = 0;
  /** The one that mail is given to. */
  #delivery: DeliveryChannel | null = null;
  #successor = "";
  #timer: Timer | null = null;
  #isWoken = false;
  #isPumping = false;
  #isWanted = false;
  #isStopped = false;

  /** Attempts nothing before it has a channel to delivery. */
  constructor(ports: OutgoingPorts) {
    this.#ports = ports;
  }

  /** Takes a channel to a delivery. What the last one of its name had is attempted again. */
  addDelivery(name: string, channel: DeliveryChannel): void {
    const former = this.#deliveries.get(name);
    if (former !== undefined) this.#lost(name, former);
    this.#deliveries.set(name, channel);
    if (name === this.#successor) this.#delivery = channel;
    channel.onMessage((message) => {
      if (this.#deliveries.get(name) !== channel) return;
      if (message.kind === "outcome") this.#ended(channel, message);
      else if (message.kind === "route") this.#ports.routed(message);
      else void this.#sendChunk(channel, message);
    });
    channel.onClose(() => this.#lost(name, channel));
    this.wake();
  }

  /** Mail goes to the delivery of this name from now on. What others have they finish. */
  follow(name: string): void {
    this.#successor = name;
    this.#delivery = this.#deliveries.get(name) ?? null;
    this.wake();
  }

  /** New envelopes are durable. */
  committed(envelopes: readonly Envelope[], content: Uint8Array | null): void {
    const message = envelopes[0]?.message;
    if (message !== undefined && content !== null && content.length <= inlineMax) this.#keep(message, content);
    this.#ports.schedule.committed(envelopes, this.#ports.clock.now());
    this.wake();
  }

  /** An administrator wants this envelope attempted now: also by servers that are left alone because they failed. */
  pardon(envelope: Envelope): void {
    if (envelope.kind !== "mta") return;
    const [oldest] = this.#pardons;
    if (oldest !== undefined && this.#pardons.size >= pardonsMax) this.#pardons.delete(oldest);
    this.#pardons.add(destinationOf(envelope));
  }

  /** Looks for work once the input at hand has been handled. */
  wake(): void {
    if (this.#isWoken || this.#isStopped) return;
    this.#isWoken = true;
    this.#ports.clock.soon(() => void this.#pump());
  }

  /** Gives out nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** A delivery is gone, or another one of its name takes its place. */
  #lost(name: string, channel: DeliveryChannel): void {
    if (this.#deliveries.get(name) !== channel) return;
    this.#deliveries.delete(name);
    if (this.#delivery === channel) this.#delivery = null;
    const lost = new Set<EvpId>();
    for (const [envelope, holder] of this.#holders) if (holder === channel) lost.add(envelope);
    for (const envelope of lost) this.#release(envelope);
    const settlements = this.#ports.schedule.flushInFlight(this.#ports.clock.now(), (envelope) => lost.has(envelope));
    for (const settlement of settlements) this.settle(settlement);
    this.wake();
  }

  /** Nobody has it any more. */
  #release(envelope: EvpId): void {
    this.#holders.delete(envelope);
    this.#inlineTotal -= this.#inline.get(envelope) ?? 0;
    this.#inline.delete(envelope);
  }

  /** Makes a settlement durable, however long that takes: an outcome that is not stored would be acted on twice. */
  settle(settlement: Settlement): void {
    for (const event of settlement.log) this.#ports.log(event);
    this.#submit(settlement);
  }

  #submit(settlement: Settlement): void {
    const { group, schedule, clock, log } = this.#ports;
    group.submit(settlement.changes, (fault) => {
      if (fault === null) {
        schedule.settled(settlement, clock.now());
        return this.wake();
      }
      log({
        priority: "err",
        session: "",
        from: "queue",
        what: "store-failed",
        fields: { evpid: settlement.id, reason: fault.message },
      });
      clock.after(storeRetryMs, () => this.#submit(settlement));
    });
  }

  async #pump(): Promise<void> {
    this.#isWoken = false;
    if (this.#isStopped) return;
    // A pump waits for the store; a second one beside it would find the same work.
    if (this.#isPumping) {
      this.#isWanted = true;
      return;
    }
    this.#isPumping = true;
    this.#isWanted = false;
    try {
      await this.#refill();
      await this.#giveOut();
    } finally {
      this.#isPumping = false;
    }
    if (this.#isWanted) this.wake();
    else this.#sleep();
  }

  async #refill(): Promise<void> {
    const { schedule, store, clock } = this.#ports;
    for (let page = schedule.refill(clock.now()); page !== null; page = schedule.refill(clock.now())) {
      try {
        const envelopes = await store.due(page.kind, page.until, page.after, page.limit);
        const next = envelopes.length < page.limit ? await store.nextDueAfter(page.kind, page.until) : null;
        schedule.refilled(envelopes, next, clock.now());
      } catch (error) {
        this.#trouble(error);
        schedule.refillFailed(clock.now() + storeRetryMs);
      }
    }
  }

  async #giveOut(): Promise<void> {
    const { schedule, clock } = this.#ports;
    // Reports wait with the rest: delivery is back in a moment.
    while (this.#delivery !== null && !this.#isStopped) {
      const delivery = this.#delivery;
      const { batches, settlements } = schedule.take(clock.now());
      for (const settlement of settlements) this.settle(settlement);
      if (batches.length === 0) return;
      for (const { kind, envelopes } of batches) {
        if (kind !== "bounce") { for (const { id } of envelopes) this.#holders.set(id, delivery); }
      }
      for (const batch of batches) {
        if (batch.kind === "bounce") this.#ports.notify(batch.envelopes);
        else await this.#give(delivery, batch);
      }
    }
  }

  async #give(delivery: DeliveryChannel, batch: Batch): Promise<void> {
    // The delivery that it was taken for is gone: by now the batch is among those that wait again.
    const { message, envelopes } = batch;
    const [first] = envelopes;
    const isGone = () => first === undefined || this.#holders.get(first.id) !== delivery;
    if (isGone()) return;
    for (const { action, local, kind } of envelopes) {
      const exec = kind === "mda" ? local?.exec ?? null : null;
      if (local !== null && exec !== null) this.#ports.allowExec({ action, user: local.user, exec });
    }
    const fresh = this.#fresh.get(message);
    if (fresh !== undefined) {
      this.#drop(message, fresh);
      return this.#sendInline(delivery, envelopes, fresh);
    }
    try {
      const stored = await this.#ports.store.message(message);
      if (stored === null) throw new Fault("io", `Cannot read message ${message}: it is not there`);
      const { size, chunks } = stored;
      const inline = size <= inlineMax && this.#inlineTotal + size <= inlineTotalMax;
      const content = inline ? await this.#whole(message, chunks) : null;
      if (isGone()) return;
      if (content !== null) this.#sendInline(delivery, envelopes, content);
      else delivery.send({ kind: "deliver", envelopes, size, inline: false, pardon: this.#takePardon(envelopes) });
    } catch (error) {
      this.#trouble(error);
      if (isGone()) return;
      for (const { id } of envelopes) this.#failed(id, describeError(error));
    }
  }

  /** Rejects when a piece is missing: a message cut short is not for anybody's mailbox. */
  async #whole(message: MsgId, chunks: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let seq = 0; seq < chunks; seq++) {
      const piece = await this.#ports.store.chunk(message, seq);
      if (piece === null) throw new Fault("io", `Cannot read message ${message}: piece ${seq} is not there`);
      pieces.push(piece);
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  #sendInline(delivery: DeliveryChannel, envelopes: readonly Envelope[], content: Uint8Array): void {
    const [first] = envelopes;
    if (first === undefined) return;
    this.#inline.set(first.id, content.length);
    this.#inlineTotal += content.length;
    const pardon = this.#takePardon(envelopes);
    delivery.send({ kind: "deliver", envelopes, size: content.length, inline: true, pardon }, content);
  }

  /** The first batch for a destination has its servers pardoned. */
  #takePardon(envelopes: readonly Envelope[]): boolean {
    if (this.#pardons.size === 0) return false;
    return envelopes.filter((envelope) => this.#pardons.delete(destinationOf(envelope))).length > 0;
  }

  #ended(channel: DeliveryChannel, message: Extract<DeliveryToQueue, { kind: "outcome" }>): void {
    const { envelope, outcome } = message;
    // Of what it was not given it has nothing to say.
    if (this.#holders.get(envelope) !== channel) return;
    this.#release(envelope);
    if (outcome.kind === "delayed") this.counts.tempfail++;
    else if (outcome.kind === "failed") this.counts.permfail++;
    else this.counts.ok++;
    const settlement = this.#ports.schedule.outcome(envelope, outcome, this.#ports.clock.now());
    if (settlement !== null) this.settle(settlement);
  }

  /** An attempt that ended here, before delivery saw it. */
  #failed(envelope: EvpId, text: string): void {
    this.#release(envelope);
    const status = { kind: "delayed", enhanced: "4.3.0", text, by: "" } as const;
    const settlement = this.#ports.schedule.outcome(envelope, status, this.#ports.clock.now());
    if (settlement !== null) this.settle(settlement);
  }

  async #sendChunk(channel: DeliveryChannel, ask: Extract<DeliveryToQueue, { kind: "needChunk" }>): Promise<void> {
    const { request, message, seq } = ask;
    try {
      const piece = await this.#ports.store.chunk(message, seq);
      if (piece !== null) {
        channel.send({ kind: "chunk", request, state: "piece" }, piece);
        return;
      }
      // Past the last piece of a message that is there; a message that is gone has no end.
      const stored = await this.#ports.store.message(message);
      channel.send({ kind: "chunk", request, state: stored !== null && seq >= stored.chunks ? "end" : "failed" });
    } catch (error) {
      this.#trouble(error);
      channel.send({ kind: "chunk", request, state: "failed" });
    }
  }

  /** Keeps content for the attempt that follows at once; the oldest gives way. */
  #keep(message: MsgId, content: Uint8Array): void {
    this.#fresh.set(message, content);
    this.#freshTotal += content.length;
    for (const [oldest, bytes] of this.#fresh) {
      if (this.#freshTotal <= freshTotalMax) break;
      this.#drop(oldest, bytes);
    }
  }

  #drop(message: MsgId, content: Uint8Array): void {
    if (this.#fresh.delete(message)) this.#freshTotal -= content.length;
  }

  #sleep(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const at = this.#ports.schedule.nextWake();
    if (at === null || this.#isStopped) return;
    const delayMs = Math.min(Math.max(0, at - this.#ports.clock.now()), sleepMaxMs);
    this.#timer = this.#ports.clock.after(delayMs, () => this.wake());
  }

  #trouble(error: unknown): void {
    const reason = describeError(error);
    this.#ports.log({ priority: "err", session: "", from: "queue", what: "trouble", fields: { reason } });
  }
}

/** Envelopes of one destination go to the same servers. */
function destinationOf({ action, dest }: Envelope): string {
  return `${action} ${dest.domain}`;
}

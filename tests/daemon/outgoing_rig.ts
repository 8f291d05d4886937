/** What the tests of queue_outgoing.ts work with. */

import type { DeliveryToQueue, QueueToDelivery } from "../../lib/daemon/imsg.ts";
import { Outgoing } from "../../lib/daemon/queue_outgoing.ts";
import { judgeBy } from "../../lib/delivery/bounce.ts";
import type { Outcome } from "../../lib/delivery/outcome.ts";
import { chunkLengthMax, type Envelope, type LocalTarget } from "../../lib/spool/envelope.ts";
import { GroupCommit } from "../../lib/spool/group.ts";
import { Schedule } from "../../lib/spool/schedule.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { SeededRandom } from "../sim/random.ts";
import { FakeStore } from "../sim/store.ts";
import type { NamedExec } from "../../lib/daemon/supervision.ts";
import type { EnvelopeDraft } from "../../lib/daemon/imsg.ts";
import { bytesOf, draftTo, KeptLog, msg, plant } from "./rig.ts";

export type Deliver = Extract<QueueToDelivery, { kind: "deliver" }>;
export type Piece = Extract<QueueToDelivery, { kind: "chunk" }>;

export const delivered: Outcome = { kind: "relayed", enhanced: "2.0.0", text: "250 Ok", by: "mx.b.test" };
export const delayed: Outcome = { kind: "delayed", enhanced: "4.0.0", text: "450 later", by: "mx.b.test" };
export const failed: Outcome = { kind: "failed", enhanced: "5.0.0", text: "550 no", by: "mx.b.test" };

/** One life of delivery. */
export class FakeDelivery {
  readonly given: { readonly message: Deliver; readonly body: Uint8Array | null }[] = [];
  readonly pieces: { readonly message: Piece; readonly body: Uint8Array | null }[] = [];
  readonly channel: FakeChannel<DeliveryToQueue, QueueToDelivery>;

  constructor(rig: Rig, name = "delivery") {
    const [near, far] = channelPair<DeliveryToQueue, QueueToDelivery>(rig.clock);
    this.channel = near;
    near.onMessage((message, body) => {
      if (message.kind === "chunk") this.pieces.push({ message, body });
      else if (message.kind === "deliver") this.given.push({ message, body });
    });
    rig.outgoing.addDelivery(name, far);
  }

  /** Whose envelopes it was given, one text for each batch. */
  get names(): readonly string[] {
    return this.given.map(({ message }) => message.envelopes.map(({ dest }) => dest.localPart).join(" "));
  }

  answer(
    outcome: Outcome,
    envelopes: readonly Envelope[] = this.given.flatMap(({ message }) => message.envelopes),
  ): void {
    for (const { id } of envelopes) this.channel.send({ kind: "outcome", envelope: id, outcome, at: 0 });
  }
}

export class Rig {
  readonly clock = new FakeClock();
  readonly store = new FakeStore(this.clock);
  readonly kept = new KeptLog();
  readonly named: NamedExec[] = [];
  readonly notified: (readonly Envelope[])[] = [];
  readonly schedule: Schedule;
  readonly outgoing: Outgoing;

  /** Requests for routes that were answered. */
  readonly routed: number[] = [];

  constructor() {
    const random = new SeededRandom(1);
    const ttlMs = 4 * 86_400_000;
    this.schedule = new Schedule(judgeBy({ ttlMs, warnAfterMs: [14_400_000], number: () => random.u32() || 1 }));
    this.outgoing = new Outgoing({
      clock: this.clock,
      log: this.kept.log,
      store: this.store,
      group: new GroupCommit(this.store, (run) => this.clock.soon(run)),
      schedule: this.schedule,
      allowExec: (named) => void this.named.push(named),
      notify: (envelopes) => void this.notified.push(envelopes),
      routed: (message) => void this.routed.push(message.request),
    });
    this.outgoing.follow("delivery");
  }

  async delivery(): Promise<FakeDelivery> {
    const delivery = new FakeDelivery(this);
    await this.clock.settle();
    return delivery;
  }

  /** A message that has just come in. */
  async committed(n: number, rcpts: readonly string[], content: Uint8Array, keep = true): Promise<void> {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < content.length; at += chunkLengthMax) pieces.push(content.subarray(at, at + chunkLengthMax));
    await this.#plant(n, rcpts.map((rcpt) => draftTo(rcpt)), content, pieces, keep);
  }

  /** One envelope for something on this machine. */
  async committedLocal(n: number, local: LocalTarget): Promise<void> {
    await this.#plant(n, [{ ...draftTo("ann@example.org"), local }], short, [short], true);
  }

  async #plant(
    n: number,
    drafts: readonly EnvelopeDraft[],
    content: Uint8Array,
    pieces: readonly Uint8Array[],
    keep: boolean,
  ): Promise<void> {
    const planting = plant(this.store.inner, msg(n), this.clock.now(), drafts, pieces);
    this.outgoing.committed(await planting, keep ? content : null);
    await this.clock.settle();
  }
}

export const short = bytesOf("Subject: hello\r\n\r\nHello.\r\n");

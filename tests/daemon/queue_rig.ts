/** A queue whose neighbours do what a test says, over several lives on one spool. */

import type {
  DeliveryToQueue,
  EnvelopeDraft,
  ExpandRequest,
  LookupToQueue,
  QueueToDelivery,
  QueueToLookup,
  QueueToSmtpIn,
  SmtpInToQueue,
} from "../../lib/daemon/imsg.ts";
import type { Subsystem } from "../../lib/daemon/control.ts";
import { Queue } from "../../lib/daemon/queue.ts";
import type { Outcome } from "../../lib/delivery/outcome.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import type { Reply } from "../../lib/smtp/reply.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import type { MsgId } from "../../lib/spool/id.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import type { SpoolStore } from "../../lib/spool/store.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { MortalClock } from "../sim/mortal.ts";
import { SeededRandom } from "../sim/random.ts";
import { FakeStore } from "../sim/store.ts";
import { draftTo, firstConfiguration, firstSuccessors, KeptLog, policyOf } from "./rig.ts";

/** What the lookup of a test does with a recipient. */
export type Resolve = (ask: ExpandRequest) => readonly EnvelopeDraft[] | Reply | null;

/** Delivery of a test: `outcomeOf` says what becomes of an envelope, null for nothing yet. */
export class DeliveryDouble {
  readonly given: Envelope[] = [];
  readonly contents = new Map<MsgId, Uint8Array>();
  readonly channel: FakeChannel<DeliveryToQueue, QueueToDelivery>;

  constructor(rig: QueueRig) {
    const [near, far] = rig.join<DeliveryToQueue, QueueToDelivery>();
    this.channel = near;
    near.onMessage((message, body) => {
      if (message.kind !== "deliver") return;
      for (const envelope of message.envelopes) {
        this.given.push(envelope);
        if (body !== null) this.contents.set(envelope.message, body);
        const outcome = rig.outcomeOf(envelope);
        if (outcome !== null) this.answer(envelope, outcome);
      }
    });
    rig.queue.addDelivery("delivery", far);
  }

  answer(envelope: Envelope, outcome: Outcome): void {
    this.channel.send({ kind: "outcome", envelope: envelope.id, outcome, at: 0 });
  }
}

/** Lookup of a test. */
export class LookupDouble {
  readonly asked: ExpandRequest[] = [];
  readonly updates: Extract<QueueToLookup, { kind: "updateTable" }>[] = [];
  readonly channel: FakeChannel<LookupToQueue, QueueToLookup>;

  constructor(rig: QueueRig) {
    const [near, far] = rig.join<LookupToQueue, QueueToLookup>();
    this.channel = near;
    near.onMessage((message) => {
      if (message.kind === "updateTable") return void this.updates.push(message);
      if (message.kind !== "expand") return;
      this.asked.push(message);
      const found = rig.resolve(message);
      if (found !== null) this.answer(message, found);
    });
    rig.queue.addLookup("lookup", far);
  }

  answer({ request, message }: ExpandRequest, found: readonly EnvelopeDraft[] | Reply): void {
    if ("code" in found) this.channel.send({ kind: "refused", request, reply: found });
    else this.channel.send({ kind: "offer", asker: "queue", request, message, drafts: found });
  }
}

/** The rig. The first life begins with `begin`. */
export class QueueRig {
  readonly world = new FakeClock();
  readonly kept = new KeptLog();
  readonly random = new SeededRandom(1);
  outcomeOf: (envelope: Envelope) => Outcome | null = () => null;
  resolve: Resolve = ({ rcpt, sender, dsn, handling, origin }) => [
    draftTo(`${rcpt.localPart}@${rcpt.domain}`, { sender, dsn, handling, origin }),
  ];
  /** Set by each life. */
  clock!: MortalClock;
  store!: FakeStore;
  queue!: Queue;
  lookup!: LookupDouble;
  delivery!: DeliveryDouble;
  stops = 0;
  readonly reloads: { readonly request: number; readonly check: boolean }[] = [];
  readonly #policy: Policy;
  readonly #ends: { die(): void }[] = [];

  constructor(policy: Policy = policyOf(), readonly inner: SpoolStore = new MemoryStore()) {
    this.#policy = policy;
  }

  /** A new life: the queue recovers and is joined to its neighbours. */
  async begin(paused: readonly Subsystem[] = []): Promise<this> {
    this.clock = new MortalClock(this.world);
    this.store = new FakeStore(this.clock, this.inner);
    this.queue = new Queue({
      clock: this.clock,
      random: this.random,
      log: this.kept.log,
      policy: this.#policy,
      store: this.store,
      traced: [],
      paused,
      allowExec: () => {},
      keepPaused: () => {},
      stopDaemon: () => this.stops++,
      reload: (request, check) => void this.reloads.push({ request, check }),
      configuration: firstConfiguration,
      successors: firstSuccessors,
      room: () => null,
    });
    const recovered = this.queue.recover();
    await this.world.settle();
    await recovered;
    this.lookup = new LookupDouble(this);
    this.delivery = new DeliveryDouble(this);
    await this.world.settle();
    return this;
  }

  /** A channel; the far end is for the queue. */
  join<Out, In>(): [FakeChannel<Out, In>, FakeChannel<In, Out>] {
    const [near, far] = channelPair<Out, In>(this.world);
    this.#ends.push(far);
    return [near, far];
  }

  /** kill -9. Its neighbours live on, unconnected. */
  kill(): void {
    for (const end of this.#ends.splice(0)) end.die();
    this.store.die();
    this.clock.die();
  }

  smtpIn(name: string): FakeChannel<SmtpInToQueue, QueueToSmtpIn> {
    const [near, far] = this.join<SmtpInToQueue, QueueToSmtpIn>();
    this.queue.addSmtpIn(name, far);
    return near;
  }
}

/** The words of outcomes. */
export const relayed: Outcome = { kind: "relayed", enhanced: "2.0.0", text: "250 Ok", by: "mx.b.test" };
export const delayed: Outcome = { kind: "delayed", enhanced: "4.0.0", text: "450 later", by: "mx.b.test" };
export const failed: Outcome = { kind: "failed", enhanced: "5.1.1", text: "550 5.1.1 no such user", by: "mx.b.test" };
export const stored: Outcome = { kind: "delivered", enhanced: "2.0.0", text: "Delivered", by: "" };

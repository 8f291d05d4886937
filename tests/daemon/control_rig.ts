/** Control with a queue around it. */

import { ok } from "node:assert/strict";
import type { ControlAnswer, ControlItem, ControlRequest } from "../../lib/daemon/control.ts";
import type { QueueToSmtpIn, SmtpInToQueue } from "../../lib/daemon/imsg.ts";
import { Control } from "../../lib/daemon/queue_control.ts";
import { Explainer } from "../../lib/daemon/queue_explain.ts";
import { Intake } from "../../lib/daemon/queue_intake.ts";
import { Outgoing } from "../../lib/daemon/queue_outgoing.ts";
import { judgeBy } from "../../lib/delivery/bounce.ts";
import type { Outcome } from "../../lib/delivery/outcome.ts";
import type { DeliveryToQueue, QueueToDelivery } from "../../lib/daemon/imsg.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { GroupCommit } from "../../lib/spool/group.ts";
import { Schedule } from "../../lib/spool/schedule.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { SeededRandom } from "../sim/random.ts";
import { FakeStore } from "../sim/store.ts";
import { draftTo, firstConfiguration, KeptLog, msg, plant, policyOf } from "./rig.ts";

const delayed: Outcome = { kind: "delayed", enhanced: "4.0.0", text: "450 later", by: "mx.b.test" };

/** Control, and whom it works with. */
export class Rig {
  readonly clock = new FakeClock();
  readonly store = new FakeStore(this.clock);
  readonly kept = new KeptLog();
  readonly given: Envelope[] = [];
  /** Batches that came with a pardon. */
  readonly pardons: string[] = [];
  /** What was to be kept of each pause and resume. */
  readonly pauses: string[] = [];
  readonly items: ControlItem[] = [];
  readonly delivery: FakeChannel<DeliveryToQueue, QueueToDelivery>;
  readonly smtpIn: FakeChannel<SmtpInToQueue, QueueToSmtpIn>;
  readonly schedule: Schedule;
  readonly control: Control;
  stops = 0;
  readonly reloads: { readonly request: number; readonly check: boolean }[] = [];

  constructor() {
    const { clock, store } = this;
    const random = new SeededRandom(1);
    const ports = { clock, random, log: this.kept.log, store, group: new GroupCommit(store, (run) => clock.soon(run)) };
    this.schedule = new Schedule(judgeBy({ ttlMs: 86_400_000, warnAfterMs: [], number: () => random.u32() || 1 }));
    const outgoing = new Outgoing({
      ...ports,
      schedule: this.schedule,
      allowExec: () => {},
      notify: () => {},
      routed: () => {},
    });
    const intake = new Intake({
      ...ports,
      room: () => null,
      committed: (all, content) => outgoing.committed(all, content),
    });
    this.control = new Control({
      ...ports,
      tables: () => Object.keys(policyOf().tables),
      configuration: firstConfiguration,
      reload: (request, check) => void this.reloads.push({ request, check }),
      schedule: this.schedule,
      intake,
      outgoing,
      explainer: new Explainer(clock, []),
      startedAt: clock.now(),
      keepPaused: (paused) => void this.pauses.push(paused.join(" ")),
      stopDaemon: () => this.stops++,
    });
    const [delivery, far] = channelPair<DeliveryToQueue, QueueToDelivery>(clock);
    this.delivery = delivery;
    delivery.onMessage((message) => {
      if (message.kind !== "deliver") return;
      this.given.push(...message.envelopes);
      if (message.pardon) this.pardons.push(namesOf(message.envelopes).join(" "));
    });
    outgoing.addDelivery("delivery", far);
    outgoing.follow("delivery");
    const [smtpIn, end] = channelPair<SmtpInToQueue, QueueToSmtpIn>(clock);
    this.smtpIn = smtpIn;
    smtpIn.onMessage(() => {});
    intake.add("smtp-in", end);
  }

  /** Messages 1 to `count` for two recipients each, known to be delayed until 6 m 40 s from now. */
  static async withDelayed(count: number): Promise<Rig> {
    const rig = new Rig();
    for (let n = 1; n <= count; n++) {
      await plant(rig.store.inner, msg(n), rig.clock.now(), [draftTo("x@b.test"), draftTo("y@b.test")]);
    }
    await rig.clock.settle();
    rig.outcome(delayed, ...rig.given);
    await rig.clock.settle();
    rig.given.length = 0;
    return rig;
  }

  outcome(outcome: Outcome, ...envelopes: readonly Envelope[]): void {
    for (const { id } of envelopes) this.delivery.send({ kind: "outcome", envelope: id, outcome, at: 0 });
  }

  async ask(request: ControlRequest): Promise<ControlAnswer> {
    this.items.length = 0;
    let answer: ControlAnswer | null = null;
    void Promise.resolve(this.control.answer(request, (item) => {
      this.items.push(item);
      return Promise.resolve();
    })).then((given) => answer = given);
    // A long list takes many turns that the clock does not see.
    for (let n = 0; n < 100 && answer === null; n++) await this.clock.settle();
    ok(answer, "there is an answer");
    return answer;
  }

  get names(): readonly string[] {
    return namesOf(this.given);
  }
}

export function namesOf(envelopes: readonly Envelope[]): readonly string[] {
  return envelopes.map(({ message, dest }) => `${Number(message)}${dest.localPart}`).sort();
}

/** queue: owns the spool. Everything that is promised is promised here, after it is on the disk. */

import type { Channel, Clock, Listener, Random } from "../port.ts";
import type { Log } from "../event_log.ts";
import type { Fault } from "../fault.ts";
import { judgeBy } from "../delivery/bounce.ts";
import type { Policy } from "../policy/policy.ts";
import type { TraceSubject } from "../policy/trace.ts";
import { GroupCommit } from "../spool/group.ts";
import { Schedule } from "../spool/schedule.ts";
import type { SpoolStore } from "../spool/store.ts";
import type { Subsystem } from "./control.ts";
import { ControlServer } from "./control_server.ts";
import type {
  DeliveryToQueue,
  LookupToQueue,
  QueueToDelivery,
  QueueToLookup,
  QueueToSmtpIn,
  SmtpInToQueue,
} from "./imsg.ts";
import { Control } from "./queue_control.ts";
import { Explainer } from "./queue_explain.ts";
import { Intake } from "./queue_intake.ts";
import { Notices } from "./queue_notices.ts";
import { Outgoing } from "./queue_outgoing.ts";
import type { NamedExec } from "./supervision.ts";

/** What queue is given. */
export interface QueuePorts {
  /** Dates envelopes and says when they are due. */
  readonly clock: Clock;
  /** Makes message ids. */
  readonly random: Random;
  /** For failures of the store, and for what control does. */
  readonly log: Log;
  /** Its queue section: how long mail is kept, when senders are warned. */
  readonly policy: Policy;
  /** The spool, which nobody else writes. */
  readonly store: SpoolStore;
  /** Paused from the start. */
  readonly paused: readonly Subsystem[];
  /** Decisions that are logged from the start. */
  readonly traced: readonly TraceSubject[];
  /** Told of all that is paused, when that has changed: this life may end and the pause is to outlive it. */
  readonly keepPaused: (paused: readonly Subsystem[]) => void;
  /** Told of each file or command that delivery is about to be given mail for: nothing else is run or written. */
  readonly allowExec: (named: NamedExec) => void;
  /** `smtpctl stop`. */
  readonly stopDaemon: () => void;
  /** A Fault while no mail is to be taken for want of room. */
  readonly room: () => Fault | null;
}

/** The role. */
export class Queue {
  readonly #ports: QueuePorts;
  readonly #group: GroupCommit;
  readonly #schedule: Schedule;
  readonly #intake: Intake;
  readonly #outgoing: Outgoing;
  readonly #notices: Notices;
  readonly #control: Control;
  readonly #explainer: Explainer;
  readonly #server: ControlServer;
  #lookup: Channel<QueueToLookup, LookupToQueue> | null = null;

  /** Does nothing before `recover`. */
  constructor(ports: QueuePorts) {
    const { clock, random, policy, store } = ports;
    this.#ports = ports;
    this.#group = new GroupCommit(store, (run) => clock.soon(run));
    const group = this.#group;
    const { ttlMs, warnAfterMs } = policy.queue;
    this.#schedule = new Schedule(judgeBy({ ttlMs, warnAfterMs, number: () => random.u32() || 1 }));
    const schedule = this.#schedule;
    this.#explainer = new Explainer(clock, ports.traced);
    this.#outgoing = new Outgoing({
      ...ports,
      group,
      schedule,
      notify: (notices) => this.#notices.begin(notices),
      routed: (message) => this.#explainer.routed(message),
    });
    const outgoing = this.#outgoing;
    this.#intake = new Intake({ ...ports, group, committed: (all, content) => outgoing.committed(all, content) });
    const intake = this.#intake;
    this.#notices = new Notices({
      ...ports,
      group,
      schedule,
      newId: () => intake.newId(),
      finish: (message, drafts, now) => intake.finish(message, drafts, now),
      committed: (envelopes) => outgoing.committed(envelopes, null),
      settle: (settlement) => outgoing.settle(settlement),
    });
    const explainer = this.#explainer;
    this.#control = new Control({ ...ports, group, schedule, intake, outgoing, explainer, startedAt: clock.now() });
    for (const what of ports.paused) this.#control.pause(what, true);
    this.#server = new ControlServer((request, emit) => this.#control.answer(request, emit));
  }

  /** Forgets what an earlier life left half done. Rejects with a Fault when the spool cannot be used. */
  async recover(): Promise<void> {
    const messages = await this.#ports.store.recover();
    if (messages === 0) return;
    const fields = { messages };
    this.#ports.log({ priority: "info", session: "", from: "queue", what: "forgot-unfinished", fields });
  }

  /** Takes a channel to an smtp-in. */
  addSmtpIn(name: string, channel: Channel<QueueToSmtpIn, SmtpInToQueue>): void {
    this.#intake.add(name, channel);
    if (this.#control.isSmtpPaused) channel.send({ kind: "paused", paused: true });
  }

  /** Takes the channel to lookup. */
  setLookup(channel: Channel<QueueToLookup, LookupToQueue>): void {
    this.#lookup = channel;
    this.#notices.setLookup(channel);
    this.#control.setLookup(channel);
    this.#explainer.setLookup(channel);
    channel.onMessage((message) => {
      if (this.#lookup !== channel) return;
      switch (message.kind) {
        case "offer":
          if (message.asker === "queue") this.#notices.offered(message);
          else this.#intake.offered(message);
          return;
        case "refused":
          return this.#notices.refused(message);
        case "tableUpdated":
          return this.#control.tableUpdated(message.request, message.error);
        case "explained":
          return this.#explainer.explained(message);
      }
    });
    channel.onClose(() => {
      if (this.#lookup !== channel) return;
      this.#lookup = null;
      this.#notices.setLookup(null);
      this.#control.setLookup(null);
      this.#explainer.setLookup(null);
    });
  }

  /** Takes the channel to delivery. */
  setDelivery(channel: Channel<QueueToDelivery, DeliveryToQueue>): void {
    this.#outgoing.setDelivery(channel);
    this.#explainer.setDelivery(channel);
  }

  /** Serves the control socket. */
  serve(control: Listener): void {
    this.#server.serve(control);
  }

  /** Everything handed in is on the disk, and the spool is closed, when it resolves. */
  async stop(): Promise<void> {
    this.#outgoing.stop();
    this.#server.close();
    await this.#group.idle();
    await this.#ports.store.close();
  }
}

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
import type { DeliveryToQueue, QueueToDelivery, QueueToSmtpIn, SmtpInToQueue } from "./imsg.ts";
import { Control } from "./queue_control.ts";
import { Explainer } from "./queue_explain.ts";
import { Intake } from "./queue_intake.ts";
import { type LookupChannel, Notices } from "./queue_notices.ts";
import { Outgoing } from "./queue_outgoing.ts";
import type { ConfigurationStatus, ReloadAnswer } from "./reload.ts";
import { datedStore } from "./lifetime.ts";
import type { NamedExec, Successors } from "./supervision.ts";

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
  /** `smtpctl reload`: asks the supervisor, whose answer is handed to `reloaded`. */
  readonly reload: (request: number, check: boolean) => void;
  /** What `smtpctl show status` says of the configuration. */
  readonly configuration: ConfigurationStatus;
  /** Which lookup and which delivery to work with. */
  readonly successors: Successors;
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
  readonly #lookups = new Map<string, LookupChannel>();
  readonly #deliveries = new Map<string, Channel<QueueToDelivery, DeliveryToQueue>>();
  #lookup: LookupChannel | null = null;
  #policy: Policy;
  #successors: Successors;

  /** Does nothing before `recover`. */
  constructor(given: QueuePorts) {
    this.#policy = given.policy;
    const store = datedStore(given.store, () => this.#policy);
    const ports = { ...given, store };
    const { clock, random } = ports;
    this.#ports = ports;
    this.#successors = ports.successors;
    this.#group = new GroupCommit(store, (run) => clock.soon(run));
    const group = this.#group;
    const rules = () => ({ ...this.#policy.queue, number: () => random.u32() || 1 });
    this.#schedule = new Schedule((envelope, status, now) => judgeBy(rules())(envelope, status, now));
    const schedule = this.#schedule;
    this.#explainer = new Explainer(clock, ports.traced);
    this.#outgoing = new Outgoing({
      ...ports,
      group,
      schedule,
      notify: (notices) => this.#notices.begin(notices),
      routed: (message) => this.#explainer.routed(message),
    });
    this.#outgoing.follow(ports.successors.delivery);
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
    this.#control = new Control({
      ...ports,
      tables: () => Object.keys(this.#policy.tables),
      group,
      schedule,
      intake,
      outgoing,
      explainer,
      startedAt: clock.now(),
    });
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

  /** Takes a channel to a lookup. What one says of recipients counts as long as it is there; asked is the one that was
   * named last as the one to work with. */
  addLookup(name: string, channel: LookupChannel): void {
    this.#lookups.set(name, channel);
    if (name === this.#successors.lookup) this.#useLookup(channel);
    channel.onMessage((message) => {
      // Another life of it has taken its place.
      if (this.#lookups.get(name) !== channel) return;
      switch (message.kind) {
        case "offer":
          if (message.asker === "queue") this.#notices.offered(message);
          else this.#intake.offered(message);
          return;
        case "refused":
          return this.#notices.refused(message);
        case "stats":
          return this.#intake.counted(name, message.stats);
        case "tableUpdated":
          return this.#control.tableUpdated(message.request, message.error);
        case "explained":
          return this.#explainer.explained(message);
      }
    });
    channel.onClose(() => {
      if (this.#lookups.get(name) === channel) {
        this.#lookups.delete(name);
        this.#intake.left(name);
      }
      this.#notices.lost(channel);
      this.#control.lost(channel);
      if (this.#lookup === channel) this.#useLookup(null);
    });
  }

  /** Takes a channel to a delivery. Mail goes to the one that was named last as the one to work with. */
  addDelivery(name: string, channel: Channel<QueueToDelivery, DeliveryToQueue>): void {
    this.#outgoing.addDelivery(name, channel);
    this.#deliveries.set(name, channel);
    this.#useDelivery();
  }

  /** Another configuration is in force. */
  follow(policy: Policy, successors: Successors): void {
    this.#policy = policy;
    this.#successors = successors;
    this.#useLookup(this.#lookups.get(successors.lookup) ?? null);
    this.#outgoing.follow(successors.delivery);
    for (const name of [...this.#deliveries.keys()]) if (name !== successors.delivery) this.#deliveries.delete(name);
    this.#useDelivery();
  }

  /** `smtpctl show status` has something else to say of the configuration. */
  configured(status: ConfigurationStatus): void {
    this.#control.configured(status);
  }

  /** The reload that was asked for under this number has ended. */
  reloaded(request: number, answer: ReloadAnswer): void {
    this.#control.reloaded(request, answer);
  }

  #useDelivery(): void {
    const channel = this.#deliveries.get(this.#successors.delivery);
    if (channel !== undefined) this.#explainer.setDelivery(channel);
  }

  #useLookup(channel: LookupChannel | null): void {
    this.#lookup = channel;
    this.#notices.setLookup(channel);
    this.#control.setLookup(channel);
    this.#explainer.setLookup(channel);
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

/** queue's reports: turns due notices into messages. Where a report goes is lookup's decision, as for any mail. */

import type { Channel, Clock } from "../port.ts";
import { describeError } from "../fault.ts";
import type { Log } from "../event_log.ts";
import { formatDate } from "../mail/date.ts";
import { type BouncePlan, composeBounce, piecesWanted, planBounces } from "../delivery/bounce.ts";
import { describeReply, isTransient } from "../smtp/reply.ts";
import type { Envelope } from "../spool/envelope.ts";
import type { GroupCommit } from "../spool/group.ts";
import type { MsgId } from "../spool/id.ts";
import type { Schedule, Settlement } from "../spool/schedule.ts";
import type { SpoolStore } from "../spool/store.ts";
import type { EnvelopeDraft, EnvelopesOffer, LookupToQueue, QueueToLookup, Refused } from "./imsg.ts";
import { areSound } from "./queue_offers.ts";

/** What notices work with. */
export interface NoticePorts {
  /** Dates reports. */
  readonly clock: Clock;
  /** For reports that cannot be sent. */
  readonly log: Log;
  /** The header of the message in question is read from it. */
  readonly store: SpoolStore;
  /** What makes a report durable. */
  readonly group: GroupCommit;
  /** Where to say that a sender has been told. */
  readonly schedule: Schedule;
  /** An id for a report. */
  readonly newId: () => Promise<MsgId>;
  /** Names and dates envelopes. */
  readonly finish: (message: MsgId, drafts: readonly EnvelopeDraft[], now: number) => Envelope[];
  /** A report is durable. */
  readonly committed: (envelopes: readonly Envelope[]) => void;
  /** Makes the outcome of an attempt durable. */
  readonly settle: (settlement: Settlement) => void;
}

/** Queue's end of a channel to a lookup. */
export type LookupChannel = Channel<QueueToLookup, LookupToQueue>;

interface Waiting {
  readonly plan: BouncePlan;
  readonly id: MsgId;
  /** Whom it was asked. */
  readonly lookup: LookupChannel;
}

/** Reports under way. */
export class Notices {
  readonly #ports: NoticePorts;
  readonly #waiting = new Map<number, Waiting>();
  #lookup: LookupChannel | null = null;
  #requests = 0;

  /** Reports wait for a channel to lookup. */
  constructor(ports: NoticePorts) {
    this.#ports = ports;
  }

  /** Takes the channel to the lookup that is to be asked from now on; null for none. */
  setLookup(channel: LookupChannel | null): void {
    this.#lookup = channel;
  }

  /** This lookup is gone: what it was asked is tried again later. */
  lost(channel: LookupChannel): void {
    const waiting = [...this.#waiting].filter(([, { lookup }]) => lookup === channel);
    for (const [request, { plan }] of waiting) {
      this.#waiting.delete(request);
      this.#retry(plan, "lookup is not running");
    }
  }

  /** These notices, of one message, are due. */
  begin(notices: readonly Envelope[]): void {
    const { plans, dropped } = planBounces(notices);
    for (const envelope of dropped) this.#end(envelope, "failed", "there is nobody to tell");
    for (const plan of plans) void this.#ask(plan);
  }

  /** lookup says where a report goes. */
  offered(offer: EnvelopesOffer): void {
    const waiting = this.#waiting.get(offer.request);
    this.#waiting.delete(offer.request);
    if (waiting === undefined) return;
    if (!areSound(offer.drafts)) return this.#retry(waiting.plan, "lookup names a file or command that is none");
    this.#compose(waiting, offer.drafts).catch((error) => this.#retry(waiting.plan, describeError(error)));
  }

  /** The report's recipient is refused. */
  refused(refused: Refused): void {
    const waiting = this.#waiting.get(refused.request);
    this.#waiting.delete(refused.request);
    if (waiting === undefined) return;
    const text = describeReply(refused.reply);
    if (isTransient(refused.reply)) return this.#retry(waiting.plan, text);
    for (const notice of waiting.plan.notices) this.#end(notice, "failed", text);
  }

  async #ask(plan: BouncePlan): Promise<void> {
    try {
      const id = await this.#ports.newId();
      const lookup = this.#lookup;
      if (lookup === null) return this.#retry(plan, "lookup is not running");
      const request = ++this.#requests;
      this.#waiting.set(request, { plan, id, lookup });
      const { origin, dsn, handling, sender: rcpt } = plan;
      lookup.send({ kind: "expand", request, message: id, origin, sender: null, rcpt, dsn, handling });
    } catch (error) {
      this.#retry(plan, describeError(error));
    }
  }

  async #compose({ plan, id }: Pick<Waiting, "plan" | "id">, drafts: readonly EnvelopeDraft[]): Promise<void> {
    const { store, clock, group, schedule } = this.#ports;
    const original = await store.message(plan.original);
    if (original === null || drafts.length === 0) {
      for (const notice of plan.notices) this.#end(notice, "failed", "the message or its way back is gone");
      return;
    }
    const content: Uint8Array[] = [];
    for (let seq = 0; seq < piecesWanted(plan, original); seq++) {
      content.push((await store.chunk(plan.original, seq)) ?? new Uint8Array(0));
    }
    const at = clock.now();
    const envelopes = this.#ports.finish(id, drafts, at);
    const date = (time: number) => formatDate(time, clock.zone(time));
    const changes = composeBounce(plan, { message: id, at, original, content, envelopes, date });
    group.submit(changes, (fault) => {
      if (fault !== null) return this.#retry(plan, fault.message);
      schedule.finished(plan.notices.map((notice) => notice.id));
      this.#log(plan, id);
      this.#ports.committed(envelopes);
    });
  }

  #log(plan: BouncePlan, id: MsgId): void {
    this.#ports.log({
      priority: "info",
      session: "",
      from: "queue",
      what: "bounce",
      fields: { msgid: id, about: plan.original, action: plan.action, envelopes: plan.notices.length },
    });
  }

  #retry(plan: BouncePlan, text: string): void {
    for (const notice of plan.notices) this.#end(notice, "delayed", text);
  }

  #end(notice: Envelope, kind: "delayed" | "failed", text: string): void {
    const status = { kind, enhanced: kind === "failed" ? "5.3.0" : "4.3.0", text, by: "" };
    const settlement = this.#ports.schedule.outcome(notice.id, status, this.#ports.clock.now());
    if (settlement !== null) this.#ports.settle(settlement);
  }
}

/** queue's part in explanations: it passes smtpctl's questions on to lookup, which decides, and to delivery, which knows
 * the way; and it keeps in mind which decisions are to be traced in the log. */

import { formatPath, type ReversePath } from "../mail/address.ts";
import type { Channel, Clock } from "../port.ts";
import type { ExplainedRoute } from "../delivery/explain_route.ts";
import type { ExplainQuestion } from "../policy/explain.ts";
import type { TraceEvent, TraceSubject } from "../policy/trace.ts";
import type { ControlAnswer, ControlItem } from "./control.ts";
import type { ExplainedAnswer, ExplainedEnvelope } from "./explanation.ts";
import type { DeliveryToQueue, LookupToQueue, QueueToDelivery, QueueToLookup } from "./imsg.ts";

/** How long an explanation waits for the way that mail would take, ms: shorter than smtpctl waits for an answer. */
export const routeDeadlineMs = 20_000;

/** Ways that are looked for in one explanation; a list may lead to a thousand domains. */
export const explainedRoutesMax = 50;

/** The channel to lookup. */
export type LookupChannel = Channel<QueueToLookup, LookupToQueue>;
/** The channel to delivery. */
export type DeliveryChannel = Channel<QueueToDelivery, DeliveryToQueue>;

/** What delivery says of an envelope. */
type Way = Pick<ExplainedEnvelope, "spf"> & { readonly route: ExplainedRoute };

/** An explanation that lookup works on. */
interface Asked {
  readonly events: TraceEvent[];
  readonly done: (answer: ExplainedAnswer | Failure) => void;
}

/** Why there is no explanation. */
interface Failure {
  readonly kind: "failed";
  readonly code: "notFound" | "failed";
  readonly message: string;
}

/** Asks lookup and delivery, and puts their answers together. */
export class Explainer {
  readonly #clock: Pick<Clock, "after">;
  readonly #asked = new Map<number, Asked>();
  readonly #routes = new Map<number, (way: Way) => void>();
  readonly #traced: Set<TraceSubject>;
  #lookup: LookupChannel | null = null;
  #delivery: DeliveryChannel | null = null;
  #requests = 0;

  /** `traced`: what is traced from the start. */
  constructor(clock: Pick<Clock, "after">, traced: readonly TraceSubject[]) {
    this.#clock = clock;
    this.#traced = new Set(traced);
  }

  /** Takes the channel to lookup, null when it is gone. */
  setLookup(channel: LookupChannel | null): void {
    this.#lookup = channel;
    for (const { done } of this.#asked.values()) done({ ...lookupGone, message: "lookup was restarted; try again" });
    this.#asked.clear();
    if (this.#traced.size > 0) this.#sendTraced();
  }

  /** Takes the channel to delivery. */
  setDelivery(channel: DeliveryChannel): void {
    this.#delivery = channel;
  }

  /** lookup has told some steps, or all. */
  explained(message: Extract<LookupToQueue, { kind: "explained" }>): void {
    const asked = this.#asked.get(message.request);
    if (asked === undefined) return;
    asked.events.push(...message.events);
    if (message.answer === null) return;
    this.#asked.delete(message.request);
    const { answer } = message;
    asked.done(answer.kind === "unknownListener" ? unknownListener(answer.known) : answer);
  }

  /** delivery has found a way, or none. */
  routed(message: Extract<DeliveryToQueue, { kind: "route" }>): void {
    this.#routes.get(message.request)?.(message);
    this.#routes.delete(message.request);
  }

  /** `smtpctl explain`: the steps one by one, then what they come to. */
  async explain(question: ExplainQuestion, emit: (item: ControlItem) => Promise<void>): Promise<ControlAnswer> {
    const events: TraceEvent[] = [];
    const found = await this.#decide(question, events);
    if (found.kind === "failed") return { kind: "error", code: found.code, message: found.message };
    for (const event of events) await emit({ kind: "trace", event });
    const answer = found.kind === "accepted" ? { ...found, envelopes: await this.#withRoutes(found.envelopes) } : found;
    await emit({ kind: "explained", answer });
    return { kind: "done", count: events.length };
  }

  /** `smtpctl trace` and `untrace`. */
  trace(subjects: readonly TraceSubject[], on: boolean): ControlAnswer {
    for (const subject of subjects) {
      if (on) this.#traced.add(subject);
      else this.#traced.delete(subject);
    }
    this.#sendTraced();
    return { kind: "done", count: subjects.length };
  }

  #sendTraced(): void {
    this.#lookup?.send({ kind: "trace", subjects: [...this.#traced] });
  }

  #decide(question: ExplainQuestion, events: TraceEvent[]): Promise<ExplainedAnswer | Failure> {
    const lookup = this.#lookup;
    if (lookup === null) return Promise.resolve(lookupGone);
    const request = ++this.#requests;
    return new Promise((done) => {
      this.#asked.set(request, { events, done });
      lookup.send({ kind: "explain", request, question });
    });
  }

  /** Envelopes of one action for one domain go the same way; SPF is asked about their sender. */
  async #withRoutes(envelopes: readonly ExplainedEnvelope[]): Promise<readonly ExplainedEnvelope[]> {
    const ways = new Map<string, Promise<Way | null>>();
    return await Promise.all(envelopes.map(async (envelope) => {
      if (envelope.kind !== "mta") return envelope;
      const sender = envelope.senderIfSpfFails === null ? null : envelope.sender;
      const key = `${envelope.action}\0${envelope.dest.domain}\0${formatPath(sender)}`;
      let way = ways.get(key);
      if (way === undefined) {
        if (ways.size >= explainedRoutesMax) return envelope;
        ways.set(key, way = this.#route(envelope, sender));
      }
      const { route = null, spf = [] } = await way ?? {};
      return { ...envelope, route, spf };
    }));
  }

  async #route({ action, dest }: ExplainedEnvelope, sender: ReversePath): Promise<Way | null> {
    const delivery = this.#delivery;
    if (delivery === null) return null;
    const request = ++this.#requests;
    const { promise, resolve } = Promise.withResolvers<Way | null>();
    const timer = this.#clock.after(routeDeadlineMs, () => {
      this.#routes.delete(request);
      resolve(null);
    });
    this.#routes.set(request, resolve);
    delivery.send({ kind: "route", request, action, domain: dest.domain, sender });
    const way = await promise;
    timer.cancel();
    return way;
  }
}

const lookupGone: Failure = { kind: "failed", code: "failed", message: "lookup is not running; try again" };

function unknownListener(known: readonly string[]): Failure {
  return { kind: "failed", code: "notFound", message: `There is no such listener; there are ${known.join(", ")}` };
}

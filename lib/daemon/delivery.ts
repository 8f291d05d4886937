/** delivery: takes envelopes from the queue and brings them to a mailbox or to another server. It decides nothing about
 * retries and sees no table; what became of each envelope goes back to the queue. */

import type { Channel, Clock, Dialer, Dns, Random } from "../port.ts";
import { Fault } from "../fault.ts";
import type { Log } from "../event_log.ts";
import { Dispatcher } from "../delivery/dispatch.ts";
import { isHeaderUtf8 } from "../delivery/header_utf8.ts";
import { classifyFault, misconfigured, type Outcome, tlsRequired } from "../delivery/outcome.ts";
import { explainRoute } from "../delivery/explain_route.ts";
import { findHop, type Hop } from "../delivery/hop.ts";
import { mtaLimitsOf } from "../delivery/limits.ts";
import type { ContentSource } from "../delivery/task.ts";
import type { Domain } from "../mail/address.ts";
import type { Policy, RelayAction } from "../policy/policy.ts";
import { groupBySender, type Rewriting } from "../policy/rewrite.ts";
import type { Envelope } from "../spool/envelope.ts";
import { AgentPool } from "./agent_pool.ts";
import { sayFarewell } from "./channel.ts";
import { ContentReader } from "./content.ts";
import { LocalDelivery, type Report, type UserAnswer } from "./delivery_local.ts";
import type {
  AgentToDelivery,
  DeliveryToAgent,
  DeliveryToLookup,
  DeliveryToQueue,
  LookupToDelivery,
  QueueToDelivery,
} from "./imsg.ts";
import { type AgentRequest, stopGraceMs, type Successors } from "./supervision.ts";

/** How long mail waits for a lookup that is not there, ms. */
export const lookupWaitMs = 5_000;

/** What delivery is given. */
export interface DeliveryPorts {
  /** Times attempts, idle connections and agents. */
  readonly clock: Clock;
  /** Shuffles hosts of one preference. */
  readonly random: Random;
  /** One line for each attempt. */
  readonly log: Log;
  /** Its actions say how mail is delivered. */
  readonly policy: Policy;
  /** Rewrites senders of forwarded mail; null without an `srs key`. */
  readonly rewriting: Rewriting | null;
  /** Every role keeps the caller's uid. */
  readonly sameUser: boolean;
  /** Which lookup to ask. */
  readonly successors: Pick<Successors, "lookup">;
  /** Made when the first message is relayed: it costs memory that a local server never needs. */
  readonly dns: () => Promise<Dns>;
  /** Connects to other servers. */
  readonly dialer: Dialer;
  /** Our own addresses, as `formatIp` writes them. */
  readonly selfAddresses: ReadonlySet<string>;
  /** Asks the supervisor for an agent. */
  readonly needAgent: (request: AgentRequest) => void;
}

/** Delivery's end of its channel to queue. */
export type QueueChannel = Channel<DeliveryToQueue, QueueToDelivery>;
/** Delivery's end of its channel to lookup. */
export type LookupChannel = Channel<DeliveryToLookup, LookupToDelivery>;
type RelayAnswer = Extract<LookupToDelivery, { kind: "relay" }>["answer"];
type OwnAnswer = Extract<LookupToDelivery, { kind: "source" | "helo" }>["answer"];
type Deliver = Extract<QueueToDelivery, { kind: "deliver" }>;
type FoundWay = Pick<Extract<DeliveryToQueue, { kind: "route" }>, "route" | "spf">;
type Answer = { readonly resolve: (message: LookupToDelivery) => void; readonly reject: (fault: Fault) => void };

/** The role. */
export class Delivery {
  readonly #ports: DeliveryPorts;
  readonly #agents: AgentPool;
  readonly #local: LocalDelivery;
  #dispatcher: Promise<Dispatcher> | null = null;
  #queue: QueueChannel | null = null;
  readonly #lookups = new Map<string, LookupLink>();
  /** Name of the one to ask. */
  #asked: string;
  /** Who waits for a lookup to come. */
  readonly #lookupWanted = new Set<(lookup: LookupLink) => void>();
  #requests = 0;
  #isStopping = false;
  #whenIdle: (() => void) | null = null;
  /** Envelopes that queue has given and that were not reported on. */
  #open = 0;
  #whenDone: (() => void) | null = null;

  /** Does nothing before it has a channel to queue. */
  constructor(ports: DeliveryPorts) {
    this.#ports = ports;
    this.#asked = ports.successors.lookup;
    this.#agents = new AgentPool(ports.clock, ports.needAgent);
    this.#local = new LocalDelivery({
      ...ports,
      agents: this.#agents,
      findUser: (table, user, account) => this.#findUser(table, user, account),
    });
  }

  /** Takes the channel to queue. Of what the last one gave, what has begun is finished and its outcomes are lost, what
   * waits for its turn is not begun: the new queue role tries those envelopes again. */
  setQueue(channel: QueueChannel): void {
    this.#queue = channel;
    const reader = new ContentReader(channel);
    const report: Report = (envelope, outcome) => {
      channel.send({ kind: "outcome", envelope, outcome, at: this.#ports.clock.now() });
      this.#open--;
      if (this.#open === 0) this.#whenDone?.();
      // Not before the local delivery that reports has been counted out.
      if (this.#isStopping) this.#ports.clock.soon(() => this.#whenIdle?.());
    };
    channel.onMessage((message, body) => {
      if (message.kind === "chunk") return reader.received(message, body);
      if (message.kind === "route") {
        const { kind, request } = message;
        return void this.#route(message).then((way) => channel.send({ kind, request, ...way }));
      }
      const [first] = message.envelopes;
      if (this.#isStopping || first === undefined) return;
      this.#open += message.envelopes.length;
      const content = reader.content(first.message, message.inline ? body ?? new Uint8Array(0) : null);
      if (first.kind === "mda") {
        for (const envelope of message.envelopes) this.#local.submit(envelope, content, message.size, report);
      } else void this.#relay(first, message, content, report);
    });
    channel.onClose(() => {
      if (this.#queue === channel) this.#queue = null;
      reader.closed();
    });
  }

  /** Takes a channel to a lookup. Asked is the one that was named last as the one to ask. */
  addLookup(name: string, channel: LookupChannel): void {
    const asked = new Map<number, Answer>();
    const lookup = { channel, asked };
    this.#lookups.set(name, lookup);
    this.#takeLookup();
    channel.onMessage((message) => {
      asked.get(message.request)?.resolve(message);
      asked.delete(message.request);
      this.#leaveFormer();
    });
    channel.onClose(() => {
      if (this.#lookups.get(name) === lookup) this.#lookups.delete(name);
      for (const { reject } of asked.values()) reject(lookupGone());
      asked.clear();
    });
  }

  /** Another lookup is the one to ask. */
  follow(successors: Pick<Successors, "lookup">): void {
    this.#asked = successors.lookup;
    this.#local.forgetUsers();
    this.#takeLookup();
    this.#leaveFormer();
  }

  /** Those who wait for a lookup need not any more, when it is there. */
  #takeLookup(): void {
    const lookup = this.#lookups.get(this.#asked);
    if (lookup === undefined) return;
    for (const take of this.#lookupWanted) take(lookup);
    this.#lookupWanted.clear();
  }

  /** Lets lookups go that are not asked any more, once they have answered: they end when nobody has a use for them. Those
   * that are to be asked may come before the word to do so. */
  #leaveFormer(): void {
    if (!this.#lookups.has(this.#asked)) return;
    for (const [name, { channel, asked }] of this.#lookups) {
      if (name === this.#asked) return;
      if (asked.size > 0) continue;
      this.#lookups.delete(name);
      channel.close();
    }
  }

  /** Takes a channel to an agent. */
  addAgent(key: string, channel: Channel<DeliveryToAgent, AgentToDelivery>): void {
    this.#agents.arrived(key, channel);
  }

  /** Another delivery takes its place and queue gives it no more: finishes what it was given. After `graceMs` it stops. */
  async drain(graceMs: number): Promise<void> {
    this.#agents.drain();
    const done = Promise.withResolvers<void>();
    const timer = this.#ports.clock.after(graceMs, () => void this.stop(stopGraceMs).then(done.resolve));
    this.#whenDone = done.resolve;
    if (this.#open === 0) done.resolve();
    await done.promise;
    timer.cancel();
    // Connections that are idle get a QUIT.
    await this.stop(stopGraceMs);
    // An outcome that queue has not heard would be another attempt.
    if (this.#queue !== null) await sayFarewell(this.#queue, this.#ports.clock);
  }

  /** Begins nothing more; what is under way may end within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#local.abandon();
    const grace = Promise.withResolvers<void>();
    const timer = this.#ports.clock.after(graceMs, grace.resolve);
    const local = new Promise<void>((resolve) => {
      this.#whenIdle = () => this.#local.running === 0 && resolve();
      this.#whenIdle();
    });
    const relay = this.#dispatcher?.then((dispatcher) => dispatcher.close(graceMs));
    await Promise.race([Promise.all([local, relay]), grace.promise]);
    timer.cancel();
    this.#agents.close();
  }

  async #relay(first: Envelope, deliver: Deliver, content: ContentSource, report: Report): Promise<void> {
    const { envelopes } = deliver;
    try {
      const action = this.#ports.policy.actions[first.action];
      if (action === undefined || action.kind !== "relay") {
        const outcome = misconfigured(`action "${first.action}" is no relay in the configuration`);
        return reportAll(envelopes, outcome, report);
      }
      const { handling, sender } = first;
      // RFC 8689 §5: a notice goes out all the same; it has nothing of the message but its header.
      if (handling.requireTls && sender !== null) return reportAll(envelopes, tlsRequired(), report);
      const smtpUtf8 = handling.smtpUtf8 && await isHeaderUtf8(content);
      const dispatcher = await (this.#dispatcher ??= this.#makeDispatcher());
      for (const [domain, group] of Map.groupBy(envelopes, (envelope) => relayGroup(action, envelope))) {
        const hop = await this.#hopFor(action, domain as Domain);
        if ("enhanced" in hop) reportAll(group, hop, report);
        else this.#submit(dispatcher, hop, action, group, { ...deliver, smtpUtf8 }, content, report);
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      reportAll(envelopes, classifyFault(error, "connect", ""), report);
    }
  }

  #submit(
    dispatcher: Dispatcher,
    hop: Hop,
    action: RelayAction,
    envelopes: readonly Envelope[],
    { size, pardon, smtpUtf8 }: Deliver & { readonly smtpUtf8: boolean },
    content: ContentSource,
    report: Report,
  ): void {
    for (const { sender, senderIfSpfFails, group } of groupBySender(envelopes, action, this.#ports.rewriting)) {
      const [first] = group;
      if (first === undefined) continue;
      dispatcher.submit({
        ...hop,
        message: first.message,
        sender,
        senderIfSpfFails,
        recipients: group.map(({ id, dest, rcpt, dsn, createdAt }) => ({
          envelope: id,
          dest,
          rcpt,
          notify: dsn.notify,
          originalRecipient: dsn.originalRecipient,
          createdAt,
        })),
        size,
        eightBit: null,
        handling: { ...first.handling, smtpUtf8 },
        ret: first.dsn.ret,
        envId: first.dsn.envId,
        pardon,
        content,
        report,
      });
    }
  }

  /** `smtpctl explain`: the way that mail would take, found as for mail. */
  async #route({ action: name, domain, sender }: Extract<QueueToDelivery, { kind: "route" }>): Promise<FoundWay> {
    const none = (reason: string): FoundWay => ({ route: { kind: "none", via: `action ${name}`, reason }, spf: [] });
    try {
      const action = this.#ports.policy.actions[name];
      if (action?.kind !== "relay") return none("it is no relay in the configuration");
      const hop = await this.#hopFor(action, domain);
      if ("enhanced" in hop) return none(hop.text);
      const dispatcher = await (this.#dispatcher ??= this.#makeDispatcher());
      const [routes, spf] = await Promise.all([dispatcher.routesOf(hop), dispatcher.foreseeSpf(sender, hop)]);
      return { route: explainRoute(hop, routes), spf };
    } catch (error) {
      if (error instanceof Fault) return none(error.message);
      throw error;
    }
  }

  /** Where mail for a domain goes next and how, or why that is not known now. */
  #hopFor(action: RelayAction, domain: Domain): Promise<Hop | Outcome> {
    return findHop(action, domain, this.#ports.policy.serverName, {
      relay: (table, to) => this.#findRelay(table, to),
      source: (table) => this.#askOwn((request) => ({ kind: "source", request, table })),
      helo: (table, address) => this.#askOwn((request) => ({ kind: "helo", request, table, address })),
    });
  }

  async #askOwn(question: (request: number) => DeliveryToLookup): Promise<OwnAnswer> {
    const answer = await this.#ask(question);
    return answer.kind === "source" || answer.kind === "helo" ? answer.answer : { kind: "failed" };
  }

  async #makeDispatcher(): Promise<Dispatcher> {
    const { policy, dns } = this.#ports;
    const { limits, domainLimits } = policy.mta;
    return new Dispatcher({
      ...this.#ports,
      limits: mtaLimitsOf(limits),
      limitsOf: new Map(Object.entries(domainLimits).map(([name, one]) => [name, mtaLimitsOf(one)])),
      dns: await dns(),
      helo: policy.serverName,
      selfNames: new Set([policy.serverName, ...policy.listeners.map((listener) => listener.hostname)]),
      allowPrivate: false,
    });
  }

  async #findUser(table: string, user: string, account: string | null): Promise<UserAnswer> {
    const answer = await this.#ask((request) => ({ kind: "user", request, table, user, account }));
    return answer.kind === "user" ? answer.answer : { kind: "failed" };
  }

  async #findRelay(table: string, domain: string): Promise<RelayAnswer> {
    const answer = await this.#ask((request) => ({ kind: "relay", request, table, domain }));
    return answer.kind === "relay" ? answer.answer : { kind: "failed" };
  }

  async #ask(question: (request: number) => DeliveryToLookup): Promise<LookupToDelivery> {
    const lookup = this.#lookups.get(this.#asked) ?? await this.#nextLookup();
    const request = ++this.#requests;
    return await new Promise((resolve, reject) => {
      lookup.asked.set(request, { resolve, reject });
      lookup.channel.send(question(request));
    });
  }

  /** The lookup that is about to come: after a restart queue may be there first, and its mail need not be put off. */
  #nextLookup(): Promise<LookupLink> {
    const { promise, resolve, reject } = Promise.withResolvers<LookupLink>();
    const take = (lookup: LookupLink) => {
      timer.cancel();
      resolve(lookup);
    };
    const timer = this.#ports.clock.after(lookupWaitMs, () => {
      this.#lookupWanted.delete(take);
      reject(lookupGone());
    });
    this.#lookupWanted.add(take);
    return promise;
  }
}

function reportAll(envelopes: readonly Envelope[], outcome: Outcome, report: Report): void {
  for (const { id } of envelopes) report(id, outcome);
}

/** Envelopes with the same answer go out together: through one smart host, or to one domain's servers. */
function relayGroup(action: RelayAction, envelope: Envelope): string {
  return action.host === null ? envelope.dest.domain : "";
}

/** A connection to lookup, and the questions that are open on it. */
interface LookupLink {
  readonly channel: LookupChannel;
  readonly asked: Map<number, Answer>;
}

function lookupGone(): Fault {
  return new Fault("unavailable", "Cannot look up: lookup is not running");
}

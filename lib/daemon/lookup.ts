/** lookup: the only role that reads tables and decides by the rules. It hands envelopes to the queue itself, so that
 * a role that talks to strangers cannot invent a delivery. */

import type { Channel, Clock, Timer } from "../port.ts";
import type { Log } from "../event_log.ts";
import { describeError } from "../fault.ts";
import { formatMailbox, formatPath } from "../mail/address.ts";
import { expandRecipient, type TableSource } from "../policy/expand.ts";
import { candidateOf } from "../policy/explain.ts";
import { type Action, builtinTable, type Policy } from "../policy/policy.ts";
import { parseUserinfo, type Userinfo } from "../table/service.ts";
import { sayFarewell } from "./channel.ts";
import type { TraceSubject } from "../policy/trace.ts";
import { draftOf } from "./draft.ts";
import { explainRecipient } from "./explanation.ts";
import { logTracer } from "./trace_log.ts";
import { openQuestionsMax, SmtpInDesk, unavailable } from "./smtp_in_desk.ts";
import type { SessionDesk } from "./session_desk.ts";
import type { NamedAccount } from "./supervision.ts";
import type {
  DeliveryToLookup,
  ExpandRequest,
  LookupToDelivery,
  LookupToQueue,
  LookupToSmtpIn,
  QueueToLookup,
  Refused,
  Resolved,
  SmtpInToLookup,
} from "./imsg.ts";

/** What lookup is given. */
export interface LookupPorts {
  /** Bounds how long it drains. */
  readonly clock: Pick<Clock, "after">;
  /** Its rules decide. */
  readonly policy: Policy;
  /** Where rules and aliases look things up. */
  readonly tables: TableSource;
  /** For refusals, with their reasons. */
  readonly log: Log;
  /** Answers questions about sessions. */
  readonly sessions: SessionDesk;
  /** Tells the supervisor which account may get an agent. */
  readonly allow: (named: NamedAccount) => void;
}

/** Steps of an explanation that go in one message. */
const eventsPerMessage = 100;

/** How long counters wait to be sent to queue with what is counted meanwhile, ms. */
const statsDelayMs = 1000;

/** Lookup's end of its channel to queue. */
export type QueueChannel = Channel<LookupToQueue, QueueToLookup>;
type UserAnswer = Extract<LookupToDelivery, { kind: "user" }>["answer"];
type RelayAnswer = Extract<LookupToDelivery, { kind: "relay" }>["answer"];
type OwnAnswer = Extract<LookupToDelivery, { kind: "source" | "helo" }>["answer"];

/** The role. */
export class Lookup {
  readonly #ports: LookupPorts;
  #queue: QueueChannel | null = null;
  #traced: ReadonlySet<TraceSubject> = new Set();
  /** Those that ask: smtp-in and delivery. */
  readonly #askers = new Set<unknown>();
  /** Questions that are not answered yet. */
  #open = 0;
  #whenIdle: (() => void) | null = null;
  /** Questions of smtp-in that were too many. */
  #overruns = 0;
  #telling: Timer | null = null;

  /** Answers nobody before it is given channels. */
  constructor(ports: LookupPorts) {
    this.#ports = ports;
  }

  /** What is logged of decisions. */
  get traced(): ReadonlySet<TraceSubject> {
    return this.#traced;
  }

  /** Takes the channel to queue. */
  setQueue(channel: QueueChannel): void {
    this.#queue = channel;
    channel.onMessage((message) => {
      if (message.kind === "expand") {
        return this.#work(this.#expand(message, "queue").then((told) => told.kind === "refused" && channel.send(told)));
      }
      if (message.kind === "trace") this.#traced = new Set(message.subjects);
      else if (message.kind === "explain") this.#work(this.#explain(message, channel));
      else {this.#work(
          this.#update(message.table).then((error) => channel.send({ ...message, kind: "tableUpdated", error })),
        );}
    });
    channel.onClose(() => {
      if (this.#queue === channel) this.#queue = null;
    });
  }

  /** Takes a channel to an smtp-in, which `name` tells from others. */
  addSmtpIn(name: string, channel: Channel<LookupToSmtpIn, SmtpInToLookup>): void {
    this.#asks(channel);
    const desk = new SmtpInDesk({
      ...this.#ports,
      expand: (ask) => this.#expand(ask, name),
      overrun: () => this.#overrun(name),
      warn: (reason) => this.#warn(`${name}: ${reason}`),
    });
    channel.onMessage((message) =>
      this.#work(desk.answer(message).then((told) => told !== null && channel.send(told)))
    );
  }

  /** Takes a channel to a delivery. */
  addDelivery(channel: Channel<LookupToDelivery, DeliveryToLookup>): void {
    this.#asks(channel);
    channel.onMessage((message) => {
      const { request } = message;
      switch (message.kind) {
        case "user":
          return this.#work(this.#user(message).then((answer) => channel.send({ kind: "user", request, answer })));
        case "relay":
          return this.#work(this.#relay(message).then((answer) => channel.send({ kind: "relay", request, answer })));
        case "source":
        case "helo": {
          const { kind } = message;
          return this.#work(this.#ownAddress(message).then((answer) => channel.send({ kind, request, answer })));
        }
      }
    });
  }

  /** Another lookup takes its place: resolves when nobody is left that could ask, and what was asked is answered, or
   * after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    const idle = Promise.withResolvers<void>();
    const timer = this.#ports.clock.after(graceMs, idle.resolve);
    this.#whenIdle = () => {
      if (this.#open === 0 && this.#askers.size === 0) idle.resolve();
    };
    this.#whenIdle();
    await idle.promise;
    timer.cancel();
    // What queue is told goes out before the end.
    if (this.#queue !== null) await sayFarewell(this.#queue, this.#ports.clock);
  }

  #asks(channel: Pick<Channel<never, never>, "onClose">): void {
    this.#askers.add(channel);
    channel.onClose(() => {
      this.#askers.delete(channel);
      this.#whenIdle?.();
    });
  }

  #work(work: Promise<unknown>): void {
    this.#open++;
    void work.finally(() => {
      this.#open--;
      this.#whenIdle?.();
    });
  }

  /** Never rejects. queue hears of a recipient before the asker does. */
  async #expand(ask: ExpandRequest, asker: string): Promise<Resolved | Refused> {
    const { request, message, origin, sender, rcpt } = ask;
    try {
      const { policy, tables, log } = this.#ports;
      const candidate = { origin, sender, rcpt };
      const expansion = await expandRecipient(candidate, policy, tables, logTracer(log, this.#traced, candidate));
      if (expansion.kind === "refused") {
        this.#ports.log({
          priority: "info",
          session: "",
          from: "lookup",
          what: "refused",
          fields: { from: formatPath(sender), to: `<${formatMailbox(rcpt)}>`, reason: expansion.reason },
        });
        return { kind: "refused", request, reply: expansion.reply };
      }
      for (const warning of expansion.warnings) this.#warn(warning);
      if (this.#queue === null) return unavailable(ask);
      const drafts = expansion.targets.map((target) => draftOf(this.#ports.policy, ask, target));
      this.#queue.send({ kind: "offer", asker, request, message, drafts });
      return { kind: "resolved", request, envelopes: drafts.length };
    } catch (error) {
      this.#warn(describeError(error));
      return unavailable(ask);
    }
  }

  /** `smtpctl explain`. Queue's frames have a limit, so the steps go in parts. */
  async #explain(message: Extract<QueueToLookup, { kind: "explain" }>, channel: QueueChannel): Promise<void> {
    const { request, question } = message;
    const { policy, tables } = this.#ports;
    const asked = candidateOf(question, policy);
    if (asked.kind === "unknown") {
      const answer = { kind: "unknownListener", known: asked.known } as const;
      return void channel.send({ kind: "explained", request, events: [], answer });
    }
    const { events, answer } = await explainRecipient(asked.candidate, policy, tables, asked.filter);
    for (let at = 0; at < events.length; at += eventsPerMessage) {
      channel.send({ kind: "explained", request, events: events.slice(at, at + eventsPerMessage), answer: null });
    }
    channel.send({ kind: "explained", request, events: [], answer });
  }

  /** Is there an action whose delivery asks this? delivery speaks with strangers: it does not choose tables and
   * accounts of its own. */
  #isAsked(what: string, asks: (action: Action) => boolean): boolean {
    if (Object.values(this.#ports.policy.actions).some(asks)) return true;
    this.#warn(`delivery asks for ${what}: no action does`);
    return false;
  }

  async #user(ask: Extract<DeliveryToLookup, { kind: "user" }>): Promise<UserAnswer> {
    const { table, account: name } = ask;
    const asks = (action: Action) =>
      action.kind === "local" && action.userbase === table && (name === null || action.user === name);
    if (!this.#isAsked(`users of table ${table} and account ${name}`, asks)) return { kind: "failed" };
    const owner = await this.#userinfo(table, ask.user);
    if (owner.kind !== "found") return owner;
    const account = name === null ? owner : await this.#userinfo(builtinTable.getpwnam, name);
    if (account.kind === "absent") return { kind: "noAccount" };
    if (account.kind !== "found") return account;
    const { uid, gid } = account;
    const found = { uid, gid, home: owner.home, accountHome: account.home };
    this.#ports.allow({ table, user: ask.user, account: name, ...found });
    return { kind: "found", ...found };
  }

  async #userinfo(
    table: string,
    user: string,
  ): Promise<({ readonly kind: "found" } & Userinfo) | Exclude<UserAnswer, { kind: "found" }>> {
    try {
      const value = await this.#ports.tables.table(table).lookup("userinfo", user);
      if (value === null) return { kind: "absent" };
      const info = parseUserinfo(value);
      if (info !== null) return { kind: "found", ...info };
      this.#warn(`table ${table}: the entry of ${user} is not uid:gid:home`);
    } catch (error) {
      this.#warn(describeError(error));
    }
    return { kind: "failed" };
  }

  async #relay(ask: Extract<DeliveryToLookup, { kind: "relay" }>): Promise<RelayAnswer> {
    const asks = (action: Action) => action.kind === "relay" && (action.host ?? action.domain) === ask.table;
    if (!this.#isAsked(`relays of table ${ask.table}`, asks)) return { kind: "failed" };
    const isMap = Object.values(this.#ports.policy.actions).some((one) =>
      one.kind === "relay" && one.domain === ask.table
    );
    try {
      const table = this.#ports.tables.table(ask.table);
      const url = isMap ? await table.lookup("relayhost", ask.domain) : await table.fetch("relayhost");
      return url === null ? { kind: "absent" } : { kind: "found", url };
    } catch (error) {
      this.#warn(describeError(error));
      return { kind: "failed" };
    }
  }

  /** One of our addresses, or the name that we go by on one. */
  async #ownAddress(ask: Extract<DeliveryToLookup, { kind: "source" | "helo" }>): Promise<OwnAnswer> {
    const asks = (action: Action) =>
      action.kind === "relay" && (ask.kind === "source" ? action.source : action.heloSource) === ask.table;
    if (!this.#isAsked(`${ask.kind} of table ${ask.table}`, asks)) return { kind: "failed" };
    try {
      const table = this.#ports.tables.table(ask.table);
      const text = ask.kind === "source" ? await table.fetch("source") : await table.lookup("addrname", ask.address);
      return text === null ? { kind: "absent" } : { kind: "found", text };
    } catch (error) {
      this.#warn(describeError(error));
      return { kind: "failed" };
    }
  }

  /** Null when the table was read anew. */
  async #update(name: string): Promise<string | null> {
    if (!Object.hasOwn(this.#ports.policy.tables, name)) return `no such table: ${name}`;
    try {
      await this.#ports.tables.table(name).update();
      return null;
    } catch (error) {
      this.#warn(describeError(error));
      return describeError(error);
    }
  }

  /** Counted for `smtpctl show stats`, and told in the log once in a while: there may be many. */
  #overrun(name: string): void {
    this.#overruns++;
    if (this.#telling !== null) return;
    this.#warn(`${name} has more than ${openQuestionsMax} questions open: further ones fail`);
    this.#telling = this.#ports.clock.after(statsDelayMs, () => {
      this.#telling = null;
      this.#queue?.send({
        kind: "stats",
        stats: { gauges: {}, counters: { "lookup.limit.open-questions": this.#overruns } },
      });
    });
  }

  #warn(reason: string): void {
    this.#ports.log({ priority: "warning", session: "", from: "lookup", what: "trouble", fields: { reason } });
  }
}

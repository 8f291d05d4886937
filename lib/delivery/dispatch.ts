/** The outgoing side as a whole: takes tasks, keeps one pool for each relay, and the limits that they share. */

import type { Log } from "../event_log.ts";
import type { Domain, ReversePath } from "../mail/address.ts";
import type { Clock, Dialer, Dns, Random, Timer } from "../port.ts";
import type { MtaLimits } from "./limits.ts";
import type { Hop } from "./hop.ts";
import { resolveRoutes, routeOptionsFor, type Routes } from "./mx.ts";
import { notNow } from "./outcome.ts";
import type { Job } from "./link.ts";
import { type PoolShared, RelayPool } from "./pool.ts";
import { relayKey, relayName } from "./relay.ts";
import { RouteBook } from "./route.ts";
import { SpfDesk } from "./spf_desk.ts";
import type { SpfFinding } from "../trust/spf_result.ts";
import type { RelayTask } from "./task.ts";

/** What a dispatcher works with. */
export interface DispatcherOptions {
  /** Times deadlines, idle connections and penalties. */
  readonly clock: Clock;
  /** Finds the hosts of a domain. */
  readonly dns: Dns;
  /** Opens connections. */
  readonly dialer: Dialer;
  /** Shuffles hosts of one preference, and names sessions. */
  readonly random: Random;
  /** Takes the `mta` lines. */
  readonly log: Log;
  /** Our name in EHLO. */
  readonly helo: Domain;
  /** Our own names, lower case: an MX record that names one of them is us. */
  readonly selfNames: ReadonlySet<string>;
  /** Our own addresses, as `formatIp` writes them. */
  readonly selfAddresses: ReadonlySet<string>;
  /** Go to private addresses even where only the DNS says so (see mx.ts). */
  readonly allowPrivate: boolean;
  /** Limits of all destinations together; also of those that have none of their own. */
  readonly limits: MtaLimits;
  /** Limits of single destinations, by domain or smart host. */
  readonly limitsOf: ReadonlyMap<string, MtaLimits>;
}

/** What is going on. */
export interface DispatcherCounts {
  /** Transactions in hand. */
  readonly tasks: number;
  /** Relays with messages or connections. */
  readonly relays: number;
  /** Connections, open and opening. */
  readonly connections: number;
}

/** Relays messages. Every task submitted is reported on, unless the dispatcher is closed first. */
export class Dispatcher {
  readonly #limits: MtaLimits;
  readonly #limitsOf: ReadonlyMap<string, MtaLimits>;
  readonly #clock: Clock;
  readonly #shared: PoolShared;
  readonly #pools = new Map<string, RelayPool>();
  /** Pools that wait for room under a limit. */
  #blocked = new Set<RelayPool>();
  #retry: Timer | null = null;
  #waking = false;
  #tasks = 0;
  #connections = 0;
  #closing = false;
  #whenIdle: (() => void)[] = [];

  /** Opens nothing before the first task. */
  constructor(options: DispatcherOptions) {
    const { clock, dns, dialer, random, log, helo, selfNames, selfAddresses, allowPrivate } = options;
    const { limits, limitsOf } = options;
    this.#limits = limits;
    this.#limitsOf = limitsOf;
    this.#clock = clock;
    this.#shared = {
      clock,
      dialer,
      random,
      log,
      limits,
      helo,
      spf: new SpfDesk({ clock, dns }),
      routeOptions: { dns, random, selfNames, selfAddresses, allowPrivate, family: limits.family, limits },
      routes: new RouteBook(limits, () => this.#wakeSoon()),
      hasRoom: () => this.#connections < limits.connectionsMax,
      counted: (change) => this.#counted(change),
      blocked: (pool) => this.#block(pool),
      settled: () => this.#tasks--,
      emptied: (pool) => this.#forget(pool),
    };
  }

  /** What is going on now. */
  get counts(): DispatcherCounts {
    return { tasks: this.#tasks, relays: this.#pools.size, connections: this.#connections };
  }

  /** Takes a task. It is reported on later, never before this returns. */
  submit(task: RelayTask): void {
    if (this.#closing) return;
    if (this.#tasks >= this.#limits.tasksMax) {
      this.#clock.soon(() => {
        for (const { envelope } of task.recipients) task.report(envelope, notNow("Too many messages in transit"));
      });
      return;
    }
    const key = relayKey(task.relay, task.manner);
    let pool = this.#pools.get(key);
    if (pool === undefined) this.#pools.set(key, pool = new RelayPool(task.relay, task.manner, this.#sharedFor(task)));
    const max = this.#limits.recipientsPerTransactionMax;
    const jobs: Job[] = [];
    for (let first = 0; first < task.recipients.length; first += max) {
      jobs.push({ task, recipients: task.recipients.slice(first, first + max), sender: task.sender, retried: false });
    }
    this.#tasks += jobs.length;
    const target = pool;
    for (const job of jobs) target.add(job);
  }

  /** The hosts that mail for a relay would be brought to now. Never rejects. */
  routesOf(hop: Hop): Promise<Routes> {
    return resolveRoutes(hop.relay, routeOptionsFor(this.#sharedFor(hop).routeOptions, hop.manner));
  }

  /** For whom SPF would let us send to a relay: what is found for each address that may be ours. Never rejects. */
  foreseeSpf(sender: ReversePath, { manner }: Hop): Promise<readonly SpfFinding[]> {
    const { spf, helo, routeOptions } = this.#shared;
    return spf.foresee(sender, manner, { addresses: routeOptions.selfAddresses, helo });
  }

  /** Takes no more tasks, and forgets without a report those that were not begun: the queue still has them.
   * Transactions under way may end within `graceMs`; then they are cut, and reported as delayed. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#retry?.cancel();
    this.#retry = null;
    for (const pool of [...this.#pools.values()]) pool.close();
    if (this.#connections === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenIdle.push(resolve);
    const grace = this.#clock.after(graceMs, () => {
      for (const pool of [...this.#pools.values()]) pool.abandon();
    });
    await promise;
    grace.cancel();
  }

  /** What a pool shares with the others, under limits of its own where its destination has some. */
  #sharedFor({ relay }: Pick<RelayTask, "relay">): PoolShared {
    const limits = this.#limitsOf.get(relayName(relay));
    if (limits === undefined) return this.#shared;
    return { ...this.#shared, limits, routeOptions: { ...this.#shared.routeOptions, family: limits.family, limits } };
  }

  #counted(change: 1 | -1): void {
    this.#connections += change;
    if (change > 0) return;
    this.#wakeSoon();
    if (this.#connections > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #wakeSoon(): void {
    if (this.#blocked.size === 0 || this.#waking) return;
    this.#waking = true;
    this.#clock.soon(() => this.#wake());
  }

  #block(pool: RelayPool): void {
    this.#blocked.add(pool);
    if (this.#closing) return;
    this.#retry ??= this.#clock.after(this.#limits.limitRetryMs, () => {
      this.#retry = null;
      this.#wake();
    });
  }

  /** Lets those that wait look again, in the order in which they came to wait. */
  #wake(): void {
    this.#waking = false;
    const pools = this.#blocked;
    this.#blocked = new Set();
    for (const pool of pools) pool.pump();
  }

  #forget(pool: RelayPool): void {
    const key = relayKey(pool.relay, pool.manner);
    if (this.#pools.get(key) === pool) this.#pools.delete(key);
    this.#blocked.delete(pool);
  }
}

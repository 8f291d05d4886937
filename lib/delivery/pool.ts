/** One relay: the messages that wait for it and the connections to its hosts.
 *
 * A message goes to an idle connection if there is one. Otherwise connections are opened, to the best hosts that can
 * be used, as long as there is work for them; one that is done takes the next message at once. A connection that
 * fails before it is ready costs no message anything: its address is left alone for a while and the next address is
 * tried. Only when no address is left do the messages that wait share the reason. */

import { type Log, sessionName } from "../event_log.ts";
import { assert, Fault } from "../fault.ts";
import { type Domain, formatPath } from "../mail/address.ts";
import type { Clock, Dialer, Random } from "../port.ts";
import type { ClientVerdict } from "../smtp/client_face.ts";
import { type MtaLimits, wantsConnection } from "./limits.ts";
import { type Job, type Link, messageOf, nameOf, relayText } from "./link.ts";
import { resolveRoutes, type RouteHost, type RouteOptions, routeOptionsFor } from "./mx.ts";
import { classifyFault, classifyVerdict, noRoute, notNow, type Outcome } from "./outcome.ts";
import { type Relay, type RelayManner, relayTransport } from "./relay.ts";
import { type Attempt, deliveryEvent, noSession } from "./relay_log.ts";
import type { RouteBook, RouteState } from "./route.ts";
import { mayKeepSender } from "../trust/spf_result.ts";
import type { SpfDesk } from "./spf_desk.ts";
import { ClientConnection, isStale } from "./transport.ts";

/** What all pools share. */
export interface PoolShared {
  /** Times idle connections and penalties. */
  readonly clock: Clock;
  /** Opens connections. */
  readonly dialer: Dialer;
  /** Names sessions. */
  readonly random: Random;
  /** Takes the `mta` lines. */
  readonly log: Log;
  /** What may be asked of servers. */
  readonly limits: MtaLimits;
  /** Our name in EHLO. */
  readonly helo: Domain;
  /** Knows for whom SPF lets us send. */
  readonly spf: SpfDesk;
  /** How hosts are found. */
  readonly routeOptions: RouteOptions;
  /** What is known of addresses. */
  readonly routes: RouteBook;
  /** True when one more connection may be opened in all. */
  hasRoom(): boolean;
  /** A connection is open, opening or gone: +1 or -1. */
  counted(change: 1 | -1): void;
  /** The pool waits for a limit that others have to make room under. */
  blocked(pool: RelayPool): void;
  /** A job has its outcomes. */
  settled(job: Job): void;
  /** The pool has no messages and no connections. */
  emptied(pool: RelayPool): void;
}

/** The messages and connections of one relay. */
export class RelayPool {
  /** Where its messages go. */
  readonly relay: Relay;
  /** How they are brought there. */
  readonly manner: RelayManner;
  readonly #shared: PoolShared;
  readonly #queue: Job[] = [];
  readonly #links = new Set<Link>();
  /** Idle links, the one used last at the end: it is the first to be used again, so that the others can go. */
  readonly #idle: Link[] = [];
  #opening = 0;
  #hosts: readonly RouteHost[] | null = null;
  #hostsAt = 0;
  #resolving = false;
  /** A message wants what its hosts have failed before to be forgotten, once they are known. */
  #isPardoned = false;
  #closing = false;

  /** Opens nothing before the first job. */
  constructor(relay: Relay, manner: RelayManner, shared: PoolShared) {
    this.relay = relay;
    this.manner = manner;
    this.#shared = shared;
  }

  /** Takes a job. */
  add(job: Job): void {
    this.#queue.push(job);
    this.#isPardoned ||= job.task.pardon;
    this.pump();
  }

  /** Gives messages to connections, and opens connections for those that are left. */
  pump(): void {
    while (this.#idle.length > 0 && this.#queue.length > 0) {
      const link = this.#idle.pop();
      if (link !== undefined) this.#send(link);
    }
    const shared = this.#shared;
    const links = this.#links;
    while (!this.#closing && wantsConnection(this.#queue.length, this.#opening, links.size)) {
      const hosts = this.#freshHosts();
      if (hosts === null) return;
      if (this.#isPardoned) this.#pardon(hosts);
      if (links.size >= shared.limits.connectionsPerRelayMax || !shared.hasRoom()) return shared.blocked(this);
      const choice = this.#choose(hosts);
      if (choice.kind === "wait") return shared.blocked(this);
      if (choice.kind === "none") {
        // What is still connected goes on serving; without that, the mail cannot go anywhere now.
        if (links.size > 0) return;
        this.#drain(choice.why);
        break;
      }
      this.#open(choice.host, choice.address, choice.route);
    }
    if (links.size === 0 && this.#queue.length === 0) shared.emptied(this);
  }

  /** Our name in EHLO. */
  get #helo(): Domain {
    return this.manner.helo ?? this.#shared.helo;
  }

  /** Begins nothing more: messages that wait are forgotten, connections quit after the message in hand. */
  close(): void {
    this.#closing = true;
    this.#queue.length = 0;
    for (const link of [...this.#links]) {
      link.keepalive?.cancel();
      this.#unidle(link);
      if (link.connection !== null) link.connection.quit();
      else this.#unlink(link);
    }
    this.pump();
  }

  /** Hangs up on everything. Messages in hand are delayed. */
  abandon(): void {
    for (const link of [...this.#links]) link.connection?.destroy("this server stops");
  }

  /** The hosts, or null until they are known. */
  #freshHosts(): readonly RouteHost[] | null {
    const { clock, limits, routeOptions } = this.#shared;
    if (this.#hosts !== null && clock.monotonic() - this.#hostsAt < limits.routesFreshMs) return this.#hosts;
    if (this.#resolving) return null;
    this.#resolving = true;
    void resolveRoutes(this.relay, routeOptionsFor(routeOptions, this.manner)).then((routes) => {
      this.#resolving = false;
      this.#hostsAt = clock.monotonic();
      if (routes.kind === "hosts") {
        this.#hosts = routes.hosts;
      } else if (this.#links.size === 0) {
        // As long as a connection serves us, the hosts known before are good enough.
        this.#hosts = null;
        this.#drain(routes.outcome);
      }
      this.pump();
    });
    return null;
  }

  #pardon(hosts: readonly RouteHost[]): void {
    this.#isPardoned = false;
    const { routes } = this.#shared;
    const { port } = relayTransport(this.relay);
    for (const address of hosts.flatMap(({ addresses }) => addresses)) routes.pardon(routes.at(address, port));
  }

  /** The address to open a connection to: of the best preference that is not disabled, the one with the fewest
   * connections. Hosts that are merely busy are waited for: worse ones are for when better ones are down. */
  #choose(hosts: readonly RouteHost[]): Choice {
    const { routes, clock } = this.#shared;
    const now = clock.monotonic();
    const { port } = relayTransport(this.relay);
    let why: Outcome | null = null;
    for (let first = 0; first < hosts.length;) {
      const preference = hosts[first]?.preference;
      let best: Extract<Choice, { kind: "open" }> | null = null;
      let isBusy = false;
      for (; first < hosts.length && hosts[first]?.preference === preference; first++) {
        const host = hosts[first];
        for (const address of host?.addresses ?? []) {
          const route = routes.at(address, port);
          if (routes.isDisabled(route, now)) why ??= route.lastFailure;
          else if (!routes.hasRoom(route, now)) isBusy = true;
          else if (host !== undefined && (best === null || route.connections < best.route.connections)) {
            best = { kind: "open", host, address, route };
          }
        }
      }
      if (best !== null) return best;
      if (isBusy) return { kind: "wait" };
    }
    return { kind: "none", why: why ?? noRoute("No valid route to destination") };
  }

  #open(host: RouteHost, address: string, route: RouteState): void {
    const shared = this.#shared;
    const { port, protocol } = relayTransport(this.relay);
    const link: Link = {
      session: sessionName(shared.random),
      host,
      address,
      route,
      connection: null,
      state: "opening",
      job: null,
      served: 0,
      keepalive: null,
    };
    this.#links.add(link);
    this.#opening++;
    shared.counted(1);
    shared.routes.opening(route, shared.clock.monotonic());
    this.#log(link, "connecting", { address: `${protocol}://${route.key}`, host: host.name });
    const dialled = shared.dialer.dial({ kind: "inet", ip: address, port }, {
      timeoutMs: shared.limits.connectTimeoutMs,
      ...(this.manner.source === null ? {} : { source: this.manner.source }),
    });
    dialled.then((stream) => {
      if (link.state === "closed") return stream.destroy();
      this.#log(link, "connected", {});
      const config = { session: link.session, helo: this.#helo, protocol, limits: shared.limits.session };
      const { clock, log, limits } = shared;
      link.connection = new ClientConnection(stream, config, { clock, log, closeGraceMs: limits.closeGraceMs }, {
        ready: () => this.#ready(link),
        done: (verdicts) => this.#done(link, verdicts),
        closed: (reason) => this.#closed(link, reason),
      });
    }, (error: unknown) => {
      if (link.state === "closed") return;
      assert(error instanceof Fault, `dialling rejects with a Fault, not ${String(error)}`);
      this.#failed(link, classifyFault(error, "connect", nameOf(link)));
    });
  }

  #ready(link: Link): void {
    if (link.state === "opening") {
      this.#opening--;
      this.#shared.routes.ready(link.route);
    }
    link.state = "idle";
    if (this.#queue.length > 0) return this.#sendAndPump(link);
    this.#idle.push(link);
    const { limits, clock } = this.#shared;
    const waitMs = this.#links.size === 1 ? limits.keepaliveMs : limits.spareKeepaliveMs;
    link.keepalive = clock.after(waitMs, () => {
      this.#unidle(link);
      link.connection?.quit();
    });
    this.pump();
  }

  /** The route may have become valid just now, so that others may be opened beside. */
  #sendAndPump(link: Link): void {
    this.#send(link);
    this.pump();
  }

  #send(link: Link): void {
    const job = this.#queue.shift();
    assert(job !== undefined && link.connection !== null, "a job for a connection");
    link.keepalive?.cancel();
    link.keepalive = null;
    link.state = "busy";
    link.job = job;
    job.sender = job.task.sender;
    if (job.task.senderIfSpfFails === null) return this.#transmit(link, job);
    void this.#chooseSender(link, job).then(() => {
      // The server may have hung up on us in the meantime.
      if (link.job === job) this.#transmit(link, job);
    });
  }

  /** Asks whether the next server's SPF check lets the sender stay. */
  async #chooseSender(link: Link, job: Job): Promise<void> {
    const { sender, senderIfSpfFails } = job.task;
    const address = link.connection?.source ?? "";
    const { result, reason } = await this.#shared.spf.ask(sender, address, this.#helo);
    job.sender = mayKeepSender(result) ? sender : senderIfSpfFails;
    this.#log(link, "spf", { from: formatPath(sender), source: address, result, reason });
  }

  #transmit(link: Link, job: Job): void {
    link.connection?.send(messageOf(job, this.#shared.clock.now()), job.task.content);
  }

  #done(link: Link, verdicts: readonly ClientVerdict[]): void {
    const { job } = link;
    link.job = null;
    if (job === null) return;
    if (link.served > 0 && !job.retried && !this.#closing && verdicts.every(isStale)) {
      // The server had closed an idle connection before it saw anything of this message.
      job.retried = true;
      this.#queue.unshift(job);
      return;
    }
    link.served++;
    const attempt = { session: link.session, source: link.connection?.source ?? "", relay: relayText(link) };
    const outcomes = new Map<ClientVerdict, Outcome>();
    this.#settle(job, attempt, (index) => {
      const verdict = verdicts[index];
      assert(verdict !== undefined, "a verdict to each recipient");
      const outcome = outcomes.get(verdict) ?? classifyVerdict(verdict, nameOf(link));
      outcomes.set(verdict, outcome);
      return outcome;
    });
  }

  #settle(job: Job, attempt: Attempt, outcomeOf: (index: number) => Outcome): void {
    const { clock, log } = this.#shared;
    const now = clock.now();
    for (const [index, recipient] of job.recipients.entries()) {
      const outcome = outcomeOf(index);
      log(deliveryEvent(attempt, job.sender, recipient, outcome, now));
      job.task.report(recipient.envelope, outcome);
    }
    this.#shared.settled(job);
  }

  #closed(link: Link, reason: ClientVerdict | null): void {
    const outcome = reason === null ? null : classifyVerdict(reason, nameOf(link));
    if (link.state === "opening" && outcome !== null && !this.#closing) return this.#failed(link, outcome);
    if (outcome !== null && reason?.kind !== "noContent") this.#log(link, "error", { reason: outcome.text });
    const messages = link.connection?.messages ?? 0;
    this.#log(link, "disconnected", { reason: outcome === null ? "quit" : outcome.text, messages });
    this.#unlink(link);
    this.#takeBack(link);
    this.pump();
  }

  /** A message whose sender was still being asked about has met no server yet: another connection may take it, once. */
  #takeBack(link: Link): void {
    const { job } = link;
    link.job = null;
    if (job === null || this.#closing) return;
    if (!job.retried) {
      job.retried = true;
      this.#queue.unshift(job);
      return;
    }
    const attempt = { session: link.session, source: "", relay: relayText(link) };
    this.#settle(job, attempt, () => notNow("The server hung up before it was given the message"));
  }

  /** It never became ready. */
  #failed(link: Link, why: Outcome): void {
    const { routes, clock, counted } = this.#shared;
    this.#log(link, "error", { reason: why.text });
    link.state = "closed";
    this.#opening--;
    this.#links.delete(link);
    routes.failed(link.route, clock.monotonic(), why);
    counted(-1);
    this.pump();
  }

  #unlink(link: Link): void {
    const wasReady = link.state !== "opening";
    this.#unidle(link);
    if (!wasReady) this.#opening--;
    link.keepalive?.cancel();
    link.state = "closed";
    this.#links.delete(link);
    this.#shared.routes.closed(link.route, wasReady);
    this.#shared.counted(-1);
  }

  /** It takes no more messages. */
  #unidle(link: Link): void {
    const at = this.#idle.indexOf(link);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** There is no way for what waits. */
  #drain(why: Outcome): void {
    const attempt = { session: noSession, source: "", relay: why.by };
    for (const job of this.#queue.splice(0)) this.#settle(job, attempt, () => why);
  }

  #log(link: Link, what: string, fields: Parameters<Log>[0]["fields"]): void {
    this.#shared.log({ priority: "info", session: link.session, from: "mta", what, fields });
  }
}

/** What `#choose` has found. */
type Choice =
  | { readonly kind: "open"; readonly host: RouteHost; readonly address: string; readonly route: RouteState }
  /** A better time comes. */
  | { readonly kind: "wait" }
  | { readonly kind: "none"; readonly why: Outcome };

/** smtp-in: talks SMTP with strangers. Holds no right at all; what it knows it was handed.
 *
 * Every decision is in smtp/session.ts. Here bytes are carried between sockets and the machine, and the machine's
 * questions to lookup and queue. */

import type { Channel, Listener as ListeningSocket, Stream, Timer } from "../port.ts";
import type { Domain } from "../mail/address.ts";
import { unknownHostname } from "../policy/hostname.ts";
import type { Listener } from "../policy/policy.ts";
import { replies } from "../smtp/reply.ts";
import type { TlsServer } from "../port_tls.ts";
import type { SessionAnswer, SessionAsk } from "../smtp/session.ts";
import type { MsgId } from "../spool/id.ts";
import { FrontDoor, type Guest } from "./front_door.ts";
import { PeerNames } from "./peer_names.ts";
import { type ConnectionOwner, ServerConnection, type ServerConnectionPorts } from "./smtp_in_connection.ts";
import { stopGraceMs } from "./supervision.ts";
import { unknown } from "./session_desk.ts";
import { loginCounter, Tally } from "./tally.ts";
import type { LookupToSmtpIn, QueueToSmtpIn, SessionQuestion, SmtpInToLookup, SmtpInToQueue } from "./imsg.ts";

/** Stands for the name of a session that has none yet. */
const unnamed = "0000000000000000";

/** How often deadlines of sessions are looked at, ms. */
const sweepMs = 1000;

/** A listener, and who its connections belong to. */
interface Served {
  readonly listener: Listener;
  /** Its number in `Policy.listeners`. */
  readonly index: number;
  readonly owner: ConnectionOwner;
}

/** What is asked for a session that has begun. */
type ConnectionQuestion = Exclude<SessionQuestion["ask"], { readonly kind: "hostname" }>;
type OpenQuestion = { readonly connection: ServerConnection; readonly ask: ConnectionQuestion };

/** An smtp-in's end of its channel to queue. */
export type QueueChannel = Channel<SmtpInToQueue, QueueToSmtpIn>;
/** An smtp-in's end of its channel to lookup. */
export type LookupChannel = Channel<SmtpInToLookup, LookupToSmtpIn>;

/** What the role is given. */
export interface SmtpInPorts extends ServerConnectionPorts {
  /** How many processes of this role share the listening sockets. */
  readonly processes: number;
  /** Descriptors that this process may have open; null when that is not known. */
  readonly descriptors: number | null;
}

/** The role. Channels are set when the supervisor hands them over, and again when the other side was restarted. */
export class SmtpIn {
  readonly #ports: SmtpInPorts;
  readonly #door: FrontDoor;
  readonly #tally = new Tally();
  /** Waits for the name that we go by on an address. */
  readonly #hosts = new Map<number, (hostname: Domain | null) => void>();
  readonly #connections = new Map<ServerConnection, Guest>();
  readonly #sockets: ListeningSocket[] = [];
  readonly #recipients = new Map<number, ServerConnection>();
  readonly #questions = new Map<number, OpenQuestion>();
  readonly #names = new PeerNames();
  readonly #commits = new Map<string, ServerConnection>();
  readonly #wantIds: ServerConnection[] = [];
  readonly #congested = new Set<ServerConnection>();
  #tls: ReadonlyMap<number, TlsServer> = new Map();
  #ids: MsgId[] = [];
  #queue: QueueChannel | null = null;
  #lookup: LookupChannel | null = null;
  #requests = 0;
  #paused = false;
  #stopping: (() => void) | null = null;
  #drained: (() => void) | null = null;
  #sweeper: Timer | null = null;

  /** Takes no connection before `serve`. */
  constructor(ports: SmtpInPorts) {
    this.#ports = ports;
    this.#door = new FrontDoor({ ...ports, count: (name) => this.#count(name) });
  }

  /** Takes the channel to queue. What waited for the last one is answered as a temporary failure. */
  setQueue(channel: QueueChannel): void {
    this.#loseQueue();
    this.#queue = channel;
    // A queue that holds mail back says so first.
    this.#paused = false;
    this.#tally.restart();
    channel.onMessage((message) => {
      if (this.#queue === channel) this.#fromQueue(message);
    });
    channel.onDrain(() => {
      if (this.#queue === channel) this.#relax();
    });
    channel.onClose(() => {
      if (this.#queue === channel) this.#loseQueue();
    });
  }

  /** Takes the channel to lookup. What waited for the last one is answered as a temporary failure. */
  setLookup(channel: LookupChannel): void {
    this.#lookup = channel;
    this.#failRecipients();
    this.#failQuestions();
    channel.onMessage((message) => this.#settle(message));
    channel.onClose(() => {
      if (this.#lookup !== channel) return;
      this.#lookup = null;
      this.#failRecipients();
      this.#failQuestions();
    });
  }

  /** Sets the TLS of listeners, by their numbers: what begins from now on has it. */
  setTls(servers: ReadonlyMap<number, TlsServer>): void {
    this.#tls = servers;
  }

  /** Serves a listening socket that is for `listeners[index]`, one of `Policy.listeners`, and for those that share it. */
  serve(socket: ListeningSocket, listeners: readonly Listener[], index: number): void {
    this.#sockets.push(socket);
    const served = listeners.map((listener, at) => ({ listener, index: at, owner: this.#ownerOf(at) }));
    socket.accept((stream) => {
      const at = this.#door.find(stream, listeners, index);
      const one = at === null ? undefined : served[at];
      if (one !== undefined) this.#connect(stream, one);
    });
  }

  /** Takes no more connections and lets sessions go on as they like. After `graceMs` it stops; resolves when all have
   * ended. */
  async drain(graceMs: number): Promise<void> {
    for (const socket of this.#sockets.splice(0)) socket.close();
    const ended = Promise.withResolvers<void>();
    const timer = this.#ports.clock.after(graceMs, () => void this.stop(stopGraceMs).then(ended.resolve));
    this.#drained = () => {
      if (this.#door.size === 0) ended.resolve();
    };
    this.#drained();
    await ended.promise;
    this.#tell();
    timer.cancel();
  }

  /** Takes no more connections, lets messages in transfer end within `graceMs`, then closes the rest. */
  stop(graceMs: number): Promise<void> {
    for (const socket of this.#sockets.splice(0)) socket.close();
    this.#door.close();
    this.#beginAll();
    const at = this.#ports.clock.now();
    return new Promise((resolve) => {
      const deadline = this.#ports.clock.after(graceMs, () => {
        for (const connection of [...this.#connections.keys()]) connection.drop();
      });
      this.#stopping = () => {
        if (this.#door.size > 0) return;
        deadline.cancel();
        // What was counted last is not lost with us.
        this.#tell();
        resolve();
      };
      for (const connection of [...this.#connections.keys()]) connection.step({ kind: "shutdown", at });
      this.#stopping();
    });
  }

  #connect(stream: Stream, served: Served): void {
    const { listener } = served;
    if (this.#paused) return this.#door.refuse(stream, listener, replies.paused(listener.hostname));
    this.#door.open(stream, listener, (guest) => this.#receive(guest, served));
  }

  /** Finds out what we are called where the client came to. */
  #receive(guest: Guest, served: Served): void {
    const { listener, index } = served;
    if (listener.kind !== "inet" || listener.hostnames === null) return this.#begin(guest, served);
    const { local } = guest.stream;
    if (this.#lookup === null || local.kind !== "inet") return this.#begin(guest, served);
    const request = ++this.#requests;
    this.#hosts.set(request, (hostname) => this.#begin(guest, served, hostname ?? listener.hostname));
    const about = { request, session: unnamed, listener: index, address: local.ip };
    this.#lookup.send({ kind: "session", ...about, ask: { kind: "hostname" } });
  }

  #begin(guest: Guest, { listener, owner }: Served, hostname: Domain = listener.hostname): void {
    const connection = new ServerConnection(this.#ports, guest.stream, listener, owner, hostname);
    this.#connections.set(connection, guest);
    this.#count("smtp.session.total");
    connection.start();
  }

  #ownerOf(index: number): ConnectionOwner {
    return {
      ask: (connection, ask, body) => this.#ask(connection, ask, body, index),
      body: (connection, message, bytes) => this.#body(connection, message, bytes),
      rollback: (message) => void this.#queue?.send({ kind: "rollback", message: message as MsgId }),
      count: (name) => this.#count(name),
      name: (connection) => this.#nameOf(connection, index),
      closed: (connection) => this.#closed(connection, index),
      tls: () => this.#tls.get(index) ?? null,
    };
  }

  /** Answers at once where it can; other answers come as messages. */
  #ask(connection: ServerConnection, ask: SessionAsk, body: Uint8Array | null, listener: number): void {
    switch (ask.kind) {
      case "message":
        return this.#dealTo(connection);
      case "recipient": {
        if (this.#lookup === null || this.#queue === null) {
          return connection.answer({ kind: "recipient", reply: replies.unavailable });
        }
        const request = ++this.#requests;
        this.#recipients.set(request, connection);
        const { sender, rcpt, dsn, handling } = ask;
        const about = { request, listener, session: connection.session, claim: connection.claim(ask) };
        this.#lookup.send({ kind: "expand", message: ask.message as MsgId, ...about, sender, rcpt, dsn, handling });
        return;
      }
      case "authenticate":
      case "sender":
      case "filter":
        return this.#question(connection, ask, listener);
      case "lines":
        // No listener has a filter that sees lines: `filterPhasesOf` names no such phase.
        return connection.answer({ kind: "lines", lines: null });
      case "commit": {
        if (this.#queue === null) return connection.answer({ kind: "commit", result: "unknown" });
        this.#commits.set(ask.message, connection);
        const { requests } = connection;
        const commit = { kind: "commit", message: ask.message as MsgId, size: ask.size, requests } as const;
        if (body === null) this.#queue.send(commit);
        else this.#queue.send(commit, body);
        return;
      }
    }
  }

  /** Asks lookup about the session. */
  #question(connection: ServerConnection, ask: ConnectionQuestion, listener: number): void {
    const request = ++this.#requests;
    const { session, address } = connection;
    if (this.#lookup === null) return tellUnknown(connection, ask, request);
    if (ask.kind !== "end") this.#questions.set(request, { connection, ask });
    this.#lookup.send({ kind: "session", request, session, listener, address, ask });
  }

  /** The name of a peer as far as it is known; null when it was asked for. */
  #nameOf(connection: ServerConnection, listener: number): string | null {
    const known = this.#names.get(connection.address, this.#ports.clock.monotonic());
    if (known !== null || this.#lookup === null) return known ?? unknownHostname;
    this.#question(connection, { kind: "name" }, listener);
    return null;
  }

  #dealTo(connection: ServerConnection): void {
    const id = this.#ids.pop();
    if (id !== undefined) return connection.message(id);
    if (this.#queue === null) return connection.message(null);
    this.#wantIds.push(connection);
    if (this.#wantIds.length === 1) this.#queue.send({ kind: "wantIds" });
  }

  #body(connection: ServerConnection, message: string, bytes: Uint8Array): void {
    if (this.#queue === null) return;
    if (this.#queue.send({ kind: "body", message: message as MsgId }, bytes)) return;
    this.#congested.add(connection);
    connection.hold(true);
  }

  /** The queue keeps up again. */
  #relax(): void {
    const held = [...this.#congested];
    this.#congested.clear();
    for (const connection of held) connection.hold(false);
  }

  #fromQueue(message: QueueToSmtpIn): void {
    switch (message.kind) {
      case "dealt": {
        // Taken from the end, lowest first.
        this.#ids = [...message.messages.toReversed(), ...this.#ids];
        // Those that are still left ask for more.
        for (const connection of this.#wantIds.splice(0)) this.#dealTo(connection);
        return;
      }
      case "committed":
        return this.#committed(message.message, "committed");
      case "commitFailed":
        return this.#committed(message.message, message.cause);
      case "paused":
        this.#paused = message.paused;
    }
  }

  #settle(told: LookupToSmtpIn): void {
    if (told.kind === "hosted") {
      const begin = this.#hosts.get(told.request);
      this.#hosts.delete(told.request);
      return begin?.(told.hostname);
    }
    if (told.kind === "answered" || told.kind === "named") {
      const question = this.#questions.get(told.request);
      this.#questions.delete(told.request);
      if (told.kind === "named" && question !== undefined) {
        this.#names.set(question.connection.address, told.hostname, this.#ports.clock.monotonic());
      }
      if (told.kind === "answered") this.#countLogin(told.answer);
      return question?.connection.told(told);
    }
    const connection = this.#recipients.get(told.request);
    if (connection === undefined) return;
    this.#recipients.delete(told.request);
    connection.recipient(told);
  }

  #countLogin(answer: SessionAnswer): void {
    const name = answer.kind === "authenticate" ? loginCounter(answer.result) : null;
    if (name !== null) this.#count(name);
  }

  #committed(message: MsgId, result: "committed" | "noSpace" | "io" | "unknown"): void {
    const connection = this.#commits.get(message);
    this.#commits.delete(message);
    connection?.answer({ kind: "commit", result });
  }

  /** Nothing that was asked of this queue will be answered. */
  #loseQueue(): void {
    this.#queue = null;
    this.#ids = [];
    const waiting = [...this.#commits.values()];
    this.#commits.clear();
    for (const connection of waiting) connection.answer({ kind: "commit", result: "unknown" });
    for (const connection of this.#wantIds.splice(0)) connection.message(null);
    this.#failRecipients();
    this.#relax();
  }

  #failRecipients(): void {
    const waiting = [...this.#recipients.values()];
    this.#recipients.clear();
    for (const connection of waiting) connection.answer({ kind: "recipient", reply: replies.unavailable });
  }

  /** lookup is gone. */
  #failQuestions(): void {
    const open = [...this.#questions];
    this.#questions.clear();
    for (const [request, { connection, ask }] of open) tellUnknown(connection, ask, request);
    this.#beginAll();
  }

  /** Those who wait for a name of ours are served without. */
  #beginAll(): void {
    for (const begin of this.#hosts.values()) begin(null);
    this.#hosts.clear();
  }

  /** What the connection asked of lookup and of queue stays open: its session takes the answer, and then lets the
   * queue forget the message. */
  #closed(connection: ServerConnection, index: number): void {
    this.#connections.get(connection)?.leave();
    if (!this.#connections.delete(connection)) return;
    this.#congested.delete(connection);
    // lookup keeps state of those who tried to log in.
    if (connection.hasTriedToLogIn) this.#question(connection, { kind: "end" }, index);
    const waiting = this.#wantIds.indexOf(connection);
    if (waiting >= 0) this.#wantIds.splice(waiting, 1);
    this.#stopping?.();
    this.#drained?.();
  }

  #count(name: string): void {
    this.#tally.count(name);
    this.#sweeper ??= this.#ports.clock.after(sweepMs, () => this.#sweep());
  }

  /** One timer for all sessions: a timer each would cost more than the sessions themselves. */
  #sweep(): void {
    const { clock } = this.#ports;
    this.#tell();
    for (const connection of [...this.#connections.keys()]) connection.tick(clock.now(), clock.monotonic());
    this.#sweeper = this.#connections.size === 0 ? null : clock.after(sweepMs, () => this.#sweep());
  }

  /** For `smtpctl show stats`. */
  #tell(): void {
    if (this.#queue === null) return;
    const stats = this.#tally.news({ "smtp.session": this.#connections.size });
    if (stats !== null) this.#queue.send({ kind: "stats", stats });
  }
}

function tellUnknown(connection: ServerConnection, ask: ConnectionQuestion, request: number): void {
  const told = unknown(ask, request);
  if (told !== null) connection.told(told);
}

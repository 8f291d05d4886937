/** One SMTP connection of smtp-in: a socket and its session, and the order in which their events are handled. */

import type { Clock, Random, Stream, StreamHandler } from "../port.ts";
import { assert } from "../fault.ts";
import type { Domain } from "../mail/address.ts";
import type { TlsHandshake, TlsOutcome, TlsServer } from "../port_tls.ts";
import { type Log, sessionName } from "../event_log.ts";
import { filterPhasesOf } from "../policy/filter_phase.ts";
import { quirksFor } from "../policy/lenient.ts";
import { mechanismsOf } from "../policy/mechanism.ts";
import type { Listener, Policy, SmtpLimits } from "../policy/policy.ts";
import {
  ServerSession,
  type SessionAsk,
  type SessionConfig,
  type SessionEffect,
  type SessionEvent,
} from "../smtp/session.ts";
import { replies } from "../smtp/reply.ts";
import { unknownHostname } from "../policy/hostname.ts";
import type { MsgId } from "../spool/id.ts";
import { ProxiedStream } from "./proxied_stream.ts";
import {
  envelopesPerMessageMax,
  type Refused,
  type Resolved,
  type SessionAnswered,
  type SessionClaim,
} from "./imsg.ts";
import { lmtpPeer, localPeerName } from "./local_peer.ts";

/** How long a peer may take, once a session is over, to read the last reply and close its side, ms. A socket closed at
 * once would reset the connection under a peer that still sends, and take the reply away from it. */
export const lingerMs = 2000;

/** What such a peer may still send, octets: what was under way when the session ended, and no more. */
export const lingerLengthMax = 1024 * 1024;

/** What a connection is given. */
export interface ServerConnectionPorts {
  /** The time in events. */
  readonly clock: Clock;
  /** Names sessions. */
  readonly random: Random;
  /** For what sessions log. */
  readonly log: Log;
  /** What a session may use up. */
  readonly limits: SmtpLimits;
  /** Filters that listeners name. */
  readonly policy: Pick<Policy, "filters">;
}

/** What connections ask of their role; one serves all of a listener. */
export interface ConnectionOwner {
  /** `body` is the last piece of the message, not sent yet, when `ask` is a commit. */
  ask(connection: ServerConnection, ask: SessionAsk, body: Uint8Array | null): void;
  /** A piece of content, to be sent to queue. */
  body(connection: ServerConnection, message: string, bytes: Uint8Array): void;
  /** The message is to be forgotten. */
  rollback(message: string): void;
  /** One more for `smtpctl show stats`. */
  count(name: string): void;
  /** The peer's name, `<unknown>` when it has none; null when it has been asked for: `told` comes. */
  name(connection: ServerConnection): string | null;
  /** The socket is gone. Called once. */
  closed(connection: ServerConnection): void;
  /** The listener's TLS as it is now; null when the listener has none. */
  tls(): TlsServer | null;
}

/** One connection: a socket and its session. There may be thousands that only wait: what each keeps counts. */
export class ServerConnection implements StreamHandler {
  readonly #ports: ServerConnectionPorts;
  /** The one with TLS takes the place of the one without. */
  #stream: Stream;
  #handshake: TlsHandshake | null = null;
  #isGone = false;
  readonly #listener: Listener;
  readonly #owner: ConnectionOwner;
  /** What we are called here: that of the listener, or what its table says of our address. */
  readonly #hostname: Domain;
  readonly #session: ServerSession;
  readonly #address: string;
  readonly #name: string;
  readonly #events: SessionEvent[] = [];
  /** The peer's name, as far as it is known. */
  #peerName = unknownHostname;
  #requests: number[] = [];
  #envelopes = 0;
  #isStepping = false;
  #isPaused = false;
  #isHeld = false;
  #heldAt = 0;
  #hasTriedToLogIn = false;
  /** When the session was over, in `Clock.monotonic`. */
  #overAt: number | null = null;
  /** Octets that came after it. */
  #dropped = 0;

  /** Nothing is read or written before `start`. */
  constructor(
    ports: ServerConnectionPorts,
    stream: Stream,
    listener: Listener,
    owner: ConnectionOwner,
    hostname: Domain = listener.hostname,
  ) {
    this.#ports = ports;
    this.#hostname = hostname;
    this.#stream = stream;
    this.#listener = listener;
    this.#owner = owner;
    this.#address = listener.kind === "lmtp" ? lmtpPeer : peerText(stream);
    this.#name = sessionName(ports.random);
    this.#session = new ServerSession({
      session: this.#name,
      hostname,
      limits: ports.limits,
      bounds: ports.limits,
      local: listener.kind === "socket",
      lmtp: listener.kind === "lmtp" || (listener.kind === "inet" && listener.lmtp),
      ...contentOptions(listener),
      maskSource: listener.maskSource,
      dsn: listener.dsn,
      filters: filterPhasesOf(ports.policy, listener),
      lenient: quirksFor(ports.limits.lenient, this.#address),
      ...loginOf(listener),
      tls: listener.kind === "inet" ? listener.tls.mode : "none",
      verifiesClient: listener.kind === "inet" && listener.tls.verify,
      zone: (at) => ports.clock.zone(at),
    });
  }

  /** Greets the peer and begins to read. */
  start(): void {
    const hostname = this.#listener.kind === "inet" ? this.#owner.name(this) : localPeerName(this.#listener);
    this.#peerName = hostname ?? unknownHostname;
    this.step({ kind: "connected", at: this.#ports.clock.now(), address: this.#address, hostname });
    // Where the session has begun TLS already, nothing is read in clear text.
    if (this.#handshake === null) this.#stream.attach(this);
  }

  /** Octets of the peer. */
  data(bytes: Uint8Array): void {
    if (this.#overAt === null) return this.step({ kind: "bytes", at: this.#ports.clock.now(), bytes });
    this.#dropped += bytes.length;
    if (this.#dropped > lingerLengthMax) this.#stream.destroy();
  }

  /** The peer has taken what waited. */
  drain(): void {
    this.#flow();
  }

  /** The peer sends no more. */
  end(): void {
    this.step({ kind: "eof", at: this.#ports.clock.now() });
  }

  /** The socket is gone. */
  close(): void {
    this.#lost();
  }

  /** The socket is gone. `reason` is for the log, where it is not the peer that has closed it. */
  #lost(reason?: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.step({ kind: "eof", at: this.#ports.clock.now(), ...(reason === undefined ? {} : { reason }) });
    this.#owner.closed(this);
  }

  /** Hands the socket to TLS. Nothing that came in clear text and is not handled yet reaches the session any more. */
  #startTls(): void {
    const server = this.#owner.tls();
    assert(server !== null, "a listener with TLS has its certificates");
    const held = this.#events.filter(({ kind }) => kind !== "bytes");
    this.#events.splice(0, this.#events.length, ...held);
    const { stream, head } = clearStream(this.#stream);
    this.#handshake = server.begin(stream, (outcome) => this.#shaken(outcome), head);
  }

  #shaken(outcome: TlsOutcome): void {
    this.#handshake = null;
    if (outcome.kind === "failed") return this.#lost(`io-error: handshake failed: ${outcome.reason}`);
    this.#stream = outcome.stream;
    this.#isPaused = false;
    this.#stream.attach(this);
    this.step({ kind: "tls", at: this.#ports.clock.now(), tls: outcome.tls });
  }

  /** Drops a socket that TLS has. */
  #giveUp(handshake: TlsHandshake): void {
    this.#handshake = null;
    handshake.destroy();
    this.#lost();
  }

  /** Facts of the session, as lookup is told of them. */
  claim({ helo, username, tls }: Extract<SessionAsk, { readonly kind: "recipient" }>): SessionClaim {
    const [address, hostname, smtpName] = [this.#address, this.#peerName, this.#hostname];
    return { address, hostname, helo, smtpName, username, tls };
  }

  /** Recipients of the message that is coming: the numbers by which lookup was asked of them. */
  get requests(): readonly number[] {
    return this.#requests;
  }

  /** lookup may keep something of this session. */
  get hasTriedToLogIn(): boolean {
    return this.#hasTriedToLogIn;
  }

  /** The session's name. */
  get session(): string {
    return this.#name;
  }

  /** The peer, as in `Origin`. */
  get address(): string {
    return this.#address;
  }

  /** Passes on what lookup says of the session. */
  told(told: SessionAnswered): void {
    if (told.kind === "hosted") return;
    if (told.kind === "answered") return this.answer(told.answer);
    this.#peerName = told.hostname ?? unknownHostname;
    this.step({ kind: "named", at: this.#ports.clock.now(), hostname: this.#peerName });
  }

  /** Passes on what lookup says of a recipient. */
  recipient(told: Resolved | Refused): void {
    if (told.kind === "refused") return this.answer({ kind: "recipient", reply: told.reply });
    const envelopes = this.#envelopes + told.envelopes;
    if (envelopes > envelopesPerMessageMax) {
      return this.answer({ kind: "recipient", reply: replies.tooManyRecipients });
    }
    this.#envelopes = envelopes;
    this.#requests.push(told.request);
    this.answer({ kind: "recipient", reply: replies.recipientOk });
  }

  /** Passes on an id for a message that begins. */
  message(id: MsgId | null): void {
    this.#requests = [];
    this.#envelopes = 0;
    this.answer({ kind: "message", id });
  }

  /** Passes on the answer to what the session asked. */
  answer(answer: Extract<SessionEvent, { kind: "answer" }>["answer"]): void {
    this.step({ kind: "answer", at: this.#ports.clock.now(), answer });
  }

  /** Looks at deadlines. `monotonic` is `Clock.monotonic`. */
  tick(at: number, monotonic: number): void {
    const deadline = this.#session.deadline;
    if (deadline !== null && deadline <= at && !this.#isHeld) this.step({ kind: "tick", at });
    if (this.#overAt !== null && monotonic >= this.#overAt + lingerMs) this.#stream.destroy();
  }

  /** Stops reading while the queue is behind. */
  hold(isHeld: boolean): void {
    const at = this.#ports.clock.now();
    if (isHeld && !this.#isHeld) this.#heldAt = at;
    if (!isHeld && this.#isHeld) this.#session.excuse(Math.max(0, at - this.#heldAt));
    this.#isHeld = isHeld;
    this.#flow();
  }

  /** Closes the socket without a word. */
  drop(): void {
    if (this.#handshake === null) this.#stream.destroy();
    else this.#giveUp(this.#handshake);
  }

  /** An answer that comes while effects are still being carried out waits for the last of them. */
  step(event: SessionEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      this.#perform(this.#session.step(next));
    }
    this.#isStepping = false;
    this.#flow();
  }

  #perform(effects: readonly SessionEffect[]): void {
    let piece: Extract<SessionEffect, { kind: "body" }> | null = null;
    for (const effect of effects) {
      // The last piece travels with the commit: one message to the queue instead of two.
      if (piece !== null && !(effect.kind === "ask" && effect.ask.kind === "commit")) {
        this.#owner.body(this, piece.message, piece.bytes);
        piece = null;
      }
      switch (effect.kind) {
        case "write":
          if (!this.#stream.write(effect.bytes)) this.#flow();
          break;
        case "ask":
          if (effect.ask.kind === "authenticate") this.#hasTriedToLogIn = true;
          this.#owner.ask(this, effect.ask, piece?.bytes ?? null);
          piece = null;
          break;
        case "body":
          piece = effect;
          break;
        case "startTls":
          this.#startTls();
          break;
        case "rollback":
          this.#owner.rollback(effect.message);
          break;
        case "close":
          this.#overAt ??= this.#ports.clock.monotonic();
          if (this.#handshake !== null) this.#giveUp(this.#handshake);
          else if (effect.linger) this.#stream.end();
          else this.#stream.finish();
          break;
        case "count":
          this.#owner.count(effect.name);
          break;
        case "log":
          this.#ports.log(effect.event);
      }
    }
    if (piece !== null) this.#owner.body(this, piece.message, piece.bytes);
  }

  /** Reads only when the session can use bytes, the queue keeps up and the peer takes its replies. What still comes
   * once the session is over is read and dropped. */
  #flow(): void {
    if (this.#handshake !== null) return;
    const isBehind = this.#isHeld || !this.#session.wantsBytes || this.#stream.buffered > 64 * 1024;
    const pause = isBehind && this.#overAt === null;
    if (pause === this.#isPaused) return;
    this.#isPaused = pause;
    if (pause) this.#stream.pause();
    else this.#stream.resume();
  }
}

/** What the listener says of content. Port 587 is for new mail: RFC 6409 §3.1. */
function contentOptions(
  listener: Listener,
): Required<Pick<SessionConfig, "submission" | "headerDomain" | "receivedAuth" | "masquerade">> {
  const headerDomain = listener.hostname;
  if (listener.kind !== "inet") return { submission: false, headerDomain, receivedAuth: false, masquerade: false };
  const { port, receivedAuth, senders } = listener;
  return { submission: port === submissionPort, headerDomain, receivedAuth, masquerade: senders?.masquerade ?? false };
}

const submissionPort = 587;

/** The connection itself, for TLS; and octets of the client's that belong to it: those behind a proxy's header. */
function clearStream(stream: Stream): { readonly stream: Stream; readonly head: Uint8Array } {
  return stream instanceof ProxiedStream ? stream.surrender() : { stream, head: noOctets };
}

const noOctets = new Uint8Array(0);

function peerText(stream: Stream): string {
  const { remote } = stream;
  if (remote.kind === "unix") return "local";
  return remote.ip.includes(":") ? `[${remote.ip}]` : remote.ip;
}

/** What a session is told of logging in. */
export function loginOf(listener: Listener): Pick<SessionConfig, "auth" | "checksSender" | "bindsAuthor"> {
  if (listener.kind !== "inet" || listener.auth.mode === "none") return {};
  const { mode } = listener.auth;
  const { senders } = listener;
  return {
    auth: { mode, mechanisms: mechanismsOf(listener) },
    checksSender: senders !== null,
    bindsAuthor: senders?.headerFrom ?? false,
  };
}

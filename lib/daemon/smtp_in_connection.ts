/** One SMTP connection of smtp-in: a socket and its session, and the order in which their events are handled. */

import type { Clock, Random, Stream } from "../port.ts";
import { assert } from "../fault.ts";
import { type Log, sessionName } from "../event_log.ts";
import { type Listener, mechanismsOf, type SmtpLimits } from "../policy/policy.ts";
import {
  ServerSession,
  type SessionAsk,
  type SessionConfig,
  type SessionEffect,
  type SessionEvent,
} from "../smtp/session.ts";
import { replies } from "../smtp/reply.ts";
import type { Origin } from "../policy/match.ts";
import type { MsgId } from "../spool/id.ts";
import { envelopesPerMessageMax, type Refused, type Resolved, type SessionAnswered } from "./imsg.ts";

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
}

/** What a connection asks of its role. */
export interface ConnectionOwner {
  /** `body` is the last piece of the message, not sent yet, when `ask` is a commit. */
  ask(ask: SessionAsk, body: Uint8Array | null): void;
  /** A piece of content, to be sent to queue. */
  body(message: string, bytes: Uint8Array): void;
  /** The message is to be forgotten. */
  rollback(message: string): void;
  /** One more for `smtpctl show stats`. */
  count(name: string): void;
  /** The socket is gone. Called once. */
  closed(): void;
}

/** One connection: a socket and its session. */
export class ServerConnection {
  readonly #ports: ServerConnectionPorts;
  readonly #stream: Stream;
  readonly #listener: Listener;
  readonly #owner: ConnectionOwner;
  readonly #session: ServerSession;
  readonly #address: string;
  readonly #name: string;
  readonly #events: SessionEvent[] = [];
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
  constructor(ports: ServerConnectionPorts, stream: Stream, listener: Listener, owner: ConnectionOwner) {
    this.#ports = ports;
    this.#stream = stream;
    this.#listener = listener;
    this.#owner = owner;
    this.#address = listener.kind === "lmtp" ? "127.0.0.1" : peerText(stream);
    this.#name = sessionName(ports.random);
    this.#session = new ServerSession({
      session: this.#name,
      hostname: listener.hostname,
      limits: ports.limits,
      bounds: ports.limits,
      local: listener.kind === "socket",
      ...contentOptions(listener),
      lmtp: listener.kind === "lmtp" || (listener.kind === "inet" && listener.lmtp),
      maskSource: listener.maskSource,
      dsn: listener.dsn,
      ...loginOf(listener),
      zone: (at) => ports.clock.zone(at),
    });
  }

  /** Greets the peer and begins to read. */
  start(): void {
    const hostname = hostnameOf(this.#listener);
    this.step({ kind: "connected", at: this.#ports.clock.now(), address: this.#address, hostname });
    this.#stream.attach({
      data: (bytes) => this.#receive(bytes),
      drain: () => this.#flow(),
      end: () => this.step({ kind: "eof", at: this.#ports.clock.now() }),
      close: () => {
        this.step({ kind: "eof", at: this.#ports.clock.now() });
        this.#owner.closed();
      },
    });
  }

  /** Facts of the session for rules. */
  origin({ helo, username, tls }: Extract<SessionAsk, { readonly kind: "recipient" }>): Origin {
    const { hostname, tag } = this.#listener;
    return {
      address: this.#address,
      hostname: hostnameOf(this.#listener),
      helo,
      smtpName: hostname,
      tag,
      username,
      tls,
    };
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
    this.step({ kind: "named", at: this.#ports.clock.now(), hostname: told.hostname ?? "<unknown>" });
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
    this.#stream.destroy();
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

  #receive(bytes: Uint8Array): void {
    if (this.#overAt === null) return this.step({ kind: "bytes", at: this.#ports.clock.now(), bytes });
    this.#dropped += bytes.length;
    if (this.#dropped > lingerLengthMax) this.#stream.destroy();
  }

  #perform(effects: readonly SessionEffect[]): void {
    let piece: Extract<SessionEffect, { kind: "body" }> | null = null;
    for (const effect of effects) {
      // The last piece travels with the commit: one message to the queue instead of two.
      if (piece !== null && !(effect.kind === "ask" && effect.ask.kind === "commit")) {
        this.#owner.body(piece.message, piece.bytes);
        piece = null;
      }
      switch (effect.kind) {
        case "write":
          if (!this.#stream.write(effect.bytes)) this.#flow();
          break;
        case "ask":
          if (effect.ask.kind === "authenticate") this.#hasTriedToLogIn = true;
          this.#owner.ask(effect.ask, piece?.bytes ?? null);
          piece = null;
          break;
        case "body":
          piece = effect;
          break;
        case "startTls":
          assert(false, "no listener offers TLS");
          break;
        case "rollback":
          this.#owner.rollback(effect.message);
          break;
        case "close":
          this.#overAt ??= this.#ports.clock.monotonic();
          if (effect.linger) this.#stream.end();
          else this.#stream.finish();
          break;
        case "count":
          this.#owner.count(effect.name);
          break;
        case "log":
          this.#ports.log(effect.event);
      }
    }
    if (piece !== null) this.#owner.body(piece.message, piece.bytes);
  }

  /** Reads only when the session can use bytes, the queue keeps up and the peer takes its replies. What still comes
   * once the session is over is read and dropped. */
  #flow(): void {
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

/** Name of the peer, as far as it is known at once. A unix socket of its own is used by programs of this machine; who
 * hands in mail of others there is not `sendmail`, and counts as what comes over the loopback. */
function hostnameOf({ kind, hostname }: Listener): string {
  return kind === "socket" ? hostname : kind === "lmtp" ? "localhost" : "<unknown>";
}

function peerText(stream: Stream): string {
  const { remote } = stream;
  if (remote.kind === "unix") return "local";
  return remote.ip.includes(":") ? `[${remote.ip}]` : remote.ip;
}

/** What a session is told of logging in. */
function loginOf(listener: Listener): Pick<SessionConfig, "auth" | "checksSender"> {
  if (listener.kind !== "inet" || listener.auth.mode === "none") return {};
  const { mode } = listener.auth;
  return { auth: { mode, mechanisms: mechanismsOf(listener) }, checksSender: listener.senders !== null };
}

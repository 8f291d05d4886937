/** The door of smtp-in: whom it lets in. Connections are counted, in all and by where they come from; who gets no session
 * is told why. Before a proxy's connection the header is read, and its client counts. */

import type { Log } from "../event_log.ts";
import { type Net, netContains, parseIp, parseNet } from "../mail/ip.ts";
import type { Listener, SmtpLimits } from "../policy/policy.ts";
import type { Address, Clock, Stream } from "../port.ts";
import { Admission, shareOf } from "../smtp/admission.ts";
import { encodeReply, replies, type Reply } from "../smtp/reply.ts";
import { limitCounter } from "../smtp/session_state.ts";
import { listenerFor } from "./listener_choice.ts";
import { openProxied } from "./proxied_stream.ts";

/** How long a peer that is turned away may take to read why, ms. */
export const refusalLingerMs = 2000;

/** Peers that may take that time at once. The next one is dropped as soon as it has been told. */
export const refusalsMax = 1000;

/** Descriptors that a process keeps for other things than sessions. */
export const descriptorReserve = 200;

const unasked = "no `listen` line is for this address";

/** What the door needs. */
export interface FrontDoorPorts {
  /** Times it. */
  readonly clock: Clock;
  /** For who is turned away. */
  readonly log: Log;
  /** What holds for all processes together. */
  readonly limits: SmtpLimits;
  /** How many processes share the listening sockets: each gives out its part of the limits (admission.ts). */
  readonly processes: number;
  /** Descriptors that this process may have open; null when that is not known. */
  readonly descriptors: number | null;
  /** One more for `smtpctl show stats`. */
  readonly count: (name: string) => void;
}

/** A connection that may have a session. */
export interface Guest {
  /** From here on it is the client's. */
  readonly stream: Stream;
  /** To be called once, when the connection is gone. */
  leave(): void;
}

/** The door. */
export class FrontDoor {
  readonly #ports: FrontDoorPorts;
  readonly #admission: Admission;
  readonly #sessionsMax: number;
  readonly #proxies = new Map<Listener, readonly Net[]>();
  readonly #opening = new Set<() => void>();
  #guests = 0;
  readonly #left = (address: string): void => {
    this.#guests--;
    this.#admission.leave(address);
  };
  #refusals = 0;

  /** Nobody is there yet. */
  constructor(ports: FrontDoorPorts) {
    const { limits, processes, descriptors } = ports;
    this.#ports = ports;
    const { maxSession, maxSessionPerSource, maxConnPerMinute, except } = limits;
    this.#admission = new Admission({
      maxSessionPerSource: shareOf(maxSessionPerSource, processes),
      maxConnPerMinute: shareOf(maxConnPerMinute, processes),
    }, except?.networks ?? []);
    const share = shareOf(maxSession, processes);
    this.#sessionsMax = descriptors === null ? share : Math.max(1, Math.min(share, descriptors - descriptorReserve));
  }

  /** Connections that are in, those whose header is being read among them. */
  get size(): number {
    return this.#guests + this.#opening.size;
  }

  /** The index of the listener for a connection by a socket of `listeners[index]`. Null: no line asks for where the
   * client came to, and the connection is dropped. */
  find(stream: Stream, listeners: readonly Listener[], index: number): number | null {
    const at = listenerFor(listeners, index, stream.local);
    if (at !== null) return at;
    const fields = { address: textOf(stream.remote), local: textOf(stream.local), reason: unasked };
    stream.destroy();
    this.#ports.log({ priority: "info", session: "", from: "smtp", what: "refused", fields });
    return null;
  }

  /** Takes a connection. `begin` is called once it is in, now or later, or never. */
  open(stream: Stream, listener: Listener, begin: (guest: Guest) => void): void {
    if (this.size >= this.#sessionsMax) {
      return this.#turnAway(stream, listener, "max-session", replies.tooManySessions(listener.hostname));
    }
    if (listener.kind !== "inet" || listener.proxy === null) return this.#admit(stream, listener, begin);
    const { versions } = listener.proxy;
    if (!this.#isProxy(stream.remote, listener)) {
      stream.destroy();
      return this.#complain(stream.remote, "not one of the proxies");
    }
    const { clock, limits } = this.#ports;
    // The peer is gone, or stays without an answer: whoever it is, it is no proxy and speaks no SMTP yet.
    const failed = (reason: string, isLate: boolean): void => {
      this.#opening.delete(cancel);
      if (isLate) this.#ports.count(limitCounter("proxy-timeout"));
      this.#complain(stream.remote, reason);
    };
    const opened = (client: Stream): void => {
      this.#opening.delete(cancel);
      this.#admit(client, listener, begin);
    };
    const cancel = openProxied(stream, { clock, timeoutMs: limits.proxyTimeoutMs, versions }, opened, failed);
    this.#opening.add(cancel);
  }

  /** Drops whoever has said nothing yet. */
  close(): void {
    for (const cancel of [...this.#opening]) cancel();
  }

  /** Tells a peer why it gets no session. One that waits for a handshake could not read it, and a handshake for each
   * who is turned away would cost more than a session: it is dropped. */
  refuse(stream: Stream, listener: Listener, reply: Reply): void {
    if (listener.kind === "inet" && listener.tls.mode === "implicit") return stream.destroy();
    if (this.#refusals >= refusalsMax) {
      stream.attach({ data() {}, drain() {}, end() {}, close() {} });
      stream.write(encodeReply(reply));
      return stream.finish();
    }
    this.#refusals++;
    const timer = this.#ports.clock.after(refusalLingerMs, () => stream.destroy());
    const close = () => {
      timer.cancel();
      this.#refusals--;
    };
    stream.attach({ data: () => {}, drain: () => {}, end: () => stream.destroy(), close });
    stream.write(encodeReply(reply));
    stream.end();
  }

  #admit(stream: Stream, listener: Listener, begin: (guest: Guest) => void): void {
    // Who may use a unix socket is a matter of its permissions.
    const address = stream.remote.kind === "inet" ? stream.remote.ip : "";
    const refusal = this.#admission.enter(address, this.#ports.clock.monotonic());
    if (refusal !== null) {
      const { tooManyFromSource, tooManyNewFromSource } = replies;
      const reply = refusal === "max-conn-per-minute" ? tooManyNewFromSource : tooManyFromSource;
      return this.#turnAway(stream, listener, refusal, reply(listener.hostname));
    }
    this.#guests++;
    begin(new Admitted(stream, this.#left, address));
  }

  #turnAway(stream: Stream, listener: Listener, limit: string, reply: Reply): void {
    this.#ports.count(limitCounter(limit));
    const fields = { address: textOf(stream.remote), limit };
    this.#ports.log({ priority: "info", session: "", from: "smtp", what: "refused", fields });
    this.refuse(stream, listener, reply);
  }

  /** A peer speaks no PROXY, or may not. */
  #complain(remote: Address, reason: string): void {
    const fields = { address: textOf(remote), reason };
    this.#ports.log({ priority: "info", session: "", from: "smtp", what: "bad-proxy", fields });
  }

  #isProxy(remote: Address, listener: Extract<Listener, { readonly kind: "inet" }>): boolean {
    const from = listener.proxy?.from ?? null;
    if (from === null) return true;
    let nets = this.#proxies.get(listener);
    if (nets === undefined) {
      this.#proxies.set(listener, nets = from.networks.flatMap((text) => parseNet(text) ?? []));
    }
    const ip = remote.kind === "inet" ? parseIp(remote.ip) : null;
    return ip !== null && nets.some((net) => netContains(net, ip));
  }
}

/** One that is in. */
class Admitted implements Guest {
  readonly stream: Stream;
  readonly #left: (address: string) => void;
  readonly #address: string;

  constructor(stream: Stream, left: (address: string) => void, address: string) {
    this.stream = stream;
    this.#left = left;
    this.#address = address;
  }

  leave(): void {
    this.#left(this.#address);
  }
}

function textOf(remote: Address): string {
  return remote.kind === "inet" ? remote.ip : "local";
}

/** The listening sockets that the supervisor holds, over reloads: one stays open as long as a configuration in force has
 * it, so that no connection is refused while one smtp-in follows another. */

import { Fault, type FaultKind } from "../fault.ts";
import type { SocketAccess } from "../policy/listener.ts";
import type { Listener } from "../policy/policy.ts";
import type { Address } from "../port.ts";
import { covers } from "./listener_choice.ts";

/** A socket that is held. */
export interface Held {
  /** A handle of it, to be sent to a child. */
  share(): unknown;
  /** Closes it. Children that have it go on. */
  release(): void;
}

/** What holding sockets needs. */
export interface SocketPorts {
  /** Binds and listens. A unix socket that is not the submission socket gets its permissions. Rejects with a Fault. */
  readonly hold: (at: Address, access: SocketAccess | null) => Promise<Held>;
  /** Takes away the name of a unix socket that is not needed any more. */
  readonly remove: (path: string) => void;
  /** Path of the socket that `sendmail` uses. */
  readonly submitSocket: string;
}

/** A socket and one of `Policy.listeners` that it is for: listener_choice.ts finds the others that share it. */
export interface HandedSocket {
  /** It goes to every life of a member. */
  readonly socket: Held;
  /** Index, or `controlListener`. */
  readonly listener: number;
}

/** The sockets. */
export class ListeningSockets {
  readonly #ports: SocketPorts;
  readonly #held = new Map<string, Held>();
  /** Bound for a configuration that is not in force yet. */
  #fresh: string[] = [];

  /** None is bound at first. */
  constructor(ports: SocketPorts) {
    this.#ports = ports;
  }

  /** Binds what these listeners need and is not held yet. On failure nothing is changed and it rejects with the Fault. */
  async bind(listeners: readonly Listener[]): Promise<void> {
    try {
      const names = listeners.map(nameOf);
      const twice = names.find((name, at) => names.indexOf(name) < at);
      if (twice !== undefined) {
        throw new Fault("exists", `Cannot listen on ${twice} twice: two \`listen\` lines ask for it, take one out`);
      }
      // Whoever is to share a socket comes behind the line that opens it.
      for (const listener of listeners.toSorted((a, b) => widthOf(b) - widthOf(a))) {
        const name = nameOf(listener);
        if (this.#held.has(name)) continue;
        this.#held.set(name, await this.#hold(listener));
        this.#fresh.push(name);
      }
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** What `bind` bound last is not needed after all. */
  discard(): void {
    for (const name of this.#fresh.splice(0)) this.#release(name);
  }

  /** These listeners are in force: what they do not need is closed. */
  keep(listeners: readonly Listener[]): void {
    this.#fresh = [];
    const wanted = new Set(listeners.map(nameOf));
    for (const name of [...this.#held.keys()]) if (!wanted.has(name)) this.#release(name);
  }

  /** The sockets for these listeners, all of which are bound: each socket once. */
  of(listeners: readonly Listener[]): readonly HandedSocket[] {
    const handed = new Map<Held, HandedSocket>();
    for (const [index, listener] of listeners.entries()) {
      const held = this.#held.get(nameOf(listener));
      if (held !== undefined && !handed.has(held)) handed.set(held, { socket: held, listener: index });
    }
    return [...handed.values()];
  }

  async #hold(listener: Listener): Promise<Held> {
    const at = this.#addressOf(listener);
    try {
      const access = listener.kind === "lmtp" ? listener.access : null;
      const held = await this.#ports.hold(at, access);
      if (listener.kind !== "lmtp") return held;
      const release = (): void => {
        held.release();
        this.#ports.remove(listener.path);
      };
      return { share: () => held.share(), release };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.kind !== "exists" || listener.kind !== "inet") throw explainFault(at, error);
      return this.#shared(listener) ?? explainOverlap(at, error, this.#overlap(listener));
    }
  }

  /** A socket of ours that takes what this listener is for; null when there is none. */
  #shared({ address, port }: InetListener): Held | null {
    const wide = ["::", "0.0.0.0"].find((one) => covers(one, address) && this.#held.has(inetName(one, port)));
    return wide === undefined ? null : this.#held.get(inetName(wide, port)) ?? null;
  }

  /** The name of a socket of ours that keeps this listener off its port; null when there is none. */
  #overlap({ address, port }: InetListener): string | null {
    const names = [...this.#held.keys()].filter((name) => name.endsWith(inetName("", port)));
    return names.find((name) => covers(address, name.slice(0, -inetName("", port).length))) ?? null;
  }

  #release(name: string): void {
    const held = this.#held.get(name);
    this.#held.delete(name);
    if (held !== undefined && ![...this.#held.values()].includes(held)) held.release();
  }

  #addressOf(listener: Listener): Address {
    switch (listener.kind) {
      case "socket":
        return { kind: "unix", path: this.#ports.submitSocket };
      case "lmtp":
        return { kind: "unix", path: listener.path };
      case "inet":
        return { kind: "inet", ip: listener.address, port: listener.port };
    }
  }
}

type InetListener = Extract<Listener, { readonly kind: "inet" }>;

/** 2 for both families, 1 for all addresses of one, 0 for a single one. */
function widthOf(listener: Listener): number {
  if (listener.kind !== "inet") return 0;
  return listener.address === "::" ? 2 : listener.address === "0.0.0.0" ? 1 : 0;
}

function inetName(address: string, port: number): string {
  return `${address} port ${port}`;
}

/** Somebody listens there: if it is we, by ourselves, a start binds in another order. */
function explainOverlap(at: Address, fault: Fault, own: string | null): never {
  if (own === null || at.kind !== "inet") throw explainFault(at, fault);
  const text = `Cannot listen on ${inetName(at.ip, at.port)} beside ${own} while smtpd runs: restart smtpd`;
  throw new Fault(fault.kind, text, { cause: fault });
}

/** Names the place that a listener listens on. */
function nameOf(listener: Listener): string {
  switch (listener.kind) {
    case "socket":
      return "the submission socket";
    case "lmtp":
      return `the socket ${listener.path}`;
    case "inet":
      return inetName(listener.address, listener.port);
  }
}

/** A fault of listening in words that say what to do. */
export function explainFault(at: Address, fault: Fault): Fault {
  const advice = at.kind === "inet" ? inetAdvice(at.port, fault.kind) : unixAdvice(fault.kind);
  if (advice === null) return fault;
  const place = at.kind === "inet" ? `${at.ip} port ${at.port}` : `the socket ${at.path}`;
  return new Fault(fault.kind, `Cannot listen on ${place}: ${advice}`, { cause: fault });
}

function inetAdvice(port: number, kind: FaultKind): string | null {
  switch (kind) {
    case "exists":
      return `another program listens there; \`ss -ltnp sport = :${port}\` shows which: stop it, or change the \`listen\` line`;
    case "denied":
      return port < 1024
        ? "ports below 1024 are for root: start smtpd as root, have systemd hand it the socket (see socket activation in the README), or use a port from 1024 on"
        : "the system does not allow it";
    case "unreachable":
      return "no interface of this machine has this address now; `ip address` shows those that there are";
    default:
      return null;
  }
}

function unixAdvice(kind: FaultKind): string | null {
  switch (kind) {
    case "exists":
      return "another program answers there: stop it, or change the `listen` line";
    case "denied":
      return "smtpd may not make it there: the directory has to be writable for the user that starts it";
    case "notFound":
      return "its directory does not exist: make it first";
    default:
      return null;
  }
}

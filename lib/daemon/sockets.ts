/** The listening sockets that the supervisor holds, over reloads: one stays open as long as a configuration in force has
 * it, so that no connection is refused while one smtp-in follows another. */

import { Fault } from "../fault.ts";
import { isServed } from "../policy/inactive.ts";
import type { Listener } from "../policy/policy.ts";
import type { Address } from "../port.ts";

/** A socket that is held. */
export interface Held {
  /** A handle of it, to be sent to a child. */
  share(): unknown;
  /** Closes it. Children that have it go on. */
  release(): void;
}

/** What holding sockets needs. */
export interface SocketPorts {
  /** Binds and listens. Rejects with a Fault. */
  readonly hold: (at: Address) => Promise<Held>;
  /** Path of the socket that `sendmail` uses. */
  readonly submitSocket: string;
}

/** A socket and which of `Policy.listeners` it is for. */
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
    const wanted = new Set<string>();
    try {
      for (const listener of listeners) {
        if (!isServed(listener)) continue;
        const name = nameOf(listener);
        if (wanted.has(name)) throw new Fault("exists", `Cannot listen on ${name} twice: two lines ask for it`);
        wanted.add(name);
        if (this.#held.has(name)) continue;
        this.#held.set(name, await this.#ports.hold(this.#addressOf(listener)));
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
    const wanted = new Set(listeners.filter(isServed).map(nameOf));
    for (const name of [...this.#held.keys()]) if (!wanted.has(name)) this.#release(name);
  }

  /** The sockets for these listeners, all of which are bound. */
  of(listeners: readonly Listener[]): readonly HandedSocket[] {
    return listeners.flatMap((listener, index) => {
      const held = this.#held.get(nameOf(listener));
      return held === undefined ? [] : [{ socket: held, listener: index }];
    });
  }

  #release(name: string): void {
    this.#held.get(name)?.release();
    this.#held.delete(name);
  }

  #addressOf(listener: Listener): Address {
    return listener.kind !== "inet"
      ? { kind: "unix", path: this.#ports.submitSocket }
      : { kind: "inet", ip: listener.address, port: listener.port };
  }
}

/** Names the place that a listener listens on. */
function nameOf(listener: Listener): string {
  return listener.kind !== "inet" ? "the submission socket" : `${listener.address} port ${listener.port}`;
}

/** Names of peers that an smtp-in was told, kept for a while: who comes again and again need not be asked about. */

import { unknownHostname } from "../policy/hostname.ts";
import { loopbackName } from "./reverse.ts";

/** Names kept. */
export const peerNamesMax = 4096;

/** How long a name is kept, ms. Only the log and Received fields go by it: rules and filters ask again. */
export const peerNameKeepMs = 60_000;

/** How long it is kept that there is no name, ms: the DNS may only have been slow. */
export const noNameKeepMs = 10_000;

/** A bounded map of addresses to names. Times in ms, all on one clock. */
export class PeerNames {
  readonly #names = new Map<string, { readonly name: string; readonly until: number }>();

  /** The name of a peer, `<unknown>` when it has none; `address` is as in `Origin`. Null when it is not known. */
  get(address: string, now: number): string | null {
    const known = this.#names.get(address);
    if (known !== undefined && now < known.until) return known.name;
    return loopbackName(address);
  }

  /** Keeps what was said of a peer; null for no name. The oldest makes room. */
  set(address: string, name: string | null, now: number): void {
    this.#names.delete(address);
    if (this.#names.size >= peerNamesMax) {
      const oldest = this.#names.keys().next();
      if (oldest.done !== true) this.#names.delete(oldest.value);
    }
    const keepMs = name === null ? noNameKeepMs : peerNameKeepMs;
    this.#names.set(address, { name: name ?? unknownHostname, until: now + keepMs });
  }
}

/** Which listener a connection belongs to. A socket may take more than one `listen` line asks for: IPv6 sockets take IPv4 as
 * well, for Deno gives no way to open one that does not, and a wide address keeps others off its port, so lines that
 * overlap share a socket (sockets.ts). Where the client came to decides. */

import { canonicalIp } from "../mail/ip.ts";
import type { Listener } from "../policy/policy.ts";
import type { Address } from "../port.ts";

/** Does a socket that listens on `wide` keep `narrow` off its port? Both are addresses without brackets. */
export function covers(wide: string, narrow: string): boolean {
  return wide === "::" || (wide === "0.0.0.0" && !narrow.includes(":"));
}

/** The index in `listeners` of the one for a client that came to `local` by a socket of listener `index`: that of the
 * address itself, else that of all addresses of its family. Null when no line asks for the address. */
export function listenerFor(listeners: readonly Listener[], index: number, local: Address): number | null {
  const own = listeners[index];
  if (own?.kind !== "inet" || local.kind !== "inet") return index;
  const ip = canonicalIp(local.ip);
  if (own.address === ip) return index;
  const at = (address: string) =>
    listeners.findIndex((one) => one.kind === "inet" && one.port === own.port && one.address === address);
  const found = [ip, ip.includes(":") ? "::" : "0.0.0.0"].map(at).find((one) => one >= 0);
  return found ?? null;
}

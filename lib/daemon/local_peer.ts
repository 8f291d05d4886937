/** What peers on unix sockets are called. One socket of our own is used by programs of this machine; who hands in mail of
 * others over LMTP is not `sendmail`, and counts as what comes over the loopback. Pure. */

import type { Listener } from "../policy/policy.ts";

/** Address of the peer on an LMTP socket, as in `Origin`. */
export const lmtpPeer = "127.0.0.1";

/** Name of the peer on a unix socket. */
export function localPeerName({ kind, hostname }: Pick<Listener, "kind" | "hostname">): string {
  return kind === "socket" ? hostname : "localhost";
}

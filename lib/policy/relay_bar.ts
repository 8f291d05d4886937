/** Relays that demand more than can be given: their mail waits. */

import type { RelayAction } from "./policy.ts";
import { parseRelayUrl } from "./relay_url.ts";

/** Why mail of this relay waits in the queue: it demands what cannot be given. `url` is where the mail is to go; null
 * for the servers of its domain. A clause for the administrator; null when the mail may go. */
export function relayBar(action: RelayAction, url: string | null): string | null {
  if (action.tls.mode === "required") return "TLS required for relaying, and it is not active yet";
  if (action.auth !== null) return "authentication required for relaying, and it is not active yet";
  const parsed = url === null ? null : parseRelayUrl(url);
  if (parsed?.kind !== "ok") return null;
  switch (parsed.url.scheme) {
    case "smtp+tls":
    case "smtps":
      return `TLS required by \`${parsed.url.scheme}://\`, and it is not active yet for relaying`;
    case "lmtp":
      return "relaying to `lmtp://` is not active yet";
    default:
      return null;
  }
}

/** What the server offers with EHLO (RFC 5321 §4.1.1.1). */

import { offeredMechanisms } from "./session_auth.ts";
import type { SessionState } from "./session_state.ts";

/** The lines of the answer to EHLO after the first: what this listener, in this state, really does. */
export function offeredExtensions(state: Pick<SessionState, "config" | "tls" | "username">): readonly string[] {
  const { config, tls } = state;
  const { limits, dsn = false } = config;
  const mechanisms = offeredMechanisms(state);
  return [
    "PIPELINING", // RFC 2920
    "8BITMIME", // RFC 6152
    "ENHANCEDSTATUSCODES", // RFC 2034
    "CHUNKING", // RFC 3030
    "BINARYMIME", // RFC 3030
    `SIZE ${limits.maxMessageSize}`, // RFC 1870
    ...(dsn ? ["DSN"] : []), // RFC 3461
    ...(offersStartTls(config) && tls === null ? ["STARTTLS"] : []), // RFC 3207
    ...(mechanisms.length > 0 ? [`AUTH ${mechanisms.join(" ")}`] : []), // RFC 4954
    "HELP", // RFC 5321 §4.1.1.8
  ];
}

/** STARTTLS is a command of this listener. */
export function offersStartTls({ tls }: SessionState["config"]): boolean {
  return tls === "offered" || tls === "required";
}

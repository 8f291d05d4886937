/** What the server offers with EHLO (RFC 5321 §4.1.1.1). */

import type { SessionState } from "./session_state.ts";

/** The lines of the answer to EHLO after the first: what this listener, in this state, really does. */
export function offeredExtensions({ config }: Pick<SessionState, "config">): readonly string[] {
  const { limits, dsn = false } = config;
  return [
    "PIPELINING", // RFC 2920
    "8BITMIME", // RFC 6152
    "ENHANCEDSTATUSCODES", // RFC 2034
    `SIZE ${limits.maxMessageSize}`, // RFC 1870
    ...(dsn ? ["DSN"] : []), // RFC 3461
    "HELP", // RFC 5321 §4.1.1.8
  ];
}

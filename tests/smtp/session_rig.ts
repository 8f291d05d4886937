/** What tests tell a session. */

import { parseDomain } from "../../lib/mail/domain.ts";
import type { SessionConfig } from "../../lib/smtp/session_face.ts";

/** A listener of mx.test without anything, changed by `told`. */
export function sessionConfig(told: Partial<SessionConfig> = {}): SessionConfig {
  const hostname = parseDomain("mx.test");
  if (hostname === null) throw new Error("mx.test is a domain");
  return {
    session: "0123456789abcdef",
    hostname,
    limits: { maxMessageSize: 100_000, maxRecipients: 10, maxMails: 10, maxHops: 100, idleTimeoutMs: 300_000 },
    local: false,
    maskSource: false,
    zone: () => ({ offsetMinutes: 60, name: "CET" }),
    ...told,
  };
}

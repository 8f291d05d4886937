/** Envelopes for tests that need one and care for some of its members. */

import { ok } from "node:assert/strict";
import { type Mailbox, parseMailbox } from "../../lib/mail/address.ts";
import { plainHandling } from "../../lib/smtp/handling.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { evpIdOf, msgIdOf } from "../../lib/spool/id.ts";

/** The mailbox that `text` names. */
export function mailboxOf(text: string): Mailbox {
  const parsed = parseMailbox(text, null);
  ok(parsed, text);
  return parsed;
}

/** The example of the manual: tried twice, next time in 20 minutes from `Date.UTC(2026, 4, 28, 20, 33, 20)`. */
export const exampleEnvelope: Envelope = {
  id: evpIdOf(msgIdOf(0x5f3a9c01), 0xd2e4b677),
  message: msgIdOf(0x5f3a9c01),
  kind: "mta",
  action: "outbound",
  sender: mailboxOf("ann@alpha.test"),
  rcpt: mailboxOf("bob@beta.test"),
  dest: mailboxOf("bob@beta.test"),
  local: null,
  origin: {
    address: "192.0.2.7",
    hostname: "client.test",
    helo: "client.test",
    smtpName: "mx.alpha.test",
    tag: "",
    username: "ann",
    tls: false,
  },
  dsn: { notify: [], ret: null, envId: null, originalRecipient: null },
  handling: plainHandling,
  createdAt: 1_780_000_000_000,
  expiresAt: 1_780_345_600_000,
  nextAt: 1_780_001_600_000,
  attempts: 2,
  lastTryAt: 1_780_000_400_000,
  lastWarnAt: 0,
  last: { kind: "delayed", enhanced: "4.2.0", text: "450 4.2.0 try later", by: "mx.beta.test [192.0.2.1]:25" },
  suspended: false,
};

/** Questions to explain, for tests. */

import type { Mailbox } from "../../lib/mail/address.ts";
import type { ExplainQuestion } from "../../lib/policy/explain.ts";

/** What becomes of mail from `sender` to `rcpt`, handed in here, with nothing said of the session. */
export function questionOf(sender: ExplainQuestion["sender"], rcpt: Mailbox): ExplainQuestion {
  return {
    sender,
    rcpt,
    address: null,
    hostname: null,
    helo: null,
    username: null,
    tls: false,
    tag: null,
    listener: null,
  };
}

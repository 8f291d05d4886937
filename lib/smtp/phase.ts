/** Which command is allowed when, and how: as data. RFC 5321 §4.1.4, RFC 2920 §3.1. */

import type { Verb } from "./command.ts";
import { replies, type Reply } from "./reply.ts";

/** How far the session has come while it takes commands. */
export type Phase =
  /** No HELO or EHLO yet. */
  | "fresh"
  /** No transaction. */
  | "ready"
  /** MAIL was accepted, no RCPT was given. */
  | "sender"
  /** Every RCPT so far was refused. */
  | "refused"
  /** At least one RCPT was accepted. */
  | "recipients";

/** What holds for a verb in each phase. */
export interface VerbRule {
  /** What may follow the verb: nothing, something, or there must be. */
  readonly argument: "none" | "optional" | "required";
  /** What becomes of input that was sent before this command was answered. RFC 2920 §3.1 has these commands end a
   * group. `refuse`: the client did not wait although what it sent depends on the answer; the session ends.
   * `process`: taken in turn; for VRFY, EXPN and NOOP this is more than the RFC asks for, and harmless, since they
   * change nothing. After QUIT nothing is read. */
  readonly behind: "process" | "refuse";
  /** The session ends after the answer, because what follows is not SMTP commands. */
  readonly isFatal: boolean;
  /** Null where the verb is allowed, else the answer. */
  readonly in: Readonly<Record<Phase, Reply | null>>;
}

const always = { fresh: null, ready: null, sender: null, refused: null, recipients: null };

/** The same answer in each phase. */
function never(reply: Reply): VerbRule {
  return { argument: "optional", behind: "process", isFatal: false, in: everywhere(reply) };
}

function everywhere(reply: Reply): VerbRule["in"] {
  return { fresh: reply, ready: reply, sender: reply, refused: reply, recipients: reply };
}

const greeting: VerbRule = { argument: "optional", behind: "refuse", isFatal: false, in: always };
const question: VerbRule = { argument: "required", behind: "process", isFatal: false, in: always };

/** One row for each verb. */
export const verbRules: Readonly<Record<Verb, VerbRule>> = {
  // RFC 5321 §4.1.4: may come again, and then clears the transaction. OpenSMTPD refuses it.
  HELO: greeting,
  EHLO: greeting,
  MAIL: {
    argument: "required",
    behind: "process",
    isFatal: false,
    in: {
      fresh: replies.helloFirst,
      ready: null,
      sender: replies.notAllowed,
      refused: replies.notAllowed,
      recipients: replies.notAllowed,
    },
  },
  RCPT: {
    argument: "required",
    behind: "process",
    isFatal: false,
    in: { fresh: replies.helloFirst, ready: replies.notAllowed, sender: null, refused: null, recipients: null },
  },
  DATA: {
    argument: "none",
    behind: "refuse",
    isFatal: false,
    in: {
      fresh: replies.helloFirst,
      ready: replies.notAllowed,
      sender: replies.noRecipient,
      // RFC 5321 §3.3: 554 when no recipient was valid.
      refused: replies.noValidRecipients,
      recipients: null,
    },
  },
  RSET: { argument: "none", behind: "process", isFatal: false, in: always },
  NOOP: { argument: "optional", behind: "process", isFatal: false, in: always },
  QUIT: { argument: "none", behind: "process", isFatal: false, in: always },
  HELP: { argument: "optional", behind: "process", isFatal: false, in: always },
  VRFY: question,
  EXPN: never(replies.notImplemented),
  ETRN: never(replies.notImplemented),
  TURN: never(replies.notImplemented),
  SEND: never(replies.notImplemented),
  SOML: never(replies.notImplemented),
  SAML: never(replies.notImplemented),
  // RFC 3207 §4.2: what follows it in clear text is not for us.
  STARTTLS: {
    argument: "none",
    behind: "refuse",
    isFatal: false,
    in: {
      fresh: replies.helloFirst,
      ready: null,
      sender: replies.notAllowed,
      refused: replies.notAllowed,
      recipients: replies.notAllowed,
    },
  },
  AUTH: never(replies.notImplemented),
  // RFC 3030: octets of a message follow at once. They are not commands.
  BDAT: { ...never(replies.noChunking), isFatal: true },
  FOREIGN: { ...never(replies.foreignProtocol), isFatal: true },
  UNKNOWN: never(replies.unrecognized),
};

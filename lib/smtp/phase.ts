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
  | "recipients"
  /** At least one chunk of the content has come with BDAT, and more are to come. */
  | "chunks"
  /** A chunk was refused: there is no telling what the client takes the rest for, and only RSET helps. */
  | "spoiled";

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
  /** The command brings no message nearer: a client needs few of them. */
  readonly isJunk: boolean;
  /** Null where the verb is allowed, else the answer. */
  readonly in: Readonly<Record<Phase, Reply | null>>;
}

const always = {
  fresh: null,
  ready: null,
  sender: null,
  refused: null,
  recipients: null,
  chunks: null,
  spoiled: null,
};

/** The same answer in each phase. */
function never(reply: Reply): VerbRule {
  return { argument: "optional", behind: "process", isFatal: false, isJunk: false, in: everywhere(reply) };
}

function everywhere(reply: Reply): VerbRule["in"] {
  return {
    fresh: reply,
    ready: reply,
    sender: reply,
    refused: reply,
    recipients: reply,
    chunks: reply,
    spoiled: reply,
  };
}

/** Why content cannot begin, or go on in chunks: null where it can. */
export const contentRefusals: VerbRule["in"] = {
  fresh: replies.helloFirst,
  ready: replies.notAllowed,
  sender: replies.noRecipient,
  // RFC 5321 §3.3: 554 when no recipient was valid.
  refused: replies.noValidRecipients,
  recipients: null,
  chunks: null,
  // RFC 3030 §2: behind a failed BDAT the client must say RSET.
  spoiled: replies.notAllowed,
};

const greeting: VerbRule = { argument: "optional", behind: "refuse", isFatal: false, isJunk: true, in: always };
const question: VerbRule = { argument: "required", behind: "process", isFatal: false, isJunk: true, in: always };

/** Behind HELO, and not within a transaction. */
const outsideTransaction: VerbRule["in"] = {
  fresh: replies.helloFirst,
  ready: null,
  sender: replies.notAllowed,
  refused: replies.notAllowed,
  recipients: replies.notAllowed,
  chunks: replies.notAllowed,
  spoiled: replies.notAllowed,
};

/** One row for each verb. */
export const verbRules: Readonly<Record<Verb, VerbRule>> = {
  // RFC 5321 §4.1.4: may come again, and then clears the transaction. OpenSMTPD refuses it.
  HELO: greeting,
  EHLO: greeting,
  // Taken where LMTP is spoken: session_lmtp.ts.
  LHLO: greeting,
  MAIL: {
    argument: "required",
    behind: "process",
    isFatal: false,
    isJunk: false,
    in: outsideTransaction,
  },
  RCPT: {
    argument: "required",
    behind: "process",
    isFatal: false,
    isJunk: false,
    in: {
      fresh: replies.helloFirst,
      ready: replies.notAllowed,
      sender: null,
      refused: null,
      recipients: null,
      // RFC 3030 §2: the content has begun.
      chunks: replies.notAllowed,
      spoiled: replies.notAllowed,
    },
  },
  DATA: {
    argument: "none",
    behind: "refuse",
    isFatal: false,
    isJunk: false,
    in: {
      ...contentRefusals,
      // RFC 3030 §2: DATA and BDAT cannot be used in one transaction.
      chunks: replies.notAllowed,
    },
  },
  RSET: { argument: "none", behind: "process", isFatal: false, isJunk: true, in: always },
  NOOP: { argument: "optional", behind: "process", isFatal: false, isJunk: true, in: always },
  QUIT: { argument: "none", behind: "process", isFatal: false, isJunk: false, in: always },
  HELP: { argument: "optional", behind: "process", isFatal: false, isJunk: true, in: always },
  VRFY: question,
  EXPN: never(replies.notImplemented),
  ETRN: never(replies.notImplemented),
  TURN: never(replies.notImplemented),
  SEND: never(replies.notImplemented),
  SOML: never(replies.notImplemented),
  SAML: never(replies.notImplemented),
  // RFC 3207 §4.2: what follows it in clear text is not for us.
  STARTTLS: { argument: "none", behind: "refuse", isFatal: false, isJunk: false, in: outsideTransaction },
  // RFC 4954 §4: not within a transaction. What follows depends on the answer, and may be secret.
  AUTH: { argument: "optional", behind: "refuse", isFatal: false, isJunk: false, in: outsideTransaction },
  // RFC 3030 §2: octets of a message follow at once. They are read even where the command is refused: the command itself
  // looks at `contentRefusals`. Without a count of them nothing that follows is known to be a command.
  BDAT: { argument: "required", behind: "process", isFatal: true, isJunk: false, in: always },
  FOREIGN: { ...never(replies.foreignProtocol), isFatal: true },
  UNKNOWN: never(replies.unrecognized),
};

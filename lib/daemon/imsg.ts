/** Every message that passes between two roles: the wiring diagram of the daemon.
 *
 *   smtp-in  -> lookup    expand                      who gets this recipient's mail?
 *   lookup   -> queue     offer                       these do (only lookup can say so)
 *   lookup   -> smtp-in   resolved refused            it told queue, of so many envelopes; nobody does, with the reply
 *   smtp-in  -> lookup    session                     may this user log in, send as that; what do the filters say;
 *                                                     what is the peer's name? answered by `answered` and `named`
 *   queue    -> smtp-in   dealt                       ids in advance
 *   smtp-in  -> queue     body commit rollback stats wantIds
 *   queue    -> smtp-in   committed commitFailed      on the disk, or nothing of it kept
 *   queue    -> smtp-in   paused                      smtpctl pause smtp
 *   queue    -> delivery  deliver chunk               attempt this
 *   delivery -> queue     outcome needChunk           what became of it
 *   delivery -> lookup    user relay source helo      home of a user, next smart host, our address and our name for it;
 *                                                     answered by the same words
 *   delivery -> agent     store more abandon          write this to that Maildir, or do what you are for with it
 *   agent    -> delivery  stored more notStored ended badCommand answered
 *   queue    -> lookup    expand updateTable          where does a report go? read a table anew
 *   lookup   -> queue     offer refused tableUpdated stats
 *   lookup   -> table-host  ask                       a question to the helper of one table
 *   table-host -> lookup    answer
 *   lookup   -> verifier  check system salt           is this the password? answered by checked salted
 *   queue    -> lookup    explain trace               smtpctl asks why; have decisions logged
 *   lookup   -> queue     explained
 *   queue    -> delivery  route                       which way would mail go? answered by the same word
 *
 * Bodies travel as the binary part of a frame (channel.ts). */

import type { Domain, ForwardPath, ReversePath } from "../mail/address.ts";
import type { ExplainedRoute } from "../delivery/explain_route.ts";
import type { SpfFinding } from "../trust/spf_result.ts";
import type { CommandEnd, Outcome } from "../delivery/outcome.ts";
import type { CommandFacts } from "../delivery/pipe.ts";
import type { ExplainQuestion } from "../policy/explain.ts";
import type { Origin } from "../policy/match.ts";
import type { ClientVerdict } from "../smtp/client_face.ts";
import type { SessionAnswer, SessionAsk } from "../smtp/session_face.ts";
import type { TraceEvent, TraceSubject } from "../policy/trace.ts";
import type { Handling } from "../smtp/handling.ts";
import type { DsnRequest } from "../smtp/parameter.ts";
import type { Envelope } from "../spool/envelope.ts";
import type { EvpId, MsgId } from "../spool/id.ts";
import type { Reply } from "../smtp/reply.ts";
import type { ProcAnswer, ProcAsk } from "../table/proc.ts";
import type { ExplainedAnswer } from "./explanation.ts";

/** Envelopes that one message may come to, all its recipients expanded. */
export const envelopesPerMessageMax = 10_000;

/** One recipient to resolve, for queue. `request` is the asker's own number for it. */
export interface ExpandRequest {
  /** Tells it from other messages. */
  readonly kind: "expand";
  /** Comes back in the answer. */
  readonly request: number;
  /** The message that the recipient is of. */
  readonly message: MsgId;
  /** Facts of the session: rules may test them. */
  readonly origin: Origin;
  /** The argument of MAIL FROM. */
  readonly sender: ReversePath;
  /** The argument of RCPT TO. */
  readonly rcpt: ForwardPath;
  /** What the client wants to hear of delivery. */
  readonly dsn: DsnRequest;
  /** How the message is to be handled. */
  readonly handling: Handling;
}

/** What smtp-in says of a session. What lookup makes of it is in session_claim.ts. */
export type SessionClaim = Omit<Origin, "tag">;

/** One recipient to resolve, for smtp-in. */
export interface RecipientQuestion extends Omit<ExpandRequest, "origin"> {
  /** Tells it from other messages. */
  readonly kind: "expand";
  /** 16 hexadecimal digits. */
  readonly session: string;
  /** Which `listen` line the session came by: counts in `Policy.listeners`. */
  readonly listener: number;
  /** Facts of the session, as far as lookup believes them. */
  readonly claim: SessionClaim;
}

/** An envelope before the queue has named and dated it. */
export type EnvelopeDraft =
  & Pick<Envelope, "action" | "sender" | "rcpt" | "dest" | "local" | "origin" | "dsn" | "handling">
  & { readonly kind: "mda" | "mta"; readonly ttlMs: number };

/** lookup tells queue what a recipient came to. `asker` is the role that asked. */
export interface EnvelopesOffer {
  /** Tells it from other messages. */
  readonly kind: "offer";
  /** Name of the smtp-in that asked, or `queue`. */
  readonly asker: string;
  /** The number that was asked with. */
  readonly request: number;
  /** The message that the envelopes are of. */
  readonly message: MsgId;
  /** At least one. */
  readonly drafts: readonly EnvelopeDraft[];
}

/** lookup has told queue what a recipient came to: so smtp-in need not wait for queue before the commit. */
export interface Resolved {
  /** Tells it from other messages. */
  readonly kind: "resolved";
  /** The number that was asked with. */
  readonly request: number;
  /** How many envelopes it came to. */
  readonly envelopes: number;
}

/** lookup refuses a recipient. */
export interface Refused {
  /** Tells it from other messages. */
  readonly kind: "refused";
  /** The number that was asked with. */
  readonly request: number;
  /** What to tell the client. */
  readonly reply: Reply;
}

/** A question about a session that no recipient is part of. `listener` counts in `Policy.listeners`; `session` is the
 * session's name. */
export interface SessionQuestion {
  /** Tells it from other messages. */
  readonly kind: "session";
  /** Comes back in the answer. */
  readonly request: number;
  /** 16 hexadecimal digits. */
  readonly session: string;
  /** Which `listen` line the session came by. */
  readonly listener: number;
  /** As in `Origin`. */
  readonly address: string;
  /** What is asked. `end`: the session is over; whatever is kept of it is forgotten, and nothing answered. */
  readonly ask:
    | Extract<SessionAsk, { readonly kind: "authenticate" | "sender" | "filter" }>
    | { readonly kind: "name" | "end" }
    /** What are we called on `address`, which is ours here? There is no session yet. */
    | { readonly kind: "hostname" };
}

/** What lookup says to a question about a session. */
export type SessionAnswered =
  | {
    readonly kind: "answered";
    readonly request: number;
    readonly answer: Extract<SessionAnswer, { readonly kind: "authenticate" | "sender" | "filter" }>;
  }
  /** Null: the peer has no name. */
  | { readonly kind: "named"; readonly request: number; readonly hostname: string | null }
  /** Null: the table has no name for the address, or cannot be asked. */
  | { readonly kind: "hosted"; readonly request: number; readonly hostname: Domain | null };

/** What smtp-in asks of lookup. */
export type SmtpInToLookup = RecipientQuestion | SessionQuestion;
/** What lookup tells smtp-in. */
export type LookupToSmtpIn = Resolved | Refused | SessionAnswered;

/** What smtp-in tells queue. */
export type SmtpInToQueue =
  /** A piece of content, in order; the bytes are the binary part. */
  | { readonly kind: "body"; readonly message: MsgId }
  /** `requests` are the recipients that the client was told are taken: the offers of just these count. The binary
   * part, if any, is the last piece. */
  | {
    readonly kind: "commit";
    readonly message: MsgId;
    readonly size: number;
    readonly requests: readonly number[];
  }
  | { readonly kind: "rollback"; readonly message: MsgId }
  /** All ids are given out: many clients have begun a message and not gone on with it. More are dealt. */
  | { readonly kind: "wantIds" }
  /** What this smtp-in counts, for `smtpctl show stats`; sent when it has changed, at most once a second, and at its
   * end. */
  | { readonly kind: "stats"; readonly stats: RoleStats };

/** What a role counts, by names of our own. They stand apart, so that it can be told what outlives it. */
export interface RoleStats {
  /** How many there are now: none of a role that is gone. */
  readonly gauges: Readonly<Record<string, number>>;
  /** How often something has happened since it began: they only grow, and stay when it is gone. */
  readonly counters: Readonly<Record<string, number>>;
}

/** What queue tells smtp-in. */
export type QueueToSmtpIn =
  /** Message ids to use, each once. More come as they are used up. */
  | { readonly kind: "dealt"; readonly messages: readonly MsgId[] }
  | { readonly kind: "committed"; readonly message: MsgId }
  /** Nothing of the message is kept. */
  | { readonly kind: "commitFailed"; readonly message: MsgId; readonly cause: "noSpace" | "io" | "unknown" }
  /** `smtpctl pause smtp` and `resume smtp`. */
  | { readonly kind: "paused"; readonly paused: boolean };

/** What lookup tells queue: the only source of envelopes. */
export type LookupToQueue =
  | EnvelopesOffer
  | Refused
  /** Counters of this lookup, for `smtpctl show stats`; sent when they have changed, at most once a second. */
  | { readonly kind: "stats"; readonly stats: RoleStats }
  /** `error` is null when the table was read anew. */
  | { readonly kind: "tableUpdated"; readonly request: number; readonly error: string | null }
  /** Some steps of an explanation, in order; the last ones come with the answer. `known` are the listeners that there
   * are, where the question names another. */
  | {
    readonly kind: "explained";
    readonly request: number;
    readonly events: readonly TraceEvent[];
    readonly answer: ExplainedAnswer | { readonly kind: "unknownListener"; readonly known: readonly string[] } | null;
  };
/** What queue asks of lookup. */
export type QueueToLookup =
  | ExpandRequest
  /** `smtpctl update table`. */
  | { readonly kind: "updateTable"; readonly request: number; readonly table: string }
  /** `smtpctl explain`. */
  | { readonly kind: "explain"; readonly request: number; readonly question: ExplainQuestion }
  /** `smtpctl trace` and `untrace`: all that is to be logged from now on. */
  | { readonly kind: "trace"; readonly subjects: readonly TraceSubject[] };

/** What queue gives delivery to do. */
export type QueueToDelivery =
  /** Attempt these envelopes of one message. The binary part is the whole content when `inline`. With `pardon` addresses
   * that are left alone because they failed are tried again: `smtpctl schedule`. */
  | {
    readonly kind: "deliver";
    readonly envelopes: readonly Envelope[];
    readonly size: number;
    readonly inline: boolean;
    readonly pardon: boolean;
  }
  /** The binary part is the piece asked for, unless the message has ended before it. */
  | { readonly kind: "chunk"; readonly request: number; readonly state: "piece" | "end" | "failed" }
  /** `smtpctl explain`: where would mail of this action for `domain` go now, and, unless it is null, would SPF let us send
   * it for `sender`? Nothing is sent. */
  | {
    readonly kind: "route";
    readonly request: number;
    readonly action: string;
    readonly domain: Domain;
    readonly sender: ReversePath;
  };

/** What delivery tells queue of its work. */
export type DeliveryToQueue =
  | { readonly kind: "outcome"; readonly envelope: EvpId; readonly outcome: Outcome; readonly at: number }
  | { readonly kind: "needChunk"; readonly request: number; readonly message: MsgId; readonly seq: number }
  | {
    readonly kind: "route";
    readonly request: number;
    readonly route: ExplainedRoute;
    readonly spf: readonly SpfFinding[];
  };

/** What delivery asks of lookup. `table` is one of the policy's, `relay` is the smart host for `domain`. */
export type DeliveryToLookup =
  /** Whose mailbox is `user`'s? With `account`, an agent of that system account writes it: its ids come back. */
  | {
    readonly kind: "user";
    readonly request: number;
    readonly table: string;
    readonly user: string;
    readonly account: string | null;
  }
  | { readonly kind: "relay"; readonly request: number; readonly table: string; readonly domain: string }
  /** Which of our addresses is the next in turn? */
  | { readonly kind: "source"; readonly request: number; readonly table: string }
  /** By what name do we go on this address of ours? */
  | { readonly kind: "helo"; readonly request: number; readonly table: string; readonly address: string };

/** What lookup answers. `failed` stands for a table that cannot be read now. */
export type LookupToDelivery =
  | {
    readonly kind: "user";
    readonly request: number;
    readonly answer:
      /** `uid`, `gid` and `accountHome` are the account's, `home` is the user's. */
      | {
        readonly kind: "found";
        readonly uid: number;
        readonly gid: number;
        readonly home: string;
        readonly accountHome: string;
      }
      /** The user is not in the userbase. */
      | { readonly kind: "absent" }
      /** The account that the action names is none of the system. */
      | { readonly kind: "noAccount" }
      | { readonly kind: "failed" };
  }
  | {
    readonly kind: "relay";
    readonly request: number;
    readonly answer:
      | { readonly kind: "found"; readonly url: string }
      | { readonly kind: "absent" }
      | { readonly kind: "failed" };
  }
  /** An address for `source`, a name for `helo`. */
  | {
    readonly kind: "source" | "helo";
    readonly request: number;
    readonly answer:
      | { readonly kind: "found"; readonly text: string }
      | { readonly kind: "absent" }
      | { readonly kind: "failed" };
  };

/** A Maildir for one message. */
export interface MaildirBox {
  /** Absolute path. */
  readonly path: string;
  /** Folder named by the sub-address, used only if it exists; empty for none. */
  readonly subAddress: string;
  /** Mail marked as spam goes to the folder Junk. */
  readonly junk: boolean;
}

/** What delivery has an agent do. `request` names one message for one mailbox. */
export type DeliveryToAgent =
  | {
    readonly kind: "store";
    readonly request: number;
    /** The Maildir; null for agents of files and commands, which know where messages go. */
    readonly maildir: MaildirBox | null;
    /** Octets of the content, all pieces together. */
    readonly size: number;
    /** What a command finds in its environment, and format specifiers stand for. */
    readonly facts: CommandFacts;
    /** Fields to put before the content, CRLF line ends. */
    readonly prefix: string;
    /** The binary part is a piece of content; more follow in messages of kind `more` unless `last`. */
    readonly last: boolean;
  }
  | { readonly kind: "more"; readonly request: number; readonly last: boolean }
  | {
    readonly kind: "abandon";
    readonly request: number;
  };

/** What an agent answers, once for each `store` and `more`. */
export type AgentToDelivery =
  /** The last piece is written: send the next. */
  | { readonly kind: "more"; readonly request: number }
  | { readonly kind: "stored"; readonly request: number }
  | {
    readonly kind: "notStored";
    readonly request: number;
    readonly cause: "noSpace" | "io" | "denied" | "malformed";
    readonly text: string;
  }
  /** The command has ended, or could not be begun for what the template says. */
  | { readonly kind: "ended"; readonly request: number; readonly end: CommandEnd }
  | { readonly kind: "badCommand"; readonly request: number; readonly text: string }
  /** The mail store has answered, or is gone. */
  | { readonly kind: "answered"; readonly request: number; readonly verdict: ClientVerdict };

/** What lookup asks of the helper of one table. */
export type LookupToTableHost = { readonly kind: "ask"; readonly request: number; readonly ask: ProcAsk };

/** What the helper's host answers, once for each question. */
export type TableHostToLookup = { readonly kind: "answer"; readonly request: number; readonly answer: ProcAnswer };

/** What lookup has a verifier do. Octets are base 64. */
export type LookupToVerifier =
  /** Is this the password? `stored` is what a table has. A decoy is checked for the time that it takes. */
  | {
    readonly kind: "check";
    readonly request: number;
    readonly stored: string;
    readonly password: string;
    readonly isDecoy: boolean;
  }
  /** Is this the password of a user of the system's? */
  | { readonly kind: "system"; readonly request: number; readonly username: string; readonly password: string }
  /** PBKDF2 of a password. */
  | {
    readonly kind: "salt";
    readonly request: number;
    readonly password: string;
    readonly salt: string;
    readonly iterations: number;
  };

/** What a verifier answers, once for each question. */
export type VerifierToLookup =
  /** `problem` says why what is stored can never fit; null for nothing. */
  | {
    readonly kind: "checked";
    readonly request: number;
    readonly result: "right" | "wrong" | "failed";
    readonly problem: string | null;
  }
  | { readonly kind: "salted"; readonly request: number; readonly octets: string };

/** An envelope: one message on its way to one recipient, with its retry state. */

import type { ForwardPath, ReversePath } from "../mail/address.ts";
import type { LocalExec } from "../policy/exec.ts";
import type { Origin } from "../policy/match.ts";
import type { Handling } from "../smtp/handling.ts";
import type { DsnRequest } from "../smtp/parameter.ts";
import type { EvpId, MsgId } from "./id.ts";

/** How a local envelope is to be delivered. */
export interface LocalTarget {
  /** Key of the action's userbase; `aliasUser` for an `exec` that comes from a table. */
  readonly user: string;
  /** The tag of the address without its delimiter, empty for none. */
  readonly subAddress: string;
  /** The file, command or Maildir that an alias or a .forward names; null for what the action says. */
  readonly exec: LocalExec | null;
}

/** What became of the last attempt; for kind `bounce`, what the sender is to be told. Every `Outcome` fits. */
export interface LastStatus {
  /** In the words of RFC 3464 §2.3.3. */
  readonly kind: "delivered" | "relayed" | "delayed" | "failed";
  /** Enhanced status such as `4.4.1`. */
  readonly enhanced: string;
  /** One printable line: the peer's words or ours. */
  readonly text: string;
  /** Which server said so: `mail.test [192.0.2.1]:25`. Empty when we did. */
  readonly by: string;
}

/** One message to one recipient (OpenSMTPD's sense of the word, not RFC 5321's). Times are ms since the epoch. */
export interface Envelope {
  /** Names it for good, through all its attempts. */
  readonly id: EvpId;
  /** The message it carries: the first half of `id`. */
  readonly message: MsgId;
  /** `bounce` is a notice that the sender is still to get, about `rcpt`: `last` says which. */
  readonly kind: "mda" | "mta" | "bounce";
  /** Name of the action in smtpd.conf; looked up anew at each attempt. */
  readonly action: string;
  /** Null for mail that nobody is to be told about. */
  readonly sender: ReversePath;
  /** The recipient as given with RCPT TO. */
  readonly rcpt: ForwardPath;
  /** The address after expansion. */
  readonly dest: ForwardPath;
  /** Set for kind `mda`; kept for `bounce`. */
  readonly local: LocalTarget | null;
  /** Where the message came from. */
  readonly origin: Origin;
  /** What the sender asked to be told. */
  readonly dsn: DsnRequest;
  /** How the sender asked it to be handled. */
  readonly handling: Handling;
  /** When it entered the queue; a notice, when there was something to tell. */
  readonly createdAt: number;
  /** No attempt is made after this. */
  readonly expiresAt: number;
  /** When the next attempt is due. */
  readonly nextAt: number;
  /** Attempts that ended in `delayed`. */
  readonly attempts: number;
  /** 0 when there was none. */
  readonly lastTryAt: number;
  /** Due time of the last delay warning, 0 for none. For a `bounce` about a delay: of the warning that it is. */
  readonly lastWarnAt: number;
  /** What the last attempt came to; null before the first. */
  readonly last: LastStatus | null;
  /** Held back by `smtpctl pause envelope`. */
  readonly suspended: boolean;
}

/** A message at rest in the queue. */
export interface StoredMessage {
  /** Names it for good. */
  readonly id: MsgId;
  /** Octets of the stored content: CRLF line ends, our trace fields included, not dot-stuffed. */
  readonly size: number;
  /** Pieces of content, numbered from 0, none longer than `chunkLengthMax`. */
  readonly chunks: number;
  /** When it was committed, ms since the epoch. */
  readonly createdAt: number;
}

/** Longest piece of content that is stored or sent between roles at once, octets. */
export const chunkLengthMax = 256 * 1024;

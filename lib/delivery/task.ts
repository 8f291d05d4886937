/** Work for the outgoing side: one message for the recipients that share a relay. */

import type { ForwardPath, ReversePath } from "../mail/address.ts";
import type { Handling } from "../smtp/handling.ts";
import type { DsnRequest } from "../smtp/parameter.ts";
import type { EvpId, MsgId } from "../spool/id.ts";
import type { Outcome } from "./outcome.ts";
import type { Relay, RelayManner } from "./relay.ts";

/** Where a message's content comes from. */
export interface ContentSource {
  /** The whole content where it is at hand; null when it has to be read. */
  readonly inline: Uint8Array | null;
  /** Piece number `seq`, from 0; null past the last. Rejects with a Fault when the queue is gone or has it no more. */
  read(seq: number): Promise<Uint8Array | null>;
}

/** One envelope of a task. */
export interface TaskRecipient {
  /** Which envelope; outcomes are reported by it. */
  readonly envelope: EvpId;
  /** To be named in RCPT. */
  readonly dest: ForwardPath;
  /** As it was given to us; for the log. */
  readonly rcpt: ForwardPath;
  /** NOTIFY, for servers with DSN. */
  readonly notify: DsnRequest["notify"];
  /** ORCPT, for servers with DSN. */
  readonly originalRecipient: DsnRequest["originalRecipient"];
  /** Ms since the epoch; for the log. */
  readonly createdAt: number;
}

/** A message to relay. */
export interface RelayTask {
  /** Where it goes next. */
  readonly relay: Relay;
  /** How it is to be brought there. */
  readonly manner: RelayManner;
  /** Which message. */
  readonly message: MsgId;
  /** To be named in MAIL; the same for all recipients. */
  readonly sender: ReversePath;
  /** To be named in its place where SPF does not let the address that we connect from send for it; null where nobody has
   * to ask. */
  readonly senderIfSpfFails: ReversePath;
  /** At least one. */
  readonly recipients: readonly TaskRecipient[];
  /** Octets of the content, exactly: a message that turns out shorter or longer is not sent. */
  readonly size: number;
  /** Does the content have octets above 127? Null when nobody looked. */
  readonly eightBit: boolean | null;
  /** How it is to be handled. Here `smtpUtf8` says that the header section has UTF-8. */
  readonly handling: Handling;
  /** RET, for servers with DSN. */
  readonly ret: DsnRequest["ret"];
  /** ENVID, for servers with DSN. */
  readonly envId: DsnRequest["envId"];
  /** Addresses that are left alone because they failed are to be tried: an administrator asks for it. */
  readonly pardon: boolean;
  /** Read once for each transaction; nothing else of it is kept. */
  readonly content: ContentSource;
  /** Called once for each envelope, unless the dispatcher is closed before the task was begun. */
  report(envelope: EvpId, outcome: Outcome): void;
}

/** Senders of forwarded mail: when they are rewritten, and back. */

import { type Domain, formatMailbox, formatPath, type Mailbox, type ReversePath } from "../mail/address.ts";
import { parseUnicodeDomain } from "../mail/domain.ts";
import type { Clock, Sha1 } from "../port.ts";
import { decodeSrs, encodeSrs, type SrsDecoding } from "../trust/srs.ts";
import type { Policy, RelayAction } from "./policy.ts";

/** The rewriting of a configuration with `srs key`. */
export interface Rewriting {
  /** The address to send as, at one of our domains; null when it would be too long. */
  encode(sender: Mailbox, domain: Domain): Mailbox | null;
  /** Reads an address that `encode` has made. */
  decode(mailbox: Mailbox): SrsDecoding;
}

/** The rewriting that a policy asks for; null for none. */
export function rewritingOf(policy: Pick<Policy, "srs">, clock: Pick<Clock, "now">, sha1: Sha1): Rewriting | null {
  const { srs } = policy;
  if (srs === null) return null;
  const today = () => ({ ...srs, sha1, day: Math.floor(clock.now() / dayMs) });
  return {
    encode: (sender, domain) => encodeSrs(sender, domain, today()),
    decode: (mailbox) => decodeSrs(mailbox, today()),
  };
}

const dayMs = 86_400_000;

/** What of an envelope its outgoing sender depends on. */
export interface Outgoing {
  /** The argument of MAIL FROM, as it came. */
  readonly sender: ReversePath;
  /** The argument of RCPT TO, as it came. */
  readonly rcpt: Mailbox;
  /** Where it goes. */
  readonly dest: Mailbox;
}

/** The argument of MAIL FROM when an envelope leaves for another server. */
export interface OutgoingSender {
  /** The one to use. */
  readonly sender: ReversePath;
  /** The one to use where SPF does not let us send for `sender`; null where nobody has to ask. */
  readonly senderIfSpfFails: Mailbox | null;
}

/** Envelopes of one message, put together where they leave with one sender: a transaction has one. In order. */
export function groupBySender<Envelope extends Outgoing>(
  envelopes: readonly Envelope[],
  action: Pick<RelayAction, "srs" | "mailFrom">,
  rewriting: Rewriting | null,
): readonly (OutgoingSender & { readonly group: readonly Envelope[] })[] {
  const groups = new Map<string, OutgoingSender & { readonly group: Envelope[] }>();
  for (const envelope of envelopes) {
    const outgoing = outgoingSender(envelope, action, rewriting);
    const key = `${formatPath(outgoing.sender)} ${formatPath(outgoing.senderIfSpfFails)}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { ...outgoing, group: [envelope] });
    else known.group.push(envelope);
  }
  return [...groups.values()];
}

/** The sender with which an envelope leaves. `mail-from` of the action replaces the user, the domain or both. With `srs`,
 * the sender of mail that is forwarded becomes one at the domain that the mail was for, unless `mail-from` has given
 * it a domain already; with `srs when-spf-fails` whoever has the connection asks first. One that would be too long
 * stays what it is: it may fail the next server's SPF check, and a cut one is lost for sure. A null sender stays. */
export function outgoingSender(
  envelope: Outgoing,
  action: Pick<RelayAction, "srs" | "mailFrom">,
  rewriting: Rewriting | null,
): OutgoingSender {
  const { rcpt, dest } = envelope;
  if (envelope.sender === null) return { sender: null, senderIfSpfFails: null };
  const sender = replaceSender(envelope.sender, action.mailFrom);
  const kept = { sender, senderIfSpfFails: null };
  if (rewriting === null || action.srs === false || sender.domain !== envelope.sender.domain) return kept;
  if (formatMailbox(rcpt) === formatMailbox(dest)) return kept;
  const rewritten = rewriting.encode(sender, rcpt.domain);
  if (rewritten === null) return kept;
  return action.srs === true ? { sender: rewritten, senderIfSpfFails: null } : { sender, senderIfSpfFails: rewritten };
}

function replaceSender(sender: Mailbox, mailFrom: string | null): Mailbox {
  if (mailFrom === null) return sender;
  const at = mailFrom.lastIndexOf("@");
  const [user, domain] = at === -1 ? [mailFrom, ""] : [mailFrom.slice(0, at), mailFrom.slice(at + 1)];
  const parsed = domain === "" ? sender.domain : parseUnicodeDomain(domain) ?? sender.domain;
  return { localPart: user === "" ? sender.localPart : user, domain: parsed };
}

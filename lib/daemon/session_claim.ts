/** What lookup believes of what smtp-in says of a session.
 *
 * smtp-in speaks with strangers, and accepts their connections itself: the supervisor hands it listening sockets and
 * sees no peer. Should it be taken over, lookup grants it no more than its own sessions have:
 *
 * - who has logged in is what lookup has found (session_book.ts); a name that it has not is a temporary failure;
 * - tag, our name, filters, `auth`, `senders` and `tls-require` are those of the listener in the configuration, whether
 *   or not the session was held to them;
 * - on unix sockets the peer is this machine, and on no other listener is it `local`; TLS is where the listener has it.
 *
 * What such an smtp-in can still claim, since nobody else knows: by which of the listeners a session came, its own unix
 * sockets among them; the address of the peer, and with that its name; the name given with HELO; that a listener which
 * offers TLS has it; that a client's certificate was good, and which it was, so that on a listener with `auth-external` it
 * can log in as whoever has a certificate there; on a listener with `hostnames`, which name of ours the client came to.
 * It is believed where a rule has `from`, `helo`, `tag` or `tls`: a rule that lets this machine or a network relay lets a
 * taken-over smtp-in relay, one with `auth` does not. It need not do what filters say, nor look at what From says
 * (`header-from`). It can guess passwords from addresses that it makes up. And of its own sessions it knows all, their
 * passwords and mail as well. */

import { formatMailbox } from "../mail/address.ts";
import { parseIp } from "../mail/ip.ts";
import type { Origin } from "../policy/match.ts";
import type { Listener, Policy } from "../policy/policy.ts";
import { replies, type Reply } from "../smtp/reply.ts";
import type { RecipientQuestion } from "./imsg.ts";
import { lmtpPeer, localPeerName } from "./local_peer.ts";
import type { SessionBook } from "./session_book.ts";

/** What comes of a claim. `reason` is for the log; null where a client that is told `reply` has done it. */
export type JudgedClaim =
  | { readonly kind: "believed"; readonly origin: Origin; readonly listener: Listener }
  | { readonly kind: "refused"; readonly reply: Reply; readonly reason: string | null };

/** Facts of the session that asks, for rules. */
export function judgeClaim(
  question: Pick<RecipientQuestion, "session" | "listener" | "claim" | "rcpt">,
  { listeners }: Pick<Policy, "listeners">,
  book: Pick<SessionBook, "isUser">,
): JudgedClaim {
  const { session, claim, rcpt } = question;
  const { username, helo } = claim;
  const refuse = (reason: string): JudgedClaim => {
    return { kind: "refused", reply: replies.temporaryFailure(formatMailbox(rcpt)), reason };
  };
  const listener = listeners[question.listener];
  if (listener === undefined) return refuse("there is no such listener");
  if (!book.isUser(session, question.listener, username)) return refuse("nobody here has seen the session log in");
  const address = peerOf(listener, claim.address);
  if (address === null) return refuse("no such peer comes by this listener");
  const common = { address, helo, tag: listener.tag, username };
  if (listener.kind !== "inet") {
    const origin = { ...common, hostname: localPeerName(listener), smtpName: listener.hostname, tls: false };
    return { kind: "believed", origin, listener };
  }
  const { mode } = listener.tls;
  const tls = mode === "implicit" || (mode !== "none" && claim.tls);
  // The session has refused MAIL for these.
  if (mode === "required" && !tls) return { kind: "refused", reply: replies.startTlsFirst, reason: null };
  if (listener.auth.mode === "required" && username === "") {
    return { kind: "refused", reply: replies.authRequired, reason: null };
  }
  const smtpName = listener.hostnames === null ? listener.hostname : claim.smtpName;
  return { kind: "believed", origin: { ...common, hostname: claim.hostname, smtpName, tls }, listener };
}

/** The peer that an smtp-in names, as in `Origin`, where such a peer can come by the listener; null where it cannot. */
export function peerOf(listener: Listener | undefined, address: string): string | null {
  switch (listener?.kind) {
    case undefined:
      return null;
    case "socket":
      return "local";
    case "lmtp":
      return lmtpPeer;
    case "inet":
      return parseIp(address) === null ? null : address;
  }
}

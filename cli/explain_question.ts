/** The question of `smtpctl explain` and `smtpd -n --explain`, from their options. Pure. */

import { parseMailbox } from "../lib/mail/address.ts";
import { parseDomain } from "../lib/mail/domain.ts";
import { type ExplainQuestion, ownDomain, parseClientAddress, parseSenderText } from "../lib/policy/explain.ts";
import { scrub } from "../lib/event_log.ts";
import { UsageError } from "./getopt.ts";

/** Values of the options; null for one that was not given. */
export interface QuestionOptions {
  readonly from: string | null;
  readonly rcpt: string | null;
  readonly src: string | null;
  readonly rdns: string | null;
  readonly helo: string | null;
  readonly auth: string | null;
  readonly tag: string | null;
  readonly listener: string | null;
  readonly tls: boolean;
}

/** Longest value, characters. */
const valueLengthMax = 255;

/** Reads a question. Throws `UsageError` for what is missing or makes no sense. */
export function readQuestion(options: QuestionOptions): ExplainQuestion {
  const { from, rcpt: to, src, rdns, helo, auth, tag, listener, tls } = options;
  if (from === null) throw new UsageError("--from is missing: the sender, '' for the null sender");
  if (to === null) throw new UsageError("--rcpt is missing: the recipient");
  const sender = parseSenderText(from);
  if (sender === undefined) throw new UsageError(`--from takes user@domain, not ${scrub(from)}`);
  const rcpt = parseMailbox(to.replace(/^<(.*)>$/s, "$1"), ownDomain);
  if (rcpt === null) throw new UsageError(`--rcpt takes user@domain or user, not ${scrub(to)}`);
  const address = src === null ? null : parseClientAddress(src);
  if (src !== null && address === null) throw new UsageError(`--src takes an IP address, not ${scrub(src)}`);
  const hostname = rdns === null ? null : parseDomain(rdns);
  if (rdns !== null && hostname === null) throw new UsageError(`--rdns takes a host name, not ${scrub(rdns)}`);
  if (listener !== null && listener !== "socket" && src === null) {
    throw new UsageError("--listener goes with --src: name the client's address too");
  }
  for (const [name, value] of Object.entries({ helo, auth, tag, listener })) {
    if (value === null || (value.length <= valueLengthMax && scrub(value) === value)) continue;
    throw new UsageError(`--${name} takes at most ${valueLengthMax} printable characters`);
  }
  return { sender, rcpt, address, hostname, helo, username: auth, tls, tag, listener };
}

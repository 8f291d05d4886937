/** Senders and recipients: MAIL and RCPT (RFC 5321 §3.3). */

import { assert } from "../fault.ts";
import { formatMailbox, parseForwardPath, parseReversePath } from "../mail/address.ts";
import { decodeUtf8, encodeUtf8, isAscii } from "../mail/utf8.ts";
import { needsTls, parameterOffer } from "./extension.ts";
import { parseMailParameters, parseRcptParameters } from "./parameter.ts";
import { isPositive, replies } from "./reply.ts";
import { authBar, maySend } from "./session_auth.ts";
import { filtered } from "./session_filter.ts";
import { pathArgument } from "./session_lenient.ts";
import type { SessionState } from "./session_state.ts";
import { ask, type Running } from "./session_wait.ts";
import { Transaction } from "./transaction.ts";

/** MAIL. `isFiltered`: the filters have written the argument anew, and are not asked again. */
export function* mail(state: SessionState, argument: string, isFiltered = false): Running {
  const { limits } = state.config;
  if (needsTls(state)) return state.refuseCommand(replies.startTlsFirst);
  const bar = authBar(state);
  if (bar !== null) return state.fail(bar);
  if (state.mails >= limits.maxMails) return state.refuseCommand(replies.tooManyMails);
  const octets = pathArgument(state, argument, "FROM:");
  if (octets === null) return state.fail(replies.mailSyntax);
  const text = decodeUtf8(octets);
  if (text === null) return state.fail(replies.malformedUtf8);
  const parsed = parseReversePath(text, state.hostname);
  if (parsed === null || !isParameterText(parsed.rest)) return state.fail(replies.senderSyntax);
  const parameters = parseMailParameters(parsed.rest, parameterOffer(state));
  if (parameters.kind === "bad") return state.fail(parameters.reply);
  if (!parameters.value.handling.smtpUtf8 && !isAscii(text)) return state.fail(replies.senderNeedsUtf8);
  // RFC 1870 §6.1: refuse early what would be refused at the end.
  if ((parameters.value.size ?? 0) > limits.maxMessageSize) return state.refuseCommand(replies.messageTooBig);
  const sender = parsed.path;
  const senderText = sender === null ? "" : formatMailbox(sender);
  if (!isFiltered) state.isNextJunk = false;
  const value = isFiltered ? octets : yield* filtered(state, "mail-from", octets, { sender: senderText });
  if (value === null) return;
  if (value !== octets) return yield* mail(state, `FROM:${encodeUtf8(value)}`, true);
  if (!(yield* maySend(state, sender))) return;
  const { id } = yield* ask({ kind: "message" });
  if (id === null) return state.refuseCommand(replies.unavailable);
  state.mails++;
  state.transaction = new Transaction(id, sender, parameters.value, limits);
  state.transaction.isJunk = state.isNextJunk;
  state.phase = "sender";
  state.say(replies.senderOk);
}

/** RCPT. `isFiltered` as for MAIL. */
export function* rcpt(state: SessionState, argument: string, isFiltered = false): Running {
  const { transaction, helo, username } = state;
  const { limits } = state.config;
  assert(transaction !== null, "RCPT stands inside a transaction");
  if (transaction.recipients >= limits.maxRecipients) {
    state.refuse(replies.tooManyRecipients);
    return countRefused(state, transaction);
  }
  const octets = pathArgument(state, argument, "TO:");
  if (octets === null) return state.fail(replies.rcptSyntax);
  const text = decodeUtf8(octets);
  if (text === null) return state.fail(replies.malformedUtf8);
  const parsed = parseForwardPath(text, state.hostname);
  if (parsed === null || !isParameterText(parsed.rest)) return state.fail(replies.recipientSyntax);
  const { smtpUtf8 } = transaction.handling;
  if (!smtpUtf8 && !isAscii(text)) return state.fail(replies.recipientNeedsUtf8);
  const parameters = parseRcptParameters(parsed.rest, parameterOffer(state), smtpUtf8);
  if (parameters.kind === "bad") return state.fail(parameters.reply);
  const address = formatMailbox(parsed.path);
  const value = isFiltered ? octets : yield* filtered(state, "rcpt-to", octets, { rcpt: address });
  if (value === null) return countRefused(state, transaction);
  if (value !== octets) return yield* rcpt(state, `TO:${encodeUtf8(value)}`, true);
  const { reply } = yield* ask({
    kind: "recipient",
    message: transaction.message,
    helo,
    username,
    tls: state.tls !== null,
    sender: transaction.sender,
    rcpt: parsed.path,
    dsn: transaction.dsnOf(parameters.value),
    handling: transaction.handling,
  });
  if (!isPositive(reply)) {
    state.refuseRecipient(reply);
    return countRefused(state, transaction);
  }
  transaction.addRecipient(parsed.path);
  state.phase = "recipients";
  state.say(reply);
}

/** A recipient was not taken. A client may not know how many we take, and send all of a long list; who goes on and on has
 * no list. */
function countRefused(state: SessionState, transaction: Transaction): void {
  if (state.phase === "sender") state.phase = "refused";
  transaction.refusedRecipients++;
  if (transaction.refusedRecipients > state.config.limits.maxRecipients) state.countJunkCommand();
}

/** RFC 5321 §4.1.2: a blank stands between path and parameters. */
function isParameterText(rest: string): boolean {
  return rest === "" || rest.startsWith(" ");
}

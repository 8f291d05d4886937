/** Questions to `explain` as they come over the control socket, checked member by member. Pure. */

import type { Mailbox } from "../mail/address.ts";
import { type ExplainQuestion, ownDomain, parseClientAddress } from "../policy/explain.ts";
import { mailboxOf, pathOf, textOf } from "./fields.ts";

/** Reads a question; null when it is none, or has other members. */
export function questionOf(value: unknown): ExplainQuestion | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  if (Object.keys(fields).length !== questionMembers || typeof fields["tls"] !== "boolean") return null;
  const [sender, rcpt] = [pathOf(fields["sender"]), recipientOf(fields["rcpt"])];
  if (sender === undefined || rcpt === null) return null;
  const texts = ["address", "hostname", "helo", "username", "tag", "listener"].map((name) => fields[name]);
  if (!texts.every((one) => one === null || textOf(one) !== null)) return null;
  const [address = null, hostname = null, helo = null, username = null, tag = null, listener = null] = texts.map(
    textOf,
  );
  if (address !== null && parseClientAddress(address) !== address) return null;
  return { sender, rcpt, address, hostname, helo, username, tls: fields["tls"], tag, listener };
}

const questionMembers = 9;

/** A mailbox, or one at our own domain. */
function recipientOf(value: unknown): Mailbox | null {
  const isOwn = typeof value === "object" && value !== null && "domain" in value && value.domain === ownDomain;
  const rcpt = mailboxOf(isOwn ? { ...value, domain: "localhost" } : value);
  return rcpt === null || !isOwn ? rcpt : { ...rcpt, domain: ownDomain };
}

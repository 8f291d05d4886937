/** Questions to `explain` as they come over the control socket, checked member by member. Pure. */

import { type ExplainQuestion, parseClientAddress } from "../policy/explain.ts";
import { mailboxOf, pathOf, textOf } from "./fields.ts";

/** Reads a question; null when it is none, or has other members. */
export function questionOf(value: unknown): ExplainQuestion | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  if (Object.keys(fields).length !== questionMembers || typeof fields["tls"] !== "boolean") return null;
  const [sender, rcpt] = [pathOf(fields["sender"]), mailboxOf(fields["rcpt"])];
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

/** lookup's part in `senders`: which addresses a user may send as. */

import { formatMailbox } from "../mail/address.ts";
import { toAsciiKey } from "../mail/idna.ts";
import type { TableSource } from "../policy/expand.ts";
import type { Policy } from "../policy/policy.ts";
import { mailaddrMatches } from "../table/match.ts";
import { sendersOf } from "../table/service.ts";
import type { Asked } from "./session_desk.ts";

/** May the user who has logged in send as this sender, or write as this author? The entry of his name is a list of
 * addresses with commas; `@domain` is all of a domain, `@` all addresses and the null sender. The null sender is open to
 * all where authors are bound: notices of RFC 8098 and of RFC 3834 are sent so, and nobody can hide behind it there.
 * Rejects when the table cannot be read. */
export async function checkSender(
  { listener: index, ask }: Pick<Asked<"sender">, "listener" | "ask">,
  policy: Policy,
  tables: Pick<TableSource, "table">,
): Promise<"allowed" | "refused"> {
  const listener = policy.listeners[index];
  const senders = listener?.kind === "inet" ? listener.senders : null;
  if (senders === null) return "refused";
  if (ask.sender === null && senders.headerFrom) return "allowed";
  const value = await tables.table(senders.table).lookup("mailaddrmap", ask.username);
  const address = ask.sender === null ? "@" : formatMailbox(ask.sender);
  const delimiter = policy.smtp.subAddressDelimiter;
  const isAllowed = sendersOf(value ?? "").some((one) => mailaddrMatches(address, toAsciiKey(one, false), delimiter));
  return isAllowed ? "allowed" : "refused";
}

/** What a message says of its author, where that is to be somebody that the user who has logged in may send as
 * (`senders … header-from`). */

import { formatMailbox } from "../mail/address.ts";
import { AuthorScanner } from "../mail/author.ts";
import { replies, type Reply } from "./reply.ts";
import type { SessionState } from "./session_state.ts";
import { ask, type Waiting } from "./session_wait.ts";
import type { Transaction } from "./transaction.ts";

/** Are authors of this session's mail checked? */
export function bindsAuthor({ config, username }: Pick<SessionState, "config" | "username">): boolean {
  return (config.bindsAuthor ?? false) && username !== "";
}

/** What finds the authors of a message that begins; null where they are not checked. It has to stand behind all that
 * changes the content: what the reader gets is what counts. */
export function authorScanner(state: SessionState): AuthorScanner | null {
  return bindsAuthor(state) ? new AuthorScanner() : null;
}

/** Why the whole message is refused for what it says of its author; null when it is not. Each address is asked about as a
 * sender is. */
export function* authorRefusal({ username }: SessionState, { authors: scanner }: Transaction): Waiting<Reply | null> {
  if (scanner === null) return null;
  const { authorship } = scanner;
  if (authorship.kind === "unclear") return replies.authorUnclear(authorship.field, authorship.fault);
  for (const { field, mailbox } of authorship.authors) {
    const { result } = yield* ask({ kind: "sender", username, sender: mailbox });
    if (result === "failed") return replies.unavailable;
    if (result === "refused") return replies.authorNotYours(field, formatMailbox(mailbox));
  }
  return null;
}

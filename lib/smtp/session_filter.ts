/** What filters say of a command, and what comes of it. */

import { formatMailbox } from "../mail/address.ts";
import type { FilterFacts, FilterPhase } from "./session_face.ts";
import type { SessionState } from "./session_state.ts";
import { ask, type Waiting } from "./session_wait.ts";

/** Asks the filters, where one has a say in this phase. Returns the argument that the command goes on with; null when
 * the command has been answered. `known` are facts that the state does not hold yet. */
export function* filtered(
  state: SessionState,
  phase: FilterPhase,
  parameter: string,
  known: Partial<FilterFacts> = {},
): Waiting<string | null> {
  if (!state.config.filters?.has(phase)) return parameter;
  const { helo, username, transaction } = state;
  const sender = transaction === null ? null : transaction.sender === null ? "" : formatMailbox(transaction.sender);
  const facts = { helo, username, sender, rcpt: null, ...known };
  const { decision } = yield* ask({ kind: "filter", phase, parameter, facts });
  switch (decision.kind) {
    case "proceed":
      return parameter;
    case "rewrite":
      return decision.value;
    case "junk":
      if (transaction === null) state.isJunk = true;
      else transaction.isJunk = true;
      return parameter;
    case "reject":
      state.refuse(decision.reply);
      return null;
    case "disconnect":
      state.refuse(decision.reply);
      state.close("filter");
      return null;
  }
}

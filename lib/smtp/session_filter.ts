/** What filters say of a command, and what comes of it. */

import { formatMailbox } from "../mail/address.ts";
import type { FilterFacts, FilterPhase, FilterVerdict } from "./session_face.ts";
import { refuseContent } from "./session_lmtp.ts";
import type { SessionState } from "./session_state.ts";
import { ask, type Waiting } from "./session_wait.ts";

/** Asks the filters, where one has a say in this phase. A refusal is the caller's to answer. `known` are facts that the
 * state does not hold yet. */
export function* decided(
  state: SessionState,
  phase: FilterPhase,
  parameter: string,
  known: Partial<FilterFacts> = {},
): Waiting<FilterVerdict> {
  if (!state.config.filters?.has(phase)) return { kind: "proceed" };
  const { helo, username, transaction } = state;
  const sender = transaction === null ? null : transaction.sender === null ? "" : formatMailbox(transaction.sender);
  const facts = { helo, username, sender, rcpt: null, ...known };
  const { decision } = yield* ask({ kind: "filter", phase, parameter, facts });
  if (decision.kind !== "junk") return decision;
  // At MAIL it is the message that begins which is meant. QUIRK: OpenSMTPD marks all mail of the session there.
  if (transaction !== null) transaction.isJunk = true;
  else if (phase === "mail-from") state.isNextJunk = true;
  else state.isJunk = true;
  return decision;
}

/** Asks the filters likewise. Returns the argument that the command goes on with; null when the command has been
 * answered. */
export function* filtered(
  state: SessionState,
  phase: FilterPhase,
  parameter: string,
  known: Partial<FilterFacts> = {},
): Waiting<string | null> {
  const { transaction } = state;
  // As `decided` would find, for less: most listeners have no filters.
  if (!state.config.filters?.has(phase)) return parameter;
  const decision = yield* decided(state, phase, parameter, known);
  switch (decision.kind) {
    case "proceed":
    case "junk":
      return parameter;
    case "rewrite":
      return decision.value;
    case "reject":
    case "disconnect":
      if (phase === "commit" && transaction !== null) {
        refuseContent(state, decision.reply, transaction.recipients);
      } else if (phase === "rcpt-to") state.refuse(decision.reply);
      else state.refuseCommand(decision.reply);
      if (decision.kind === "disconnect") state.close("filter");
      return null;
  }
}

/** What a session lets pass of what clients do wrong, and how it is told. */

import type { Buffer } from "node:buffer";
import { LineMender, type Quirk, readHeloName, type Reading, readPathArgument, usualQuirks } from "./lenient.ts";
import type { SessionState } from "./session_state.ts";
import type { Transaction } from "./transaction.ts";

/** Does this client's listener let the quirk pass? */
export function isLenient({ config }: SessionState, quirk: Quirk): boolean {
  return (config.lenient ?? usualQuirks).has(quirk);
}

/** Counts a quirk that was let pass. The log is told of each once a session. */
export function tellQuirk(state: SessionState, quirk: Quirk): void {
  state.output.push({ kind: "count", name: quirkCounter(quirk) });
  // One that everybody sends is no news.
  if (usualQuirks.has(quirk) || state.toldQuirks.includes(quirk)) return;
  state.toldQuirks.push(quirk);
  state.output.log("lenient", { quirk });
}

/** Name of the counter of a quirk. */
export function quirkCounter(quirk: Quirk): string {
  return `smtp.lenient.${quirk}`;
}

/** What follows `FROM:` or `TO:` in the argument of MAIL or RCPT. Null when it is not of that form, or of it only by a quirk
 * that does not pass. */
export function pathArgument(state: SessionState, argument: string, keyword: "FROM:" | "TO:"): string | null {
  return allow(state, readPathArgument(argument, keyword, isLenient(state, "no-brackets")));
}

/** The name of HELO or EHLO; null for what does not pass for one. */
export function heloName(state: SessionState, argument: string): string | null {
  return allow(state, readHeloName(argument));
}

function allow(state: SessionState, reading: Reading | null): string | null {
  if (reading === null || !reading.quirks.every((quirk) => isLenient(state, quirk))) return null;
  for (const quirk of reading.quirks) tellQuirk(state, quirk);
  return reading.text;
}

/** Has the transaction decode a piece of DATA. Returns how many octets of it belong to the message, as
 * `Transaction.decode` does. */
export function decodeContent(state: SessionState, transaction: Transaction, bytes: Buffer): number {
  if (!isLenient(state, "bare-lf")) return transaction.decode(bytes);
  const mender = transaction.mender ??= new LineMender();
  const used = transaction.decode(mender.mend(bytes));
  if (mender.hasMended) tellQuirk(state, "bare-lf");
  return used < 0 ? used : mender.usedOf(used);
}

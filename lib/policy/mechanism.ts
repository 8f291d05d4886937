/** SASL mechanisms of listeners. */

import type { SaslMechanism } from "../trust/sasl.ts";
import type { Listener } from "./policy.ts";

/** What a listener offers that names no `mechanisms`: what every table can do. A client that sees SCRAM-SHA-256 takes it,
 * and could not log in if the table had another hash of its user. */
export const defaultMechanisms: readonly SaslMechanism[] = ["PLAIN", "LOGIN"];

/** Mechanisms of a listener; none where nobody logs in. */
export function mechanismsOf(listener: Listener): readonly SaslMechanism[] {
  if (listener.kind !== "inet" || listener.auth.mode === "none") return [];
  return listener.auth.mechanisms ?? defaultMechanisms;
}

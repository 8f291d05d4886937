/** SASL mechanisms of listeners. */

import type { SaslMechanism } from "../trust/sasl.ts";
import type { Listener } from "./policy.ts";

/** What a listener that names no `mechanisms` offers beside EXTERNAL: what every table can do. A client that sees
 * SCRAM-SHA-256 takes it, and could not log in if the table had another hash of its user. */
export const defaultMechanisms: readonly SaslMechanism[] = ["PLAIN", "LOGIN"];

/** Mechanisms of a listener; none where nobody logs in. */
export function mechanismsOf(listener: Listener): readonly SaslMechanism[] {
  if (listener.kind !== "inet" || listener.auth.mode === "none") return [];
  const { mechanisms, external } = listener.auth;
  return mechanisms ?? (external === null ? defaultMechanisms : [...defaultMechanisms, "EXTERNAL"]);
}

/** Are passwords of some kind checked on this listener? */
export function takesPasswords(listener: Listener): boolean {
  return mechanismsOf(listener).some((one) => one !== "EXTERNAL");
}

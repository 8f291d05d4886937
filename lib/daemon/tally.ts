/** Counters of a role, told to queue for `smtpctl show stats`. */

import type { AuthResult } from "../smtp/session_face.ts";
import type { RoleStats } from "./imsg.ts";

/** Counts by name, and remembers what was told last. */
export class Tally {
  readonly #counts = new Map<string, number>();
  #told = "";

  /** One more. */
  count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Whoever is told next knows nothing yet. */
  restart(): void {
    this.#told = "";
  }

  /** All counters and `gauges`, which are states and not counted here; null when all of it has been told. */
  news(gauges: Readonly<Record<string, number>>): RoleStats | null {
    const stats = { gauges, counters: Object.fromEntries(this.#counts) };
    const text = JSON.stringify(stats);
    if (text === this.#told) return null;
    this.#told = text;
    return stats;
  }
}

/** The counter of what a login came to; null while it goes on. */
export function loginCounter({ kind }: AuthResult): string | null {
  if (kind === "challenge") return null;
  const isTransient = kind === "failed" || kind === "limited";
  return `smtp.auth.${kind === "accepted" ? "ok" : isTransient ? "tempfail" : "permfail"}`;
}

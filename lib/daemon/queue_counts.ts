/** What roles count, for `smtpctl show stats`. */

import type { RoleStats } from "./imsg.ts";

/** Adds up what those who are there say, and keeps what those who are gone have counted. */
export class RoleCounts {
  readonly #stats = new Map<string, RoleStats>();
  /** Counters of those that are gone. */
  readonly #totals = new Map<string, number>();

  /** The role of this name says how far it has counted since it began. */
  set(name: string, stats: RoleStats): void {
    this.#stats.set(name, stats);
  }

  /** It is gone: what it has counted stays, and it has nothing any more. */
  leave(name: string): void {
    addTo(this.#totals, this.#stats.get(name)?.counters ?? {});
    this.#stats.delete(name);
  }

  /** All of it by name: gauges of those who are there, counters of all that were there since this began. */
  sum(): Map<string, number> {
    const sum = new Map(this.#totals);
    for (const { gauges, counters } of this.#stats.values()) {
      addTo(sum, gauges);
      addTo(sum, counters);
    }
    return sum;
  }
}

function addTo(sum: Map<string, number>, numbers: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(numbers)) sum.set(key, (sum.get(key) ?? 0) + value);
}

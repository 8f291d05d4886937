/** Time and chance of the machine we run on. */

import type { Clock, Random, Timer } from "../port.ts";

/** The system's clock, event loop and time zone. */
export const hostClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  zone,
  after(delayMs: number, run: () => void): Timer {
    // setTimeout takes 31 bits; a longer wait is cut and the caller looks at its deadline again.
    const id = setTimeout(run, Math.min(delayMs, 0x7fffffff));
    return { cancel: () => clearTimeout(id) };
  },
  // setTimeout(0) waits at least 1 ms; setImmediate runs as soon as the ready I/O is done.
  soon: (run) => void setImmediate(run),
};

let zoneCache = { hour: -1, offsetMinutes: 0, name: null as string | null };

/** A zone's offset changes on a quarter of an hour at most; asking Intl each time would cost 20 us. */
function zone(time: number): { readonly offsetMinutes: number; readonly name: string | null } {
  const hour = Math.floor(time / 900_000);
  if (zoneCache.hour !== hour) {
    const date = new Date(time);
    const part = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(date)
      .find((p) => p.type === "timeZoneName")?.value ?? null;
    const name = part !== null && /^[A-Z]{2,5}$/.test(part) ? part : null;
    zoneCache = { hour, offsetMinutes: -date.getTimezoneOffset(), name };
  }
  return zoneCache;
}

let pool = new Uint32Array(0);
let poolAt = 0;

/** The kernel's random numbers, drawn 256 at a time. */
export const hostRandom: Random = {
  u32(): number {
    if (poolAt === pool.length) {
      pool = crypto.getRandomValues(new Uint32Array(256));
      poolAt = 0;
    }
    return pool[poolAt++] ?? 0;
  },
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

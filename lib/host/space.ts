/** Room on a file system. */

import process from "node:process";
import { Fault } from "../fault.ts";

/** How long an answer is believed, ms. */
const believedMs = 100;

/** Watches the file system of `directory`: gives a Fault `noSpace` while less than `reserve` octets are free for us, else
 * null. `reusable` tells how much the files there can take without growing. What cannot be asked is taken for room: the write will tell. Needs read permission for the directory, and sys permission
 * `statfs`. */
export function spaceWatch(
  directory: string,
  reserve: number,
  monotonic: () => number,
  reusable: () => number,
): () => Fault | null {
  let askedAt = -Infinity;
  let answer: Fault | null = null;
  return () => {
    const now = monotonic();
    if (now - askedAt < believedMs) return answer;
    askedAt = now;
    try {
      // Not needed before the first message, and it takes 12 ms to load.
      const { statfsSync } = process.getBuiltinModule("node:fs");
      const { bavail, bsize } = statfsSync(directory);
      const free = bavail * bsize + reusable();
      answer = free >= reserve ? null : new Fault(
        "noSpace",
        `Cannot take mail: ${Math.floor(free / 1024)} KiB are free in ${directory}, ${
          Math.floor(reserve / 1024)
        } are kept`,
      );
    } catch {
      answer = null;
    }
    return answer;
  };
}

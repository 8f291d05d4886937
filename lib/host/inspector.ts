/** Deno's inspector, through which whoever connects runs code in a process. SIGUSR1 opens it on a port of 127.0.0.1 that
 * every user of the machine can reach, and no flag of Deno's keeps it from that. */

import { close } from "node:inspector";

/** Has this process shut the inspector as soon as SIGUSR1 has opened it. For those that were not started with the signal
 * blocked, as roles are (launch.ts). */
export function keepInspectorShut(): void {
  Deno.addSignalListener("SIGUSR1", () => {
    // It opens beside us, a little earlier or later.
    for (const ms of [0, 5, 20, 100, 500]) setTimeout(close, ms);
  });
}

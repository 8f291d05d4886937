/** Child processes with an IPC channel, for the supervisor. */

import { spawn } from "node:child_process";
import type { Child } from "../port.ts";
import { Fault } from "../fault.ts";

/** Starts `argv` with exactly `env` and an IPC channel on descriptor 3.
 * argv must not hold Deno's own path: node:child_process would then add a flag that grants every permission. */
export function spawnChild(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Child {
  const [program, ...args] = argv;
  if (program === undefined) throw new Fault("notFound", "Cannot start a role: no program given");
  if (argv.some((word) => word.includes(Deno.execPath()))) {
    throw new Fault("denied", "Cannot start a role: its command names Deno itself and would hold every permission");
  }
  const child = spawn(program, args, { env, stdio: ["ignore", "inherit", "inherit", "ipc"] });
  return {
    pid: child.pid ?? -1,
    send(message, handle, unsent) {
      if (!child.connected) return unsent();
      // The types ask for node's own handle classes; the caller passes what this room made.
      child.send(message as object, handle as never, (error: Error | null) => error === null || unsent());
    },
    onMessage: (take) => void child.on("message", take),
    onExit(run) {
      let ended = false;
      const once = (code: number | null, signal: string | null) => {
        if (ended) return;
        ended = true;
        run({ code, signal });
      };
      child.on("exit", once);
      child.on("error", () => once(127, null));
    },
    kill: (signal) => void child.kill(signal),
  };
}

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
  // Heard of before anybody asks: a child may end as soon as it is started.
  const end = Promise.withResolvers<Parameters<Parameters<Child["onExit"]>[0]>[0]>();
  child.on("exit", (code, signal) => end.resolve({ code, signal }));
  child.on("error", () => end.resolve({ code: 127, signal: null }));
  return {
    pid: child.pid ?? -1,
    send(message, handle, unsent) {
      if (!child.connected) return unsent();
      // The types ask for node's own handle classes; the caller passes what this room made.
      child.send(message as object, handle as never, (error: Error | null) => error === null || unsent());
    },
    onMessage: (take) => void child.on("message", take),
    onExit: (run) => void end.promise.then(run),
    kill: (signal) => void child.kill(signal),
  };
}

/** Programs of an administrator's that work for us, spoken to over their standard input and output. */

import { Fault, type FaultKind } from "../fault.ts";
import type { Program } from "../port.ts";

/** The whole environment of such a program. */
const environment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** Starts `command`, an absolute path, without a shell. Faults: `notFound`, `denied`, `io`. */
export function startProgram(command: string, args: readonly string[]): Program {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, {
      args: [...args],
      clearEnv: true,
      env: environment,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Fault(kindOf(error), `Cannot start ${command}: ${text}`, { cause: error });
  }
  const stdin = child.stdin.getWriter();
  const ignore = () => {};
  return {
    pid: child.pid,
    // A program that is gone takes nothing; its end is told.
    write: (bytes) => void stdin.write(Uint8Array.from(bytes)).catch(ignore),
    onOutput: (take) => void pump(child.stdout, take).catch(ignore),
    onErrorOutput: (take) => void pump(child.stderr, take).catch(ignore),
    onExit(run) {
      void child.status.then(({ code, signal }) => {
        void stdin.close().catch(ignore);
        run(signal ?? `code ${code}`);
      });
    },
    kill() {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        // It has ended already.
        if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
      }
    },
  };
}

async function pump(stream: ReadableStream<Uint8Array>, take: (bytes: Uint8Array) => void): Promise<void> {
  for await (const bytes of stream) take(bytes);
}

function kindOf(error: unknown): FaultKind {
  if (error instanceof Deno.errors.NotFound) return "notFound";
  return error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable ? "denied" : "io";
}

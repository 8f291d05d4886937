/** Commands through /bin/sh, for agents: the `Shell` port over the operating system. */

import { Fault } from "../fault.ts";
import type { Shell, ShellCommandLine, ShellRun } from "../port.ts";

/** The shell. A role that may run this path may run nothing else itself; its commands may, as any program of the user. */
export const shellPath = "/bin/sh";

/** How long a command's output is waited for once it has ended, ms: children in the background may hold it open. */
export const outputGraceMs = 500;

/** The shell of this machine. It holds no state. */
export const hostShell: Shell = {
  run(command: ShellCommandLine): ShellRun {
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(shellPath, {
        args: ["-c", `${preamble(command)}\n${command.script}`, "sh", ...command.args],
        clearEnv: true,
        env: { ...command.env },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
        // A session of its own: no terminal, and a process group that can be killed as one.
        detached: true,
      }).spawn();
    } catch (error) {
      throw spawnFault(error);
    }
    const input = child.stdin.getWriter();
    // Who reads no more closes the pipe; `write` tells.
    input.closed.catch(() => {});
    const readers = [
      take(child.stdout, command.side ?? ((bytes) => Promise.resolve(command.output(bytes)))),
      take(child.stderr, (bytes) => Promise.resolve(command.output(bytes))),
    ];
    return {
      async write(bytes) {
        try {
          await input.write(bytes);
          return true;
        } catch {
          return false;
        }
      },
      async end() {
        await input.close().catch(() => {});
      },
      ended: endOf(child, readers),
      kill: () => killGroup(child.pid),
    };
  },
};

/** Runs as the user, so that it may fail where he may not go. A descriptor of ours is no business of the command's. */
function preamble({ side }: ShellCommandLine): string {
  const output = side === null ? "exec 3>&-" : "exec 3>&1 1>&2";
  return `${output}\ncd -- "$HOME" 2>/dev/null || cd /\nunset OLDPWD`;
}

interface Reader {
  readonly done: Promise<void>;
  stop(): void;
}

function take(stream: ReadableStream<Uint8Array>, use: (bytes: Uint8Array) => Promise<void>): Reader {
  const reader = stream.getReader();
  const done = (async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      await use(value);
    }
  })();
  return { done: done.catch(() => {}), stop: () => void reader.cancel().catch(() => {}) };
}

async function endOf(
  child: Deno.ChildProcess,
  readers: readonly Reader[],
): Promise<{ readonly code: number; readonly signal: string | null }> {
  const { code, signal } = await child.status;
  const grace = Promise.withResolvers<void>();
  const timer = setTimeout(grace.resolve, outputGraceMs);
  await Promise.race([Promise.all(readers.map(({ done }) => done)), grace.promise]);
  clearTimeout(timer);
  for (const reader of readers) reader.stop();
  return { code, signal };
}

/** Deno gives the right to send signals to a group only with the right to run everything; the shell has it anyway. */
function killGroup(pid: number): void {
  try {
    new Deno.Command(shellPath, {
      args: ["-c", 'kill -KILL "-$1"', "sh", String(pid)],
      clearEnv: true,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn().unref();
  } catch {
    // Without processes to spare nothing can be done; the command goes on as its owner's.
  }
}

function spawnFault(error: unknown): Fault {
  const kind = error instanceof Deno.errors.NotFound
    ? "notFound"
    : error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied
    ? "denied"
    : "io";
  return new Fault(kind, `Cannot run ${shellPath}: ${error instanceof Error ? error.message : error}`, {
    cause: error,
  });
}

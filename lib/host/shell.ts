/** Commands through /bin/sh, for agents: the `Shell` port over the operating system. */

import { Fault } from "../fault.ts";
import type { Shell, ShellCommandLine, ShellEnd, ShellRun } from "../port.ts";

/** The shell. A role that may run this path may run nothing else itself; its commands may, as any program of the user. */
export const shellPath = "/bin/sh";

/** How long a command's output is waited for once it has ended, ms: children in the background may hold it open. What a
 * command that ended well wrote to descriptor 3 is mail, and is waited for until the command is killed. */
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
    const log = (bytes: Uint8Array) => Promise.resolve(command.output(bytes));
    const stdout = take(child.stdout, command.side ?? log);
    const stderr = take(child.stderr, log);
    const killed = Promise.withResolvers<void>();
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
      ended: endOf(child, stdout, stderr, command.side === null ? null : killed.promise),
      kill() {
        killed.resolve();
        killGroup(child.pid);
      },
    };
  },
};

/** Runs as the user, so that it may fail where he may not go. A descriptor of ours is no business of the command's. */
function preamble({ side }: ShellCommandLine): string {
  const output = side === null ? "exec 3>&-" : "exec 3>&1 1>&2";
  return `${output}\ncd -- "$HOME" 2>/dev/null || cd /\nunset OLDPWD`;
}

interface Reader {
  /** Whether all has been read and used. */
  readonly done: Promise<boolean>;
  stop(): void;
}

function take(stream: ReadableStream<Uint8Array>, use: (bytes: Uint8Array) => Promise<void>): Reader {
  const reader = stream.getReader();
  const done = (async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return true;
      await use(value);
    }
  })();
  return { done: done.catch(() => false), stop: () => void reader.cancel().catch(() => {}) };
}

/** `sideKilled` is null when stdout is not descriptor 3; else it resolves when the command is killed. */
async function endOf(
  child: Deno.ChildProcess,
  stdout: Reader,
  stderr: Reader,
  sideKilled: Promise<void> | null,
): Promise<ShellEnd> {
  const { code, signal } = await child.status;
  const isGood = code === 0 && signal === null;
  const now = Promise.resolve();
  const [isStdoutWhole] = await Promise.all([
    // Nobody uses what a command that failed gave back.
    settle(stdout, isGood && sideKilled !== null ? sideKilled : now),
    settle(stderr, now),
  ]);
  return { code, signal, isSideWhole: sideKilled === null || isStdoutWhole };
}

/** Waits until all is read, but no longer than `outputGraceMs` from `impatient` on. True: all is read. */
async function settle(reader: Reader, impatient: Promise<void>): Promise<boolean> {
  const { promise: grace, resolve } = Promise.withResolvers<false>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isSettled = false;
  void impatient.then(() => {
    if (!isSettled) timer = setTimeout(() => resolve(false), outputGraceMs);
  });
  const isWhole = await Promise.race([reader.done, grace]);
  isSettled = true;
  if (timer !== null) clearTimeout(timer);
  reader.stop();
  return isWhole;
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

/** The commands of this checkout, run as deno.json's tasks run them: same script, same rights. */

import { join } from "@std/path";

/** The checkout. */
export const root = join(import.meta.dirname ?? "", "../..");

/** What follows `deno` in the last command of a task, with the script's path made absolute below `checkout`. */
export function taskArgs(name: string, checkout = root): string[] {
  const manifest: { tasks: Record<string, { command: string }> } = JSON.parse(
    Deno.readTextFileSync(join(checkout, "deno.json")),
  );
  const command = manifest.tasks[name]?.command.split("&&").at(-1)?.trim();
  const [program, ...args] = command?.split(" ") ?? [];
  if (program !== "deno") throw new Error(`deno.json has no task ${name} that runs deno`);
  return args.map((arg) => arg.endsWith(".ts") ? join(checkout, arg) : arg);
}

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs any program to its end, with `stdin` as its whole input. Fails after `limitMs`. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { stdin?: string | Uint8Array; env?: Record<string, string>; cwd?: string; limitMs?: number } = {},
): Promise<Ended> {
  const child = new Deno.Command(program, {
    args: [...args],
    env: { NO_COLOR: "1", ...options.env },
    cwd: options.cwd ?? root,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), options.limitMs ?? 60_000);
  const input = options.stdin ?? "";
  const writer = child.stdin.getWriter();
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  // A program that does not read its input to the end is judged by its exit code, not by the broken pipe.
  const written = (bytes.length > 0 ? writer.write(bytes) : Promise.resolve()).then(() => writer.close()).catch(
    () => {},
  );
  const { code, stdout, stderr, signal } = await child.output();
  await written;
  clearTimeout(timer);
  const decoder = new TextDecoder();
  if (signal === "SIGKILL") throw new Error(`${program} ${args.join(" ")}: no end in time: ${decoder.decode(stderr)}`);
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs one of our commands to its end. */
export function runTask(
  name: string,
  args: readonly string[],
  options: Parameters<typeof runProgram>[2] = {},
): Promise<Ended> {
  return runProgram(Deno.execPath(), [...taskArgs(name), ...args], options);
}

/** What running a program costs. */

/** How to run it. */
export interface Run {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Prints the peak memory again and again while "$@" runs, and ends as it does. */
const watch = `"$@" >/dev/null & p=$!; while grep VmHWM /proc/$p/status; do sleep 0.02; done; wait $p`;

/** Wall time in ms, from start to end. Throws when the program fails. */
export async function timeOf(run: Run): Promise<number> {
  const start = performance.now();
  await outputOf(run);
  return performance.now() - start;
}

/** The most memory that the program held, in bytes. Throws when it fails. */
export async function peakOf({ program, args, ...rest }: Run): Promise<number> {
  const text = await outputOf({ ...rest, program: "sh", args: ["-c", watch, "sh", program, ...args] });
  return Number([...text.matchAll(/VmHWM:\s+(\d+)/g)].at(-1)?.[1] ?? 0) * 1024;
}

/** What the program prints. Throws when it fails. */
export async function outputOf({ program, args, env, cwd }: Run): Promise<string> {
  const where = cwd === undefined ? {} : { cwd };
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    env: { ...env },
    ...where,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${program} ${args.join(" ")} failed: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** The middle one of some figures. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

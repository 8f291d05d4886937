/** What runs on this machine, read from /proc. Linux only. Deno lets no program without all rights read /proc, so
 * a shell does it. */

/** One process. */
export interface ProcessFact {
  readonly pid: number;
  /** Its argument vector. */
  readonly argv: readonly string[];
}

/** A process and all below it; those that only wait to be collected are left out. */
export function processTree(pid: number): ProcessFact[] {
  const parents = livingProcesses();
  const found = parents.has(pid) ? [pid] : [];
  for (let i = 0; i < found.length; i++) {
    for (const [child, parent] of parents) if (parent === found[i]) found.push(child);
  }
  return factsOf(found);
}

/** A line of arguments for each process. One that has ended meanwhile has none. */
function factsOf(pids: readonly number[]): ProcessFact[] {
  const lines = shell(`for p in ${pids.join(" ")}; do tr '\\0\\n' '\\t ' < /proc/$p/cmdline; echo; done`).split("\n");
  return pids.map((pid, i) => ({ pid, argv: lines[i]?.split("\t").slice(0, -1) ?? [] }));
}

/** True while any of the processes runs. */
export function anyAlive(pids: readonly number[]): boolean {
  const parents = livingProcesses();
  return pids.some((pid) => parents.has(pid));
}

/** Proportional set size of the processes together, in bytes: shared pages are counted once. */
export function pssOf(pids: readonly number[]): number {
  let kilobytes = 0;
  const text = shell(`cat ${pids.map((pid) => `/proc/${pid}/smaps_rollup`).join(" ")}`);
  for (const [, size] of text.matchAll(/^Pss:\s+(\d+)/gm)) kilobytes += Number(size);
  return kilobytes * 1024;
}

/** Seconds of processor time that a process and all below it have used, those that have ended and were collected
 * among them. */
export function cpuOf(pid: number): number {
  const pids = processTree(pid).map((one) => one.pid);
  let ticks = 0;
  for (const line of shell(`cat ${pids.map((one) => `/proc/${one}/stat`).join(" ")}`).split("\n")) {
    // Of the process and of children that were waited for: utime, stime, cutime, cstime.
    for (const field of stateOf(line).slice(11, 15)) ticks += Number(field);
  }
  // The unit that the kernel tells programs, on every Linux.
  return ticks / 100;
}

/** True when every thread of the processes has been stopped by a signal. */
export function allStopped(pids: readonly number[]): boolean {
  const lines = shell(`cat ${pids.map((pid) => `/proc/${pid}/task/*/stat`).join(" ")}`).split("\n");
  return lines.every((line) => line === "" || stateOf(line)[0] === "T");
}

/** State and parent in a line of /proc/PID/stat. */
function stateOf(line: string): readonly string[] {
  // The program's name is in parentheses and may have blanks and parentheses of its own.
  return line.slice(line.lastIndexOf(")") + 2).split(" ");
}

/** Parents of all processes that have not ended. */
function livingProcesses(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const line of shell("cat /proc/[0-9]*/stat").split("\n")) {
    const [state, parent] = stateOf(line);
    if (parent !== undefined && state !== "Z" && state !== "X") parents.set(parseInt(line), Number(parent));
  }
  return parents;
}

/** Standard output of a shell's command; what it cannot read, because it has just ended, is left out. */
function shell(command: string): string {
  const { stdout } = new Deno.Command("sh", { args: ["-c", command], stdin: "null", stderr: "null" }).outputSync();
  return new TextDecoder().decode(stdout);
}

/** How a role's process is started: through a line of shell that runs Deno with exactly the flags of its row.
 *
 * The shell is not a convenience. node:child_process adds a flag that grants every permission whenever Deno's own
 * path stands in a child's arguments; here it stands in the environment. No file is written: agents have to start when
 * the disk is full, or it would never empty. */

import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { Fault } from "../fault.ts";

/** What a process is to be. */
export interface Launch {
  /** Flags of `deno run`. */
  readonly flags: readonly string[];
  /** Whose rights it runs with; null for ours. `groups` also gives the account's supplementary groups. */
  readonly account:
    | { readonly name: string; readonly uid: number; readonly gid: number; readonly groups: boolean }
    | null;
  /** Module to run, a file URL, and words to it. */
  readonly module: string;
  /** What the module finds in `Deno.args`. */
  readonly args: readonly string[];
}

/** The command and the environment that start a process. `blocks` is what askMachine found; null lets each process find
 * out by itself. */
export function launchCommand(
  launch: Launch,
  blocks: boolean | null = null,
): { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const { account, flags, module, args } = launch;
  const line = blocks === null ? probingLine : blocks ? blockingLine : plainLine;
  const shell = ["/bin/sh", "-c", line, "sh"];
  const words = ["run", ...flags, fileURLToPath(module), ...args];
  return {
    argv: [...(account === null ? [] : asAccount(account)), ...shell, ...words],
    env: { ...childEnvironment(), [programVariable]: Deno.execPath() },
  };
}

/** Names Deno's own path to the line of shell. */
const programVariable = "POSTERN_DENO";

/** SIGUSR1 would open Deno's inspector, on a port for everybody on this machine; where env(1) is that of GNU, it never
 * arrives. */
const blocking = "env --block-signal=USR1";
const plainLine = `exec "$${programVariable}" "$@"`;
const blockingLine = `exec ${blocking} "$${programVariable}" "$@"`;
const probingLine = `${blocking} true 2>/dev/null && ${blockingLine}\n${plainLine}`;

/** What a shell of this machine says. */
export interface Machine {
  /** Descriptors that a process may have open, for Deno raises its own limit to the highest that is allowed; null for any
   * number. */
  readonly descriptors: number | null;
  /** env(1) can block signals; null when that could not be asked. */
  readonly blocks: boolean | null;
  /** Standard error is a file. */
  readonly logsToFile: boolean;
}

/** Asks a shell, once for all processes to come. Never rejects. */
export async function askMachine(): Promise<Machine> {
  const args = ["-c", questions];
  const { PATH = "" } = childEnvironment();
  const asked = new Deno.Command("/bin/sh", { args, env: { PATH }, clearEnv: true, stdin: "null", stderr: "inherit" });
  let text = "";
  try {
    text = new TextDecoder().decode((await asked.output()).stdout);
  } catch {
    // There is no shell: then nothing that is asked of one is known.
  }
  const [limit = "", ...words] = text.split("\n");
  return {
    descriptors: /^[0-9]+$/.test(limit) ? Number(limit) : null,
    blocks: text === "" ? null : words.includes("blocks"),
    logsToFile: words.includes("file"),
  };
}

/** What standard error is open to: the second where somebody made a small /dev. */
const stderrTest = "test -f /dev/stderr || test -f /proc/self/fd/2";

/** Deno itself could only say the last one with node:fs, which takes 12 ms to load. */
const questions =
  `ulimit -Hn 2>/dev/null || echo; ${blocking} true 2>/dev/null && echo blocks; { ${stderrTest}; } && echo file`;

/** Mode of a file; null when it is not there or not to be seen. */
function modeOf(path: string): number | null {
  try {
    return Deno.statSync(path).mode;
  } catch {
    return null;
  }
}

function asAccount(account: NonNullable<Launch["account"]>): readonly string[] {
  const program = ["/usr/bin/setpriv", "/bin/setpriv"].find((one) => modeOf(one) !== null);
  if (program === undefined) {
    throw new Fault("notFound", "Cannot change to another account: setpriv is missing; install util-linux");
  }
  return [
    program,
    `--reuid=${account.groups ? account.name : account.uid}`,
    `--regid=${account.gid}`,
    account.groups ? "--init-groups" : "--clear-groups",
    "--no-new-privs",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--",
  ];
}

/** The whole environment of a role. */
function childEnvironment(): Record<string, string> {
  const env: Record<string, string> = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    DENO_DIR: cacheDirectory(),
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
  };
  const zone = Deno.env.get("TZ");
  if (zone !== undefined) env["TZ"] = zone;
  return env;
}

/** Where Deno keeps what it has compiled and fetched. */
function cacheDirectory(): string {
  const set = Deno.env.get("DENO_DIR");
  if (set !== undefined && set !== "") return set;
  const cache = Deno.env.get("XDG_CACHE_HOME");
  const home = Deno.env.get("HOME") ?? "/root";
  return join(cache !== undefined && cache !== "" ? cache : join(home, ".cache"), "deno");
}

/** The first path among Deno, its cache and our sources that an account other than ours could not reach; null when
 * all can be. Looks at the permission bits for others on each step of the way. */
export function unreachableForOthers(module: string): string | null {
  for (const path of [Deno.execPath(), cacheDirectory(), fileURLToPath(module)]) {
    for (let at = dirname(path); at !== "/"; at = dirname(at)) {
      const mode = modeOf(at);
      if (mode !== null && (mode & 0o001) === 0) return at;
    }
    const mode = modeOf(path);
    if (mode !== null && (mode & 0o004) === 0) return path;
  }
  return null;
}

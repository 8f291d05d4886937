/** Runs all tests, each part with the least rights that it can do with, and ends with one line of totals:
 * `N passed, N failed, N skipped`. Arguments choose parts by name, or files. Started by `deno task test`. */

import { dirname, join } from "@std/path";

/** Tests that run together, under the same rights. */
export interface Part {
  readonly name: string;
  /** Folders of tests/; `.` is tests/ itself. */
  readonly folders: readonly string[];
  /** Rights; `ROOT` is the checkout and `TMP` a folder made for this run. */
  readonly flags: readonly string[];
}

/** How many tests ended how. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The plan. What a part may do is all that its subject may need. */
export const parts: readonly Part[] = [
  {
    name: "pure",
    folders: [".", "support", "mail", "smtp", "trust", "policy", "delivery", "fuzz", "sim"],
    flags: ["--allow-read=ROOT"],
  },
  {
    name: "disk",
    folders: ["table", "spool", "contract", "daemon"],
    flags: ["--allow-read=ROOT,TMP", "--allow-write=TMP"],
  },
  {
    name: "host",
    folders: ["host"],
    flags: [
      "--allow-read",
      "--allow-write=TMP",
      // Unix sockets can be allowed by their whole path only, and these are made in folders of their own.
      "--allow-net",
      "--allow-run",
      "--allow-sys",
      "--allow-env",
    ],
  },
  {
    name: "cli",
    folders: ["cli"],
    flags: ["--allow-read", "--allow-write=TMP", "--allow-net", "--allow-run", "--allow-sys", "--allow-env"],
  },
  {
    name: "system",
    folders: ["e2e", "fault", "interop"],
    flags: ["--allow-read", "--allow-write=TMP", "--allow-net", "--allow-run", "--allow-sys", "--allow-env"],
  },
];

/** Where seeds are kept that once made a property fail. */
export const seedsPath = "fixtures/fuzz/seeds.json";

/** A seed with which the properties of a file failed once. */
export interface KeptSeed {
  /** Relative to the checkout. */
  readonly file: string;
  readonly seed: number;
}

/** The seeds that are kept; none when there is no file. */
export function readSeeds(path: string): readonly KeptSeed[] {
  try {
    const value: unknown = JSON.parse(Deno.readTextFileSync(path));
    return Array.isArray(value) ? value.filter(isKeptSeed) : [];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function isKeptSeed(value: unknown): value is KeptSeed {
  return typeof value === "object" && value !== null && "file" in value && typeof value.file === "string" &&
    "seed" in value && typeof value.seed === "number";
}

/** Adds a seed, once. */
export function keepSeed(path: string, kept: KeptSeed): void {
  const seeds = readSeeds(path).filter(({ file, seed }) => file !== kept.file || seed !== kept.seed);
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(`${path}.new`, `${JSON.stringify([...seeds, kept], null, 2)}\n`);
  Deno.renameSync(`${path}.new`, path);
}

/** The test files that have properties, without those that need other programs. */
export function withProperties(root: string): readonly string[] {
  return parts.filter(({ name }) => name === "pure" || name === "disk").flatMap((part) => pathsOf(part, root, []))
    .filter((path) => Deno.readTextFileSync(join(root, path)).includes("fast_check.ts"));
}

const commonFlags = ["--no-prompt", "--cached-only", "--frozen"];

/** The part that runs a test file, null when none does. `path` is relative to the checkout. */
export function partFor(path: string): Part | null {
  const steps = path.split("/");
  if (steps[0] !== "tests") return null;
  const folder = steps.length === 2 ? "." : steps[1] ?? "";
  return parts.find((part) => part.folders.includes(folder)) ?? null;
}

/** Reads the last line of totals that `deno test` printed; null when there is none, as after a type error. */
export function readTotals(output: string): Totals | null {
  const lines = output.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/gm);
  const last = [...lines].at(-1);
  return last ? { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) } : null;
}

/** The line that ends a run. */
export function formatTotals({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function addTotals(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** Runs `deno` with `args`, shows what it prints, and reads the totals. A run without totals counts as a failure. */
async function runDeno(args: readonly string[], tmp: string, seed: number | null = null): Promise<Totals> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", ...commonFlags, ...args],
    env: { TMPDIR: tmp, NO_COLOR: "1", ...(seed === null ? {} : { FUZZ_SEED: String(seed) }) },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const decoder = new TextDecoder();
  let output = "";
  for await (const bytes of child.stdout) {
    await Deno.stdout.write(bytes);
    output = (output + decoder.decode(bytes, { stream: true })).slice(-20_000);
  }
  const status = await child.status;
  const totals = readTotals(output) ?? { passed: 0, failed: 1, skipped: 0 };
  return status.success || totals.failed > 0 ? totals : { ...totals, failed: 1 };
}

/** Paths of a part that exist, all or those among `wanted`. */
function pathsOf(part: Part, root: string, wanted: readonly string[]): string[] {
  if (wanted.length > 0 && !wanted.includes(part.name)) return wanted.filter((path) => partFor(path) === part);
  const found: string[] = [];
  for (const folder of part.folders) {
    for (const name of folderOf(join(root, "tests", folder))) found.push(join("tests", folder, name));
  }
  return found.sort();
}

function folderOf(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map((entry) => entry.name).filter((name) => name.endsWith("_test.ts"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Runs test files under the rights of their part; with a seed for their properties, if one is given. */
export async function runPart(root: string, files: readonly string[], seed: number | null): Promise<Totals> {
  return await inFolder(async (tmp) => {
    let totals: Totals = { passed: 0, failed: 0, skipped: 0 };
    for (const part of parts) {
      const paths = files.filter((file) => partFor(file) === part);
      if (paths.length > 0) {
        totals = addTotals(totals, await runDeno([...flagsOf(part, root, tmp), ...paths], tmp, seed));
      }
    }
    return totals;
  });
}

function flagsOf({ name, flags }: Part, root: string, tmp: string): readonly string[] {
  const own = flags.map((flag) => flag.replace("ROOT", root).replace("TMP", tmp));
  return name === "pure" || name === "disk" ? [...own, "--allow-env=FUZZ_SEED"] : own;
}

/** Makes a folder for a run, short for paths of sockets, open to other accounts, whose processes some tests start. */
async function inFolder<T>(work: (tmp: string) => Promise<T>): Promise<T> {
  const tmp = await Deno.makeTempDir({ prefix: "p" });
  await Deno.chmod(tmp, 0o755);
  try {
    return await work(tmp);
  } finally {
    await Deno.remove(tmp, { recursive: true });
  }
}

async function main(wanted: readonly string[]): Promise<number> {
  const root = Deno.cwd();
  const totals = await inFolder(async (tmp) => {
    let totals: Totals = { passed: 0, failed: 0, skipped: 0 };
    for (const part of parts) {
      const paths = pathsOf(part, root, wanted);
      if (paths.length === 0) continue;
      console.log(`\n## ${part.name}: ${part.flags.join(" ")}`);
      totals = addTotals(totals, await runDeno([...flagsOf(part, root, tmp), ...paths], tmp));
    }
    if (wanted.length === 0 || wanted.includes("doc")) {
      console.log("\n## doc: the examples in mod.ts, with no rights");
      totals = addTotals(totals, await runDeno(["--doc", "mod.ts"], tmp));
    }
    for (const { file, seed } of wanted.length === 0 ? readSeeds(join(root, seedsPath)) : []) {
      console.log(`\n## kept seed ${seed}: ${file}`);
      totals = addTotals(totals, await runPart(root, [file], seed));
    }
    return totals;
  });
  console.log(formatTotals(totals));
  return totals.failed > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

/** NAME
 *   fuzz - run the properties with other seeds, for as long as there is time
 *
 * SYNOPSIS
 *   deno task fuzz [--minutes N] [--seed S] [FILE ...]
 *
 * DESCRIPTION
 *   Runs every test file that has properties (or the files given) with a seed of chance, round after round, N minutes
 *   in all (default 5). With --seed there is one round, with that seed. A seed that makes a file fail is kept in
 *   fixtures/fuzz/seeds.json; `deno task test` runs the file with it from then on, until somebody takes it out.
 *
 * EXIT STATUS
 *   0 when nothing failed, 1 when something did, 64 for a wrong option. */

import { join } from "@std/path";
import { keepSeed, type KeptSeed, readSeeds, runPart, seedsPath, withProperties } from "../run.ts";

interface Options {
  readonly minutes: number;
  readonly seed: number | null;
  readonly files: readonly string[];
}

function readOptions(args: readonly string[]): Options | null {
  let [minutes, seed]: [number, number | null] = [5, null];
  const files: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    const value = Number(args[at + 1]);
    if (word === "--minutes" && value > 0) [minutes, at] = [value, at + 1];
    else if (word === "--seed" && Number.isInteger(value)) [seed, at] = [value, at + 1];
    else if (word.startsWith("-")) return null;
    else files.push(word);
  }
  return { minutes, seed, files };
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null) {
    console.error("usage: deno task fuzz [--minutes N] [--seed S] [FILE ...]");
    return 64;
  }
  const root = Deno.cwd();
  const files = options.files.length > 0 ? options.files : withProperties(root);
  const end = Date.now() + options.minutes * 60_000;
  const failed: KeptSeed[] = [];
  let rounds = 0;
  do {
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
    console.log(`\n# round ${++rounds}: seed ${seed}, ${files.length} files`);
    for (const file of files) {
      if ((await runPart(root, [file], seed)).failed === 0) continue;
      failed.push({ file, seed });
      keepSeed(join(root, seedsPath), { file, seed });
    }
  } while (options.seed === null && Date.now() < end);
  console.log(`\n${rounds} rounds, ${failed.length} failures; ${readSeeds(join(root, seedsPath)).length} seeds kept`);
  for (const { file, seed } of failed) console.log(`  deno task fuzz --seed ${seed} ${file}`);
  return failed.length > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

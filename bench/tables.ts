/** Long tables: how soon they open, how many look-ups a second they answer, what an entry costs in memory. */

import { join } from "@std/path";
import { root } from "../tests/support/command.ts";
import { outputOf, peakOf, type Run, timeOf } from "./measure.ts";
import { command } from "./postern.ts";
import type { Figure } from "./scenarios.ts";
import type { TableCosts } from "./table_lookup.ts";

/** How many entries a long table has, and a short one that its opening is compared with. */
const entries = { long: 1_000_000, short: 1000 } as const;
const lookups = 200_000;

/** Makes the text of a table: `user<i>: box<i>, copy<i>@other.test`. */
export async function writeAliases(path: string, count: number): Promise<void> {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) lines.push(`user${i}: box${i}, copy${i}@other.test\n`);
  await Deno.writeTextFile(path, lines.join(""));
}

/** Ours, of each kind that holds many entries. */
export async function measureOurTables(scratch: string): Promise<Record<string, Figure>> {
  const figures: Record<string, Figure> = {};
  for (const [size, count] of Object.entries(entries)) {
    const text = join(scratch, size);
    await writeAliases(text, count);
    await timeOf(command("makemap", ["-t", "aliases", text]));
    const build = await timeOf(command("makemap", ["-t", "aliases", "-d", "sqlite", text]));
    if (size === "long") figures["table-1m-sqlite-makemap"] = { unit: "s", value: build / 1000 };
    for (const [kind, path] of [["cdb", `${text}.db`], ["sqlite", `${text}.sqlite`], ["file", text]] as const) {
      const costs = await costsOf(kind, path, count);
      const name = `table-${size === "long" ? "1m" : "1k"}-${kind}`;
      figures[`${name}-open`] = { unit: "ms", value: costs.openMs };
      if (size !== "long") continue;
      figures[name] = { unit: "lookups/s", value: costs.lookupsPerSecond };
      figures[`${name}-memory`] = { unit: "B/entry", value: Math.max(0, costs.memory) / count };
    }
  }
  return figures;
}

async function costsOf(kind: string, path: string, count: number): Promise<TableCosts> {
  const script = join(root, "bench/table_lookup.ts");
  const flags = ["--no-prompt", "--cached-only", "--frozen", "--v8-flags=--expose-gc", `--allow-read`];
  const args = ["run", ...flags, script, kind, path, String(count), String(lookups)];
  return JSON.parse(await outputOf({ program: Deno.execPath(), args, env: { NO_COLOR: "1" }, cwd: root }));
}

/** Postfix's: `postmap -q -` with the keys on standard input, less what it takes for one key. `make` builds the cdb of a
 * text, `query` asks the map for the keys in a file. */
export async function measureTheirTables(
  scratch: string,
  make: (text: string) => Run,
  query: (text: string) => Run,
): Promise<Record<string, Figure>> {
  const text = join(scratch, "long");
  await writeAliases(text, entries.long);
  await timeOf(make(text));
  const [one, many] = [join(scratch, "one"), join(scratch, "many")];
  await Deno.writeTextFile(one, "user1\n");
  const keys = Array.from({ length: lookups }, (_, i) => `user${i * 7_919 % (entries.long * 2)}\n`);
  await Deno.writeTextFile(many, keys.join(""));
  const run = (file: string): Run => {
    const { program, args, ...rest } = query(text);
    return { ...rest, program: "sh", args: ["-c", 'exec "$@" <"$0"', file, program, ...args] };
  };
  await timeOf(run(many));
  const open = await timeOf(run(one));
  const all = await timeOf(run(many));
  const memory = await peakOf(run(many)) - await peakOf(run(one));
  return {
    "table-1m-cdb": { unit: "lookups/s", value: lookups / (all - open) * 1000 },
    "table-1m-cdb-memory": { unit: "B/entry", value: Math.max(0, memory) / entries.long },
  };
}

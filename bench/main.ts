/** Measures Postern and Postfix side by side, on this machine, in one run: `deno task bench`, with the options of
 * `help` below. Postfix is unpacked from its Debian package into .bench/ and runs on loopback with queue and configuration in a
 * scratch folder; that needs root. Everything started is ended, everything written is removed, but for .bench/. */

import { parseArgs } from "node:util";
import { join } from "@std/path";
import { command, postern } from "./postern.ts";
import { median, type Run, timeOf } from "./measure.ts";
import { postfix } from "./postfix.ts";
import { postfixPackage } from "./postfix_package.ts";
import { type Bench, type Figure, type Scenario, scenarios } from "./scenarios.ts";
import type { Kind } from "./server.ts";
import { formatTable, type Row } from "./table.ts";

const help = `deno task bench [options]
  --only NAME    scenarios whose name begins with NAME; may be repeated
  --server NAME  only this server (postern or postfix)
  --quick        loads of one second instead of four
  --rounds N     measures each N times and takes the middle figure
  --json         prints one JSON object instead of the table
  --list         names the scenarios
  --help         prints this`;

const options = readOptions();

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string", multiple: true },
        server: { type: "string" },
        quick: { type: "boolean" },
        rounds: { type: "string" },
        json: { type: "boolean" },
        list: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    if (!/^[1-9][0-9]?$/.test(values.rounds ?? "1")) throw new Error("--rounds takes a number from 1 to 99");
    if (values.server !== undefined && !["postern", "postfix"].includes(values.server)) {
      throw new Error("--server takes postern or postfix");
    }
    return values;
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}\n${help}`);
    Deno.exit(64);
  }
}

/** What only we are asked: how soon our commands print their manual, beside a program that does nothing. */
const commandStart: Scenario = {
  name: "command-start",
  what: "sendmail --help, makemap --help and an empty program of Deno's, the middle of 11 runs",
  run: async (_kind, bench) => {
    const empty = join(await bench.folder(), "empty.ts");
    await Deno.writeTextFile(empty, "");
    const runs: Readonly<Record<string, Run>> = {
      "empty-start": { program: Deno.execPath(), args: ["run", "--no-prompt", "--cached-only", empty], env: {} },
      "sendmail-start": command("sendmail", ["--help"]),
      "makemap-start": command("makemap", ["--help"]),
    };
    const times = new Map(Object.keys(runs).map((name) => [name, [] as number[]]));
    for (let i = 0; i < 11; i++) {
      for (const [name, run] of Object.entries(runs)) times.get(name)?.push(await timeOf(run));
    }
    return Object.fromEntries([...times].map(([name, list]) => [name, { unit: "ms", value: median(list) }]));
  },
};

/** Measures; the servers take turns, so that a busy moment of the machine meets both. A scenario that fails is told
 * on stderr and leaves its figure out. */
async function rowsOf(scenario: Scenario, kinds: readonly Kind[], bench: Bench, rounds: number): Promise<Row[]> {
  const found = new Map<string, { readonly ours: Figure[]; readonly theirs: Figure[] }>();
  for (let i = 0; i < rounds; i++) {
    for (const kind of kinds) {
      if (scenario === commandStart && kind !== postern) continue;
      await bench.settle();
      try {
        for (const [name, figure] of Object.entries(await scenario.run(kind, bench))) {
          const row = found.get(name) ?? { ours: [], theirs: [] };
          found.set(name, row);
          row[kind === postern ? "ours" : "theirs"].push(figure);
        }
      } catch (error) {
        console.error(`${scenario.name}, ${kind.name}: ${error instanceof Error ? error.message : error}`);
        Deno.exitCode = 1;
      }
    }
  }
  return [...found].map(([name, { ours, theirs }]) => ({ name, ours: middle(ours), theirs: middle(theirs) }));
}

function middle(figures: readonly Figure[]): Figure | null {
  const unit = figures[0]?.unit;
  return unit === undefined ? null : { unit, value: median(figures.map((one) => one.value)) };
}

async function main(): Promise<void> {
  if (options.help) return console.log(help);
  const chosen = [...scenarios, commandStart].filter((one) =>
    options.only === undefined || options.only.some((name) => one.name.startsWith(name))
  );
  if (chosen.length === 0) {
    console.error("bench: no scenario has such a name; see --list");
    Deno.exit(64);
  }
  if (options.list) return chosen.forEach((one) => console.log(`${one.name.padEnd(22)}${one.what}`));
  const files = await postfixPackage();
  const kinds = [postern, postfix(files)].filter((kind) =>
    options.server === undefined || kind.name.toLowerCase() === options.server
  );
  const scratch = await Deno.makeTempDir({ prefix: "postern-bench-" });
  // Both servers' delivery programs run under other uids than ours.
  await Deno.chmod(scratch, 0o755);
  let folders = 0;
  const made: string[] = [];
  const bench: Bench = {
    files,
    seconds: options.quick ? 1 : 4,
    folder: async () => {
      const path = join(scratch, String(folders++));
      await Deno.mkdir(path);
      made.push(path);
      return path;
    },
    settle: async () => {
      for (const path of made.splice(0)) await Deno.remove(path, { recursive: true });
      await new Deno.Command("sync").output();
    },
  };
  const rows: Row[] = [];
  const [load = 0] = Deno.loadavg();
  if (load > 0.5) console.error(`The machine is not idle (load ${load.toFixed(1)}): figures will be low and unsteady.`);
  try {
    for (const scenario of chosen) {
      if (!options.json) console.error(`${scenario.name}: ${scenario.what}`);
      rows.push(...await rowsOf(scenario, kinds, bench, Number(options.rounds ?? 1)));
    }
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
  console.log(options.json ? JSON.stringify({ at: new Date().toISOString(), rows }, null, 2) : formatTable(rows));
}

await main();

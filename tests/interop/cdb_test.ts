/** tinycdb's `cdb` reads our maps, and we read its. */

import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import { openTable } from "../../lib/table/open.ts";
import { noBackends } from "../support/backends.ts";
import { runProgram, runTask } from "../support/command.ts";
import { inFolder } from "../support/folder.ts";
import { findProgram } from "../support/programs.ts";

const cdb = findProgram("cdb") ?? "";
const ignore = cdb === "";
const needs = ignore ? " (needs the package tinycdb)" : "";
const options = {
  subAddressDelimiter: "+",
  clock: { monotonic: () => 0, now: () => 0 },
  report: () => {},
  ...noBackends,
};

/** Records in cdb(1)'s own form: `+klen,vlen:key->value`. */
function formatRecords(records: readonly (readonly [string, string])[]): string {
  const size = (text: string) => new TextEncoder().encode(text).length;
  return records.map(([key, value]) => `+${size(key)},${size(value)}:${key}->${value}\n`).join("") + "\n";
}

Deno.test({
  name: `cdb -q, -d and -s read what makemap made${needs}`,
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const entries = Array.from({ length: 2000 }, (_, i) => [`user${i}`, `target${i}@example.org`] as const);
      await Deno.writeTextFile(`${folder}/al`, entries.map(([key, value]) => `${key}: ${value}\n`).join(""));
      equal((await runTask("makemap", ["-t", "aliases", `${folder}/al`])).code, 0);
      const map = `${folder}/al.db`;
      for (const [key, value] of entries.slice(0, 20)) {
        equal((await runProgram(cdb, ["-q", map, key])).stdout.trimEnd(), value);
      }
      equal((await runProgram(cdb, ["-q", map, "nobody"])).code, 100);
      equal((await runProgram(cdb, ["-d", map])).stdout, formatRecords(entries));
      const { stdout } = await runProgram(cdb, ["-s", map]);
      equal(/number of records: (\d+)/.exec(stdout)?.[1], "2000", stdout);
      // Every slot is where a reader looks for it: cdb -s walks all tables.
      equal(/hash tables\/entries\/collisions: \d+\/(\d+)\//.exec(stdout)?.[1], "4000", stdout);
    }),
});

Deno.test({
  name: `an empty map is one for cdb too${needs}`,
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      equal((await runTask("makemap", ["-o", `${folder}/m`, "-"])).code, 0);
      equal((await runProgram(cdb, ["-d", `${folder}/m`])).stdout, "\n");
    }),
});

Deno.test({
  name: `a table reads what cdb -c made, with and without final NULs${needs}`,
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const entries = [["root", "Ann"], ["*.example.org", "pattern"], ["büro", "grüße"], ["@a.test", "x"]] as const;
      for (const flags of ["-c", "-c0"]) {
        const map = `${folder}/map${flags}`;
        const made = await runProgram(cdb, [flags, map], { stdin: formatRecords(entries) });
        equal(made.code, 0, made.stderr);
        const table = await openTable({ kind: "cdb", name: "t", path: map }, hostDisk, options);
        equal(await table.lookup("alias", "Root"), "Ann", flags);
        equal(await table.lookup("domain", "m.example.org"), "pattern");
        equal(await table.lookup("alias", "büro"), "grüße");
        equal(await table.lookup("mailaddr", "bob@a.test"), "x");
        equal(await table.lookup("alias", "nobody"), null);
        deepEqual([await table.fetch("source"), await table.fetch("source")], ["root", "*.example.org"]);
        table.close();
        const dump = await runTask("makemap", ["-U", map]);
        equal(dump.stdout, entries.map(([key, value]) => `${key}\t${value}\n`).join(""));
      }
    }),
});

Deno.test({
  name: `makemap and cdb -c make the same file of any records${needs}`,
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const word = fc.string({ unit: fc.constantFrom(..."abcxyz019@.-+é"), minLength: 1, maxLength: 12 });
      // Keys with U-labels are stored in A-labels as well.
      const key = fc.string({ unit: fc.constantFrom(..."abcxyz019@.-+"), minLength: 1, maxLength: 12 });
      const records = fc.uniqueArray(fc.tuple(key, word), { selector: ([key]) => key, maxLength: 200 });
      for (const entries of fc.sample(records, { numRuns: 8 })) {
        const text = entries.map(([key, value]) => `${key}\t${value}\n`).join("");
        equal((await runTask("makemap", ["-o", `${folder}/ours`, "-"], { stdin: text })).code, 0);
        equal((await runProgram(cdb, ["-c", `${folder}/theirs`], { stdin: formatRecords(entries) })).code, 0);
        deepEqual(await Deno.readFile(`${folder}/ours`), await Deno.readFile(`${folder}/theirs`));
        await Deno.remove(`${folder}/ours`);
        await Deno.remove(`${folder}/theirs`);
      }
    }),
});

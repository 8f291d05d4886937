/** Opens one table and asks it for keys in no order, half of which are there; prints what that costs as one JSON object.
 * A program of its own, so that its memory is the table's. `deno run --v8-flags=--expose-gc --allow-read
 * bench/table_lookup.ts KIND PATH ENTRIES LOOKUPS`; KIND is file, cdb or sqlite, entry i has the key `user<i>`. */

import { hostDisk } from "../lib/host/disk.ts";
import { trimMemory } from "../lib/host/memory.ts";
import { openSqlReader } from "../lib/host/sqlite.ts";
import { openTable } from "../lib/table/open.ts";
import { noBackends } from "../tests/support/backends.ts";
import type { TableSpec } from "../lib/table/table.ts";

/** What was measured. */
export interface TableCosts {
  /** From the call to the table that can be asked, ms. */
  readonly openMs: number;
  readonly lookupsPerSecond: number;
  /** What the process holds more than before it opened the table, octets; pages of files that are mapped are not in it. */
  readonly memory: number;
}

/** The step from one key to the next; with the numbers of entries in use it comes to each key once. */
const stride = 7_919;

async function measure(spec: TableSpec, entries: number, lookups: number): Promise<TableCosts> {
  trimMemory();
  const before = Deno.memoryUsage().rss;
  const start = performance.now();
  const table = await openTable(spec, hostDisk, {
    subAddressDelimiter: "+",
    clock: { monotonic: () => performance.now(), now: () => Date.now() },
    report: (fault) => console.error(fault.message),
    ...noBackends,
    openSql: openSqlReader,
  });
  const openMs = performance.now() - start;
  let found = 0;
  const run = async (count: number) => {
    const begin = performance.now();
    for (let i = 0; i < count; i++) {
      if (await table.lookup("alias", `user${i * stride % (entries * 2)}`) !== null) found++;
    }
    return count / (performance.now() - begin) * 1000;
  };
  await run(Math.ceil(lookups / 10));
  const lookupsPerSecond = await run(lookups);
  if (found === 0) throw new Error("no key was found");
  trimMemory();
  const memory = Deno.memoryUsage().rss - before;
  table.close();
  return { openMs, lookupsPerSecond, memory };
}

if (import.meta.main) {
  const [kind, path = "", entries, lookups] = Deno.args;
  const spec: TableSpec = kind === "sqlite"
    ? { kind, name: "t", path, settings: [] }
    : kind === "cdb"
    ? { kind, name: "t", path }
    : { kind: "file", name: "t", path };
  console.log(JSON.stringify(await measure(spec, Number(entries), Number(lookups))));
}

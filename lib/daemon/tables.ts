/** lookup's tables: all of the configuration's, opened at start, so that a file that cannot be read stops the start
 * and not the first message. */

import { Buffer } from "node:buffer";
import type { Clock, Disk } from "../port.ts";
import { assert, Fault } from "../fault.ts";
import type { Log } from "../event_log.ts";
import { judgeShape, shapeUses } from "../policy/check_shape.ts";
import { judgeExpansions, tableUses } from "../policy/check_table_text.ts";
import type { TableSource } from "../policy/expand.ts";
import type { Policy } from "../policy/policy.ts";
import { usesSystemUsers } from "../policy/uses.ts";
import { openTable, type TableBackends } from "../table/open.ts";
import type { Table } from "../table/table.ts";

/** Longest file that an alias may include, octets. */
export const includeLengthMax = 1024 * 1024;

/** Opens every table. Rejects with the Fault of the first that cannot be read. */
export async function openTables(
  policy: Policy,
  disk: Disk,
  clock: Clock,
  log: Log,
  backends: TableBackends,
): Promise<Pick<TableSource, "table" | "readInclude">> {
  const tables = new Map<string, Table>();
  const uses = tableUses(policy);
  const shapes = shapeUses(policy);
  for (const spec of Object.values(policy.tables)) {
    // Nobody asks for system users, and lookup has no right to read them.
    if (spec.kind === "getpwnam" && !usesSystemUsers(policy)) continue;
    const table = await openTable(spec, disk, {
      ...backends,
      subAddressDelimiter: policy.smtp.subAddressDelimiter,
      clock,
      judge: (name, { path, bytes, shape }) => ({
        refusal: judgeShape(shapes, name, shape),
        warnings: uses.get(name)?.has("expansion") === true ? judgeExpansions(path, bytes) : [],
      }),
      report: (fault) =>
        log({ priority: "err", session: "", from: "lookup", what: "table", fields: { reason: fault.message } }),
    });
    tables.set(spec.name, table);
  }
  return {
    table(name) {
      const table = tables.get(name);
      assert(table !== undefined, `table ${name} is one of the configuration's`);
      return table;
    },
    readInclude: (path) => readInclude(disk, path),
  };
}

async function readInclude(disk: Disk, path: string): Promise<string | null> {
  const stat = await disk.stat(path);
  if (stat === null) return null;
  if (stat.size > includeLengthMax) throw new Fault("malformed", `Cannot include ${path}: it is over 1 MiB`);
  return Buffer.from(await disk.readFile(path)).toString("utf8");
}

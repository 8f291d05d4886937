/** Tables in files whose entries are of the wrong shape for what they are used for: a list of aliases knows nobody, and
 * would refuse all mail for good. Tables in the configuration itself are judged where they stand (resolve_table.ts). */

import { ConfigLines } from "./check_lines.ts";
import type { Problem } from "./error.ts";
import type { ParsedConfig } from "./parser.ts";
import type { Policy, TableName } from "./policy.ts";
import { labelOf, type Purpose, shapeFor } from "./resolve_table.ts";
import { tablePurposes } from "./table_purposes.ts";

/** What a table that is read from a file is used for, as far as that needs a list or a map. */
export type ShapeUses = ReadonlyMap<TableName, ReadonlySet<Purpose>>;

/** The uses of each table in a file. */
export function shapeUses(policy: Policy): ShapeUses {
  const uses = new Map<TableName, Set<Purpose>>();
  for (const { table, purpose } of tablePurposes(policy)) {
    if (policy.tables[table]?.kind !== "file" || shapeFor(purpose) === "either") continue;
    uses.set(table, (uses.get(table) ?? new Set()).add(purpose));
  }
  return uses;
}

/** Why a table of that shape cannot be used as it is; null when it can. An empty one has no shape, and always can. */
export function judgeShape(uses: ShapeUses, name: TableName, shape: "list" | "map" | null): string | null {
  if (shape === null) return null;
  const purpose = [...uses.get(name) ?? []].find((one) => shapeFor(one) !== shape);
  return purpose === undefined ? null : `table "<${name}>" may not be used for ${labelOf(purpose)} lookups`;
}

/** Tells of tables in files that cannot be used as they are. `shapes` are what their files hold now. All of it is an
 * error: smtpd does not start with them. Pure. */
export function checkShapes(
  policy: Policy,
  config: ParsedConfig,
  shapes: ReadonlyMap<TableName, "list" | "map">,
): readonly Problem[] {
  const lines = new ConfigLines(policy, config.directives);
  const uses = shapeUses(policy);
  return [...shapes].flatMap(([name, shape]): readonly Problem[] => {
    const message = judgeShape(uses, name, shape);
    return message === null
      ? []
      : [{ severity: "error", span: lines.tableContent(name), message, hint: shapeHints[shape] }];
  });
}

/** By what the file holds. */
const shapeHints = {
  list: "its file is a list, and a map is wanted: write a key and a value on each line",
  map: "its file is a map, and a list is wanted: write keys alone; where they have colons, `# @list` on the first line",
};

/** How long answers of a table are remembered, where its `table` line says so. */

import { parseSettingMs, settingTimeHint } from "../table/settings.ts";
import type { TableSpec } from "../table/table.ts";
import type { TableOption } from "./ast.ts";
import { fail, type Scope } from "./scope.ts";

/** The table with what the options of its line say. Tells an error for each that cannot be. */
export function resolveCache(scope: Scope, spec: TableSpec, options: readonly TableOption[]): TableSpec {
  let resolved = spec;
  const seen = new Set<string>();
  for (const { kind, span, time } of options) {
    if (seen.has(kind)) fail(scope, span, `${kind} already specified for this table`, "delete one");
    else if (resolved.kind !== "proc") failKind(scope, resolved, { kind, span, time });
    else {
      const ms = parseSettingMs(time.text);
      if (ms === null) fail(scope, time.span, `${kind} is no time: ${time.text}`, settingTimeHint);
      else if (kind === "cache-ttl") resolved = { ...resolved, cacheTtlMs: ms };
      else resolved = { ...resolved, cacheNegativeTtlMs: ms };
    }
    seen.add(kind);
  }
  return resolved;
}

/** Each thing is said in one place: what a database has in its settings stands there alone. */
function failKind(scope: Scope, spec: Exclude<TableSpec, { kind: "proc" }>, { kind, span, time }: TableOption): void {
  switch (spec.kind) {
    case "postgres":
    case "mysql":
    case "redis":
    case "ldap": {
      const hint = `write it there: ${kind.replaceAll("-", "_")} ${time.text}`;
      fail(scope, span, `\`${kind}\` of a ${spec.kind} table stands in its settings, ${spec.path}`, hint);
      return;
    }
    default: {
      const hint = "it is for answers of programs (`proc:`)";
      fail(scope, span, `\`${kind}\` has no meaning for ${whyNot[spec.kind]}`, hint);
    }
  }
}

/** Why nothing is remembered of the other kinds. */
const whyNot = {
  static: "a table in braces: its entries are in memory",
  file: "a file table: it is in memory, and a change is used within seconds",
  passwd: "a passwd table: it is in memory, and a change is used within seconds",
  getpwnam: "a getpwnam table: it is in memory, and a change is used within seconds",
  cdb: "a cdb table: each look-up reads the file itself",
  sqlite: "a sqlite table: each look-up asks the database file itself",
} as const;

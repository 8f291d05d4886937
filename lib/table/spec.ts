/** What follows from a table's specification alone, before it is opened. */

import { Fault } from "../fault.ts";
import type { TableSpec } from "./table.ts";

/** The `table` line of a table in a database. */
export type DatabaseSpec = Extract<TableSpec, { readonly settings: unknown }>;

/** The `table` line of a table behind a program. */
export type ProcSpec = Extract<TableSpec, { readonly kind: "proc" }>;

/** A table behind a program, when its line says no more. `config` null for nothing. */
export function programSpec(name: string, command: string, config: string | null): ProcSpec {
  return { kind: "proc", name, command, config, cacheTtlMs: null, cacheNegativeTtlMs: null };
}

/** The database that a SQLite table is in. Throws a Fault `malformed` when its settings do not say. */
export function sqliteDatabase(spec: DatabaseSpec): string {
  if (spec.settings.length === 0) return spec.path;
  const path = spec.settings.findLast(([keyword]) => keyword === "dbpath")?.[1];
  if (path?.startsWith("/") === true) return path;
  const state = path === undefined ? "has no `dbpath`" : "has a `dbpath` that is no absolute path";
  throw new Fault("malformed", `Cannot use table ${spec.name}: ${spec.path} ${state}`, { blame: "ours" });
}

/** Are a table's answers remembered (cache.ts)? Those that come from other processes are. */
export function isRemembered(spec: TableSpec): boolean {
  return spec.kind === "proc" || ("settings" in spec && spec.kind !== "sqlite");
}

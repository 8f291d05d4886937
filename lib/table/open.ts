/** Opens a table by its specification. */

import type { Fault } from "../fault.ts";
import type { Disk, SqlDatabase } from "../port.ts";
import type { AskedPorts } from "./asked.ts";
import { CdbTable } from "./cdb_table.ts";
import { type ContentJudge, FileTable } from "./file.ts";
import { PasswdTable } from "./passwd.ts";
import { type ProcLink, ProcTable } from "./proc.ts";
import type { DatabaseSpec, ProcSpec } from "./spec.ts";
import { SqliteTable } from "./sqlite.ts";
import { StaticTable } from "./static.ts";
import type { Table, TableSpec } from "./table.ts";
import { UnicodeTable } from "./unicode.ts";
import type { WatchClock } from "./watch.ts";

/** The ways to what holds entries outside of plain files. */
export interface TableBackends {
  /** Opens a SQLite database for reading (host/sqlite.ts). */
  readonly openSql: (path: string) => SqlDatabase;
  /** The way to the helper of a table of kind proc. */
  readonly connectProc: (table: string) => ProcLink;
  /** The ways to servers of databases (host/databases.ts), and what times them. */
  readonly servers: AskedPorts;
}

/** What tables need to know beside their specification. */
export interface TableOptions extends TableBackends {
  /** Begins the tag of an address's user; `SmtpLimits.subAddressDelimiter`. Empty for no tags. */
  readonly subAddressDelimiter: string;
  /** Times looks at files, at most one a second, and what is remembered. */
  readonly clock: WatchClock;
  /** Told when a changed file cannot be read, while its old content stays in use. */
  readonly report: (fault: Fault) => void;
  /** Judges what has changed in files; without it nothing does. */
  readonly judge?: ContentJudge;
}

/** Where getpwnam looks. */
export const passwdPath = "/etc/passwd";

/** Opens a table and reads what it holds in memory. Faults: as `Disk.open` and `Disk.readFile`; `malformed`, with the
 * path and line, when the content makes no sense. */
export async function openTable(spec: TableSpec, disk: Disk, options: TableOptions): Promise<Table> {
  const table = await openBackend(spec, disk, options);
  const knowsUnicode = spec.kind === "static" || spec.kind === "file" || spec.kind === "getpwnam";
  return knowsUnicode ? table : new UnicodeTable(table);
}

async function openBackend(spec: TableSpec, disk: Disk, options: TableOptions): Promise<Table> {
  const { subAddressDelimiter: delimiter, clock, report } = options;
  switch (spec.kind) {
    case "static":
      return new StaticTable(spec.name, spec.shape, spec.entries, delimiter);
    case "file":
      return await FileTable.open(disk, spec.name, spec.path, { ...options, delimiter });
    case "cdb":
      return await CdbTable.open(disk, spec.name, spec.path, { delimiter, clock, report });
    case "getpwnam":
      return await PasswdTable.open(disk, { kind: spec.kind, name: spec.name, path: passwdPath, clock, report });
    case "passwd":
      return await PasswdTable.open(disk, { kind: spec.kind, name: spec.name, path: spec.path, clock, report });
    case "sqlite":
      return await SqliteTable.open(spec, disk, { openSql: options.openSql, delimiter, clock, report });
    case "proc":
      return await remember(new ProcTable(spec.name, options.connectProc(spec.name)), spec, () => clock.monotonic());
    case "postgres":
    case "mysql":
    case "redis":
    case "ldap":
      return await remember(
        await openServerTable(spec.kind, spec, options.servers),
        spec,
        () => clock.monotonic(),
      );
  }
}

/** Opens a table behind a server. Its code is loaded when the configuration has such a table. */
async function openServerTable(
  kind: "postgres" | "mysql" | "redis" | "ldap",
  spec: DatabaseSpec,
  ports: AskedPorts,
): Promise<Table> {
  switch (kind) {
    case "postgres":
      return (await import("./postgres.ts")).openPostgresTable(spec, ports);
    case "mysql":
      return (await import("./mysql.ts")).openMysqlTable(spec, ports);
    case "redis":
      return new (await import("./redis.ts")).RedisTable(spec, ports);
    case "ldap":
      return new (await import("./ldap.ts")).LdapTable(spec, ports);
  }
}

/** The table, with a memory for answers as its specification wants it. The package behind it is loaded here only: a role
 * without such tables has no right to packages. */
export async function remember(
  table: Table,
  spec: DatabaseSpec | ProcSpec,
  monotonic: () => number,
): Promise<Table> {
  const { CachedTable, cacheLimitsOf } = await import("./cache.ts");
  const limits = cacheLimitsOf(spec);
  return limits.size === 0 ? table : new CachedTable(table, limits, monotonic);
}

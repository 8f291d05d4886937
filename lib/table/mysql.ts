/** Tables in MySQL and MariaDB databases: table-mysql(5). */

import { type AskedPorts, poolFor } from "./asked.ts";
import { countParameters } from "./query.ts";
import { SqlServerTable } from "./sql_server.ts";
import type { DatabaseSpec } from "./spec.ts";

/** Opens a table; its first look-up connects. Throws a Fault `malformed` for settings without sense. */
export function openMysqlTable(spec: DatabaseSpec, ports: AskedPorts): SqlServerTable {
  const pool = poolFor(spec, ports, (login) => [ports.drivers.mysql(login)]);
  return new SqlServerTable(spec, pool, ports.clock, countParameters);
}

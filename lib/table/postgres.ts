/** Tables in PostgreSQL databases: table-postgres(5). */

import type { PostgresTarget } from "../port_database.ts";
import { type AskedPorts, poolFor } from "./asked.ts";
import type { Target } from "./conninfo.ts";
import { conninfoOf } from "./server.ts";
import { SqlServerTable } from "./sql_server.ts";
import type { DatabaseSpec } from "./spec.ts";

/** Opens a table; its first look-up connects. Throws a Fault `malformed` for settings without sense. */
export function openPostgresTable(spec: DatabaseSpec, ports: AskedPorts): SqlServerTable {
  const { user, password, database, target, parameters } = conninfoOf(spec);
  const rounds = targetsOf(target).map((one) => {
    const server = (login: Parameters<typeof ports.drivers.mysql>[0]) =>
      ports.drivers.postgres({ ...login, user, password, database, target: one, parameters });
    return server;
  });
  const pool = poolFor(spec, ports, (login) => rounds.map((server) => server(login)));
  return new SqlServerTable(spec, pool, ports.clock, () => 1);
}

/** What servers will do, best first. */
function targetsOf(target: Target): readonly PostgresTarget[] {
  return target === "prefer-standby" ? ["standby", "any"] : [target];
}

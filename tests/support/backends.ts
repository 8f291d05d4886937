/** Ways to what holds tables' entries, for tests whose tables are plain files. */

import type { TableBackends } from "../../lib/table/open.ts";

const unused = (): never => {
  throw new Error("no table of these tests asks for it");
};

/** Every way leads nowhere. */
export const noBackends: TableBackends = {
  openSql: unused,
  connectProc: unused,
  servers: {
    drivers: { postgres: unused, mysql: unused, redis: unused, ldap: unused },
    clock: { monotonic: unused, after: unused },
  },
};

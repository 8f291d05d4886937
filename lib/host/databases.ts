/** The drivers of databases. The package of each is loaded when its first session is made, and in no other role. */

import type { DatabaseDrivers } from "../port_database.ts";

/** The real ones. */
export const hostDatabases: DatabaseDrivers = {
  postgres: (login) => ({
    connect: async (signal, lost) => (await import("./postgres.ts")).connectPostgres(login, signal, lost),
  }),
  mysql: (login) => ({
    connect: async (signal, lost) => (await import("./mysql.ts")).connectMysql(login, signal, lost),
  }),
  redis: (login) => ({
    connect: async (signal, lost) => (await import("./redis.ts")).connectRedis(login, signal, lost),
  }),
  ldap: (login) => ({
    connect: async (signal, lost) => (await import("./ldap.ts")).connectLdap(login, signal, lost),
  }),
};

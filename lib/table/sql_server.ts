/** Tables in SQL databases behind a server. The queries are those of query.ts; the server matches keys, wildcards and
 * networks as they say. */

import type { Clock } from "../port.ts";
import type { SqlRequest, SqlRows } from "../port_database.ts";
import { inTable } from "./asked.ts";
import type { SessionPool } from "./pool.ts";
import { FetchCycles, fetchedOfRows, queryOf, readQueries, type TableQueries, valueOfRows } from "./query.ts";
import { normalizeKey } from "./service.ts";
import type { DatabaseSpec } from "./spec.ts";
import type { Service, Table } from "./table.ts";

/** A table in a PostgreSQL or MySQL database. It is opened without the server: what fails is the look-up. */
export class SqlServerTable implements Table {
  /** Its entries are whatever the database has when they are asked for. */
  readonly shape = "dynamic";
  readonly #spec: DatabaseSpec;
  readonly #pool: SessionPool<SqlRequest, SqlRows>;
  readonly #placeholders: (sql: string) => number;
  readonly #queries: TableQueries;
  readonly #cycles: FetchCycles;

  /** `placeholders` counts how often a query takes the key. Throws a Fault `malformed` for settings without sense. */
  constructor(
    spec: DatabaseSpec,
    pool: SessionPool<SqlRequest, SqlRows>,
    clock: Pick<Clock, "monotonic">,
    placeholders: (sql: string) => number,
  ) {
    this.#spec = spec;
    this.#pool = pool;
    this.#cycles = new FetchCycles(() => clock.monotonic());
    this.#placeholders = placeholders;
    this.#queries = readQueries(spec.name, spec.settings);
  }

  /** As the configuration calls it. */
  get name(): string {
    return this.#spec.name;
  }

  async check(service: Service, key: string): Promise<boolean> {
    return (await this.#rows("check", service, key)).length > 0;
  }

  async lookup(service: Service, key: string): Promise<string | null> {
    return valueOfRows(this.name, service, await this.#rows("look up", service, key));
  }

  async fetch(service: Service): Promise<string | null> {
    return await this.#cycles.next(service, () => {
      const sql = queryOf(this.name, this.#queries.fetches, "fetch", service);
      const load = async () => fetchedOfRows(this.name, service, await this.#ask("fetch", service, sql, []));
      const { fetchExpireMs, fetchRefresh } = this.#queries;
      return { load, fetchExpireMs, fetchRefresh };
    });
  }

  /** Sees whether the server answers, and asks anew for what goes round. The file of settings is read when the
   * configuration is: lookup has no right to it. */
  async update(): Promise<void> {
    this.#cycles.expire();
    await inTable(this.#spec, "update", null, () => this.#pool.renew());
  }

  /** Ends its sessions. */
  close(): void {
    this.#pool.close();
  }

  async #rows(what: "check" | "look up", service: Service, key: string): Promise<SqlRows> {
    const normal = normalizeKey(this.name, key);
    const sql = queryOf(this.name, this.#queries.lookups, what, service);
    return await this.#ask(what, service, sql, Array.from({ length: this.#placeholders(sql) }, () => normal));
  }

  #ask(what: string, service: Service, sql: string, parameters: readonly string[]): Promise<SqlRows> {
    return inTable(this.#spec, what, service, () => this.#pool.ask({ sql, parameters }));
  }
}

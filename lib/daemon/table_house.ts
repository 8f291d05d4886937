/** The supervisor's side of tables behind helpers: one host process for each, joined to lookup. */

import type { Grant } from "./privilege.ts";
import type { RoleProcess } from "./role_process.ts";
import { tableHostName } from "./supervision.ts";

/** What hosts are made with. */
export interface TableHousePorts {
  /** Makes the process of a host, not started yet. `started` is to run at the beginning of each of its lives. */
  readonly make: (grant: Grant<"table-host">, name: string, started: () => void) => RoleProcess;
  /** Connects a host that runs to lookup, if lookup runs. */
  readonly join: (host: RoleProcess, table: string) => void;
}

/** All hosts. */
export class TableHouse {
  readonly #hosts: readonly { readonly table: string; readonly process: RoleProcess }[];
  readonly #join: TableHousePorts["join"];

  /** One host for each grant; nothing is started yet. */
  constructor(
    grants: readonly { readonly table: string; readonly grant: Grant<"table-host"> }[],
    { make, join }: TableHousePorts,
  ) {
    this.#join = join;
    this.#hosts = grants.map(({ table, grant }) => {
      const process: RoleProcess = make(grant, tableHostName(table), () => join(process, table));
      return { table, process };
    });
  }

  /** Starts every host. */
  start(): void {
    for (const { process } of this.#hosts) process.start();
  }

  /** lookup has begun a new life: connects every host that runs to it. */
  join(): void {
    for (const { table, process } of this.#hosts) if (process.isRunning) this.#join(process, table);
  }

  /** lookup was told by the host of this name what no host says: ends its present life. Other names are not ours. */
  distrust(name: string): void {
    this.#hosts.find(({ process }) => process.name === name)?.process.abort();
  }

  /** Ends all hosts, with their helpers. */
  async stop(graceMs: number): Promise<void> {
    await Promise.all(this.#hosts.map(({ process }) => process.stop(graceMs)));
  }
}

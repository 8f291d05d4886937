/** The supervisor's side of tables behind helpers: one host process for each, joined to lookup. */

import type { Grant, HostedTable } from "./privilege.ts";
import type { RoleProcess } from "./role_process.ts";

/** What the host of a table is called. */
export function tableHostName(table: string): string {
  return `table-host#${table}`;
}

/** What hosts are made with. */
export interface TableHousePorts {
  /** Makes the process of a host, not started yet. `started` is to run at the beginning of each of its lives. */
  readonly make: (grant: Grant<"table-host">, name: string, started: () => void) => RoleProcess;
  /** Connects a host that runs to lookup, if lookup runs. */
  readonly join: (host: RoleProcess, table: string) => void;
}

/** How long a host that is not wanted any more may take to end, ms. */
const replacedGraceMs = 1000;

/** All hosts. */
export class TableHouse {
  readonly #ports: TableHousePorts;
  #hosts: readonly { readonly hosted: HostedTable; readonly process: RoleProcess }[] = [];

  /** There is no host before `replace`. */
  constructor(ports: TableHousePorts) {
    this.#ports = ports;
  }

  /** From now on there are hosts for just these tables: those that stay as they were live on, the others are ended, new
   * ones are started. */
  replace(wanted: readonly HostedTable[]): void {
    const isSame = (a: HostedTable, b: HostedTable) => JSON.stringify(a) === JSON.stringify(b);
    const kept = this.#hosts.filter(({ hosted }) => wanted.some((one) => isSame(one, hosted)));
    for (const host of this.#hosts) if (!kept.includes(host)) void host.process.stop(replacedGraceMs);
    const added = wanted.filter((one) => !kept.some(({ hosted }) => isSame(one, hosted))).map((hosted) => {
      const { make, join } = this.#ports;
      const { name } = hosted.spec;
      const process: RoleProcess = make(hosted.grant, tableHostName(name), () => join(process, name));
      return { hosted, process };
    });
    this.#hosts = [...kept, ...added];
    for (const { process } of added) process.start();
  }

  /** lookup has begun a new life: connects every host that runs to it. */
  join(): void {
    for (const { hosted, process } of this.#hosts) {
      if (process.isRunning) this.#ports.join(process, hosted.spec.name);
    }
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

/** The supervisor's side of the processes that work for lookup alone: the hosts of tables behind helpers, one for each,
 * and the verifiers of passwords. */

import type { HostedTable } from "./privilege.ts";
import type { RoleProcess } from "./role_process.ts";
import type { HostedVerifier } from "./verifier_grant.ts";

/** What a host is there for. */
export type Hosted = HostedTable | HostedVerifier;

/** What hosts are made with. */
export interface TableHousePorts {
  /** Makes the process of a host, not started yet. `started` is to run at the beginning of each of its lives. */
  readonly make: (hosted: Hosted, name: string, started: () => void) => RoleProcess;
  /** Connects a host that runs to the lookup of this version of the configuration, if that runs. */
  readonly join: (host: RoleProcess, hosted: Hosted, version: number) => void;
}

/** How long a host that is not wanted any more may take to end, ms. */
const unwantedGraceMs = 1000;

interface Host {
  readonly hosted: Hosted;
  readonly process: RoleProcess;
}

/** All hosts. While one lookup follows another both may want hosts: what is the same in both configurations is one. */
export class TableHouse {
  readonly #ports: TableHousePorts;
  readonly #wanted = new Map<number, readonly Hosted[]>();
  #hosts: readonly Host[] = [];

  /** There is no host at first. */
  constructor(ports: TableHousePorts) {
    this.#ports = ports;
  }

  /** The lookup of this version wants these: starts the hosts that are not there. */
  want(version: number, wanted: readonly Hosted[]): void {
    this.#wanted.set(version, wanted);
    for (const hosted of wanted) {
      const known = this.#hosts.find((one) => isSame(one.hosted, hosted));
      if (known === undefined) this.#add(hosted);
      else if (known.process.isRunning) this.#ports.join(known.process, hosted, version);
    }
  }

  /** There is no lookup of this version any more: ends the hosts that no other wants. */
  forget(version: number): void {
    this.#wanted.delete(version);
    const isWanted = (host: Host) => this.#versionsOf(host.hosted).length > 0;
    for (const host of this.#hosts) if (!isWanted(host)) void host.process.stop(unwantedGraceMs);
    this.#hosts = this.#hosts.filter(isWanted);
  }

  /** The lookup of this version has begun a new life: connects every host that it wants and that runs. */
  join(version: number): void {
    for (const { hosted, process } of this.#hosts) {
      if (!process.isRunning || !this.#versionsOf(hosted).includes(version)) continue;
      this.#ports.join(process, hosted, version);
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

  #add(hosted: Hosted): void {
    const { make, join } = this.#ports;
    const process: RoleProcess = make(hosted, this.#nameFor(hosted), () => {
      for (const version of this.#versionsOf(hosted)) join(process, hosted, version);
    });
    this.#hosts = [...this.#hosts, { hosted, process }];
    process.start();
  }

  /** Two configurations may have different tables of one name. */
  #nameFor({ spec, grant }: Hosted): string {
    const isTaken = (name: string) => this.#hosts.some(({ process }) => process.name === name);
    for (let n = 1;; n++) {
      const name = `${grant.role}#${spec.name}${n === 1 ? "" : `#${n}`}`;
      if (!isTaken(name)) return name;
    }
  }

  #versionsOf(hosted: Hosted): readonly number[] {
    return [...this.#wanted].filter(([, tables]) => tables.some((one) => isSame(one, hosted))).map(([version]) =>
      version
    );
  }
}

function isSame(a: Hosted, b: Hosted): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

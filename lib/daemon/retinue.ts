/** The processes beside the standing roles: agents for delivery, readers of ~/.forward files and hosts of tables for
 * lookup. They come and go with those whom they serve. */

import type { Log } from "../event_log.ts";
import type { Child, Clock, Disk } from "../port.ts";
import { describeError } from "../fault.ts";
import type { ForwardFile } from "../policy/forward.ts";
import { AgentHouse } from "./agent_house.ts";
import type { AgentWork } from "./agent_work.ts";
import { ForwardHouse } from "./forward_house.ts";
import { type Account, type Grant, type Role, tableHostGrants } from "./privilege.ts";
import type { Configuration } from "./reload_plan.ts";
import { RoleProcess, type RoleProcessPorts } from "./role_process.ts";
import type { Member, Staff } from "./staff.ts";
import type { FromRole, Init } from "./supervision.ts";
import { type Hosted, TableHouse } from "./table_house.ts";
import { verifierGrants } from "./verifier_grant.ts";

/** What the retinue needs. */
export interface RetinuePorts {
  /** Times readers and restarts. */
  readonly clock: Clock;
  /** For starts, deaths and refusals. */
  readonly log: Log;
  /** To see whether a ~/.forward is there at all. */
  readonly disk: Disk;
  /** The path without links; null when it leads nowhere. */
  readonly realPath: (path: string) => Promise<string | null>;
  /** Makes an empty file owned by an account, when there is none. May throw a Fault. */
  readonly makeFile: (path: string, account: Account) => void;
  /** Our own uid. */
  readonly uid: number;
  /** The configuration at the start: accounts and directories never change. */
  readonly configuration: Configuration;
  /** Those who are served. */
  readonly staff: Pick<Staff, "members" | "pair">;
  /** Starts the program of a role. May throw a Fault. */
  readonly launch: (name: string, grant: Grant<Role>) => Child;
  /** The first message to a life. */
  readonly init: (
    under: { readonly configuration: Configuration; readonly version: number },
    grant: Grant<Role>,
    name: string,
    work: AgentWork | null,
  ) => Init;
  /** Closes one end of a connection that nobody takes. */
  readonly discard: (handle: unknown) => void;
  /** Something of `name` cannot be had. */
  readonly failed: (name: string, reason: string) => void;
}

/** A lookup that waits for a ~/.forward; its next life has other questions under the same numbers. */
interface ForwardAsker {
  readonly process: RoleProcess;
  readonly life: number;
  readonly request: number;
}

/** All of them. */
export class Retinue {
  /** Agents that deliver. */
  readonly agents: AgentHouse<Member>;
  readonly #ports: RetinuePorts;
  readonly #tableHosts: TableHouse;
  readonly #forwards: ForwardHouse;
  readonly #askers = new Map<number, ForwardAsker>();
  #asked = 0;

  /** Nobody is there at first. */
  constructor(ports: RetinuePorts) {
    this.#ports = ports;
    const { log, configuration: { premises } } = ports;
    this.agents = new AgentHouse({
      premises,
      log,
      prepareFile: (path, account) => this.#prepareFile(path, account),
      start: (grant, work, key, asker, ended) => this.#startAgent(grant, work, key, asker, ended),
    });
    this.#forwards = new ForwardHouse({
      ...ports,
      premises,
      start: (grant, work, key, received, ended) => this.#startReader(grant, work, key, received, ended),
      answer: (request, file) => this.#answer(request, file),
    });
    this.#tableHosts = new TableHouse({
      make: (hosted, name, started) => this.#makeTableHost(hosted, name, started),
      join: (process, hosted, version) => this.#joinTableHost(process, hosted, version),
    });
  }

  /** A lookup is about to work under this version of the configuration: its tables behind helpers get hosts, its
   * passwords verifiers. */
  want({ policy, premises }: Configuration, version: number): void {
    this.#tableHosts.want(version, [...tableHostGrants(policy, premises), ...verifierGrants(policy, premises)]);
  }

  /** A life of a standing role has begun. */
  started({ role, version }: Member): void {
    if (role === "lookup") this.#tableHosts.join(version);
  }

  /** A standing role is there no more. */
  left({ role, version }: Member): void {
    if (role === "lookup") this.#tableHosts.forget(version);
  }

  /** lookup was told by the host of this name what no host says. Other names are not ours. */
  distrust(name: string): void {
    this.#tableHosts.distrust(name);
  }

  /** A lookup wants to know what is in a ~/.forward. */
  needForward({ process }: Member, message: Extract<FromRole, { kind: "needForward" }>): void {
    const id = ++this.#asked;
    this.#askers.set(id, { process, life: process.life, request: message.request });
    void this.#forwards.need(id, message);
  }

  /** Ends what serves lookup. */
  async stop(graceMs: number): Promise<void> {
    await Promise.all([this.#tableHosts.stop(graceMs), this.#forwards.stop()]);
  }

  #answer(id: number, file: ForwardFile): void {
    const asker = this.#askers.get(id);
    this.#askers.delete(id);
    if (asker === undefined || asker.process.life !== asker.life) return;
    asker.process.send({ kind: "forward", request: asker.request, file });
  }

  /** A file that cannot be made shows when the agent opens it. */
  #prepareFile(path: string, account: Account): void {
    try {
      this.#ports.makeFile(path, account);
    } catch (error) {
      const reason = describeError(error);
      this.#ports.log({ priority: "err", session: "", from: "smtpd", what: "failure", fields: { reason } });
    }
  }

  #startAgent(
    grant: Grant<"agent">,
    work: AgentWork,
    key: string,
    delivery: Member,
    ended: () => void,
  ): RoleProcess {
    const under = { configuration: delivery.configuration, version: delivery.configured };
    const name = `agent#${key}`;
    const process: RoleProcess = new RoleProcess(name, {
      ...this.#common(`agent-${key}`, grant),
      restart: false,
      init: () => this.#ports.init(under, grant, name, work),
      started: () =>
        this.#ports.staff.pair(
          process,
          { kind: "peer", role: "delivery", name: delivery.process.name, key: "" },
          delivery.process,
          { kind: "peer", role: "agent", name, key },
        ),
      received: () => {},
      failed: ended,
    });
    process.start();
    return process;
  }

  #startReader(
    grant: Grant<"agent">,
    work: AgentWork,
    key: string,
    received: (message: FromRole) => void,
    ended: () => void,
  ): RoleProcess {
    const { configuration, init } = this.#ports;
    const name = `agent#${key}`;
    const process = new RoleProcess(name, {
      ...this.#common(`agent-${key}`, grant),
      restart: false,
      init: () => init({ configuration, version: 1 }, grant, name, work),
      started: () => {},
      received,
      failed: ended,
    });
    process.start();
    return process;
  }

  #makeTableHost({ grant, spec }: Hosted, name: string, started: () => void): RoleProcess {
    const { configuration } = this.#ports;
    return new RoleProcess(name, {
      ...this.#common(name, grant),
      restart: true,
      init: () => {
        const init = this.#ports.init({ configuration, version: 1 }, grant, name, null);
        return spec.kind === "verifier" ? init : { ...init, policy: { ...init.policy, tables: { [spec.name]: spec } } };
      },
      started,
      received: () => {},
      failed: (reason) => this.#ports.failed(name, reason),
    });
  }

  #joinTableHost(process: RoleProcess, { spec, grant }: Hosted, version: number): void {
    const { staff } = this.#ports;
    const lookup = staff.members.find((one) => one.role === "lookup" && one.version === version)?.process;
    if (lookup === undefined || !lookup.isRunning) return;
    staff.pair(
      process,
      { kind: "peer", role: "lookup", name: lookup.name, key: "" },
      lookup,
      {
        kind: "peer",
        role: grant.role,
        name: process.name,
        key: spec.kind === "verifier" ? spec.pool : spec.name,
      },
    );
  }

  #common(program: string, grant: Grant<Role>): Pick<RoleProcessPorts, "clock" | "log" | "discard" | "spawn" | "died"> {
    const { clock, log, discard, launch } = this.#ports;
    return { clock, log, discard, spawn: () => launch(program, grant), died: () => {} };
  }
}

/** What role_main.ts has its roles look like, and the roles that work for lookup alone: hosts of tables, verifiers. */

import type { Log } from "../event_log.ts";
import type { ForwardFile } from "../policy/forward.ts";
import type { Policy } from "../policy/policy.ts";
import type { Channel, Clock, Listener, Random } from "../port.ts";
import type { Role } from "./privilege.ts";
import type { Init, ToRole } from "./supervision.ts";

/** News of a reload. */
export type ReloadMessage = Extract<ToRole, { readonly kind: "policy" | "configuration" | "reloaded" }>;

/** What role_main needs of a role once it is made. */
export interface RunningRole {
  /** Takes the channel to another role. */
  peer(role: Role, name: string, key: string, channel: Channel<never, never>): void;
  /** For lookup: what reading a ~/.forward came to. */
  forward(request: number, file: ForwardFile): void;
  /** `sockets` are those handed over, by the number of the listener that each one is for. */
  serve(sockets: ReadonlyMap<number, Listener>): void;
  /** Takes what comes with a reload, but what `drain` does. */
  told(message: ReloadMessage): void;
  /** Resolves when what is begun has ended, or `graceMs` is over and it has stopped within `stopGraceMs`. */
  drain(graceMs: number): Promise<void>;
  /** Resolves when it has stopped. */
  stop(graceMs: number): Promise<void>;
}

/** What every role is given. */
export interface CommonPorts {
  /** The machine's. */
  readonly clock: Clock;
  /** The machine's. */
  readonly random: Random;
  /** To standard error. */
  readonly log: Log;
  /** The role's part of the configuration. */
  readonly policy: Policy;
}

/** Makes a table-host or a verifier. */
export function makeHosted(init: Init, ports: CommonPorts): Promise<RunningRole> {
  return init.grant.role === "verifier" ? makeVerifier(init, ports) : makeTableHost(init, ports);
}

/** The host of one table's helper. It is told of no other table. */
async function makeTableHost(init: Init, ports: CommonPorts): Promise<RunningRole> {
  const { TableHost } = await import("./table_host.ts");
  const { startProgram } = await import("../host/program.ts");
  const [table] = Object.values(init.policy.tables);
  if (table?.kind !== "proc") throw new Error(`${init.name} has no table`);
  const { name, command, config } = table;
  const host = new TableHost({
    ...ports,
    table: name,
    start: () => startProgram(command, config === null ? [] : [config]),
  });
  host.start();
  const stop = () => {
    host.stop();
    return Promise.resolve();
  };
  return {
    peer(role, _name, _key, channel) {
      if (role === "lookup") host.setLookup(channel);
    },
    forward() {},
    serve() {},
    told() {},
    drain: stop,
    stop,
  };
}

/** Checks passwords. Only one for the system's users may read them. */
async function makeVerifier(init: Init, ports: CommonPorts): Promise<RunningRole> {
  const { Verifier } = await import("./verifier.ts");
  const { shadowFile } = await import("./verifier_grant.ts");
  const { hostPasswords: functions } = await import("../host/password.ts");
  const { hostDigests: digests } = await import("../host/hash.ts");
  const { hostDisk } = await import("../host/disk.ts");
  const isForSystem = init.grant.read.includes(shadowFile);
  const readShadow = async () => new TextDecoder().decode(await hostDisk.readFile(shadowFile));
  const verifier = new Verifier({ ...ports, functions, digests, readShadow: isForSystem ? readShadow : null });
  const nothing = () => Promise.resolve();
  return {
    peer(role, _name, _key, channel) {
      if (role === "lookup") verifier.setLookup(channel);
    },
    forward() {},
    serve() {},
    told() {},
    drain: nothing,
    stop: nothing,
  };
}

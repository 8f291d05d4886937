/** How every role's process begins: it checks its rights, then becomes what it was started as.
 * `deno run <flags of the role's row> main_<role>.ts <name>`. Each role has a main module of its own, because Deno
 * reads every module that one names anywhere before it runs the first, also those that are to be loaded later. */

import { type Log, logTo } from "../event_log.ts";
import { describeError } from "../fault.ts";
import { hostClock, hostRandom } from "../host/clock.ts";
import { stderrSink } from "../host/log.ts";
import { wrapListener, wrapSocket } from "../host/net.ts";
import { holdsRight } from "../host/permission.ts";
import { trimMemory } from "../host/memory.ts";
import { endProcess, ignoreSignals, parentProcess } from "../host/parent.ts";
import type { ForwardFile } from "../policy/forward.ts";
import type { Policy } from "../policy/policy.ts";
import type { Channel, Clock, Listener, Random } from "../port.ts";
import { StreamChannel } from "./channel.ts";
import { checkGrant } from "./grant_check.ts";
import type { Role } from "./privilege.ts";
import type { FromRole, Init, ToRole } from "./supervision.ts";

/** Exit status of a role that holds the wrong rights: EX_NOPERM of sysexits(3). */
const statusNoPermission = 77;

/** How long a role that cannot begin waits for the supervisor to have read why, ms. */
const lastWordMs = 1000;

/** When what a start leaves behind is given back, ms. */
const trimDelayMs = 1000;

/** What the supervisor says to a role that goes on. */
export type ReloadMessage = Extract<
  ToRole,
  { readonly kind: "policy" | "configuration" | "reloaded" | "certificates" | "authLevels" }
>;

/** What is needed of a role once it is made. */
export interface RunningRole {
  /** Another process is at the other end of `channel`. `key` tells agents and hosts of tables apart. */
  peer(role: Role, name: string, key: string, channel: Channel<never, never>): void;
  /** For lookup: what reading a ~/.forward came to. */
  forward(request: number, file: ForwardFile): void;
  /** `sockets` are those handed over, by the number of the listener that each one is for. */
  serve(sockets: ReadonlyMap<number, Listener>): void;
  /** Takes what comes with a reload, but what `drain` does, and new certificates. */
  told(message: ReloadMessage): void;
  /** Resolves when what is begun has ended, or `graceMs` is over and it has stopped within `stopGraceMs`. */
  drain(graceMs: number): Promise<void>;
  /** Resolves when it has stopped, which takes `graceMs` at most. */
  stop(graceMs: number): Promise<void>;
}

/** Makes the role that a process has been started for. What it rejects with is told to the supervisor. */
export type MakeRole = (init: Init, ports: RolePorts) => RunningRole | Promise<RunningRole>;

const parent = parentProcess();

/** Tells the supervisor. */
export function tellSupervisor(message: FromRole): void {
  parent?.send(message);
}

/** Becomes the role that `make` makes, as soon as the supervisor says for which configuration. Called once. */
export function runRole(make: MakeRole): void {
  if (parent === null) {
    console.error("A role is started by smtpd, not by hand. Run: smtpd -d");
    endProcess(64);
  }
  ignoreSignals();
  let role: Promise<RunningRole> | null = null;
  parent.onLost(() => endProcess(1));
  parent.onMessage((message, handle) => {
    // The supervisor is the only one who holds the other end.
    const told = message as ToRole;
    parent.send({ kind: "received" });
    if (told.kind === "init") role = begin(told, make);
    else void role?.then((running) => follow(running, told, handle));
  });
}

async function begin(init: Init, make: MakeRole): Promise<RunningRole> {
  const faults = checkGrant(init.grant, holdsRight);
  if (faults.length > 0) {
    console.error(`${init.name}: refusing to run with the wrong rights: ${faults.join("; ")}`);
    endProcess(statusNoPermission);
  }
  try {
    const running = await make(init, portsOf(init));
    tellSupervisor({ kind: "ready", version: init.version });
    hostClock.after(trimDelayMs, trimMemory);
    return running;
  } catch (error) {
    const reason = describeError(error);
    console.error(`${init.name}: ${reason}`);
    tellSupervisor({ kind: "notReady", reason });
    // The supervisor ends it as soon as it has read why. What is sent may be lost by who ends at once.
    hostClock.after(lastWordMs, () => endProcess(1));
    return await new Promise<never>(() => {});
  }
}

/** Handed over to be served. */
const sockets = new Map<number, Listener>();

function follow(running: RunningRole, told: Exclude<ToRole, Init>, handle: unknown): void {
  switch (told.kind) {
    case "peer": {
      const stream = wrapSocket(handle);
      if (stream !== null) running.peer(told.role, told.name, told.key, new StreamChannel(stream, hostClock.soon));
      return;
    }
    case "forward":
      running.forward(told.request, told.file);
      return;
    case "socket": {
      const socket = wrapListener(handle);
      if (socket !== null) sockets.set(told.listener, socket);
      return;
    }
    case "serve":
      running.serve(sockets);
      tellSupervisor({ kind: "serving" });
      return;
    case "policy":
    case "configuration":
    case "reloaded":
    case "certificates":
    case "authLevels":
      running.told(told);
      if (told.kind === "policy") tellSupervisor({ kind: "inForce", version: told.version });
      return;
    case "drain":
      return void running.drain(told.graceMs).then(() => endProcess(0));
    case "stop":
      void running.stop(told.graceMs).then(() => endProcess(0));
  }
}

/** What every role is given. */
export interface RolePorts {
  /** The machine's. */
  readonly clock: Clock;
  /** The kernel's. */
  readonly random: Random;
  /** To standard error. */
  readonly log: Log;
  /** The role's part of the configuration. */
  readonly policy: Policy;
  /** Gives back memory that is not in use; takes a while where much is. */
  readonly trim: () => void;
}

function portsOf(init: Init): RolePorts {
  const log = logTo(stderrSink(init.log.least), init.log.style, hostClock);
  return { clock: hostClock, random: hostRandom, log, policy: init.policy, trim: trimMemory };
}

/** What is said of a peer that is cut off because it is not itself any more. Cut off it is of no use to anybody: the
 * supervisor ends it and starts another. */
export function tellsOf(log: Log, from: "queue" | "lookup", peer: string): () => void {
  return () => {
    log({ priority: "err", session: "", from, what: "peer-talks-nonsense", fields: { peer } });
    tellSupervisor({ kind: "distrust", name: peer });
  };
}

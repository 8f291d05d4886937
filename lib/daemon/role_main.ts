/** Where every role's process begins: it checks its rights, then becomes what it was started as.
 * `deno run <flags of the role's row> role_main.ts <name>` */

import { type Log, logTo } from "../event_log.ts";
import { hostClock, hostRandom } from "../host/clock.ts";
import { stderrSink } from "../host/log.ts";
import { listenOnFd, wrapSocket } from "../host/net.ts";
import { holdsRight } from "../host/permission.ts";
import { trimMemory } from "../host/memory.ts";
import { endProcess, ignoreSignals, parentProcess } from "../host/process.ts";
import type { Policy } from "../policy/policy.ts";
import type { Channel, Clock, Random } from "../port.ts";
import { StreamChannel } from "./channel.ts";
import { checkedChannel } from "./checked_channel.ts";
import {
  parseDeliveryToLookup,
  parseDeliveryToQueue,
  parseSmtpInToLookup,
  parseSmtpInToQueue,
  parseTableHostToLookup,
} from "./imsg_parse.ts";
import { checkGrant, type Role } from "./privilege.ts";
import { controlListener, type Init, type ToRole } from "./supervision.ts";

/** Exit status of a role that holds the wrong rights: EX_NOPERM of sysexits(3). */
const statusNoPermission = 77;

/** When what a start leaves behind is given back, ms. */
const trimDelayMs = 1000;

/** What role_main needs of a role once it is made. */
interface RunningRole {
  peer(role: Role, name: string, key: string, channel: Channel<never, never>): void;
  serve(): void;
  stop(graceMs: number): Promise<void>;
}

const parent = parentProcess();
if (parent === null) {
  console.error("role_main.ts is started by smtpd, not by hand. Run: smtpd -d");
  endProcess(64);
} else {
  ignoreSignals();
  let role: Promise<RunningRole> | null = null;
  parent.onLost(() => endProcess(1));
  parent.onMessage((message, handle) => {
    // The supervisor is the only one who holds the other end.
    const told = message as ToRole;
    parent.send({ kind: "received" });
    if (told.kind === "init") role = begin(told);
    else void role?.then((running) => follow(running, told, handle));
  });
}

async function begin(init: Init): Promise<RunningRole> {
  const faults = checkGrant(init.grant, holdsRight);
  if (faults.length > 0) {
    console.error(`${init.name}: refusing to run with the wrong rights: ${faults.join("; ")}`);
    endProcess(statusNoPermission);
  }
  try {
    const running = await make(init);
    parent?.send({ kind: "ready" });
    return running;
  } catch (error) {
    console.error(`${init.name}: ${error instanceof Error ? error.message : String(error)}`);
    return endProcess(1);
  }
}

function follow(running: RunningRole, told: Exclude<ToRole, Init>, handle: unknown): void {
  switch (told.kind) {
    case "peer": {
      const stream = wrapSocket(handle);
      if (stream !== null) running.peer(told.role, told.name, told.key, new StreamChannel(stream, hostClock.soon));
      return;
    }
    case "serve":
      running.serve();
      hostClock.after(trimDelayMs, trimMemory);
      parent?.send({ kind: "serving" });
      return;
    case "stop":
      void running.stop(told.graceMs).then(() => endProcess(0));
  }
}

interface CommonPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly policy: Policy;
}

/** Makes the role. Each one's code is loaded in its own process only. */
function make(init: Init): Promise<RunningRole> {
  const log = logTo(stderrSink(init.log.least), init.log.style);
  const ports = { clock: hostClock, random: hostRandom, log, policy: init.policy };
  switch (init.grant.role) {
    case "smtp-in":
      return makeSmtpIn(init, ports);
    case "lookup":
      return makeLookup(init, ports);
    case "queue":
      return makeQueue(init, ports);
    case "delivery":
      return makeDelivery(init, ports);
    case "agent":
      return makeAgent(init, ports);
    case "table-host":
      return makeTableHost(init, ports);
  }
}

/** What is said of a peer that is cut off because it is not itself any more. Cut off it is of no use to anybody: the
 * supervisor ends it and starts another. */
function tellsOf(log: Log, from: "queue" | "lookup", peer: string): () => void {
  return () => {
    log({ priority: "err", session: "", from, what: "peer-talks-nonsense", fields: { peer } });
    parent?.send({ kind: "distrust", name: peer });
  };
}

async function makeSmtpIn(init: Init, ports: CommonPorts): Promise<RunningRole> {
  const { SmtpIn } = await import("./smtp_in.ts");
  const smtpIn = new SmtpIn({ ...ports, limits: init.policy.smtp });
  return {
    peer(role, _name, _key, channel) {
      if (role === "queue") smtpIn.setQueue(channel);
      if (role === "lookup") smtpIn.setLookup(channel);
    },
    serve() {
      for (const { fd, listener } of init.sockets) {
        const spec = init.policy.listeners[listener];
        if (spec !== undefined) smtpIn.serve(listenOnFd(fd), spec);
      }
    },
    stop: (graceMs) => smtpIn.stop(graceMs),
  };
}

async function makeLookup(init: Init, ports: CommonPorts): Promise<RunningRole> {
  const { Lookup } = await import("./lookup.ts");
  const { openTables } = await import("./tables.ts");
  const { hostDisk } = await import("../host/disk.ts");
  const { openSqlReader } = await import("../host/sqlite.ts");
  const { hostDatabases } = await import("../host/databases.ts");
  const { TableLinks } = await import("./table_links.ts");
  const links = new TableLinks(hostClock);
  const tables = await openTables(init.policy, hostDisk, hostClock, ports.log, {
    openSql: openSqlReader,
    connectProc: (table) => links.link(table),
    servers: { drivers: hostDatabases, clock: hostClock },
  });
  const allow = (owner: { readonly uid: number; readonly gid: number; readonly home: string }) =>
    parent?.send({ kind: "mayDeliver", uid: owner.uid, gid: owner.gid, home: owner.home });
  const lookup = new Lookup({ ...ports, tables, allow });
  return {
    peer(role, name, key, channel) {
      if (role === "queue") lookup.setQueue(channel);
      const broken = tellsOf(ports.log, "lookup", name);
      if (role === "delivery") lookup.setDelivery(checkedChannel(channel, parseDeliveryToLookup, broken));
      if (role === "smtp-in") lookup.addSmtpIn(name, checkedChannel(channel, parseSmtpInToLookup, broken));
      if (role === "table-host") links.attach(key, checkedChannel(channel, parseTableHostToLookup, broken));
    },
    serve() {},
    stop: () => Promise.resolve(),
  };
}

async function makeQueue(init: Init, ports: CommonPorts): Promise<RunningRole> {
  const { Queue } = await import("./queue.ts");
  const { spoolReserve } = await import("./queue_intake.ts");
  const { spaceWatch } = await import("../host/space.ts");
  const { openSqlDatabase } = await import("../host/sqlite.ts");
  const { SqliteStore } = await import("../spool/sqlite.ts");
  const store = new SqliteStore(openSqlDatabase(`${init.spool}/spool.sqlite`));
  const queue = new Queue({
    ...ports,
    store,
    paused: init.paused,
    keepPaused: (paused) => parent?.send({ kind: "paused", paused }),
    stopDaemon: () => parent?.send({ kind: "stopDaemon" }),
    room: spaceWatch(init.spool, spoolReserve, hostClock.monotonic, () => store.reusable()),
  });
  await queue.recover();
  return {
    peer(role, name, _key, channel) {
      if (role === "lookup") queue.setLookup(channel);
      const broken = tellsOf(ports.log, "queue", name);
      if (role === "smtp-in") queue.addSmtpIn(name, checkedChannel(channel, parseSmtpInToQueue, broken));
      if (role === "delivery") queue.setDelivery(checkedChannel(channel, parseDeliveryToQueue, broken));
    },
    serve() {
      const control = init.sockets.find((one) => one.listener === controlListener);
      if (control !== undefined) queue.serve(listenOnFd(control.fd));
    },
    stop: () => queue.stop(),
  };
}

async function makeDelivery(init: Init, ports: CommonPorts): Promise<RunningRole> {
  const { Delivery } = await import("./delivery.ts");
  const { hostDialer } = await import("../host/net.ts");
  const delivery = new Delivery({
    ...ports,
    sameUser: init.sameUser,
    dialer: hostDialer,
    selfAddresses: new Set(init.selfAddresses),
    needAgent: (request) => parent?.send({ kind: "needAgent", ...request }),
    async dns() {
      const { StubResolver } = await import("../host/dns.ts");
      const hosts = new Map(init.resolver.hosts);
      return new StubResolver({ config: init.resolver, clock: hostClock, random: hostRandom, hosts });
    },
  });
  return {
    peer(role, _name, key, channel) {
      if (role === "queue") delivery.setQueue(channel);
      if (role === "lookup") delivery.setLookup(channel);
      if (role === "agent") delivery.addAgent(key, channel);
    },
    serve() {},
    stop: (graceMs) => delivery.stop(graceMs),
  };
}

async function makeAgent(init: Init, ports: CommonPorts): Promise<RunningRole> {
  const { Agent } = await import("./agent.ts");
  const { agentStartMs } = await import("./agent_pool.ts");
  const { hostDisk } = await import("../host/disk.ts");
  const agent = new Agent({ ...ports, disk: hostDisk, hostname: init.policy.serverName });
  const gone = Promise.withResolvers<void>();
  // The delivery that wanted it died meanwhile, or has given up: nobody will call.
  const lonely = hostClock.after(agentStartMs, () => endProcess(0));
  return {
    peer(role, _name, _key, channel) {
      if (role !== "delivery") return;
      lonely.cancel();
      agent.serve(channel, () => {
        gone.resolve();
        endProcess(0);
      });
    },
    serve() {},
    stop: () => gone.promise,
  };
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
  return {
    peer(role, _name, _key, channel) {
      if (role === "lookup") host.setLookup(channel);
    },
    serve() {},
    stop() {
      host.stop();
      return Promise.resolve();
    },
  };
}

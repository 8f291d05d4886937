/** Where every role's process begins: it checks its rights, then becomes what it was started as.
 * `deno run <flags of the role's row> role_main.ts <name>` */

import { type Log, logTo } from "../event_log.ts";
import { describeError } from "../fault.ts";
import { hostClock, hostRandom } from "../host/clock.ts";
import { stderrSink } from "../host/log.ts";
import { wrapListener, wrapSocket } from "../host/net.ts";
import { holdsRight } from "../host/permission.ts";
import { trimMemory } from "../host/memory.ts";
import { endProcess, ignoreSignals, parentProcess } from "../host/process.ts";
import type { ForwardFile, ForwardUser } from "../policy/forward.ts";
import type { Policy } from "../policy/policy.ts";
import type { Channel, Clock, Dns, Listener, Random } from "../port.ts";
import type { AgentWork } from "./agent_work.ts";
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
import { controlListener, type Init, type NamedAccount, type ToRole } from "./supervision.ts";

/** Exit status of a role that holds the wrong rights: EX_NOPERM of sysexits(3). */
const statusNoPermission = 77;

/** How long a role that cannot begin waits for the supervisor to have read why, ms. */
const lastWordMs = 1000;

/** When what a start leaves behind is given back, ms. */
const trimDelayMs = 1000;

type ReloadMessage = Extract<ToRole, { readonly kind: "policy" | "configuration" | "reloaded" }>;

/** What role_main needs of a role once it is made. */
interface RunningRole {
  peer(role: Role, name: string, key: string, channel: Channel<never, never>): void;
  /** For lookup: what reading a ~/.forward came to. */
  forward(request: number, file: ForwardFile): void;
  /** `sockets` are those handed over, by the number of the listener that each one is for. */
  serve(sockets: ReadonlyMap<number, Listener>): void;
  /** Takes what comes with a reload, but what `drain` does. */
  told(message: ReloadMessage): void;
  /** Resolves when what is begun has ended, or `graceMs` is over and it has stopped within `stopGraceMs`. */
  drain(graceMs: number): Promise<void>;
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
    parent?.send({ kind: "ready", version: init.version });
    return running;
  } catch (error) {
    const reason = describeError(error);
    console.error(`${init.name}: ${reason}`);
    parent?.send({ kind: "notReady", reason });
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
      hostClock.after(trimDelayMs, trimMemory);
      parent?.send({ kind: "serving" });
      return;
    case "policy":
    case "configuration":
    case "reloaded":
      running.told(told);
      if (told.kind === "policy") parent?.send({ kind: "inForce", version: told.version });
      return;
    case "drain":
      return void running.drain(told.graceMs).then(() => endProcess(0));
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
    forward() {},
    peer(role, _name, _key, channel) {
      if (role === "queue") smtpIn.setQueue(channel);
      if (role === "lookup") smtpIn.setLookup(channel);
    },
    serve(handed) {
      for (const [listener, socket] of handed) {
        const spec = init.policy.listeners[listener];
        if (spec !== undefined) smtpIn.serve(socket, spec, listener);
      }
    },
    told() {},
    drain: (graceMs) => smtpIn.drain(graceMs),
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
  const { ForwardClient } = await import("./forward_client.ts");
  const { ReverseNames } = await import("./reverse.ts");
  const { SessionDesk } = await import("./session_desk.ts");
  const { rewritingOf } = await import("../policy/rewrite.ts");
  const { hostSha1 } = await import("../host/hash.ts");
  const names = new ReverseNames(() => makeResolver(init), hostClock);
  const links = new TableLinks(hostClock);
  const opened = await openTables(init.policy, hostDisk, hostClock, ports.log, {
    openSql: openSqlReader,
    connectProc: (table) => links.link(table),
    servers: { drivers: hostDatabases, clock: hostClock },
  });
  const forwards = new ForwardClient(
    hostClock,
    (request, user) => parent?.send({ kind: "needForward", request, ...user }),
  );
  const tables = {
    ...opened,
    reverseName: (address: string) => names.nameOf(address),
    rewriting: rewritingOf(init.policy, hostClock, hostSha1),
    readForward: (user: ForwardUser) => forwards.read(user),
  };
  const allow = (named: NamedAccount) => parent?.send({ kind: "mayDeliver", ...named });
  const sessions = new SessionDesk({}, ports.log);
  const lookup = new Lookup({ ...ports, tables, sessions, allow });
  return {
    forward: (request, file) => forwards.answered(request, file),
    peer(role, name, key, channel) {
      if (role === "queue") lookup.setQueue(channel);
      const broken = tellsOf(ports.log, "lookup", name);
      if (role === "delivery") lookup.addDelivery(checkedChannel(channel, parseDeliveryToLookup, broken));
      if (role === "smtp-in") lookup.addSmtpIn(name, checkedChannel(channel, parseSmtpInToLookup, broken));
      if (role === "table-host") links.attach(key, checkedChannel(channel, parseTableHostToLookup, broken));
    },
    serve() {},
    told() {},
    drain: (graceMs) => lookup.drain(graceMs),
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
    traced: init.traced,
    keepPaused: (paused) => parent?.send({ kind: "paused", paused }),
    allowExec: (named) => parent?.send({ kind: "mayRun", ...named }),
    stopDaemon: () => parent?.send({ kind: "stopDaemon" }),
    reload: (request, check) => parent?.send({ kind: "reload", request, check }),
    configuration: init.configuration,
    successors: init.successors,
    room: spaceWatch(init.spool, spoolReserve, hostClock.monotonic, () => store.reusable()),
  });
  await queue.recover();
  return {
    forward() {},
    peer(role, name, _key, channel) {
      if (role === "lookup") queue.addLookup(name, channel);
      const broken = tellsOf(ports.log, "queue", name);
      if (role === "smtp-in") queue.addSmtpIn(name, checkedChannel(channel, parseSmtpInToQueue, broken));
      if (role === "delivery") queue.addDelivery(name, checkedChannel(channel, parseDeliveryToQueue, broken));
    },
    serve(handed) {
      const control = handed.get(controlListener);
      if (control !== undefined) queue.serve(control);
    },
    told(message) {
      if (message.kind === "policy") queue.follow(message.policy, message.successors);
      else if (message.kind === "configuration") queue.configured(message.status);
      else queue.reloaded(message.request, message.answer);
    },
    // It is the only one that has the spool open: another cannot take its place.
    drain: () => queue.stop(),
    stop: () => queue.stop(),
  };
}

async function makeDelivery(init: Init, ports: CommonPorts): Promise<RunningRole> {
  const { Delivery } = await import("./delivery.ts");
  const { hostDialer } = await import("../host/net.ts");
  const { hostSha1 } = await import("../host/hash.ts");
  const { rewritingOf } = await import("../policy/rewrite.ts");
  const delivery = new Delivery({
    ...ports,
    rewriting: rewritingOf(init.policy, hostClock, hostSha1),
    sameUser: init.sameUser,
    successors: init.successors,
    dialer: hostDialer,
    selfAddresses: new Set(init.selfAddresses),
    needAgent: (request) => parent?.send({ kind: "needAgent", ...request }),
    dns: () => makeResolver(init),
  });
  return {
    forward() {},
    peer(role, name, key, channel) {
      if (role === "queue") delivery.setQueue(channel);
      if (role === "lookup") delivery.addLookup(name, channel);
      if (role === "agent") delivery.addAgent(key, channel);
    },
    serve() {},
    told(message) {
      if (message.kind === "policy") delivery.follow(message.successors);
    },
    drain: (graceMs) => delivery.drain(graceMs),
    stop: (graceMs) => delivery.stop(graceMs),
  };
}

/** Loaded when the first question is asked: it costs memory that many a server never needs. */
async function makeResolver({ resolver }: Init): Promise<Dns> {
  const { StubResolver } = await import("../host/dns.ts");
  const hosts = new Map(resolver.hosts);
  return new StubResolver({ config: resolver, clock: hostClock, random: hostRandom, hosts });
}

async function makeAgent(init: Init, ports: CommonPorts): Promise<RunningRole> {
  const { work } = init;
  if (work === null) throw new Error("an agent has to be told what it is for");
  return work.kind === "forward" ? await readOneForward(work) : await makeDeliverer(init, work, ports);
}

async function readOneForward(work: Extract<AgentWork, { kind: "forward" }>): Promise<RunningRole> {
  const { readForward } = await import("./forward_reader.ts");
  const { hostDisk } = await import("../host/disk.ts");
  parent?.send({ kind: "forwardRead", file: await readForward(hostDisk, work.user.home, work.uid) });
  const nothing = () => Promise.resolve();
  return { peer() {}, forward() {}, serve() {}, told() {}, drain: nothing, stop: nothing };
}

async function makeDeliverer(
  init: Init,
  work: Extract<AgentWork, { kind: "deliver" }>,
  ports: CommonPorts,
): Promise<RunningRole> {
  const { Agent } = await import("./agent.ts");
  const { agentStartMs } = await import("./agent_pool.ts");
  const { hostDisk } = await import("../host/disk.ts");
  const { hostShell } = await import("../host/shell.ts");
  const { hostDialer: dialer } = await import("../host/net.ts");
  const { serverName: hostname } = init.policy;
  const uid = init.grant.account?.uid ?? null;
  const agent = new Agent({ ...ports, disk: hostDisk, shell: hostShell, dialer, hostname, uid, work });
  const gone = Promise.withResolvers<void>();
  // The delivery that wanted it died meanwhile, or has given up: nobody will call.
  const lonely = hostClock.after(agentStartMs, () => endProcess(0));
  return {
    forward() {},
    peer(role, _name, _key, channel) {
      if (role !== "delivery") return;
      lonely.cancel();
      agent.serve(channel, () => {
        gone.resolve();
        endProcess(0);
      });
    },
    serve() {},
    told() {},
    drain: () => gone.promise,
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

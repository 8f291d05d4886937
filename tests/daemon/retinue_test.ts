import { deepEqual } from "node:assert/strict";
import { RoleProcess } from "../../lib/daemon/role_process.ts";
import { Retinue } from "../../lib/daemon/retinue.ts";
import type { Configuration } from "../../lib/daemon/reload_plan.ts";
import type { Member } from "../../lib/daemon/staff.ts";
import type { Init, ToRole } from "../../lib/daemon/supervision.ts";
import type { Child } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDisk } from "../sim/disk.ts";
import { KeptLog, policyOf } from "./rig.ts";
import { programSpec } from "../../lib/table/spec.ts";

/** A child that takes what it is told, and says that it is ready. */
function childOf(clock: FakeClock, heard: (message: ToRole) => void, killed: () => void = () => {}) {
  let tell: (message: unknown) => void = () => {};
  let exit: (status: { code: number | null; signal: string | null }) => void = () => {};
  const child: Child = {
    pid: 1,
    send(message) {
      heard(message as ToRole);
      clock.soon(() => tell({ kind: "received" }));
      if ((message as ToRole).kind === "init") clock.soon(() => tell({ kind: "ready", version: 1 }));
    },
    onMessage: (take) => void (tell = take),
    onExit: (run) => void (exit = run),
    kill(signal) {
      killed();
      exit({ code: null, signal });
    },
  };
  return { child, die: () => exit({ code: 1, signal: null }) };
}

/** A retinue that serves one lookup. */
function world() {
  const clock = new FakeClock();
  const disk = new FakeDisk();
  const policy = policyOf();
  const premises = { spool: "/q", state: "/s", accounts: null, includes: [], resolvers: [] };
  const resolver = { servers: [], timeoutMs: 1, attempts: 1, hosts: [] };
  const configuration: Configuration = { policy, premises, resolver, selfAddresses: [] };
  const log = new KeptLog().log;
  const [told, pairs, started, killed]: [ToRole[], string[], string[], string[]] = [[], [], [], []];
  let die: () => void = () => {};
  const process: RoleProcess = new RoleProcess("lookup", {
    clock,
    log,
    restart: true,
    spawn() {
      const made = childOf(clock, (message) => message.kind === "forward" && told.push(message));
      die = made.die;
      return made.child;
    },
    init: () => ({ kind: "init" }) as Init,
    discard() {},
    started() {},
    received() {},
    died() {},
    failed() {},
  });
  const lookup: Member = {
    ...{ role: "lookup", version: 1, process, configuration, configured: 1 },
    ...{ sockets: [], mayServe: true, isRetired: false },
  };
  const retinue = new Retinue({
    clock,
    log,
    disk,
    realPath: (path) => Promise.resolve(path),
    makeFile() {},
    uid: 1000,
    configuration,
    staff: {
      members: [lookup],
      pair: (a, _toA, b, toB) => void pairs.push(`${a.name} ${b.name} ${JSON.stringify(toB)}`),
    },
    launch(name) {
      started.push(name);
      return childOf(clock, () => {}, () => killed.push(name)).child;
    },
    init: () => ({ kind: "init", policy }) as Init,
    discard() {},
    failed() {},
  });
  const table = programSpec("t", "/bin/helper", null);
  const withTable: Configuration = { ...configuration, policy: { ...policy, tables: { ...policy.tables, t: table } } };
  return { clock, disk, lookup, retinue, withTable, told, pairs, started, killed, die: () => die() };
}

const ask = { kind: "needForward", request: 7, name: "ann", uid: 1000, gid: 100, home: "/home/ann" } as const;

Deno.test("Retinue answers a lookup that asks for a .forward, under its own number", async () => {
  const { clock, disk, lookup, retinue, told, started } = world();
  await disk.makeDir("/home/ann", { parents: true, mode: 0o755 });
  lookup.process.start();
  await clock.settle();
  retinue.needForward(lookup, ask);
  for (let n = 0; n < 5; n++) await clock.settle();
  deepEqual(told, [{ kind: "forward", request: 7, file: { kind: "absent" } }]);
  deepEqual(started, [], "that there is none is seen without a process");
});

Deno.test("Retinue tells the next life of a lookup nothing that the last one asked: its numbers begin anew", async () => {
  const { clock, disk, lookup, retinue, told, die } = world();
  await disk.makeDir("/home/ann", { parents: true, mode: 0o755 });
  lookup.process.start();
  await clock.settle();
  retinue.needForward(lookup, ask);
  die();
  await clock.advance(200);
  for (let n = 0; n < 5; n++) await clock.settle();
  deepEqual([lookup.process.isRunning, told], [true, []]);
});

Deno.test("Retinue joins the hosts of tables to the lookup that wants them, and ends them with it", async () => {
  const { clock, lookup, retinue, withTable, pairs, started, killed } = world();
  retinue.want(withTable, 1);
  deepEqual(started, ["table-host#t"]);
  deepEqual(pairs, [], "there is no lookup yet");
  lookup.process.start();
  retinue.started(lookup);
  await clock.settle();
  const peer = JSON.stringify({ kind: "peer", role: "table-host", name: "table-host#t", key: "t" });
  deepEqual(pairs, [`table-host#t lookup ${peer}`]);
  retinue.left(lookup);
  await clock.advance(5000);
  deepEqual(killed, ["table-host#t"], "it does not end by itself");
});

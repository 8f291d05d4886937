import { deepEqual, equal, match } from "node:assert/strict";
import { restartDelayMaxMs, RoleProcess, type RoleProcessPorts } from "../../lib/daemon/role_process.ts";
import type { FromRole, ToRole } from "../../lib/daemon/supervision.ts";
import { Fault } from "../../lib/fault.ts";
import type { Child } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { KeptLog } from "./rig.ts";

/** One life. */
class FakeChild implements Child {
  readonly sent: { readonly message: ToRole; readonly handle: unknown }[] = [];
  /** What to call when the last message could not be sent. */
  failSend: () => void = () => {};
  readonly killed: string[] = [];
  #take: (message: unknown) => void = () => {};
  #exit: (status: { readonly code: number | null; readonly signal: string | null }) => void = () => {};

  constructor(readonly pid: number) {}

  send(message: unknown, handle?: unknown, failed: () => void = () => {}): void {
    this.sent.push({ message: message as ToRole, handle });
    this.failSend = failed;
  }

  onMessage(take: (message: unknown) => void): void {
    this.#take = take;
  }

  onExit(run: (status: { readonly code: number | null; readonly signal: string | null }) => void): void {
    this.#exit = run;
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.killed.push(signal);
  }

  say(message: FromRole): void {
    this.#take(message);
  }

  saySomething(message: unknown): void {
    this.#take(message);
  }

  exit(code: number | null, signal: string | null = null): void {
    this.#exit({ code, signal });
  }

  get kinds(): readonly string[] {
    return this.sent.map(({ message }) => message.kind);
  }
}

// Only its kind counts here.
const init = { kind: "init" } as ToRole;

class Rig {
  readonly clock = new FakeClock();
  readonly kept = new KeptLog();
  readonly lives: FakeChild[] = [];
  readonly received: string[] = [];
  readonly failed: string[] = [];
  readonly died: string[] = [];
  readonly discarded: unknown[] = [];
  starts = 0;
  spawnFault: Fault | null = null;
  readonly process: RoleProcess;

  constructor(change: Partial<RoleProcessPorts> = {}) {
    this.process = new RoleProcess("lookup", {
      clock: this.clock,
      log: this.kept.log,
      restart: true,
      spawn: () => {
        if (this.spawnFault !== null) throw this.spawnFault;
        const child = new FakeChild(100 + this.lives.length);
        this.lives.push(child);
        return child;
      },
      init: () => init,
      discard: (handle) => handle !== undefined && void this.discarded.push(handle),
      started: () => this.starts++,
      received: (message) => void this.received.push(message.kind),
      died: (how) => void this.died.push(how),
      failed: (reason) => void this.failed.push(reason),
      ...change,
    });
  }

  /** A process that is ready. */
  static ready(change: Partial<RoleProcessPorts> = {}): Rig {
    const rig = new Rig(change);
    rig.process.start();
    rig.life.say({ kind: "ready", version: 1 });
    return rig;
  }

  get life(): FakeChild {
    return this.lives.at(-1)!;
  }

  /** The current life ends; how long until the next. */
  async restartAfterDeath(): Promise<number> {
    const before = this.lives.length;
    const from = this.clock.monotonic();
    this.life.exit(1);
    while (this.lives.length === before) await this.clock.advance(this.clock.nextIn ?? Infinity);
    return this.clock.monotonic() - from;
  }
}

Deno.test("RoleProcess tells a new life first what it is, then joins it", () => {
  const rig = new Rig();
  rig.process.start();
  deepEqual(rig.life.kinds, ["init"]);
  equal(rig.starts, 1);
  deepEqual([rig.process.isRunning, rig.process.isReady], [true, false]);
  rig.life.say({ kind: "ready", version: 1 });
  equal(rig.process.isReady, true);
  deepEqual(rig.received, ["ready"]);
});

Deno.test("RoleProcess sends each message when the last one was received, in order, with its handle", () => {
  const rig = new Rig();
  rig.process.start();
  const peer = (name: string): ToRole => ({ kind: "peer", role: "queue", name, key: "" });
  rig.process.send(peer("a"), "handle a");
  rig.process.send(peer("b"), "handle b");
  rig.process.send({ kind: "serve" });
  deepEqual(rig.life.kinds, ["init"]);
  rig.life.say({ kind: "received" });
  deepEqual(rig.life.sent.at(-1), { message: peer("a"), handle: "handle a" });
  rig.life.say({ kind: "ready", version: 1 });
  equal(rig.life.sent.length, 2, "nothing but `received` lets the next one go");
  for (let n = 0; n < 3; n++) rig.life.say({ kind: "received" });
  deepEqual(rig.life.sent.map(({ handle }) => handle), [undefined, "handle a", "handle b", undefined]);
  rig.process.send({ kind: "serve" });
  equal(rig.life.sent.length, 5, "at once, when nothing waits");
  deepEqual(rig.received, ["ready"], "an acknowledgement is nobody else's business");
});

Deno.test("RoleProcess starts a role that died anew: 0.1 s, 0.2 s ... up to 30 s later", async () => {
  const rig = Rig.ready();
  const delays: number[] = [];
  for (let n = 0; n < 11; n++) {
    delays.push(await rig.restartAfterDeath());
    rig.life.say({ kind: "ready", version: 1 });
  }
  deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, restartDelayMaxMs, restartDelayMaxMs]);
  equal(rig.starts, 12);
  deepEqual(rig.kept.of("role-died").slice(0, 2).map(({ fields }) => fields), [
    { role: "lookup", status: "code 1", "restart-in": "0.1s" },
    { role: "lookup", status: "code 1", "restart-in": "0.2s" },
  ]);
  deepEqual(rig.failed, []);
});

Deno.test("RoleProcess forgets earlier deaths after a minute of life", async () => {
  const rig = Rig.ready();
  for (let n = 0; n < 5; n++) await rig.restartAfterDeath();
  await rig.clock.advance(60_000);
  equal(await rig.restartAfterDeath(), 3200, "exactly a minute is not enough");
  await rig.clock.advance(60_001);
  equal(await rig.restartAfterDeath(), 100);
});

Deno.test("RoleProcess is down between two lives", async () => {
  const rig = Rig.ready();
  rig.life.exit(null, "SIGSEGV");
  deepEqual([rig.process.isRunning, rig.process.isReady], [false, false]);
  rig.process.send({ kind: "serve" });
  await rig.clock.advance(100);
  deepEqual(rig.life.kinds, ["init"], "what was said meanwhile went to nobody");
  equal(rig.process.isReady, false);
  deepEqual(rig.kept.of("role-died").map(({ fields }) => fields["status"]), ["SIGSEGV"]);
});

Deno.test("RoleProcess gives nothing that waited for the last life to the next", async () => {
  const rig = Rig.ready();
  const former = rig.life;
  rig.process.send({ kind: "serve" });
  former.exit(1);
  await rig.clock.advance(100);
  former.say({ kind: "received" });
  former.say({ kind: "ready", version: 1 });
  deepEqual(rig.life.kinds, ["init"]);
  equal(rig.process.isReady, false);
  rig.life.say({ kind: "received" });
  deepEqual(rig.life.kinds, ["init"]);
});

Deno.test("RoleProcess closes what a role did not get: it died, was dying, or was down", async () => {
  const rig = Rig.ready();
  const peer: ToRole = { kind: "peer", role: "queue", name: "queue", key: "" };
  rig.life.say({ kind: "received" });
  rig.process.send(peer, "on its way");
  rig.process.send(peer, "waits");
  rig.life.failSend();
  deepEqual(rig.discarded, ["on its way"]);
  rig.life.exit(1);
  rig.process.send(peer, "too late");
  deepEqual(rig.discarded, ["on its way", "waits", "too late"]);
  await rig.clock.advance(100);
  deepEqual(rig.life.kinds, ["init"]);
  equal(rig.process.life, 2);
});

Deno.test("RoleProcess kills a role that says what no role says", () => {
  for (const nonsense of [null, "ready", {}, { kind: "whatever" }, { kind: "needAgent", key: 5 }]) {
    const rig = Rig.ready();
    rig.received.length = 0;
    rig.life.saySomething(nonsense);
    deepEqual([rig.life.killed, rig.received], [["SIGKILL"], []]);
    equal(rig.kept.of("role-talks-nonsense").length, 1);
  }
});

Deno.test("RoleProcess begins a new life after abort()", async () => {
  const rig = Rig.ready();
  rig.process.abort();
  deepEqual(rig.life.killed, ["SIGKILL"]);
  rig.life.exit(137);
  rig.process.abort();
  await rig.clock.advance(100);
  equal(rig.process.life, 2);
  deepEqual(rig.life.killed, []);
});

Deno.test("RoleProcess fails for good when the first life ends before it is ready", async () => {
  const rig = new Rig();
  rig.process.start();
  rig.life.exit(77);
  deepEqual(rig.failed, ["lookup ended with code 77 before it was ready"]);
  await rig.clock.advance(60_000);
  equal(rig.lives.length, 1);
});

Deno.test("RoleProcess tries on when a later life ends before it is ready", async () => {
  const rig = Rig.ready();
  await rig.restartAfterDeath();
  await rig.restartAfterDeath();
  deepEqual([rig.lives.length, rig.failed.length], [3, 0]);
});

Deno.test("RoleProcess fails when the program cannot be started, and tries on when it ran before", async () => {
  const rig = new Rig();
  rig.spawnFault = new Fault("denied", "Cannot start lookup: EPERM");
  rig.process.start();
  deepEqual(rig.failed, ["Cannot start lookup: EPERM"]);
  equal(rig.process.isRunning, false);

  const later = Rig.ready();
  later.spawnFault = new Fault("noSpace", "Cannot start lookup: EAGAIN");
  later.life.exit(1);
  await later.clock.advance(100 + 200);
  equal(later.lives.length, 1);
  later.spawnFault = null;
  await later.clock.advance(400);
  equal(later.lives.length, 2);
  deepEqual(later.failed, []);
  match(String(later.kept.of("role-died")[1]?.fields["status"]), /EAGAIN/);
});

Deno.test("RoleProcess does not start anew what is not to be restarted", async () => {
  const rig = Rig.ready({ restart: false });
  rig.life.exit(0);
  deepEqual(rig.failed, ["lookup ended with code 0"]);
  await rig.clock.advance(60_000);
  equal(rig.lives.length, 1);
});

Deno.test("RoleProcess stops a role, waits for its end, and does not start it again", async () => {
  const rig = Rig.ready();
  rig.life.say({ kind: "received" });
  let isStopped = false;
  void rig.process.stop(5000).then(() => isStopped = true);
  deepEqual(rig.life.sent.at(-1)?.message, { kind: "stop", graceMs: 5000 });
  await rig.clock.advance(5999);
  deepEqual([isStopped, rig.life.killed], [false, []]);
  rig.life.exit(0);
  await rig.clock.settle();
  equal(isStopped, true);
  await rig.clock.advance(3_600_000);
  deepEqual([rig.lives.length, rig.lives[0]?.killed, rig.failed], [1, [], []]);
  equal(rig.clock.pending, 0);
});

Deno.test("RoleProcess kills a role that does not stop a second after its grace", async () => {
  const rig = Rig.ready();
  let isStopped = false;
  void rig.process.stop(5000).then(() => isStopped = true);
  await rig.clock.advance(6000);
  deepEqual([isStopped, rig.life.killed], [false, ["SIGKILL"]]);
  rig.life.exit(null, "SIGKILL");
  await rig.clock.settle();
  equal(isStopped, true);
});

Deno.test("RoleProcess stops while it waits to start anew", async () => {
  const rig = Rig.ready();
  rig.life.exit(1);
  await rig.process.stop(5000);
  await rig.clock.advance(60_000);
  equal(rig.lives.length, 1);
});

Deno.test("RoleProcess tells each life what holds when it begins", async () => {
  const told: ToRole[] = [];
  const rig = Rig.ready({
    init: () => {
      told.push({ kind: "stop", graceMs: told.length });
      return told.at(-1)!;
    },
  });
  rig.life.exit(1);
  await rig.clock.advance(100);
  deepEqual(rig.lives.map((life) => life.sent[0]?.message), told);
  equal(told.length, 2);
});

Deno.test("RoleProcess gives the role's own reason when it cannot begin", () => {
  const rig = new Rig();
  rig.process.start();
  rig.life.say({ kind: "notReady", reason: "Cannot read /etc/t: ENOENT" });
  deepEqual(rig.life.killed, ["SIGKILL"]);
  rig.life.exit(null, "SIGKILL");
  deepEqual([rig.failed, rig.died, rig.received], [["lookup: Cannot read /etc/t: ENOENT"], [], []]);
});

Deno.test("RoleProcess tells of a death, and starts nothing that is discarded on hearing of it", async () => {
  const rig: Rig = Rig.ready({ died: () => rig.process.discard() });
  rig.life.exit(null, "SIGSEGV");
  await rig.clock.advance(60_000);
  equal(rig.lives.length, 1);
  const other = Rig.ready();
  other.life.exit(3);
  deepEqual(other.died, ["code 3"]);
});

Deno.test("RoleProcess does not start what was discarded before", () => {
  const rig = new Rig();
  rig.process.discard();
  rig.process.start();
  equal(rig.lives.length, 0);
});

Deno.test("RoleProcess that is followed by another ends when it has finished, and is not started again", async () => {
  const rig = Rig.ready();
  rig.life.say({ kind: "received" });
  let isOver = false;
  void rig.process.drain(300_000, 10_000).then(() => isOver = true);
  deepEqual(rig.life.sent.at(-1)?.message, { kind: "drain", graceMs: 300_000 });
  await rig.clock.advance(200_000);
  equal(isOver, false);
  rig.life.exit(0);
  await rig.clock.advance(60_000);
  deepEqual([isOver, rig.lives.length, rig.died], [true, 1, []]);
});

Deno.test("RoleProcess that is followed by another can be stopped before, and is killed when it does not end", async () => {
  const rig = Rig.ready();
  rig.life.say({ kind: "received" });
  const both = Promise.all([rig.process.drain(300_000, 10_000), rig.process.stop(10_000)]);
  rig.life.say({ kind: "received" });
  deepEqual(rig.life.kinds, ["init", "drain", "stop"]);
  await rig.clock.advance(11_000);
  deepEqual(rig.life.killed, ["SIGKILL"]);
  rig.life.exit(null, "SIGKILL");
  await both;
  equal(rig.clock.nextIn, null, "no timer is left");
});

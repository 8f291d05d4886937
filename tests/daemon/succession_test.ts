/** Reloads as the supervisor carries them out, its processes and sockets being fakes. */

import { deepEqual, equal, match } from "node:assert/strict";
import { noMaterial } from "../../lib/daemon/listener_tls.ts";
import type { Grant, StandingRole } from "../../lib/daemon/privilege.ts";
import { standingGrants } from "../../lib/daemon/privilege.ts";
import type { Configuration, Loaded } from "../../lib/daemon/reload_plan.ts";
import { namesOf } from "../../lib/daemon/launcher.ts";
import { type Member, retiredMax, Staff } from "../../lib/daemon/staff.ts";
import { Succession } from "../../lib/daemon/succession.ts";
import type { FromRole, Init, ToRole } from "../../lib/daemon/supervision.ts";
import { drainMs, stopGraceMs } from "../../lib/daemon/supervision.ts";
import { Fault } from "../../lib/fault.ts";
import type { Child } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { firstConfiguration, KeptLog, policyOf, policyText } from "./rig.ts";

/** A process that does as it is told, unless a test says otherwise. */
class Puppet implements Child {
  readonly pid = 1;
  readonly heard: ToRole[] = [];
  init: Init | null = null;
  #tell: (message: unknown) => void = () => {};
  #exit: (status: { readonly code: number | null; readonly signal: string | null }) => void = () => {};

  constructor(readonly name: string, readonly rig: Rig) {}

  send(message: unknown): void {
    const told = message as ToRole;
    this.heard.push(told);
    this.rig.clock.soon(() => {
      this.say({ kind: "received" });
      this.#obey(told);
    });
  }

  say(message: FromRole): void {
    this.#tell(message);
  }

  onMessage(take: (message: unknown) => void): void {
    this.#tell = take;
  }

  onExit(run: (status: { readonly code: number | null; readonly signal: string | null }) => void): void {
    this.#exit = run;
  }

  kill(): void {
    this.end(null, "SIGKILL");
  }

  end(code: number | null, signal: string | null = null): void {
    if (!this.rig.running.delete(this)) return;
    this.#exit({ code, signal });
  }

  get kinds(): string {
    return this.heard.map((told) => told.kind === "peer" ? `peer:${told.name}` : told.kind).join(" ");
  }

  #obey(told: ToRole): void {
    if (this.rig.deaf.has(`${this.name} ${told.kind}`)) return;
    if (told.kind === "init") {
      this.init = told;
      const reason = this.rig.broken.get(this.name);
      this.say(reason === undefined ? { kind: "ready", version: told.version } : { kind: "notReady", reason });
    }
    if (told.kind === "serve") this.say({ kind: "serving" });
    if (told.kind === "policy") this.say({ kind: "inForce", version: told.version });
    if (told.kind === "stop") this.end(0);
  }
}

function configuration(text: string = policyText): Configuration {
  return {
    policy: policyOf(text),
    premises: { spool: "/q", state: "/s", accounts: null, includes: [], resolvers: [] },
    resolver: { servers: [], timeoutMs: 5000, attempts: 2, hosts: [] },
    selfAddresses: [],
  };
}

class Rig {
  readonly clock = new FakeClock();
  readonly kept = new KeptLog();
  readonly running = new Set<Puppet>();
  /** Why newcomers of these names cannot begin. */
  readonly broken = new Map<string, string>();
  /** `name kind`: messages that have no effect. */
  readonly deaf = new Set<string>();
  readonly sockets: string[] = [];
  bindFault: Fault | null = null;
  readonly certificates: string[] = [];
  keyFault: Fault | null = null;
  loaded: Loaded = { kind: "ok", configuration: configuration(), warnings: [] };
  readonly staff: Staff;
  readonly succession: Succession;

  constructor() {
    const first = configuration();
    this.staff = new Staff({
      clock: this.clock,
      log: this.kept.log,
      spawn: (name) => {
        const puppet = new Puppet(name, this);
        this.running.add(puppet);
        return puppet;
      },
      init: (member, grant) => this.#initOf(member, grant),
      pair: () => Promise.resolve(["near", "far"]),
      discard: () => {},
      started: () => {},
      left: () => {},
      received: (member, message) => {
        if (message.kind === "ready") this.succession.ready(member, message.version);
        if (message.kind === "serving") this.succession.confirmed(member);
        if (message.kind === "inForce") this.succession.inForce(member, message.version);
      },
      died: (member, how) => this.succession.died(member, how),
      failed: (name, reason) => this.succession.failed(name, reason),
    });
    const addRole = (grant: Grant<StandingRole>, of: Configuration, version: number) =>
      namesOf(grant.role, version, 1).map((name) => this.staff.add(name, grant, of, version, []));
    this.succession = new Succession({
      clock: this.clock,
      log: this.kept.log,
      staff: this.staff,
      sockets: {
        bind: () =>
          this.bindFault === null ? Promise.resolve(void this.sockets.push("bind")) : Promise.reject(this.bindFault),
        discard: () => void this.sockets.push("discard"),
        keep: () => void this.sockets.push("keep"),
      },
      certificates: {
        load: () => {
          this.certificates.push("load");
          return this.keyFault === null ? Promise.resolve() : Promise.reject(this.keyFault);
        },
        discard: () => void this.certificates.push("discard"),
        keep: () => void this.certificates.push("keep"),
      },
      file: "/etc/smtpd.conf",
      configuration: first,
      warnings: [],
      load: () => Promise.resolve(this.loaded),
      smtpIns: 1,
      addRole,
    });
    for (const grant of standingGrants(first.policy, first.premises)) addRole(grant, first, 1);
    for (const member of this.staff.members) {
      member.process.start();
      this.staff.serve(member);
    }
  }

  #initOf(member: Member, grant: Grant<StandingRole>): Init {
    const { policy, premises, resolver, selfAddresses } = member.configuration;
    return {
      kind: "init",
      grant,
      policy,
      log: { style: "text", least: "info" },
      paused: [],
      traced: [],
      work: null,
      sameUser: true,
      resolver,
      selfAddresses,
      spool: premises.spool,
      name: member.process.name,
      version: member.configured,
      successors: this.staff.successors(member.configured),
      configuration: firstConfiguration,
      front: { processes: 1, descriptors: null },
      tls: noMaterial,
    };
  }

  /** A daemon that runs, and what it does when `text` is its configuration and a reload is asked for. */
  static async with(text: string, change: (rig: Rig) => void = () => {}): Promise<Rig> {
    const rig = new Rig();
    await rig.clock.settle();
    rig.loaded = { kind: "ok", configuration: configuration(text), warnings: [] };
    change(rig);
    await rig.ask();
    return rig;
  }

  async ask(): Promise<void> {
    this.succession.ask({ life: this.staff.find("queue")?.process.life ?? 0, request: 5 }, false);
    await this.clock.settle();
    await this.clock.advance(1);
  }

  puppet(name: string): Puppet {
    const found = [...this.running].find((one) => one.name === name);
    if (found === undefined) throw new Error(`${name} does not run`);
    return found;
  }

  get names(): readonly string[] {
    return [...this.running].map(({ name }) => name).sort();
  }

  /** What queue was answered last. */
  get answer(): string {
    const told = this.puppet("queue").heard.findLast((one) => one.kind === "reloaded");
    if (told?.kind !== "reloaded") return "nothing";
    return told.answer.kind === "ok" ? `version ${told.answer.version}` : told.answer.problems.join("; ");
  }
}

const withRule = `${policyText}match from any for domain "x.test" reject\n`;
const withAction = policyText.replace("relay", "relay ttl 1d");

Deno.test("a reload starts lookup and smtp-in anew, tells those that stay, and lets the former finish", async () => {
  const rig = await Rig.with(withRule);
  equal(rig.answer, "version 2");
  deepEqual(rig.names, ["delivery", "lookup", "lookup#v2", "queue", "smtp-in", "smtp-in#v2"]);
  equal(rig.puppet("smtp-in").kinds.endsWith(" drain"), true, rig.puppet("smtp-in").kinds);
  equal(rig.puppet("smtp-in#v2").kinds, "init peer:queue peer:lookup#v2 serve");
  match(rig.puppet("delivery").kinds, /peer:lookup#v2 policy$/);
  match(rig.puppet("queue").kinds, /peer:lookup#v2 peer:smtp-in#v2 configuration policy reloaded$/);
  deepEqual(rig.sockets, ["bind", "keep"]);
  equal(rig.succession.status.version, 2);
  for (const name of ["smtp-in", "lookup"]) rig.puppet(name).end(0);
  await rig.clock.settle();
  deepEqual(rig.staff.members.map(({ process }) => process.name), ["queue", "delivery", "lookup#v2", "smtp-in#v2"]);
});

Deno.test("a reload has delivery followed when its actions have changed", async () => {
  const rig = await Rig.with(withAction);
  equal(rig.answer, "version 2");
  deepEqual(rig.puppet("delivery#v2").init?.successors, { lookup: "lookup#v2", delivery: "delivery#v2" });
  match(rig.puppet("delivery#v2").kinds, /^init peer:queue peer:lookup#v2 serve$/);
  match(rig.puppet("delivery").kinds, / drain$/);
  const told = rig.puppet("queue").heard.find((one) => one.kind === "policy");
  deepEqual(told?.kind === "policy" && told.successors, { lookup: "lookup#v2", delivery: "delivery#v2" });
});

const failures: readonly (readonly [name: string, change: (rig: Rig) => void, want: RegExp])[] = [
  ["the file is broken", (rig) => void (rig.loaded = { kind: "refused", problems: ["f:1:1: error: no"] }), /^f:1:1/],
  ["a port is taken", (rig) => void (rig.bindFault = new Fault("exists", "Cannot listen")), /^Cannot listen$/],
  [
    "a key cannot be used",
    (rig) => void (rig.keyFault = new Fault("unavailable", "cannot read the key /k")),
    /^cannot read the key \/k$/,
  ],
  [
    "a table cannot be opened",
    (rig) => void rig.broken.set("lookup#v2", "Cannot read /t"),
    /^lookup#v2: Cannot read \/t$/,
  ],
];
for (const [name, change, want] of failures) {
  Deno.test(`a reload changes nothing when ${name}`, async () => {
    const rig = await Rig.with(withRule, change);
    match(rig.answer, want);
    deepEqual(rig.names, ["delivery", "lookup", "queue", "smtp-in"]);
    equal(rig.staff.members.length, 4);
    equal(rig.puppet("queue").kinds.includes("policy"), false);
    equal(rig.puppet("smtp-in").kinds.includes("drain"), false);
    equal(rig.succession.status.version, 1);
    match(rig.succession.status.failure?.reason ?? "", want);
    // The next one is not harmed.
    rig.broken.clear();
    deepEqual(rig.certificates, name === "the file is broken" ? [] : ["load", "discard"]);
    rig.bindFault = null;
    rig.keyFault = null;
    rig.loaded = { kind: "ok", configuration: configuration(withRule), warnings: [] };
    await rig.ask();
    equal(rig.answer, "version 2");
    deepEqual(rig.certificates.slice(-2), ["load", "keep"]);
    equal(rig.succession.status.failure, null);
  });
}

Deno.test("a newcomer that dies before the others are ready ends the reload", async () => {
  const rig = await Rig.with(withRule, (rig) => rig.deaf.add("lookup#v2 init"));
  equal(rig.answer, "nothing");
  rig.puppet("smtp-in#v2").end(1);
  await rig.clock.settle();
  match(rig.answer, /^smtp-in#v2 ended with code 1$/);
  deepEqual(rig.names, ["delivery", "lookup", "queue", "smtp-in"]);
});

Deno.test("a newcomer that is never ready ends the reload after a while", async () => {
  const rig = await Rig.with(withRule, (rig) => rig.deaf.add("lookup#v2 init"));
  await rig.clock.advance(60_000);
  match(rig.answer, /^lookup#v2 took more than 60 s to be ready$/);
  deepEqual(rig.names, ["delivery", "lookup", "queue", "smtp-in"]);
});

Deno.test("one that stays and does not hear is started again, and comes back under the new configuration", async () => {
  const rig = await Rig.with(withRule, (rig) => rig.deaf.add("delivery policy"));
  equal(rig.answer, "nothing");
  equal(rig.puppet("smtp-in").kinds.includes("drain"), false);
  await rig.clock.advance(10_000);
  await rig.clock.advance(200);
  equal(rig.answer, "version 2");
  deepEqual([rig.puppet("delivery").init?.version, rig.puppet("delivery").init?.policy.rules.length], [2, 3]);
});

Deno.test("a role that died before the commit comes back under the new configuration and counts", async () => {
  const rig = await Rig.with(withRule, (rig) => {
    rig.puppet("queue").end(1);
    rig.deaf.add("lookup#v2 init");
  });
  rig.deaf.clear();
  // It was started again by now, under the old one: lookup is not ready yet.
  await rig.clock.advance(200);
  equal(rig.puppet("queue").init?.version, 1);
  rig.puppet("lookup#v2").say({ kind: "ready", version: 2 });
  await rig.clock.settle();
  await rig.clock.advance(1);
  equal(rig.succession.status.version, 2);
  match(rig.puppet("queue").kinds, /policy/);
  equal(rig.answer, "nothing", "the life that asked is gone");
});

Deno.test("when a lookup is gone that another follows, its smtp-in stop: nobody answers their sessions", async () => {
  const rig = await Rig.with(withRule);
  rig.puppet("lookup").end(1);
  await rig.clock.settle();
  deepEqual(rig.names, ["delivery", "lookup#v2", "queue", "smtp-in#v2"], "it obeyed the stop");
});

Deno.test("what is followed is killed when it does not end in time", async () => {
  const rig = await Rig.with(withRule);
  await rig.clock.advance(drainMs + stopGraceMs + 1000);
  equal(rig.names.includes("smtp-in"), false);
});

Deno.test("sessions of so many configurations go on; with one more the oldest stop", async () => {
  const rig = await Rig.with(withRule);
  for (let n = 0; n < retiredMax; n++) await rig.ask();
  const fronts = rig.names.filter((name) => name.startsWith("smtp-in"));
  equal(fronts.length, retiredMax + 1);
  equal(fronts.includes("smtp-in"), false, "the first has been stopped");
});

Deno.test("no reload when the daemon is being stopped, and what was being prepared ends", async () => {
  const rig = await Rig.with(withRule, (rig) => rig.deaf.add("lookup#v2 init"));
  rig.succession.stop();
  await rig.clock.settle();
  equal(rig.answer, "smtpd is stopping");
  deepEqual(rig.names, ["delivery", "lookup", "queue", "smtp-in"]);
});

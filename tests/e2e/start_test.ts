/** What the supervisor starts when. Its sockets are real, its processes are not: these say what the test has them say. */

import { deepEqual, ok } from "node:assert/strict";
import type { LogEvent } from "../../lib/event_log.ts";
import { Launcher } from "../../lib/daemon/launcher.ts";
import type { Configuration } from "../../lib/daemon/reload_plan.ts";
import { Supervisor } from "../../lib/daemon/supervisor.ts";
import { InheritedSockets } from "../../lib/host/activation.ts";
import { discardSocket } from "../../lib/host/net.ts";
import type { Child } from "../../lib/port.ts";
import { policyOf } from "../daemon/rig.ts";
import { until } from "../support/wait.ts";

/** A process that does what it is told; `ready` it is when the test says so. */
class Told implements Child {
  readonly pid = 1;
  readonly kinds: unknown[] = [];
  #take: (message: unknown) => void = () => {};
  #run: Parameters<Child["onExit"]>[0] = () => {};

  send(message: unknown, handle: unknown): void {
    discardSocket(handle);
    ok(typeof message === "object" && message !== null && "kind" in message);
    const { kind } = message;
    this.kinds.push(kind);
    queueMicrotask(() => this.say("received"));
    if (kind === "serve") queueMicrotask(() => this.say("serving"));
    if (kind === "stop") queueMicrotask(() => this.#run({ code: 0, signal: null }));
  }

  say(kind: string): void {
    this.#take({ kind, version: 1 });
  }

  onMessage(take: (message: unknown) => void): void {
    this.#take = take;
  }

  onExit(run: Parameters<Child["onExit"]>[0]): void {
    this.#run = run;
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.#run({ code: null, signal });
  }
}

/** A supervisor of two smtp-in and of a table behind a helper, started. */
async function rig() {
  const state = await Deno.makeTempDir();
  const configuration: Configuration = {
    policy: policyOf(
      `table aliases "proc:/bin/cat"\naction "box" maildir alias <aliases>\nmatch from any for local action "box"\n`,
    ),
    premises: { spool: `${state}/spool`, state, accounts: null, includes: [], resolvers: [] },
    resolver: { servers: [], timeoutMs: 1, attempts: 1, hosts: [] },
    selfAddresses: [],
  };
  const children = new Map<string, Told>();
  const told: unknown[] = [];
  const supervisor = new Supervisor({
    configuration,
    file: "smtpd.conf",
    warnings: [],
    load: () => {
      told.push("load");
      return Promise.resolve({ kind: "refused", problems: ["a mistake"] });
    },
    controlSocket: `${state}/smtpd.sock`,
    submitSocket: `${state}/submit.sock`,
    launcher: new Launcher(({ args: [name = ""] }) => {
      const child = new Told();
      children.set(name, child);
      return child;
    }),
    smtpIns: 2,
    inherited: new InheritedSockets([]),
    descriptors: null,
    traced: [],
    paused: [],
    log: ({ what }: LogEvent) => void told.push(what),
    logStyle: "text",
    logLeast: "info",
    failed: (reason) => void told.push(reason),
    ready: () => void told.push("ready"),
    stopRequested: () => {},
  });
  await supervisor.start();
  const names = () => [...children.keys()];
  return { supervisor, children, names, told, say: (name: string) => children.get(name)?.say("ready") };
}

const fronts = ["smtp-in#1", "smtp-in#2"];
const others = ["table-host#aliases", "queue", "lookup", "delivery"];

Deno.test("an smtp-in is ready and has its sockets before another process is started, also one for lookup", async () => {
  const { supervisor, children, names, told, say } = await rig();
  deepEqual(names(), fronts);
  say("smtp-in#2");
  await until("the others are started", () => names().length > fronts.length);
  ok(children.get("smtp-in#2")?.kinds.includes("serve"));
  deepEqual(names(), [...fronts, ...others]);
  say("smtp-in#1");
  await until("the other one serves", () => children.get("smtp-in#1")?.kinds.includes("serve") === true);
  for (const name of ["queue", "lookup", "delivery"]) say(name);
  await until("it is ready", () => told.includes("ready"));
  await supervisor.stop();
  deepEqual(told, ["ready"]);
});

Deno.test("a reload that is asked for during the start waits for its end, and does not end the daemon", async () => {
  const { supervisor, names, told, say } = await rig();
  supervisor.reload();
  for (const name of fronts) say(name);
  await until("the others are started", () => names().length > fronts.length);
  supervisor.reload();
  for (const name of ["queue", "lookup", "delivery"]) say(name);
  await until("the reload has ended", () => told.includes("reload-failed"));
  deepEqual(told, ["ready", "load", "reload-problem", "reload-failed"]);
  await supervisor.stop();
});

Deno.test("whatever waits to be started when the daemon is stopped never is", async () => {
  const { supervisor, names, told, say } = await rig();
  say("smtp-in#1");
  await supervisor.stop();
  say("smtp-in#2");
  deepEqual([names(), told], [fronts, []]);
});

Deno.test("a daemon that is stopped as soon as all is there does not say that it is ready", async () => {
  const { supervisor, names, told, say } = await rig();
  for (const name of fronts) say(name);
  await until("the others are started", () => names().length > fronts.length);
  for (const name of ["queue", "lookup", "delivery"]) say(name);
  await supervisor.stop();
  deepEqual(told, []);
});

import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { smtpInGrant } from "../../lib/daemon/grant_flags.ts";
import { Launcher, namesOf, type RoleLaunch } from "../../lib/daemon/launcher.ts";
import type { Child } from "../../lib/port.ts";
import { standingGrants } from "../../lib/daemon/privilege.ts";
import { premises, smtpd } from "./privilege_rig.ts";
import { policyOf } from "./rig.ts";

const [queueRow, , , smtpInRow] = standingGrants(policyOf(), premises);

/** A launcher, what it has started, what those were told and which were killed; `say` is heard from the last started. */
function rig() {
  const started: RoleLaunch[] = [];
  const killed: number[] = [];
  const told: unknown[] = [];
  let say: (message: unknown) => void = () => {};
  const launcher = new Launcher((launch) => {
    const pid = started.push(launch);
    const child: Child = {
      pid,
      send: (message) => void told.push(message),
      onMessage: (take) => void (say = take),
      onExit() {},
      kill: () => void killed.push(pid),
    };
    return child;
  });
  return { launcher, started, killed, told, say: (message: unknown) => say(message) };
}

Deno.test("namesOf() tells instances and versions apart", () => {
  deepEqual(namesOf("queue", 1, 1), ["queue"]);
  deepEqual(namesOf("smtp-in", 1, 2), ["smtp-in#1", "smtp-in#2"]);
  deepEqual(namesOf("lookup", 3, 1), ["lookup#v3"]);
  deepEqual(namesOf("smtp-in", 3, 2), ["smtp-in#v3.1", "smtp-in#v3.2"]);
});

Deno.test("Launcher starts a role with the flags and the account of its row, and agents without further groups", () => {
  const { launcher, started } = rig();
  ok(queueRow?.role === "queue");
  launcher.launch("queue", queueRow);
  launcher.launch("smtp-in", smtpInGrant(null));
  launcher.launch("agent-1", { ...smtpInGrant(smtpd), role: "agent" });
  const [queue, smtpIn, agent] = started;
  ok(queue);
  ok(queue.flags.includes("--allow-read=/var/spool/postern"));
  deepEqual([queue.account?.name, queue.account?.groups, queue.args], ["_smtpq", true, ["queue"]]);
  ok(queue.module.endsWith("/lib/daemon/main_queue.ts"));
  equal(smtpIn?.account, null);
  ok(smtpIn.module.endsWith("/lib/daemon/main_smtp_in.ts"));
  equal(agent?.account?.groups, false);
});

Deno.test("Launcher gives what was begun to the first who asks for it by name", () => {
  const { launcher, started, killed } = rig();
  ok(smtpInRow?.role === "smtp-in");
  launcher.begin("smtp-in#1", smtpInGrant(smtpd));
  equal(launcher.launch("smtp-in#2", smtpInGrant(smtpd)).pid, 2);
  equal(launcher.launch("smtp-in#1", smtpInRow).pid, 1);
  // Its next life.
  equal(launcher.launch("smtp-in#1", smtpInGrant(smtpd)).pid, 3);
  launcher.discard();
  deepEqual([started.length, killed], [3, []]);
});

Deno.test("Launcher gives nobody a process that was begun with another row", () => {
  const { launcher, killed } = rig();
  launcher.begin("smtp-in", smtpInGrant(null));
  equal(launcher.launch("smtp-in", smtpInGrant(smtpd)).pid, 2);
  launcher.begin("smtp-in", smtpInGrant(smtpd));
  equal(launcher.launch("smtp-in", { ...smtpInGrant(smtpd), read: ["/etc"] }).pid, 4);
  deepEqual(killed, [1, 3]);
});

Deno.test("Launcher ends what nobody asks for, once", () => {
  const { launcher, killed } = rig();
  launcher.begin("smtp-in", smtpInGrant(null));
  launcher.discard();
  launcher.discard();
  deepEqual(killed, [1]);
  equal(launcher.launch("smtp-in", smtpInGrant(null)).pid, 2);
});

Deno.test("Launcher leaves it to the launch to say why nothing can be started", () => {
  const launcher = new Launcher(() => {
    throw new Fault("notFound", "no setpriv");
  });
  launcher.begin("smtp-in", smtpInGrant(smtpd));
  throws(() => launcher.launch("smtp-in", smtpInGrant(smtpd)), /no setpriv/);
});

Deno.test("Launcher postpones all but smtp-in, and tells them then what they were told first", () => {
  const { launcher, started, told, say } = rig();
  ok(queueRow?.role === "queue");
  launcher.begin("smtp-in", smtpInGrant(null));
  launcher.postpone();
  const queue = launcher.launch("queue", queueRow);
  const heard: unknown[] = [];
  queue.onMessage((message) => void heard.push(message));
  queue.send("init", undefined, () => ok(false));
  launcher.launch("smtp-in", smtpInGrant(null)).send("smtp-in's init", undefined, () => ok(false));
  launcher.launch("smtp-in#2", smtpInGrant(null));
  deepEqual([started.map(({ args }) => args[0]), told, queue.pid], [["smtp-in", "smtp-in#2"], ["smtp-in's init"], -1]);
  launcher.release();
  launcher.release();
  deepEqual([started.map(({ args }) => args[0]), queue.pid], [["smtp-in", "smtp-in#2", "queue"], 3]);
  queue.send("peer", undefined, () => ok(false));
  deepEqual(told, ["smtp-in's init", "init", "peer"]);
  say("ready");
  deepEqual(heard, ["ready"]);
  equal(launcher.launch("queue", queueRow).pid, 4);
});

Deno.test("Launcher does not start what was killed while it was postponed: it has ended, and got nothing", async () => {
  const { launcher, started } = rig();
  ok(queueRow?.role === "queue");
  launcher.postpone();
  const unsent: string[] = [];
  const ends = ["killed", "discarded"].map((name) => {
    const child = launcher.launch(name, queueRow);
    child.send("init", undefined, () => void unsent.push(name));
    return { child, end: new Promise((resolve) => child.onExit(resolve)) };
  });
  ends[0]?.child.kill("SIGTERM");
  launcher.discard();
  launcher.release();
  ends[0]?.child.send("peer", undefined, () => void unsent.push("late"));
  deepEqual(await Promise.all(ends.map(({ end }) => end)), [
    { code: null, signal: "SIGTERM" },
    { code: null, signal: "SIGKILL" },
  ]);
  deepEqual([started, unsent], [[], ["killed", "discarded", "late"]]);
});

Deno.test("Launcher tells of what cannot be started when its time has come as the role would, and starts the others", () => {
  ok(queueRow?.role === "queue");
  for (const error of [new Fault("notFound", "no setpriv"), new Error("no setpriv")]) {
    const started: unknown[] = [];
    const launcher = new Launcher(({ args }) => {
      if (args[0] === "queue") throw error;
      started.push(args[0]);
      return { pid: 1, send() {}, onMessage() {}, onExit() {}, kill() {} };
    });
    launcher.postpone();
    const heard: unknown[] = [];
    launcher.launch("queue", queueRow).onMessage((message) => void heard.push(message));
    launcher.launch("lookup", queueRow);
    launcher.release();
    deepEqual([heard, started], [[{ kind: "notReady", reason: "no setpriv" }], ["lookup"]]);
  }
});

import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { smtpInGrant } from "../../lib/daemon/grant_flags.ts";
import { Launcher, namesOf, type RoleLaunch } from "../../lib/daemon/launcher.ts";
import type { Child } from "../../lib/port.ts";
import { standingGrants } from "../../lib/daemon/privilege.ts";
import { premises, smtpd } from "./privilege_rig.ts";
import { policyOf } from "./rig.ts";

const [queueRow, , , smtpInRow] = standingGrants(policyOf(), premises);

/** A launcher, what it has started, and which of those were killed. */
function rig() {
  const started: RoleLaunch[] = [];
  const killed: number[] = [];
  const launcher = new Launcher((launch) => {
    const pid = started.push(launch);
    const child: Child = { pid, send() {}, onMessage() {}, onExit() {}, kill: () => void killed.push(pid) };
    return child;
  });
  return { launcher, started, killed };
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

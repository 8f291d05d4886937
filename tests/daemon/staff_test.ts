/** The rest of what Staff does is in succession_test.ts. */

import { deepEqual, equal } from "node:assert/strict";
import { standingGrants } from "../../lib/daemon/privilege.ts";
import { Staff } from "../../lib/daemon/staff.ts";
import type { Init, ToRole } from "../../lib/daemon/supervision.ts";
import { FakeClock } from "../sim/clock.ts";
import { KeptLog, policyOf } from "./rig.ts";

Deno.test("Staff hands a member its sockets before it is to serve, in each life, and hands what is left behind to who follows", async () => {
  const clock = new FakeClock();
  const policy = policyOf();
  const premises = { spool: "/q", state: "/s", accounts: null, includes: [], resolvers: [] };
  const resolver = { servers: [], timeoutMs: 1, attempts: 1, hosts: [] };
  const configuration = { policy, premises, resolver, selfAddresses: [] };
  const heard: string[] = [];
  let exit: () => void = () => {};
  let shares = 0;
  const staff = new Staff({
    clock,
    log: new KeptLog().log,
    spawn: () => {
      let tell: (message: unknown) => void = () => {};
      return {
        pid: 1,
        send(message, handle) {
          heard.push(`${(message as ToRole).kind} ${handle ?? ""}`.trim());
          clock.soon(() => tell({ kind: "received" }));
          if ((message as ToRole).kind === "init") clock.soon(() => tell({ kind: "ready", version: 1 }));
        },
        onMessage: (take) => void (tell = take),
        onExit: (run) => void (exit = () => run({ code: 1, signal: null })),
        kill: () => {},
      };
    },
    init: () => ({ kind: "init" }) as Init,
    pair: () => Promise.resolve(["near", "far"]),
    discard: () => {},
    started: (member) => void heard.push(`started ${member.process.name}`),
    left: () => {},
    received: () => {},
    died: () => {},
    failed: () => {},
  });
  const grant = standingGrants(policy, premises).find(({ role }) => role === "smtp-in")!;
  const socket = { share: () => `share${++shares}`, release: () => {} };
  const member = staff.add("smtp-in", grant, configuration, 1, [{ socket, listener: 0 }]);
  staff.serve(member);
  deepEqual(heard, [], "it does not run");
  member.process.start();
  await clock.settle();
  deepEqual(heard.splice(0), ["init", "started smtp-in", "socket share1", "serve"]);
  exit();
  await clock.advance(100);
  await clock.settle();
  deepEqual(heard.splice(0), ["init", "started smtp-in", "socket share2", "serve"]);
  for (const role of ["lookup", "delivery"] as const) {
    const row = standingGrants(policy, premises).find((one) => one.role === role)!;
    staff.add(`${role}#v1`, row, configuration, 1, []);
    staff.add(`${role}#v2`, row, configuration, 2, []);
  }
  deepEqual(staff.successors(1), { lookup: "lookup#v1", delivery: "delivery#v1" });
  deepEqual(staff.successors(2), { lookup: "lookup#v2", delivery: "delivery#v2" });
  equal(staff.find("lookup#v2")?.version, 2);
  const [former, next] = [staff.find("lookup#v1")!, staff.find("lookup#v2")!];
  for (const one of [former, next]) {
    one.process.start();
    await clock.settle();
    staff.serve(one);
  }
  heard.splice(0);
  const message = { kind: "authLevels", levels: [["192.0.2.7", 1]] } as const;
  staff.succeed(next, message);
  staff.succeed(former, message);
  await clock.settle();
  deepEqual(heard.splice(0), [], "who goes on leaves nothing behind");
  staff.retire([former]);
  staff.succeed(former, message);
  await clock.settle();
  deepEqual(heard.splice(0), ["drain", "authLevels"]);
});

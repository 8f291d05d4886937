/** Where the process of an agent begins: of one that delivers, or of one that reads a ~/.forward. */

import { hostClock } from "../host/clock.ts";
import { hostDisk } from "../host/disk.ts";
import { hostDialer as dialer } from "../host/net.ts";
import { endProcess } from "../host/parent.ts";
import { hostShell } from "../host/shell.ts";
import { Agent } from "./agent.ts";
import type { AgentWork } from "./agent_work.ts";
import { readForward } from "./forward_reader.ts";
import { type RolePorts, type RunningRole, runRole, tellSupervisor } from "./role_main.ts";
import { agentStartMs, type Init } from "./supervision.ts";

runRole(makeAgent);

async function makeAgent(init: Init, ports: RolePorts): Promise<RunningRole> {
  const { work } = init;
  if (work === null) throw new Error("an agent has to be told what it is for");
  return work.kind === "forward" ? await readOneForward(work) : makeDeliverer(init, work, ports);
}

async function readOneForward(work: Extract<AgentWork, { kind: "forward" }>): Promise<RunningRole> {
  tellSupervisor({ kind: "forwardRead", file: await readForward(hostDisk, work.user.home, work.uid) });
  const nothing = () => Promise.resolve();
  return { peer() {}, forward() {}, serve() {}, told() {}, drain: nothing, stop: nothing };
}

function makeDeliverer(
  init: Init,
  work: Extract<AgentWork, { kind: "deliver" }>,
  ports: RolePorts,
): RunningRole {
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

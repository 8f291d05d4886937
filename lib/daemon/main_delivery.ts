/** Where the process of delivery begins. */

import { hostClock } from "../host/clock.ts";
import { hostSha1 } from "../host/hash.ts";
import { hostDialer } from "../host/net.ts";
import { loadResolver } from "../host/resolver.ts";
import { rewritingOf } from "../policy/rewrite.ts";
import { Delivery } from "./delivery.ts";
import { type RolePorts, type RunningRole, runRole, tellSupervisor } from "./role_main.ts";
import type { Init } from "./supervision.ts";

runRole(makeDelivery);

function makeDelivery(init: Init, ports: RolePorts): RunningRole {
  const delivery = new Delivery({
    ...ports,
    rewriting: rewritingOf(init.policy, hostClock, hostSha1),
    sameUser: init.sameUser,
    successors: init.successors,
    dialer: hostDialer,
    selfAddresses: new Set(init.selfAddresses),
    needAgent: (request) => tellSupervisor({ kind: "needAgent", ...request }),
    dns: () => loadResolver(init.resolver),
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

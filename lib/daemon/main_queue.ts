/** Where the process of queue begins. */

import { hostClock } from "../host/clock.ts";
import { spaceWatch } from "../host/space.ts";
import { openSqlDatabase } from "../host/sqlite.ts";
import { SqliteStore } from "../spool/sqlite.ts";
import { checkedChannel } from "./checked_channel.ts";
import { parseDeliveryToQueue, parseSmtpInToQueue } from "./imsg_parse.ts";
import { Queue } from "./queue.ts";
import { spoolReserve } from "./queue_intake.ts";
import { type RolePorts, type RunningRole, runRole, tellsOf, tellSupervisor } from "./role_main.ts";
import { controlListener, type Init } from "./supervision.ts";

runRole(makeQueue);

async function makeQueue(init: Init, ports: RolePorts): Promise<RunningRole> {
  const store = new SqliteStore(openSqlDatabase(`${init.spool}/spool.sqlite`));
  const queue = new Queue({
    ...ports,
    store,
    paused: init.paused,
    traced: init.traced,
    keepPaused: (paused) => tellSupervisor({ kind: "paused", paused }),
    allowExec: (named) => tellSupervisor({ kind: "mayRun", ...named }),
    stopDaemon: () => tellSupervisor({ kind: "stopDaemon" }),
    reload: (request, check) => tellSupervisor({ kind: "reload", request, check }),
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
      else if (message.kind === "reloaded") queue.reloaded(message.request, message.answer);
    },
    // It is the only one that has the spool open: another cannot take its place.
    drain: () => queue.stop(),
    stop: () => queue.stop(),
  };
}

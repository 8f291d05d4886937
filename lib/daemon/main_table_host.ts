/** Where the process of the host of a table begins. */

import { startProgram } from "../host/program.ts";
import { type RolePorts, type RunningRole, runRole } from "./role_main.ts";
import type { Init } from "./supervision.ts";
import { TableHost } from "./table_host.ts";

runRole(makeTableHost);

function makeTableHost(init: Init, ports: RolePorts): RunningRole {
  const [table] = Object.values(init.policy.tables);
  if (table?.kind !== "proc") throw new Error(`${init.name} has no table`);
  const { name, command, config } = table;
  const host = new TableHost({
    ...ports,
    table: name,
    start: () => startProgram(command, config === null ? [] : [config]),
  });
  host.start();
  const stop = () => {
    host.stop();
    return Promise.resolve();
  };
  return {
    peer(role, _name, _key, channel) {
      if (role === "lookup") host.setLookup(channel);
    },
    forward() {},
    serve() {},
    told() {},
    drain: stop,
    stop,
  };
}

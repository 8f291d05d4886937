import { deepEqual, equal } from "node:assert/strict";
import type { HostedTable } from "../../lib/daemon/privilege.ts";
import { RoleProcess } from "../../lib/daemon/role_process.ts";
import { TableHouse } from "../../lib/daemon/table_house.ts";
import type { Child } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { KeptLog } from "./rig.ts";

const grant: HostedTable["grant"] = {
  role: "table-host",
  account: null,
  read: [],
  write: [],
  net: { kind: "none" },
  run: ["/bin/helper"],
  sys: [],
  npm: false,
  handed: "",
};

const hosted = (name: string, config: string | null = null): HostedTable => ({
  spec: { kind: "proc", name, command: "/bin/helper", config },
  grant,
});

Deno.test("TableHouse starts a host for each table, joins each to lookup, and ends the one that talks nonsense", async () => {
  const clock = new FakeClock();
  const killed: string[] = [];
  const joined: string[] = [];
  const house = new TableHouse({
    make: (_grant, name, started) => {
      let exit: (status: { code: number | null; signal: string | null }) => void = () => {};
      const child: Child = {
        pid: 1,
        send() {},
        onMessage() {},
        onExit: (run) => void (exit = run),
        kill(signal) {
          killed.push(`${name} ${signal}`);
          exit({ code: null, signal });
        },
      };
      return new RoleProcess(name, {
        clock,
        log: new KeptLog().log,
        restart: true,
        spawn: () => child,
        init: () => ({ kind: "serve" }),
        discard() {},
        started,
        received() {},
        failed() {},
      });
    },
    join: (host, table) => void joined.push(`${host.name} ${table}`),
  });
  house.join();
  deepEqual(joined, []);
  house.replace([hosted("users"), hosted("hosts")]);
  deepEqual(joined, ["table-host#users users", "table-host#hosts hosts"]);
  house.join();
  equal(joined.length, 4);
  house.distrust("smtp-in#1");
  house.distrust("table-host#hosts");
  deepEqual(killed, ["table-host#hosts SIGKILL"]);
  house.replace([hosted("hosts", "/etc/other"), hosted("users")]);
  await clock.advance(3000);
  equal(joined.at(-1), "table-host#hosts hosts");
  const stopped = house.stop(1000);
  await clock.advance(2000);
  await stopped;
  deepEqual(killed.slice(1).sort(), ["table-host#hosts SIGKILL", "table-host#users SIGKILL"]);
});

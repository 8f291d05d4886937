import { deepEqual, equal } from "node:assert/strict";
import type { HostedTable } from "../../lib/daemon/privilege.ts";
import { RoleProcess } from "../../lib/daemon/role_process.ts";
import { TableHouse } from "../../lib/daemon/table_house.ts";
import type { Child } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { KeptLog } from "./rig.ts";
import { programSpec } from "../../lib/table/spec.ts";

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
  spec: programSpec(name, "/bin/helper", config),
  grant,
});

function rig() {
  const clock = new FakeClock();
  const killed: string[] = [];
  const joined: string[] = [];
  const house = new TableHouse({
    make: (_hosted, name, started) => {
      let exit: (status: { code: number | null; signal: string | null }) => void = () => {};
      let say: (message: unknown) => void = () => {};
      const child = (): Child => ({
        pid: 1,
        send: () => say({ kind: "received" }),
        onMessage: (take) => void (say = take),
        onExit: (run) => void (exit = run),
        kill(signal) {
          killed.push(name);
          exit({ code: null, signal });
        },
      });
      return new RoleProcess(name, {
        clock,
        log: new KeptLog().log,
        restart: true,
        spawn: child,
        init: () => ({ kind: "serve" }),
        discard() {},
        started() {
          say({ kind: "ready", version: 1 });
          started();
        },
        received() {},
        died() {},
        failed() {},
      });
    },
    join: (host, { spec }, version) => void joined.push(`${host.name} ${spec.name} ${version}`),
  });
  return { clock, house, killed, joined };
}

Deno.test("TableHouse starts a host for each table and joins each to its lookup, in every life of both", async () => {
  const { clock, house, killed, joined } = rig();
  house.join(1);
  deepEqual(joined, []);
  house.want(1, [hosted("users"), hosted("hosts")]);
  deepEqual(joined.splice(0), ["table-host#users users 1", "table-host#hosts hosts 1"]);
  house.join(1);
  equal(joined.splice(0).length, 2);
  house.join(2);
  equal(joined.length, 0);
  house.distrust("smtp-in#1");
  house.distrust("table-host#hosts");
  deepEqual(killed.splice(0), ["table-host#hosts"]);
  await clock.advance(60_000);
  deepEqual(joined, ["table-host#hosts hosts 1"]);
  const stopped = house.stop(1000);
  await clock.advance(3000);
  await stopped;
  deepEqual(killed.sort(), ["table-host#hosts", "table-host#users"]);
});

Deno.test("TableHouse keeps a host that the next configuration wants too, and ends those that no lookup wants", async () => {
  const { clock, house, killed, joined } = rig();
  house.want(1, [hosted("users"), hosted("hosts")]);
  joined.length = 0;
  house.want(2, [hosted("users"), hosted("hosts", "/etc/other")]);
  deepEqual(joined.splice(0), ["table-host#users users 2", "table-host#hosts#2 hosts 2"]);
  equal(killed.length, 0);
  house.forget(1);
  await clock.advance(3000);
  deepEqual(killed, ["table-host#hosts"]);
  house.join(2);
  deepEqual(joined, ["table-host#users users 2", "table-host#hosts#2 hosts 2"]);
});

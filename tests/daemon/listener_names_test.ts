import { deepEqual, equal, rejects } from "node:assert/strict";
import { listenerNames } from "../../lib/daemon/listener_names.ts";
import { StaticTable } from "../../lib/table/static.ts";
import { tablesOf } from "../policy/tables.ts";
import { World } from "./smtp_in_rig.ts";
import { policyOf } from "./rig.ts";

const policy = policyOf(`table names { 192.0.2.1 = mx1.test, "2001:db8::1" = mx6.test }
listen on 0.0.0.0 hostnames <names>
listen on 0.0.0.0 port 26
action "a" relay
match for any action "a"
`);

Deno.test("listenerNames() finds what we are called on an address, by the table of the listener", async () => {
  const nameOf = listenerNames(policy, tablesOf(policy));
  equal(await nameOf({ listener: 1, address: "192.0.2.1" }), "mx1.test");
  equal(await nameOf({ listener: 1, address: "2001:db8::1" }), "mx6.test");
  equal(await nameOf({ listener: 1, address: "192.0.2.3" }), null);
  const odd = { ...tablesOf(policy), table: () => new StaticTable("names", "map", [["192.0.2.1", "not a name"]], "+") };
  equal(await listenerNames(policy, odd)({ listener: 1, address: "192.0.2.1" }), null);
  for (const listener of [0, 2, 99]) equal(await nameOf({ listener, address: "192.0.2.1" }), null);
});

Deno.test("listenerNames() rejects when the table cannot be asked", async () => {
  await rejects(listenerNames(policy, tablesOf(policy, { broken: ["names"] }))({ listener: 1, address: "192.0.2.1" }));
});

Deno.test("who waits for a name of ours when smtp-in stops is told so, and holds nothing up", async () => {
  const world = new World(
    {},
    policyOf(`table names { 192.0.2.1 = mx.test }
listen on 192.0.2.1 hostnames <names>
action "a" relay
match for any action "a"
`),
  );
  await world.queue();
  const lookup = await world.lookup();
  const client = await world.connect();
  deepEqual([client.codes(), lookup.questions.map(({ ask }) => ask.kind)], [[], ["hostname"]]);
  const stopped = world.smtpIn.stop(10_000);
  await world.clock.settle();
  deepEqual(client.codes(), ["220", "421"]);
  await stopped;
});

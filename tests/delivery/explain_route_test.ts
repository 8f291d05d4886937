import { deepEqual, equal } from "node:assert/strict";
import { describeRelay, explainRoute, routeAddressesMax, routeHostsMax } from "../../lib/delivery/explain_route.ts";
import { noRoute } from "../../lib/delivery/outcome.ts";
import { plainManner, relayOfUrl } from "../../lib/delivery/relay.ts";
import { mailbox } from "../policy/tables.ts";

const toDomain = { kind: "domain", domain: mailbox("x@far.test").domain } as const;
const made = relayOfUrl("smtp://smart.test:2525");
if (made.kind === "error") throw new Error(made.message);

Deno.test("explainRoute() says by whom mail would go, and where", () => {
  equal(describeRelay(toDomain, plainManner), "MX of far.test");
  equal(describeRelay(made.relay, plainManner), "smart host smart.test:2525");
  const manner = { source: "192.0.2.7", helo: mailbox("x@us.test").domain, backupFor: mailbox("x@mx.test").domain };
  equal(describeRelay(toDomain, manner), "MX of far.test better than mx.test from 192.0.2.7 as us.test");
  const hosts = [{ name: "mx.far.test", preference: 10, addresses: ["203.0.113.1"] }];
  deepEqual(explainRoute({ relay: toDomain, manner: plainManner }, { kind: "hosts", hosts }), {
    kind: "hosts",
    via: "MX of far.test",
    port: 25,
    hosts,
  });
  deepEqual(explainRoute({ relay: made.relay, manner: plainManner }, { kind: "hosts", hosts }), {
    kind: "hosts",
    via: "smart host smart.test:2525",
    port: 2525,
    hosts,
  });
  deepEqual(
    explainRoute({ relay: toDomain, manner: plainManner }, {
      kind: "none",
      outcome: noRoute("No MX found for domain"),
    }),
    {
      kind: "none",
      via: "MX of far.test",
      reason: "No MX found for domain",
    },
  );
  deepEqual(explainRoute({ relay: toDomain, manner: plainManner }, null), { kind: "unasked", via: "MX of far.test" });
});

Deno.test("explainRoute() passes on so many hosts and addresses, and no more", () => {
  const host = { name: "mx.far.test", preference: 1, addresses: Array.from({ length: 100 }, () => "203.0.113.1") };
  const route = explainRoute({ relay: toDomain, manner: plainManner }, {
    kind: "hosts",
    hosts: Array.from({ length: 100 }, () => host),
  });
  equal(route.kind === "hosts" && route.hosts.length, routeHostsMax);
  equal(route.kind === "hosts" && route.hosts[0]?.addresses.length, routeAddressesMax);
});

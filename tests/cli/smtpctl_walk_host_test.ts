import { deepEqual, throws } from "node:assert/strict";
import { UsageError } from "../../cli/getopt.ts";
import { resolverOf } from "../../cli/smtpctl_walk_host.ts";

const resolvConf = "nameserver 192.0.2.53\nnameserver 192.0.2.54\noptions timeout:2 attempts:3\n";

Deno.test("resolverOf() asks the server that is named, else those of resolv.conf", () => {
  const how = { timeoutMs: 2_000, attempts: 3 };
  const [first, second] = [{ ip: "192.0.2.53", port: 53 }, { ip: "192.0.2.54", port: 53 }];
  deepEqual(resolverOf(null, resolvConf), { ...how, servers: [first, second] });
  deepEqual(resolverOf("[2001:DB8::5]:5353", resolvConf), { ...how, servers: [{ ip: "2001:db8::5", port: 5353 }] });
});

Deno.test("resolverOf() says what a server looks like", () => {
  for (const text of ["", "ns.test", "192.0.2.53:0"]) {
    throws(() => resolverOf(text, resolvConf), (error) => error instanceof UsageError && error.message.includes("53"));
  }
});

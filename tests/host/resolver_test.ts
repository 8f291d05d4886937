import { deepEqual } from "node:assert/strict";
import { loadResolver } from "../../lib/host/resolver.ts";

Deno.test("loadResolver() makes a resolver that knows the names of the hosts file", async () => {
  const dns = await loadResolver({ servers: [], timeoutMs: 100, attempts: 1, hosts: [["mx.test", ["192.0.2.1"]]] });
  const record = { type: "A", address: "192.0.2.1", ttlMs: 0 };
  deepEqual(await dns.query("MX.test", "A"), { kind: "records", records: [record], secure: false });
});

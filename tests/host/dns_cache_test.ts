import { deepEqual, equal } from "node:assert/strict";
import { DnsCache, dnsKeepMaxMs } from "../../lib/host/dns_cache.ts";
import type { DnsAnswer } from "../../lib/port.ts";

const address = (ttlMs: number): DnsAnswer => ({
  kind: "records",
  records: [{ type: "A", address: "192.0.2.1", ttlMs }, { type: "A", address: "192.0.2.2", ttlMs: 1e12 }],
  secure: false,
});

const kept: readonly (readonly [string, DnsAnswer, number])[] = [
  ["records for the least of their TTLs", address(60_000), 60_000],
  ["records a day at most", address(1e12), dnsKeepMaxMs.records],
  ["records with TTL 0 not at all", address(0), 0],
  ["noName for its TTL", { kind: "noName", ttlMs: 300_000, secure: false }, 300_000],
  ["noData an hour at most", { kind: "noData", ttlMs: 1e12, secure: false }, dnsKeepMaxMs.negative],
  ["noData without an SOA not at all", { kind: "noData", ttlMs: 0, secure: false }, 0],
  ["failures five seconds", { kind: "failed", reason: "servfail", detail: "" }, 5_000],
];

for (const [name, answer, keepMs] of kept) {
  Deno.test(`DnsCache keeps ${name}`, () => {
    const cache = new DnsCache();
    cache.set("k", answer, 1_000);
    deepEqual(cache.get("k", 1_000 + keepMs - 1), keepMs === 0 ? null : answer);
    equal(cache.get("k", 1_000 + keepMs), null);
    equal(cache.size, 0);
  });
}

Deno.test("DnsCache lets the oldest make room", () => {
  const cache = new DnsCache(2);
  for (const key of ["a", "b", "a", "c"]) cache.set(key, address(60_000), 0);
  equal(cache.size, 2);
  equal(cache.get("b", 0), null);
  deepEqual(cache.get("a", 0), address(60_000));
});

Deno.test("DnsCache forgets an answer that a shorter-lived one replaces", () => {
  const cache = new DnsCache();
  cache.set("k", address(60_000), 0);
  cache.set("k", address(0), 0);
  equal(cache.get("k", 0), null);
});

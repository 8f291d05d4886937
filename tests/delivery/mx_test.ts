import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import type { Domain } from "../../lib/mail/address.ts";
import { isForbiddenAddress, resolveRoutes, type RouteOptions, type Routes } from "../../lib/delivery/mx.ts";
import { type Relay, relayOfUrl } from "../../lib/delivery/relay.ts";
import { FakeDns } from "../sim/dns.ts";
import { SeededRandom } from "../sim/random.ts";

const v4 = (n: number) => `192.0.2.${n}`;

function options(dns: FakeDns, change: Partial<RouteOptions> = {}): RouteOptions {
  return {
    dns,
    random: new SeededRandom(1),
    selfNames: new Set(["us.test"]),
    selfAddresses: new Set(["198.51.100.1", "2001:db8::1"]),
    allowPrivate: false,
    family: null,
    limits: { hostsMax: 20, addressesPerHostMax: 8 },
    ...change,
  };
}

const toDomain = (domain: string): Relay => ({ kind: "domain", domain: domain as Domain });

/** Hosts as `preference name address,…`, or the outcome as `kind enhanced text`. */
function brief(routes: Routes): string[] | string {
  if (routes.kind === "none") return `${routes.outcome.kind} ${routes.outcome.enhanced} ${routes.outcome.text}`;
  return routes.hosts.map(({ preference, name, addresses }) => `${preference} ${name} ${addresses.join()}`);
}

const noMx = "delayed 4.4.4 No MX found for domain";
const mxFailure = "delayed 4.4.3 Temporary failure in MX lookup: servfail";
const loop = "failed 5.4.6 Mail for this domain loops back to this server";
const privateOnly = "delayed 4.4.4 All addresses of the destination are private";
const nullMx = "failed 5.1.10 Domain does not accept mail";

const domains: readonly (readonly [string, (dns: FakeDns) => FakeDns, readonly string[] | string])[] = [
  ["hosts by preference", (dns) => dns.mx("a.test", "20 b.mx", "10 a.mx").host("a.mx", v4(1)).host("b.mx", v4(2)), [
    `10 a.mx ${v4(1)}`,
    `20 b.mx ${v4(2)}`,
  ]],
  ["IPv6 before IPv4", (dns) => dns.mx("a.test", "10 a.mx").host("a.mx", v4(1), "2001:db8::5"), [
    `10 a.mx 2001:db8::5,${v4(1)}`,
  ]],
  ["the domain itself where there is no MX", (dns) => dns.host("a.test", v4(1)), [`0 a.test ${v4(1)}`]],
  ["a domain that does not exist", (dns) => dns, "failed 5.1.2 Domain does not exist"],
  ["a domain with nothing", (dns) => dns.host("a.test"), noMx],
  [
    "a DNS that fails: no address of the domain is tried",
    (dns) => dns.fail("a.test", "MX").host("a.test", v4(1)),
    mxFailure,
  ],
  ["a null MX", (dns) => dns.mx("a.test", "0 ").host("a.test", v4(1)), nullMx],
  ["localhost, which is as good as a null MX", (dns) => dns.mx("a.test", "10 localhost"), nullMx],
  ["a null MX among others, which does not count", (dns) => dns.mx("a.test", "0 ", "10 a.mx").host("a.mx", v4(1)), [
    `10 a.mx ${v4(1)}`,
  ]],
  ["names in any case, once, where they are best", (dns) => dns.mx("a.test", "10 A.mx", "5 a.MX").host("a.mx", v4(1)), [
    `5 a.mx ${v4(1)}`,
  ]],
  ["names that are none", (dns) => dns.mx("a.test", "10 a..mx"), noMx],
  ["a host without address: the next", (dns) => dns.mx("a.test", "10 a.mx", "20 b.mx").host("b.mx", v4(2)), [
    `20 b.mx ${v4(2)}`,
  ]],
  ["no host with an address", (dns) => dns.mx("a.test", "10 a.mx"), noMx],
  [
    "a host whose lookup fails: the next",
    (dns) => dns.mx("a.test", "10 a.mx", "20 b.mx").fail("a.mx", "A").host("b.mx", v4(2)),
    [`20 b.mx ${v4(2)}`],
  ],
  ["only hosts whose lookup fails", (dns) => dns.mx("a.test", "10 a.mx", "20 b.mx").fail("a.mx", "A"), mxFailure],
  ["one family failing", (dns) => dns.mx("a.test", "10 a.mx").host("a.mx", v4(1)).fail("a.mx", "AAAA"), [
    `10 a.mx ${v4(1)}`,
  ]],
  [
    "ourselves by name: only better ones",
    (dns) =>
      dns.mx("a.test", "10 a.mx", "20 us.test", "20 c.mx", "30 d.mx").host("a.mx", v4(1)).host("c.mx", v4(3)).host(
        "d.mx",
        v4(4),
      ),
    [`10 a.mx ${v4(1)}`],
  ],
  [
    "ourselves by address",
    (dns) => dns.mx("a.test", "10 a.mx", "20 b.mx").host("a.mx", v4(1)).host("b.mx", "2001:DB8:0::1"),
    [`10 a.mx ${v4(1)}`],
  ],
  ["ourselves alone", (dns) => dns.mx("a.test", "10 us.test"), loop],
  ["ourselves as the best", (dns) => dns.mx("a.test", "10 us.test", "20 b.mx").host("b.mx", v4(2)), loop],
  ["a domain that is us without MX", (dns) => dns.host("a.test", "198.51.100.1"), loop],
  ["better ones that cannot be found, and ourselves", (dns) => dns.mx("a.test", "10 a.mx", "20 us.test"), noMx],
  ["private addresses", (dns) => dns.mx("a.test", "10 a.mx").host("a.mx", "127.0.0.1", "10.1.2.3", "::1"), privateOnly],
  ["private addresses among others", (dns) => dns.mx("a.test", "10 a.mx").host("a.mx", "127.0.0.1", v4(1)), [
    `10 a.mx ${v4(1)}`,
  ]],
];

for (const [name, prepare, want] of domains) {
  Deno.test(`resolveRoutes() finds ${name}`, async () => {
    deepEqual(brief(await resolveRoutes(toDomain("a.test"), options(prepare(new FakeDns())))), want);
  });
}

Deno.test("resolveRoutes() goes to private addresses where it is allowed", async () => {
  const dns = new FakeDns().mx("a.test", "10 a.mx").host("a.mx", "127.0.0.1");
  deepEqual(brief(await resolveRoutes(toDomain("a.test"), options(dns, { allowPrivate: true }))), [
    "10 a.mx 127.0.0.1",
  ]);
});

Deno.test("resolveRoutes() goes straight to an address literal, if that is allowed", async () => {
  const dns = new FakeDns();
  deepEqual(brief(await resolveRoutes(toDomain("[192.0.2.1]"), options(dns))), ["0 [192.0.2.1] 192.0.2.1"]);
  equal(brief(await resolveRoutes(toDomain("[127.0.0.1]"), options(dns))), privateOnly);
  equal(brief(await resolveRoutes(toDomain("[198.51.100.1]"), options(dns))), loop);
  deepEqual(dns.asked, []);
});

const smartHosts: readonly (readonly [string, (dns: FakeDns) => FakeDns, readonly string[] | string])[] = [
  ["smtp://relay.test", (dns) => dns.mx("relay.test", "10 x.mx").host("relay.test", "10.0.0.1"), [
    "0 relay.test 10.0.0.1",
  ]],
  ["smtp://us.test", (dns) => dns.host("us.test", "198.51.100.1"), ["0 us.test 198.51.100.1"]],
  ["smtp://127.0.0.1:2526", (dns) => dns, ["0 127.0.0.1 127.0.0.1"]],
  ["smtp://[IPv6:::1]:24", (dns) => dns, ["0 ::1 ::1"]],
  ["smtp://relay.test", (dns) => dns, "delayed 4.4.4 Host not found"],
  ["smtp://relay.test", (dns) => dns.host("relay.test"), "delayed 4.4.4 Host not found"],
  [
    "smtp://relay.test",
    (dns) => dns.fail("relay.test", "A"),
    "delayed 4.4.3 Temporary failure in address lookup: servfail",
  ],
];

for (const [url, prepare, want] of smartHosts) {
  Deno.test(`resolveRoutes() finds ${url}: ${typeof want === "string" ? want : want.join()}`, async () => {
    const parsed = relayOfUrl(url);
    if (parsed.kind !== "relay") throw new Error(parsed.message);
    const dns = prepare(new FakeDns());
    deepEqual(brief(await resolveRoutes(parsed.relay, options(dns))), want);
    equal(dns.asked.some((question) => question.startsWith("MX")), false);
  });
}

Deno.test("resolveRoutes() shuffles hosts of one preference, and only those", async () => {
  const names = ["a.mx", "b.mx", "c.mx", "d.mx"];
  const dns = new FakeDns().mx("a.test", "5 first.mx", ...names.map((name) => `10 ${name}`), "20 last.mx");
  for (const [i, name] of [...names, "first.mx", "last.mx"].entries()) dns.host(name, v4(i + 1));
  const seconds = new Map<string, number>();
  for (let seed = 0; seed < 400; seed++) {
    const routes = await resolveRoutes(toDomain("a.test"), options(dns, { random: new SeededRandom(seed) }));
    const order = routes.kind === "hosts" ? routes.hosts.map(({ name }) => name) : [];
    deepEqual([order[0], order[5], new Set(order).size], ["first.mx", "last.mx", 6]);
    seconds.set(order[1] ?? "", (seconds.get(order[1] ?? "") ?? 0) + 1);
  }
  for (const name of names) equal((seconds.get(name) ?? 0) > 60, true, `${name} ${seconds.get(name)}`);
});

Deno.test("resolveRoutes() keeps to its limits, and takes the best", async () => {
  const dns = new FakeDns().mx("a.test", ...[3, 1, 2].map((n) => `${n} mx${n}.test`));
  for (const n of [1, 2, 3]) dns.host(`mx${n}.test`, v4(n), v4(n + 10), v4(n + 20));
  const limits = { hostsMax: 2, addressesPerHostMax: 1 };
  deepEqual(brief(await resolveRoutes(toDomain("a.test"), options(dns, { limits }))), [
    `1 mx1.test ${v4(1)}`,
    `2 mx2.test ${v4(2)}`,
  ]);
});

const addresses: readonly (readonly [string, boolean])[] = [
  ["0.0.0.0", true],
  ["0.1.2.3", true],
  ["10.0.0.1", true],
  ["11.0.0.1", false],
  ["100.63.255.255", false],
  ["100.64.0.1", true],
  ["100.128.0.1", false],
  ["127.0.0.1", true],
  ["127.255.255.254", true],
  ["169.254.169.254", true],
  ["172.15.255.255", false],
  ["172.16.0.1", true],
  ["172.31.255.255", true],
  ["172.32.0.1", false],
  ["192.0.2.1", false],
  ["192.168.1.1", true],
  ["192.169.0.1", false],
  ["223.255.255.255", false],
  ["224.0.0.1", true],
  ["255.255.255.255", true],
  ["::", true],
  ["::1", true],
  ["::2", true],
  ["2001:db8::1", false],
  ["fbff::1", false],
  ["fc00::1", true],
  ["fdff::1", true],
  ["fe80::1", true],
  ["fec0::1", true],
  ["ff02::1", true],
  ["::ffff:127.0.0.1", true],
  ["::ffff:192.0.2.1", false],
  ["::127.0.0.1", true],
  ["64:ff9b::10.0.0.1", true],
  ["64:ff9b::192.0.2.1", false],
  ["2002:7f00:1::1", true],
  ["2002:c000:201::1", false],
  ["mx.test", true],
  ["", true],
];

for (const [address, want] of addresses) {
  Deno.test(`isForbiddenAddress("${address}") is ${want}`, () => equal(isForbiddenAddress(address), want));
}

Deno.test("isForbiddenAddress() sees through IPv4-mapped addresses", () => {
  fc.assert(
    fc.property(fc.ipV4(), (ip) => equal(isForbiddenAddress(`::ffff:${ip}`), isForbiddenAddress(ip))),
    { numRuns: 300 },
  );
});

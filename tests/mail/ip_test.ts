import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  canonicalIp,
  formatIp,
  formatNet,
  type Ip,
  isLinkLocal,
  isLoopback,
  netContains,
  parseIp,
  parseNet,
  reverseName,
  unmapped,
} from "../../lib/mail/ip.ts";

function text(input: string): string | null {
  const ip = parseIp(input);
  return ip === null ? null : formatIp(ip);
}

const addresses: readonly [input: string, want: string | null][] = [
  ["192.0.2.1", "192.0.2.1"],
  ["[192.0.2.1]", "192.0.2.1"],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["300.1.1.1", null],
  ["256.0.0.1", null],
  ["1.2.3", null],
  ["1.2.3.4.5", null],
  ["1.2.3.04", null],
  ["1.2.3.", null],
  ["1.2.3.+4", null],
  ["", null],
  ["[]", null],
  ["[1.2.3.4", null],
  ["1.2.3.4]", null],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["2001:DB8::1", "2001:db8::1"],
  ["[2001:db8::1]", "2001:db8::1"],
  ["[IPv6:2001:db8::1]", "2001:db8::1"],
  ["ipv6:2001:db8::1", "2001:db8::1"],
  ["IPv6:192.0.2.1", null],
  ["IPv6:", null],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
  ["::ffff:c000:201", "::ffff:192.0.2.1"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["fe80::1%eth0", "fe80::1"],
  ["fe80::1%", null],
  ["fe80::1%/0", null],
  ["fe80::1%e]", null],
  ["fe80::1%a%b", null],
  ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
  ["1:2:3:4:5:6:7", null],
  ["1:2:3:4:5:6:7:8:9", null],
  ["1:2:3:4:5:6:7::8", null],
  ["1::2::3", null],
  [":::", null],
  [":1", null],
  ["1:", null],
  ["12345::", null],
  ["g::", null],
  ["1.2.3.4::", null],
  ["::1.2.3", null],
];

for (const [input, want] of addresses) {
  Deno.test(`parseIp() reads "${input}" as ${want ?? "nothing"}`, () => assert.equal(text(input), want));
}

const ips: fc.Arbitrary<Ip> = fc.oneof(
  fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }).map((octets): Ip => ({ version: 4, octets })),
  fc.array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: 16, maxLength: 16 })
    .map((octets): Ip => ({ version: 6, octets })),
);

Deno.test("parseIp() reads back what formatIp() writes", () => {
  fc.assert(fc.property(ips, (ip) => assert.deepEqual(parseIp(formatIp(ip)), ip)), { numRuns: 500 });
});

Deno.test("parseIp() and parseNet() never throw", () => {
  const noise = fc.string({ unit: fc.constantFrom(..."0129af:.[]%/IPv6"), maxLength: 24 });
  fc.assert(
    fc.property(noise, (input) => {
      const net = parseNet(input);
      if (parseIp(input) !== null) assert.ok(net !== null, "an address is a network");
    }),
    { numRuns: 1000 },
  );
});

const nets: readonly [net: string, ip: string, want: boolean | null][] = [
  ["192.0.2.0/24", "192.0.2.255", true],
  ["192.0.2.0/24", "192.0.3.0", false],
  ["192.0.2.0/23", "192.0.3.9", true],
  ["192.0.2.128/25", "192.0.2.127", false],
  ["192.0.2.7", "192.0.2.7", true],
  ["192.0.2.7", "192.0.2.6", false],
  ["0.0.0.0/0", "203.0.113.9", true],
  ["0.0.0.0/0", "::1", false],
  ["10", "10.250.3.4", true],
  ["10", "11.0.0.1", false],
  ["10.1", "10.1.200.1", true],
  ["10.1", "10.2.0.1", false],
  ["172.16/12", "172.31.0.1", true],
  ["172.16/12", "172.32.0.1", false],
  ["192.168", "192.168.0.9", true],
  ["192.168", "192.168.1.9", false],
  ["2001:db8::/32", "2001:db8:ffff::1", true],
  ["2001:db8::/32", "2001:db9::", false],
  ["[2001:db8::/33]", "2001:db8:8000::", false],
  ["[IPv6:2001:db8::/33]", "2001:db8:7fff::", true],
  ["::1", "::1", true],
  ["::/0", "2001:db8::1", true],
  ["::ffff:0:0/96", "192.0.2.1", false],
  ["192.0.2.0/33", "192.0.2.1", null],
  ["192.0.2.0/", "192.0.2.1", null],
  ["192.0.2.0/-1", "192.0.2.1", null],
  ["2001:db8::/129", "::1", null],
  ["local", "::1", null],
  ["", "::1", null],
];

for (const [netText, ipText, want] of nets) {
  Deno.test(`netContains() says ${want} for "${netText}" and ${ipText}`, () => {
    const net = parseNet(netText);
    const ip = parseIp(ipText);
    assert.ok(ip !== null);
    assert.equal(net === null ? null : netContains(net, ip), want);
  });
}

Deno.test("netContains() holds for a network made of any prefix of the address", () => {
  fc.assert(
    fc.property(ips, fc.nat(128), (ip, bits) => {
      const prefixLength = ip.version === 4 ? bits % 33 : bits;
      assert.ok(netContains({ ip, prefixLength }, ip));
    }),
    { numRuns: 300 },
  );
});

Deno.test("netContains() is false once a bit of the prefix differs", () => {
  fc.assert(
    fc.property(ips, fc.nat(127), (ip, bit) => {
      const at = ip.version === 4 ? bit % 32 : bit;
      const octets = ip.octets.map((octet, i) => i === at >> 3 ? octet ^ (0x80 >> (at & 7)) : octet);
      assert.ok(!netContains({ ip, prefixLength: at + 1 }, { version: ip.version, octets }));
      assert.ok(netContains({ ip, prefixLength: at }, { version: ip.version, octets }));
    }),
    { numRuns: 300 },
  );
});

Deno.test("canonicalIp() writes an address in its one form, and leaves all else", () => {
  const table = [["2001:DB8:0::1", "2001:db8::1"], ["[::1]", "::1"], ["192.0.2.1", "192.0.2.1"], ["A.test", "A.test"]];
  assert.deepEqual(table.map(([text = ""]) => [text, canonicalIp(text)]), table);
});

Deno.test("isLoopback() and isLinkLocal() know addresses that are good here alone", () => {
  const kinds = (input: string) => [isLoopback(parseIp(input)), isLinkLocal(parseIp(input))];
  for (
    const [input, ...want] of [
      ["127.0.0.1", true, false],
      ["127.9.9.9", true, false],
      ["::1", true, false],
      ["128.0.0.1", false, false],
      ["::2", false, false],
      ["1::1", false, false],
      ["fe80::1%eth0", false, true],
      ["febf::1", false, true],
      ["fec0::1", false, false],
      ["fe00::1", false, false],
      ["254.128.0.1", false, false],
      ["", false, false],
    ] as const
  ) assert.deepEqual(kinds(input), want, input);
});

Deno.test("unmapped() gives the IPv4 address that stands in an IPv6 one", () => {
  for (
    const [input, want] of [
      ["::ffff:192.0.2.1", "192.0.2.1"],
      ["::ffff:c000:201", "192.0.2.1"],
      ["192.0.2.1", "192.0.2.1"],
      ["::192.0.2.1", "::c000:201"],
      ["::fffe:c000:201", "::fffe:c000:201"],
      ["1::ffff:c000:201", "1::ffff:c000:201"],
    ] as const
  ) {
    const ip = parseIp(input);
    assert.ok(ip !== null);
    assert.equal(formatIp(unmapped(ip)), want);
  }
});

Deno.test("reverseName() makes the name that the DNS keeps an address under", () => {
  for (
    const [input, want] of [
      ["198.51.100.7", "7.100.51.198.in-addr.arpa"],
      ["[2001:db8::7]", "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"],
      ["2001:db8::7", "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"],
    ] as const
  ) {
    const ip = parseIp(input);
    assert.ok(ip !== null);
    assert.equal(reverseName(ip), want);
  }
});

Deno.test("formatNet() writes a network in one form, which parseNet() reads back", () => {
  const table: readonly (readonly [string, string])[] = [
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.1/32", "192.0.2.1"],
    ["192.0.2.255/25", "192.0.2.128/25"],
    ["192.0.2.255/0", "0.0.0.0/0"],
    ["10.255.1.1/9", "10.128.0.0/9"],
    ["2001:db8:ffff::1/33", "2001:db8:8000::/33"],
    ["2001:DB8::1/128", "2001:db8::1"],
    ["::1/0", "::/0"],
  ];
  for (const [input, want] of table) {
    const net = parseNet(input);
    assert.ok(net !== null);
    assert.equal(formatNet(net), want);
    assert.equal(formatNet(parseNet(want) ?? net), want);
  }
});

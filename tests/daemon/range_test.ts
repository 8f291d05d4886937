import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { bracket, denyText, excludeFromRange, isInRange, splitRanges } from "../../lib/daemon/range.ts";
import { formatIp } from "../../lib/mail/ip.ts";

Deno.test("excludeFromRange() halves the range around the hole", () => {
  for (
    const [range, ip, want] of [
      ["10.0.0.0/30", "10.0.0.1", ["10.0.0.2/31", "10.0.0.0/32"]],
      ["10.0.0.0/31", "10.0.0.0", ["10.0.0.1/32"]],
      ["10.0.0.7/32", "10.0.0.7", []],
      ["::1/128", "::1", []],
      ["fe80::/126", "fe80::3", ["fe80::/127", "fe80::2/128"]],
    ] as const
  ) deepEqual(excludeFromRange(range, ip), want, `${range} less ${ip}`);
});

Deno.test("excludeFromRange() leaves a range alone that does not hold the address", () => {
  for (
    const [range, ip] of [
      ["10.0.0.0/8", "11.0.0.1"],
      ["10.0.0.0/8", "::1"],
      ["::1/128", "127.0.0.1"],
      ["::1/128", "::2"],
      ["10.0.0.0/8", "resolver.test"],
      ["10.0.0.0/8", ""],
    ] as const
  ) deepEqual(excludeFromRange(range, ip), [range], `${range} less ${ip}`);
});

/** A range and addresses in it: the first bits are the range's, the rest is free. */
const cases = fc.record({
  width: fc.constantFrom(32, 128),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  base: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
  hole: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
  others: fc.array(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), { maxLength: 10 }),
}).map(({ width, share, base, hole, others }) => {
  const bits = Math.round(share * width);
  const free = (1n << BigInt(width - bits)) - 1n;
  const network = (base & ((1n << BigInt(width)) - 1n)) & ~free;
  const inside = (value: bigint) => network | (value & free);
  return { width, bits, network, hole: inside(hole), others: others.map(inside), outside: network ^ (free + 1n) };
});

function text(value: bigint, width: number): string {
  const octets = Array.from({ length: width / 8 }, (_, i) => Number(value >> BigInt(width - 8 - 8 * i) & 255n));
  return formatIp({ version: width === 32 ? 4 : 6, octets });
}

Deno.test("excludeFromRange() keeps every address of the range but the hole, and adds none", () => {
  fc.assert(
    fc.property(cases, ({ width, bits, network, hole, others, outside }) => {
      const ranges = excludeFromRange(`${text(network, width)}/${bits}`, text(hole, width));
      equal(ranges.length, width - bits);
      const holders = (ip: bigint) => ranges.filter((range) => isInRange(range, text(ip, width))).length;
      equal(holders(hole), 0);
      // The neighbours are where halving goes wrong first.
      for (const ip of [...others, hole ^ 1n, network]) {
        if (ip === hole || !isInRange(`${text(network, width)}/${bits}`, text(ip, width))) continue;
        equal(holders(ip), 1, text(ip, width));
      }
      if (bits > 0) equal(holders(outside), 0);
    }),
    { numRuns: 150 },
  );
});

Deno.test("excludeFromRange() leaves out every address of a small range in turn", () => {
  for (let hole = 0; hole < 16; hole++) {
    const ranges = excludeFromRange("192.168.5.0/28", `192.168.5.${hole}`);
    for (let ip = 0; ip < 16; ip++) {
      equal(ranges.some((range) => isInRange(range, `192.168.5.${ip}`)), ip !== hole, `${hole} ${ip}`);
    }
  }
});

Deno.test("isInRange() is false for what is no address or no range", () => {
  ok(isInRange("127.0.0.0/8", "127.255.255.255"));
  for (
    const [range, ip] of [
      ["127.0.0.0/8", "128.0.0.0"],
      ["127.0.0.0/8", "localhost"],
      ["127.0.0.0/33", "127.0.0.1"],
      ["lo/8", "127.0.0.1"],
      ["::1/128", "0.0.0.1"],
    ] as const
  ) equal(isInRange(range, ip), false, `${range} ${ip}`);
});

Deno.test("bracket() sets literal IPv6 addresses apart from ports", () => {
  for (
    const [host, want] of [
      ["::1", "[::1]"],
      ["192.0.2.1", "192.0.2.1"],
      ["db.example.org", "db.example.org"],
    ] as const
  ) equal(bracket(host), want);
});

Deno.test("splitRanges() leaves out the exceptions", () => {
  deepEqual(splitRanges([{ range: "10.0.0.0/30", except: ["10.0.0.1"] }, { range: "::1/128", except: [] }]), [
    "10.0.0.2/31",
    "10.0.0.0/32",
    "::1/128",
  ]);
});

Deno.test("denyText() writes ranges as Deno takes them", () => {
  deepEqual(["10.0.0.2/31", "::1/128"].map(denyText), ["10.0.0.2/31", "[::1]"]);
});

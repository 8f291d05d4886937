/** Arithmetic on address ranges, and addresses as Deno takes them, for the privilege table. */

import { formatIp, type Ip, netContains, parseIp, parseNet } from "../mail/ip.ts";
import type { Denied } from "./denied.ts";

/** The ranges that together hold what `range` holds, less `ip`. `range` is `address/bits`; both are valid.
 * A range that does not hold `ip` comes back as it is. At most 128 ranges come back. */
export function excludeFromRange(range: string, ip: string): readonly string[] {
  const hole = parseIp(ip);
  if (hole === null || !isInRange(range, ip)) return [range];
  const at = numberOf(hole);
  const width = at.width;
  const bits = Number(range.split("/")[1]);
  const ranges: string[] = [];
  for (let length = bits + 1; length <= width; length++) {
    // The half of each step that does not hold the address stays denied.
    const sibling = (at.value >> BigInt(width - length)) ^ 1n;
    ranges.push(`${textOf(sibling << BigInt(width - length), width)}/${length}`);
  }
  return ranges;
}

/** The ranges (`address/bits`) that hold what is denied and nothing else, for Deno knows no exceptions. */
export function splitRanges(deny: readonly Denied[]): readonly string[] {
  return deny.flatMap(({ range, except }) =>
    except.reduce<readonly string[]>(
      (ranges, ip) => ranges.flatMap((one) => excludeFromRange(one, ip)),
      [range],
    )
  );
}

/** Does `range` (`address/bits`) hold `ip`? Never when one of them is no address, or they are of different versions. */
export function isInRange(range: string, ip: string): boolean {
  const net = parseNet(range);
  const one = parseIp(ip);
  return net !== null && one !== null && netContains(net, one);
}

/** A host as it stands before `:port`: literal IPv6 addresses in brackets. */
export function bracket(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** One range in the form of `--deny-net`. */
export function denyText(range: string): string {
  return range.endsWith("/128") ? `[${range.slice(0, -4)}]` : range;
}

function numberOf(ip: Ip): { readonly value: bigint; readonly width: number } {
  let value = 0n;
  for (const octet of ip.octets) value = value << 8n | BigInt(octet);
  return { value, width: ip.octets.length * 8 };
}

function textOf(value: bigint, width: number): string {
  const octets = new Array<number>(width / 8).fill(0);
  for (let i = octets.length - 1; i >= 0; i--) {
    octets[i] = Number(value & 255n);
    value >>= 8n;
  }
  return formatIp({ version: width === 32 ? 4 : 6, octets });
}

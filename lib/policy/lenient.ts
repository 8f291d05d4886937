/** Which clients are let do what wrong: `smtp lenient` lines. */

import { netContains, parseIp, parseNet } from "../mail/ip.ts";
import { type Quirk, quirks, usualQuirks } from "../smtp/lenient.ts";
import type { Networks } from "./listener.ts";

/** A quirk that passes. Plain data. */
export interface Lenience {
  /** What clients may do. */
  readonly quirk: Quirk;
  /** Which clients; null for all. Those of a unix socket have no address: only what passes for all passes for them. */
  readonly from: Networks | null;
}

/** What passes without a line. */
export const usualLenience: readonly Lenience[] = [...usualQuirks].map((quirk) => ({ quirk, from: null }));

/** Quirks that nobody may be let do without saying who. */
export const namedOnly: readonly Quirk[] = ["bare-lf"];

/** What a client at `address` may do; the address is as in `Origin`. */
export function quirksFor(lenient: readonly Lenience[], address: string): ReadonlySet<Quirk> {
  if (lenient === usualLenience) return usualQuirks;
  const ip = parseIp(address);
  const found = lenient.filter(({ from }) =>
    from === null || (ip !== null && from.networks.some((text) => {
      const net = parseNet(text);
      return net !== null && netContains(net, ip);
    }))
  );
  return new Set(found.map(({ quirk }) => quirk));
}

/** In the order of the quirks, what passes for all first: the order of lines makes no difference. */
export function sortLenience(lenient: readonly Lenience[]): readonly Lenience[] {
  const rank = ({ quirk, from }: Lenience): number => quirks.indexOf(quirk) * 2 + (from === null ? 0 : 1);
  return lenient.toSorted((a, b) => rank(a) - rank(b));
}

/** The lines that make the list. `table` writes a list of networks. */
export function lenientLines(lenient: readonly Lenience[], table: (networks: Networks) => string): readonly string[] {
  const lines: string[] = [];
  for (const quirk of quirks) {
    const own = lenient.filter((one) => one.quirk === quirk);
    const isForAll = own.some(({ from }) => from === null);
    if (usualQuirks.has(quirk) && !isForAll) lines.push(`smtp lenient !${quirk}`);
    for (const { from } of own) {
      if (from !== null) lines.push(`smtp lenient ${quirk} from ${table(from)}`);
      else if (!usualQuirks.has(quirk)) lines.push(`smtp lenient ${quirk}`);
    }
  }
  return lines;
}

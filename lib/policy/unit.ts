/** Times and sizes as smtpd.conf(5) writes them. Pure. */

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Longest delay, seconds: a signed 32-bit number holds it. */
export const delayMaxSeconds = 2 ** 31 - 1;

/** Reads a delay such as `30s`, `5m`, `4h`, `1d` as ms. At least one second. Null for anything else. */
export function parseDelay(text: string): number | null {
  const match = /^([0-9]{1,10})([smhd])$/.exec(text);
  if (match === null) return null;
  const ms = Number(match[1]) * (unitMs[match[2]!] ?? 0);
  return ms > 0 && ms <= delayMaxSeconds * 1000 ? ms : null;
}

/** Reads a size such as `36700160`, `35M`, `1.5G` as octets; units are powers of 1,024, in any case. At least 1.
 * Null for anything else. */
export function parseSize(text: string): number | null {
  const match = /^([0-9]{1,16}(?:\.[0-9]{1,9})?)([bkmgtpe]?)$/i.exec(text);
  if (match === null) return null;
  const power = "bkmgtpe".indexOf(match[2]!.toLowerCase() || "b");
  const size = Math.floor(Number(match[1]) * 1024 ** power);
  return size >= 1 && Number.isSafeInteger(size) ? size : null;
}

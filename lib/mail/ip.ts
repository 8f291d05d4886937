/** Internet addresses and networks as text and as numbers. */

/** An address. Plain data. */
export interface Ip {
  /** IPv4 or IPv6. */
  readonly version: 4 | 6;
  /** 4 or 16, most significant first. */
  readonly octets: readonly number[];
}

/** A network. */
export interface Net {
  /** An address in it. */
  readonly ip: Ip;
  /** Leading bits that count: 0 … 32 or 0 … 128. */
  readonly prefixLength: number;
}

/** An interface's name or number, as it stands in a scoped address. RFC 4007 §11.2. */
const SCOPE = /^[0-9A-Za-z._-]{1,32}$/;

/** Reads an address: `192.0.2.1`, `2001:db8::1`, either of them in brackets, IPv6 also with the prefix `IPv6:`.
 * A `%scope` after an IPv6 address is read over. Null for anything else; octets with leading zeros are refused,
 * because some systems take them for octal. RFC 5321 §4.1.3, RFC 4291 §2.2. */
export function parseIp(text: string): Ip | null {
  let bare = unbracket(text);
  if (bare === null) return null;
  const isTagged = hasIpv6Tag(bare);
  if (isTagged) bare = bare.slice(5);
  if (!bare.includes(":")) return isTagged ? null : ipOf(4, parseQuad(bare, 4));
  const scope = bare.indexOf("%");
  if (scope >= 0 && SCOPE.test(bare.slice(scope + 1))) bare = bare.slice(0, scope);
  return ipOf(6, parseIpv6(bare));
}

/** The one text of an address: dotted quad, or IPv6 in the form of RFC 5952 (lower case, longest run of zeros
 * shortened). No brackets, no tag. `parseIp` reads it back. */
export function formatIp(ip: Ip): string {
  if (ip.version === 4) return ip.octets.join(".");
  if (isMapped(ip)) return `::ffff:${ip.octets.slice(12).join(".")}`; // RFC 5952 §5
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((ip.octets[i] ?? 0) * 256 + (ip.octets[i + 1] ?? 0));
  const run = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (run === null) return hex.join(":");
  return `${hex.slice(0, run.start).join(":")}::${hex.slice(run.start + run.length).join(":")}`;
}

/** An address in any form in its one form; what is no address stays what it is. */
export function canonicalIp(text: string): string {
  const ip = parseIp(text);
  return ip === null ? text : formatIp(ip);
}

/** Reads a network: an address, or an address and `/bits`. IPv6 in brackets has the bits inside them. IPv4 may be
 * cut short (`10` is 10.0.0.0/8, `192.168/16`); without bits the class of the first octet decides, as in
 * inet_net_pton(3). Null for anything else. */
export function parseNet(text: string): Net | null {
  let bare = unbracket(text);
  if (bare === null) return null;
  const slash = bare.indexOf("/");
  const bits = slash < 0 ? null : parseDecimal(bare.slice(slash + 1), 128);
  if (slash >= 0) {
    if (bits === null) return null;
    bare = bare.slice(0, slash);
  }
  if (bare.includes(":")) {
    const ip = parseIp(bare);
    return ip === null ? null : { ip, prefixLength: bits ?? 128 };
  }
  const octets = bare.split(".").length;
  const quad = parseQuad(bare, octets);
  if (quad === null || octets > 4 || (bits !== null && bits > 32)) return null;
  const prefixLength = bits ?? (octets === 4 ? 32 : Math.max(classBits(quad[0] ?? 0), octets * 8));
  return { ip: { version: 4, octets: [...quad, 0, 0, 0].slice(0, 4) }, prefixLength };
}

/** The one text of a network: the address with zeros behind the bits that count, and `/bits` unless all of them do. */
export function formatNet({ ip: { version, octets }, prefixLength }: Net): string {
  const masked = octets.map((octet, at) => octet & (0xff00 >> Math.min(8, Math.max(0, prefixLength - at * 8))) & 0xff);
  const text = formatIp({ version, octets: masked });
  return prefixLength === octets.length * 8 ? text : `${text}/${prefixLength}`;
}

/** Is the address in the network? Never across versions: an IPv4-mapped IPv6 address is an IPv6 address. */
export function netContains(net: Net, ip: Ip): boolean {
  if (net.ip.version !== ip.version) return false;
  const whole = net.prefixLength >> 3;
  for (let i = 0; i < whole; i++) if (net.ip.octets[i] !== ip.octets[i]) return false;
  const rest = net.prefixLength & 7;
  if (rest === 0) return true;
  const mask = 0xff00 >> rest;
  return ((net.ip.octets[whole] ?? 0) & mask) === ((ip.octets[whole] ?? 0) & mask);
}

/** Is it an address of this machine only: 127.0.0.0/8 or ::1? Null is none. RFC 4291 §2.5.3. */
export function isLoopback(ip: Ip | null): boolean {
  if (ip === null) return false;
  if (ip.version === 4) return ip.octets[0] === 127;
  return ip.octets.every((octet, at) => octet === (at === 15 ? 1 : 0));
}

/** Is it good on one interface alone: fe80::/10? Null is none. RFC 4291 §2.5.6. */
export function isLinkLocal(ip: Ip | null): boolean {
  return ip?.version === 6 && ip.octets[0] === 0xfe && ((ip.octets[1] ?? 0) & 0xc0) === 0x80;
}

/** The IPv4 address that an IPv4-mapped one stands for; any other as it is. RFC 4291 §2.5.5.2. */
export function unmapped(ip: Ip): Ip {
  return isMapped(ip) ? { version: 4, octets: ip.octets.slice(12) } : ip;
}

/** The pieces that the DNS divides an address into, most significant first: octets in decimal, and of IPv6 hexadecimal
 * digits. */
export function ipLabels({ version, octets }: Ip): readonly string[] {
  return version === 4
    ? octets.map(String)
    : octets.flatMap((octet) => [octet >> 4, octet & 15]).map((digit) => digit.toString(16));
}

/** Where the DNS has the names of an address. RFC 1035 §3.5, RFC 3596 §2.5. */
export function reverseName(ip: Ip): string {
  return `${ipLabels(ip).toReversed().join(".")}.${ip.version === 4 ? "in-addr" : "ip6"}.arpa`;
}

function isMapped({ version, octets }: Ip): boolean {
  return version === 6 && octets.slice(0, 12).every((octet, at) => octet === (at < 10 ? 0 : 0xff));
}

function ipOf(version: 4 | 6, octets: readonly number[] | null): Ip | null {
  return octets === null ? null : { version, octets };
}

function hasIpv6Tag(text: string): boolean {
  return text.length > 5 && text.slice(0, 5).toLowerCase() === "ipv6:";
}

function unbracket(text: string): string | null {
  if (!text.startsWith("[")) return text;
  return text.endsWith("]") ? text.slice(1, -1) : null;
}

/** A decimal number without sign or leading zero. */
function parseDecimal(text: string, max: number): number | null {
  if (text.length === 0 || text.length > 3) return null;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  if (value > max || (text.length > 1 && text.startsWith("0"))) return null;
  return value;
}

function parseQuad(text: string, count: number): number[] | null {
  const parts = text.split(".");
  if (parts.length !== count) return null;
  const octets: number[] = [];
  for (const part of parts) {
    const octet = parseDecimal(part, 255);
    if (octet === null) return null;
    octets.push(octet);
  }
  return octets;
}

function parseIpv6(text: string): number[] | null {
  const gap = text.indexOf("::");
  if (gap < 0) {
    const all = parseGroups(text);
    return all !== null && all.length === 16 ? all : null;
  }
  const before = gap === 0 ? [] : parseGroups(text.slice(0, gap));
  const after = gap + 2 === text.length ? [] : parseGroups(text.slice(gap + 2));
  if (before === null || after === null || before.length + after.length > 14) return null;
  if (text.slice(0, gap).includes(".")) return null; // a dotted quad stands last only
  return [...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function parseGroups(text: string): number[] | null {
  const parts = text.split(":");
  const octets: number[] = [];
  for (const [at, part] of parts.entries()) {
    if (at === parts.length - 1 && part.includes(".")) {
      const quad = parseQuad(part, 4);
      if (quad === null) return null;
      octets.push(...quad);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      const group = parseInt(part, 16);
      octets.push(group >> 8, group & 0xff);
    }
  }
  return octets;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } | null {
  let best: { start: number; length: number } | null = null;
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue;
    const length = i - start;
    if (length >= 2 && (best === null || length > best.length)) best = { start, length };
    start = i + 1;
  }
  return best;
}

function classBits(first: number): number {
  if (first >= 240) return 32;
  if (first >= 224) return 8;
  if (first >= 192) return 24;
  return first >= 128 ? 16 : 8;
}

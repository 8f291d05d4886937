/** Destinations of `lmtp` actions. Pure. */

import { addressOfLiteral, parseDomain } from "../mail/domain.ts";
import { parseIp } from "../mail/ip.ts";
import type { DialTarget } from "../port.ts";

/** Port of a destination that names none. */
export const lmtpPort = 25;

/** What the hint says of a destination that is none. */
export const lmtpDestinationHint = "write the path of a socket, or host:port";

/** Reads the destination of an `lmtp` action: the path of a socket, `host[:port]`, or `[address][:port]`; an IPv6 address
 * stands in brackets. Null when it is none. The system looks the name of a host up at each delivery. */
export function parseLmtpDestination(text: string): DialTarget | null {
  if (text.startsWith("/")) return text.includes("\0") ? null : { kind: "unix", path: text };
  const found = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(text);
  const host = parseDomain(found?.[1] ?? "");
  const port = found?.[2] === undefined ? lmtpPort : Number(found[2]);
  if (host === null || port < 1 || port > 65_535) return null;
  const address = addressOfLiteral(host) ?? (parseIp(host) === null ? null : host);
  return address === null ? { kind: "host", name: host, port } : { kind: "inet", ip: address, port };
}

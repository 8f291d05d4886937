/** The header that a proxy puts before the connections that it hands on: PROXY protocol, versions 1 and 2 (HAProxy,
 * doc/proxy-protocol.txt). It says who the client is. Pure, total, and the same for every way that input is cut. */

import { Buffer } from "node:buffer";
import { formatIp, parseIp } from "../mail/ip.ts";

/** Longest header of version 1, octets with CRLF. Section 2.1. */
export const proxyLineLengthMax = 107;

/** Most octets behind the first 16 of a header of version 2: addresses and what proxies add to them (TLVs). */
export const proxyPayloadLengthMax = 4096;

/** Which headers a listener takes: `proxy-v2` is OpenSMTPD's, `proxy` takes both. */
export type ProxyVersions = "v2" | "any";

/** An end of the connection that the proxy serves. */
export interface ProxyEnd {
  /** As `formatIp` writes it; an IPv4-mapped address is that IPv4 address. */
  readonly ip: string;
  /** 0 … 65535. */
  readonly port: number;
}

/** What became of the input so far. */
export type ProxyProgress =
  /** The header goes on. */
  | { readonly kind: "more" }
  /** `source` is the client; null when the proxy speaks for itself, or for a client that has no address. `rest` is what
   * follows the header. */
  | { readonly kind: "header"; readonly source: ProxyEnd | null; readonly rest: Uint8Array }
  /** It is no header that may stand here. `reason` is fit for a log. */
  | { readonly kind: "bad"; readonly reason: string };

const signature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const opening = "PROXY ";
/** Octets of a header of version 2 before its payload. */
const fixedLength = 16;

/** Reads one header from a connection's first octets. */
export class ProxyInput {
  readonly #versions: ProxyVersions;
  #bytes: Buffer = Buffer.alloc(0);

  /** Nothing has come yet. */
  constructor(versions: ProxyVersions) {
    this.#versions = versions;
  }

  /** Takes the next piece. After anything but `more` it is not to be called again. */
  add(bytes: Uint8Array): ProxyProgress {
    // A connection has one header, and it comes in one piece nearly always.
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (this.#bytes.length === 0) return { kind: "more" };
    return this.#bytes[0] === signature[0] ? this.#readBinary() : this.#readLine();
  }

  #readLine(): ProxyProgress {
    if (this.#versions === "v2") return bad("no header of version 2");
    const seen = this.#bytes.toString("latin1", 0, proxyLineLengthMax);
    if (!opening.startsWith(seen.slice(0, opening.length))) return bad("no header");
    const end = seen.indexOf("\r\n");
    if (end < 0) return seen.length < proxyLineLengthMax ? { kind: "more" } : bad("the line of the header is too long");
    const source = parseLine(seen.slice(opening.length, end));
    if (source === undefined) return bad("the line of the header is malformed");
    return { kind: "header", source, rest: this.#bytes.subarray(end + 2) };
  }

  #readBinary(): ProxyProgress {
    const bytes = this.#bytes;
    const seen = Math.min(bytes.length, signature.length);
    if (!bytes.subarray(0, seen).equals(signature.subarray(0, seen))) return bad("no header");
    // Each octet is judged as soon as it is there, so that the answer is the same however they come.
    const version = bytes[12];
    if (version === undefined) return { kind: "more" };
    if (version >> 4 !== 2) return bad("a header of an unknown version");
    const command = version & 15;
    if (command > 1) return bad("a header with an unknown command");
    const family = bytes[13];
    if (family === undefined) return { kind: "more" };
    const needed = addressesLength(family, command === 1);
    if (needed === null) return bad("a header for a kind of connection that carries no mail");
    if (bytes.length < fixedLength) return { kind: "more" };
    const length = bytes.readUInt16BE(14);
    if (length > proxyPayloadLengthMax) return bad("the header is too long");
    if (length < needed) return bad("the header is too short for its addresses");
    if (bytes.length < fixedLength + length) return { kind: "more" };
    const payload = bytes.subarray(fixedLength, fixedLength + length);
    const source = command === 1 ? readEnd(family, payload) : null;
    return { kind: "header", source, rest: bytes.subarray(fixedLength + length) };
  }
}

function bad(reason: string): ProxyProgress {
  return { kind: "bad", reason };
}

/** Octets of the addresses of a family; null for one that is not taken. Who speaks for itself may say none. */
function addressesLength(family: number, isProxied: boolean): number | null {
  if (!isProxied) return 0;
  switch (family) {
    case tcp4:
      return 12;
    case tcp6:
      return 36;
    case unixStream:
      return 216;
    default:
      return null;
  }
}

const tcp4 = 0x11;
const tcp6 = 0x21;
const unixStream = 0x31;

/** The client's end. One that came over a unix socket of the proxy's machine has no address that means anything here. */
function readEnd(family: number, payload: Buffer): ProxyEnd | null {
  if (family === tcp4) {
    return { ip: formatIp({ version: 4, octets: [...payload.subarray(0, 4)] }), port: payload.readUInt16BE(8) };
  }
  if (family !== tcp6) return null;
  return { ip: unmap(formatIp({ version: 6, octets: [...payload.subarray(0, 16)] })), port: payload.readUInt16BE(32) };
}

/** Reads what follows `PROXY `. Undefined when it is malformed. */
function parseLine(text: string): ProxyEnd | null | undefined {
  const [family, from, to, fromPort, toPort, ...more] = text.split(" ");
  // Section 2.1: whatever follows is ignored.
  if (family === "UNKNOWN") return null;
  if (family !== "TCP4" && family !== "TCP6") return undefined;
  if (from === undefined || to === undefined || fromPort === undefined || toPort === undefined || more.length > 0) {
    return undefined;
  }
  const version = family === "TCP4" ? 4 : 6;
  const port = parsePort(fromPort);
  const ip = literal(from, version);
  if (ip === null || literal(to, version) === null || port === null || parsePort(toPort) === null) return undefined;
  return { ip: unmap(ip), port };
}

/** An address of the version as `formatIp` writes it; brackets, tags and scopes do not belong here. */
function literal(text: string, version: 4 | 6): string | null {
  if (!/^[0-9A-Fa-f:.]+$/.test(text)) return null;
  const ip = parseIp(text);
  return ip?.version === version ? formatIp(ip) : null;
}

function parsePort(text: string): number | null {
  if (!/^(?:0|[1-9][0-9]{0,4})$/.test(text)) return null;
  const port = Number(text);
  return port <= 65535 ? port : null;
}

function unmap(ip: string): string {
  return ip.startsWith("::ffff:") && ip.includes(".") ? ip.slice(7) : ip;
}

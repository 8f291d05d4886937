/** Asks one DNS server one question, over UDP and, where an answer does not fit, over TCP. */

import { Buffer } from "node:buffer";
import dgram from "node:dgram";
import net from "node:net";
import type { DnsReading } from "./dns_wire.ts";
import type { DnsServer } from "./resolv_conf.ts";

/** What came of it. `detail` is for the log. */
export type Exchanged =
  | { readonly kind: "reading"; readonly reading: DnsReading }
  | { readonly kind: "silent"; readonly detail: string };

/** Sends the query from a fresh port (RFC 5452 §9.2) and waits for a datagram that `read` recognises.
 * Anything else, and anything from elsewhere, is dropped. */
export function askUdp(
  server: DnsServer,
  query: Uint8Array,
  timeoutMs: number,
  read: (octets: Uint8Array) => DnsReading,
): Promise<Exchanged> {
  const { promise, resolve } = Promise.withResolvers<Exchanged>();
  const isV6 = server.ip.includes(":");
  const socket = dgram.createSocket(isV6 ? "udp6" : "udp4");
  let isDone = false;
  const finish = (result: Exchanged) => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    socket.close();
    resolve(result);
  };
  const timer = setTimeout(() => finish(silent(server, "no answer in time")), timeoutMs);
  socket.on("error", (error) => finish(silent(server, error.message)));
  socket.on("message", (octets, from) => {
    if (from.port !== server.port || from.address !== server.ip) return;
    const reading = read(octets);
    if (reading.kind !== "stranger") finish({ kind: "reading", reading });
  });
  // Bound by hand, for Deno asks for the right to the address that is bound. A server on this machine is asked from
  // its own address: that is the one loopback address that a role which uses it is sure to hold.
  const isHere = server.ip.startsWith("127.") || server.ip === "::1";
  const local = isHere ? server.ip : isV6 ? "::" : "0.0.0.0";
  try {
    socket.bind(0, local, () => {
      if (isDone) return;
      socket.send(query, server.port, server.ip, (error) => {
        if (error !== null) finish(silent(server, error.message));
      });
    });
  } catch (error) {
    finish(silent(server, error instanceof Error ? error.message : String(error)));
  }
  return promise;
}

/** The same over TCP (RFC 7766): each message has its length before it. */
export function askTcp(
  server: DnsServer,
  query: Uint8Array,
  timeoutMs: number,
  read: (octets: Uint8Array) => DnsReading,
): Promise<Exchanged> {
  const { promise, resolve } = Promise.withResolvers<Exchanged>();
  const socket = new net.Socket();
  const finish = (result: Exchanged) => {
    clearTimeout(timer);
    socket.destroy();
    resolve(result);
  };
  const timer = setTimeout(() => finish(silent(server, "no answer in time over TCP")), timeoutMs);
  let received = Buffer.alloc(0);
  socket.on("error", (error) => finish(silent(server, error.message)));
  socket.on("close", () => finish(silent(server, "the connection was closed")));
  socket.on("connect", () => {
    const framed = Buffer.alloc(query.length + 2);
    framed.writeUInt16BE(query.length, 0);
    framed.set(query, 2);
    socket.write(framed);
  });
  socket.on("data", (octets: Uint8Array) => {
    // At most 64 KiB and one more read: the length has 16 bits.
    received = Buffer.concat([received, octets]);
    if (received.length < 2) return;
    const length = received.readUInt16BE(0);
    if (received.length < 2 + length) return;
    finish({ kind: "reading", reading: read(received.subarray(2, 2 + length)) });
  });
  try {
    socket.connect({ host: server.ip, port: server.port, autoSelectFamily: false });
  } catch (error) {
    finish(silent(server, error instanceof Error ? error.message : String(error)));
  }
  return promise;
}

function silent(server: DnsServer, detail: string): Exchanged {
  return { kind: "silent", detail: `${server.ip}: ${detail}` };
}

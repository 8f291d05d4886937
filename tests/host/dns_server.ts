/** A DNS server on loopback, UDP and TCP on one port, that answers as a test tells it. */

import { Buffer } from "node:buffer";
import dgram from "node:dgram";
import net from "node:net";
import { decode, encode, type Packet } from "dns-packet";
import type { DnsServer } from "../../lib/host/resolv_conf.ts";

/** Response codes and flags of the header. */
export const rcode = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5 } as const;
export const flagTc = 1 << 9;
export const flagAd = 1 << 5;

/** One question as it arrived. */
export interface Asked {
  readonly name: string;
  readonly type: string;
  readonly id: number;
  readonly edns: boolean;
  readonly over: "udp" | "tcp";
  readonly port: number;
}

/** What to send back: packets with `id` and question filled in where they leave them out; octets as they are. */
export type Answering = (asked: Asked) => readonly (Packet | Uint8Array)[];

/** A running server. */
export interface FakeDnsServer {
  readonly server: DnsServer;
  /** Every question, in order. */
  readonly asked: Asked[];
  close(): Promise<void>;
}

/** A response with `answers`, flags and the rest. */
export function response(part: Packet & { readonly rcode?: number }): Packet {
  const { rcode: code = 0, flags = 0, ...rest } = part;
  return { type: "response", flags: 0x0180 | flags | code, ...rest };
}

/** Starts a server on a port of its own. */
export async function startDnsServer(answer: Answering, ip = "127.0.0.1"): Promise<FakeDnsServer> {
  const asked: Asked[] = [];
  const handle = (octets: Buffer, over: "udp" | "tcp", port: number): Buffer[] => {
    const query = decode(octets);
    const question = query.questions?.[0];
    if (question === undefined) return [];
    const edns = query.additionals?.some((record) => record.type === "OPT") ?? false;
    const one: Asked = { name: question.name, type: question.type, id: query.id ?? 0, edns, over, port };
    asked.push(one);
    return answer(one).map((packet) =>
      packet instanceof Uint8Array
        ? Buffer.from(packet)
        : encode({ id: query.id ?? 0, questions: query.questions ?? [], ...packet })
    );
  };
  const tcp = net.createServer((socket) => {
    socket.on("error", () => {});
    let received = Buffer.alloc(0);
    socket.on("data", (octets: Buffer) => {
      received = Buffer.concat([received, octets]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      for (const packet of handle(received.subarray(2), "tcp", socket.remotePort ?? 0)) {
        const framed = Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 255]), packet]);
        // In two writes: the length need not come with the rest.
        socket.write(framed.subarray(0, 1));
        socket.write(framed.subarray(1));
      }
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, ip, resolve));
  const bound = tcp.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const udp = dgram.createSocket(ip.includes(":") ? "udp6" : "udp4");
  udp.on("message", (octets, from) => {
    for (const packet of handle(octets, "udp", from.port)) udp.send(packet, from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(port, ip, resolve));
  return {
    server: { ip, port },
    asked,
    close: async () => {
      await new Promise<void>((resolve) => udp.close(() => resolve()));
      await new Promise<void>((resolve) => tcp.close(() => resolve()));
    },
  };
}

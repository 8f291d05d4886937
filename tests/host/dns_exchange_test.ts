import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import dgram from "node:dgram";
import net from "node:net";
import { askTcp, askUdp } from "../../lib/host/dns_exchange.ts";
import { type DnsReading, encodeQuery } from "../../lib/host/dns_wire.ts";
import { response, startDnsServer } from "./dns_server.ts";

const query = encodeQuery(7, { name: "a.test", type: "A" }, true) ?? new Uint8Array(0);
const known: DnsReading = { kind: "answer", answer: { kind: "noData", ttlMs: 0, secure: false } };

Deno.test("askUdp() waits for the answer that is meant, from the one who was asked", async () => {
  const server = await startDnsServer(() => [Buffer.from("forged"), response({})]);
  const seen: number[] = [];
  const result = await askUdp(server.server, query, 5_000, (octets) => {
    seen.push(octets.length);
    return octets.length === 6 ? { kind: "stranger" } : known;
  });
  await server.close();
  deepEqual(result, { kind: "reading", reading: known });
  equal(seen.length, 2);
});

Deno.test("askUdp() sends each query from a port of its own", async () => {
  const server = await startDnsServer(() => [response({})]);
  for (let i = 0; i < 4; i++) await askUdp(server.server, query, 5_000, () => known);
  await server.close();
  equal(new Set(server.asked.map(({ port }) => port)).size > 1, true);
});

Deno.test({ name: "askUdp() and askTcp() speak IPv6", ignore: !hasIpv6() }, async () => {
  const server = await startDnsServer(() => [response({})], "::1");
  const results = [
    await askUdp(server.server, query, 5_000, () => known),
    await askTcp(server.server, query, 5_000, () => known),
  ];
  await server.close();
  deepEqual(results.map(({ kind }) => kind), ["reading", "reading"]);
});

Deno.test("askUdp() gives up after its time", async () => {
  const server = await startDnsServer(() => []);
  const result = await askUdp(server.server, query, 20, () => known);
  await server.close();
  deepEqual(result, { kind: "silent", detail: "127.0.0.1: no answer in time" });
});

Deno.test("askUdp() does not take an answer from somebody else", async () => {
  const other = await startDnsServer(() => []);
  const asked = Promise.withResolvers<number>();
  const server = await startDnsServer(({ port }) => {
    asked.resolve(port);
    return [];
  });
  const result = askUdp(server.server, query, 100, () => known);
  const socket = dgram.createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const to = await asked.promise;
  await new Promise<void>((resolve) => socket.send("forged", to, "127.0.0.1", () => resolve()));
  equal((await result).kind, "silent");
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  await server.close();
  await other.close();
});

Deno.test("askTcp() reads an answer that comes in parts", async () => {
  const server = await startDnsServer(() => [response({})]);
  const result = await askTcp(server.server, query, 5_000, () => known);
  await server.close();
  deepEqual(result, { kind: "reading", reading: known });
  deepEqual(server.asked.map(({ over }) => over), ["tcp"]);
});

Deno.test("askTcp() gives up when the server hangs up, refuses or is silent", async () => {
  const server = net.createServer((socket) => void socket.resume().end("\0"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  equal((await askTcp({ ip: "127.0.0.1", port }, query, 5_000, () => known)).kind, "silent");
  await new Promise<void>((resolve) => server.close(() => resolve()));
  equal((await askTcp({ ip: "127.0.0.1", port }, query, 5_000, () => known)).kind, "silent");
  const mute = await startDnsServer(() => []);
  deepEqual(await askTcp(mute.server, query, 20, () => known), {
    kind: "silent",
    detail: "127.0.0.1: no answer in time over TCP",
  });
  await mute.close();
});

/** Some containers have no IPv6 at all. */
function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

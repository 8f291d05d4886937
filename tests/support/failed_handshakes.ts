/** Handshakes that fail, half of them before the first octet, half by what is no TLS: `handle|socket COUNT CHAIN KEY`,
 * with as many certificates. Prints what each has left in the heap, octets. */

import { ok } from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { trimMemory } from "../../lib/host/memory.ts";
import { makeTlsServer } from "../../lib/host/tls.ts";
import { begun, type Below, belows, listening } from "./handshakes.ts";

const [below, count, chain = "", key = ""] = Deno.args;
const as = belows.find((one) => one === below);
ok(as !== undefined);
const certificates = Array.from({ length: Number(count) }, () => ({ chain, key }));
const server = makeTlsServer({ certificates, versions: ["TLSv1.2", "TLSv1.3"], authorities: null });

async function fail(as: Below, text: string): Promise<void> {
  const { port, stream } = await listening(as);
  const client = net.connect({ host: "127.0.0.1", port });
  client.on("error", () => {});
  client.resume();
  const failed = stream.then((one) => begun(server, one));
  if (text === "") client.end();
  else client.write(text);
  await Promise.all([failed, once(client, "close")]);
}

async function heapAfter(as: Below, rounds: number): Promise<number> {
  for (let round = 0; round < rounds; round++) {
    await Promise.all(Array.from({ length: 10 }, (_, n) => fail(as, n % 2 === 0 ? "" : "EHLO in.clear.test\r\n")));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  trimMemory();
  return Deno.memoryUsage().heapUsed;
}

const warm = await heapAfter(as, 20);
const rounds = 80;
console.log(Math.round((await heapAfter(as, rounds) - warm) / (rounds * 10)));
Deno.exit(0);

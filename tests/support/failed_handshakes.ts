/** Handshakes that fail, half of them before the first octet, half by what is no TLS: `handle|socket COUNT CHAIN KEY`,
 * with as many certificates. Prints what each has left in the heap, octets. */

import { once } from "node:events";
import net from "node:net";
import { trimMemory } from "../../lib/host/memory.ts";
import { makeTlsServer } from "../../lib/host/tls.ts";
import { belows, listening } from "./handshakes.ts";

const [below, count, chain = "", key = ""] = Deno.args;
const as = belows.find((one) => one === below) ?? "handle";
const certificates = new Array(Number(count)).fill({ chain, key });
const server = makeTlsServer({ certificates, versions: ["TLSv1.2", "TLSv1.3"], authorities: null });

async function fail(text: string): Promise<void> {
  const { port, stream } = await listening(as);
  const client = net.connect({ host: "127.0.0.1", port });
  client.on("error", () => {});
  client.resume();
  const failed = new Promise<void>((resolve) => void stream.then((one) => server.begin(one, () => resolve())));
  if (text === "") client.end();
  else client.write(text);
  await Promise.all([failed, once(client, "close")]);
}

async function heapAfter(rounds: number): Promise<number> {
  for (let round = 0; round < rounds; round++) {
    await Promise.all(Array.from({ length: 10 }, (_, n) => fail(n % 2 === 0 ? "" : "EHLO in.clear.test\r\n")));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  trimMemory();
  return Deno.memoryUsage().heapUsed;
}

const warm = await heapAfter(20);
const rounds = 80;
console.log(Math.round((await heapAfter(rounds) - warm) / (rounds * 10)));
Deno.exit(0);

/** Started with sockets handed over (activation_test.ts): tells what it found. */

import { inheritSockets } from "../../lib/host/activation.ts";

const inherited = await inheritSockets({
  pid: Deno.env.get("LISTEN_PID"),
  count: Deno.env.get("LISTEN_FDS"),
  names: Deno.env.get("LISTEN_FDNAMES"),
}, Deno.pid);
const { unused } = inherited;
const [first] = unused;
const found = [
  ...unused,
  { kind: "inet", ip: "127.0.0.1", port: 1 } as const,
  { kind: "unix", path: "/none" } as const,
].map((at) => inherited.find(at));
for (const held of found) held?.release();
console.log(JSON.stringify({
  unused,
  found: found.map((held) => held !== null),
  left: inherited.unused,
  again: first !== undefined && inherited.find(first) !== null,
}));
Deno.exit(0);

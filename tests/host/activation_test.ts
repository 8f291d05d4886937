import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import net from "node:net";
import { join } from "@std/path";
import { inheritedCount, inheritedSocketsMax, inheritSockets } from "../../lib/host/activation.ts";
import { duplicate } from "../../lib/host/net.ts";

Deno.test("inheritedCount() reads what sd_listen_fds(3) would", () => {
  const cases: readonly (readonly [string | undefined, string | undefined, number | null])[] = [
    ["7", "2", 2],
    ["7", "0", 0],
    ["8", "2", 0],
    [undefined, "2", 0],
    ["7", undefined, 0],
    ["7", "-1", null],
    ["7", "x", null],
    ["7", String(inheritedSocketsMax + 1), null],
  ];
  for (const [pid, count, want] of cases) {
    equal(inheritedCount({ pid, count, names: undefined }, 7), want, `${pid} ${count}`);
  }
});

/** Listens, for a child to take over. */
function listening(at: net.ListenOptions): Promise<net.Server> {
  const server = net.createServer();
  return new Promise((resolve) => server.listen(at, () => resolve(server)));
}

/** Starts a shell that becomes Deno with descriptors from 3 on, as systemd would. Everything that it says. */
async function activated(servers: readonly net.Server[], names: string): Promise<string> {
  const child = new URL("./activated.ts", import.meta.url).pathname;
  const script = `export LISTEN_PID=$$ LISTEN_FDS=${servers.length} LISTEN_FDNAMES='${names}'; exec "$DENO" run ` +
    `--no-prompt --cached-only --allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES ${child}`;
  const started = spawn("/bin/sh", ["-c", script], {
    stdio: ["ignore", "pipe", "inherit", ...servers.map((server) => duplicate(server))],
    env: { DENO: Deno.execPath(), DENO_DIR: Deno.env.get("DENO_DIR") ?? "", HOME: Deno.env.get("HOME") ?? "/" },
  });
  let said = "";
  started.stdout?.on("data", (bytes) => void (said += String(bytes)));
  await new Promise((resolve) => started.on("close", resolve));
  for (const server of servers) server.close();
  return said;
}

Deno.test("inheritSockets() takes over what listens, finds it by its address, and keeps it", async () => {
  const path = join(await Deno.makeTempDir(), "s");
  const four = await listening({ host: "127.0.0.1", port: 0 });
  const six = await listening({ host: "::1", port: 0 });
  const unix = await listening({ path });
  const said = await activated([four, six, unix], `a:b:${path}`);
  const told: { readonly unused: readonly { readonly port: number }[] } = JSON.parse(said);
  const ports = told.unused.map(({ port }) => port);
  deepEqual(told, {
    unused: [
      { kind: "inet", ip: "127.0.0.1", port: ports[0] },
      { kind: "inet", ip: "::1", port: ports[1] },
      { kind: "unix", path },
    ],
    found: [true, true, true, false, false],
    left: [],
    again: true,
  });
  ok(ports.slice(0, 2).every((port) => port > 0), said);
});

Deno.test("inheritSockets() says when a descriptor is no socket", async () => {
  await rejects(
    inheritSockets({ pid: String(Deno.pid), count: "x", names: undefined }, Deno.pid),
    /not a number up to/,
  );
});

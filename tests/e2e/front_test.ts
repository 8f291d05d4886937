/** What stands before a session: a proxy's header, a socket for LMTP, limits, names by address; and sockets that whoever
 * starts the daemon hands over. */

import { deepEqual, equal, match } from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "@std/path";
import { duplicate } from "../../lib/host/net.ts";
import { taskArgs } from "../support/command.ts";
import { until } from "../support/wait.ts";
import { Client } from "./client.ts";
import { freePort, Site } from "./daemon.ts";
import net from "node:net";

Deno.test("proxies, LMTP, limits and names by address, in one daemon", async () => {
  const [proxied, capped, lmtp, wide] = [freePort(), freePort(), freePort(), freePort()];
  let socket = "";
  await using site = await Site.make((site) => {
    socket = join(site.dir, "lmtp");
    return [
      'table names { "127.0.0.1" = mx1.example.org }',
      ...site.localLines(["bob", "ann"]),
      `listen on 127.0.0.1 port ${proxied} proxy from 127.0.0.1 tag PROXIED`,
      `listen on 127.0.0.1 port ${capped} hostnames <names>`,
      `listen on 127.0.0.1 port ${lmtp} lmtp`,
      `listen on socket "${socket}" lmtp mode 0600`,
      `listen on 0.0.0.0 port ${wide} hostname four.test`,
      `listen on :: port ${wide} hostname six.test`,
      `listen on 127.0.0.1 port ${wide} hostname one.test`,
      "smtp limit max-session-per-source 1 max-unknown-rcpt 2 proxy-timeout 1",
      'match tag PROXIED from src 192.0.2.0/24 for domain "example.org" action "local"',
      "match tag PROXIED from any for any reject",
      ...site.matchLocal(),
    ];
  }, ["bob", "ann"]);
  const daemon = await site.start();

  // The address of the header counts for rules, in Received fields, and for limits.
  const header = "PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\r\n";
  using first = await Client.connect(proxied);
  await first.write(header);
  await first.expect(220);
  await first.command("EHLO client.test", 250);
  await first.send("x@client.test", ["bob@example.org"], "Subject: one\r\n\r\nHello\r\n");
  using second = await Client.connect(proxied);
  await second.write(header);
  await second.expect(421);
  using other = await Client.connect(proxied);
  await other.write("PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\r\n");
  await other.expect(220);
  await other.command("EHLO client.test", 250);
  await other.command("MAIL FROM:<x@client.test>", 250);
  await other.command("RCPT TO:<bob@example.org>", 550);
  using none = await Client.connect(proxied);
  await none.write("EHLO client.test\r\n");
  equal(await none.ended(), "");
  match((await site.delivered(1))[0] ?? "", /^Received: from client\.test \(.*\[192\.0\.2\.7\]\)/m);

  // The name that we go by on this address.
  using named = await Client.connect(capped);
  match((await named.expect(220)).lines[0] ?? "", /^mx1\.example\.org ESMTP /);

  // Lines that overlap: the address that the client came to decides.
  for (const [ip, name] of [["127.0.0.1", "one"], ["127.0.0.2", "four"], ["::1", "six"]] as const) {
    match(await greeting(ip, wide), new RegExp(`^220 ${name}\\.test ESMTP `), ip);
  }

  // LMTP on a socket and on a port: one answer for each recipient that was taken.
  equal((await Deno.stat(socket)).mode! & 0o777, 0o600);
  for (const place of [socket, lmtp]) {
    using client = await Client.connect(place);
    match((await client.expect(220)).lines[0] ?? "", / LMTP /);
    await client.command("EHLO client.test", 500);
    await client.command("LHLO client.test", 250);
    await client.command("MAIL FROM:<x@client.test>", 250);
    await client.command("RCPT TO:<bob@example.org>", 250);
    await client.command("RCPT TO:<nobody@example.org>", 550);
    await client.command("RCPT TO:<ann@example.org>", 250);
    await client.command("DATA", 354);
    await client.write("Subject: two\r\n\r\nHello\r\n.\r\n");
    await client.expect(250);
    await client.expect(250);
    await client.quit();
  }
  await site.delivered(2, "ann");

  // Who tries names is sent away, and all of it is counted.
  using guesser = await Client.open(site.port);
  await guesser.command("MAIL FROM:<x@client.test>", 250);
  await guesser.command("RCPT TO:<a@example.org>", 550);
  await guesser.command("RCPT TO:<b@example.org>", 550);
  await guesser.expect(421);
  await until("the limits are counted", async () => {
    const { stdout } = await site.run("smtpctl", ["show", "stats"]);
    return /^smtp\.limit\.max-session-per-source=1$/m.test(stdout) && /^smtp\.limit\.max-unknown-rcpt=1$/m.test(stdout);
  });
  await daemon.logs(/smtp: refused address=192\.0\.2\.7 limit=max-session-per-source/);
  await daemon.logs(/smtp: bad-proxy address=127\.0\.0\.1 reason="no header"/);
  await daemon.stop();
  deepEqual([...Deno.readDirSync(site.dir)].map(({ name }) => name).includes("lmtp"), false);
});

/** What a server says first. */
async function greeting(hostname: string, port: number): Promise<string> {
  using stream = await Deno.connect({ hostname, port });
  const bytes = new Uint8Array(500);
  return new TextDecoder().decode(bytes.subarray(0, await stream.read(bytes) ?? 0));
}

Deno.test("a socket that was handed over is used, and one that cannot be had is explained", async () => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  await using site = await Site.make((site) => [
    `table users { bob = "${Deno.uid()}:${Deno.gid()}:${site.home("bob")}" }`,
    `listen on 127.0.0.1 port ${port}`,
    'action "local" maildir userbase <users>',
    ...site.matchLocal(),
  ]);
  const words = [...taskArgs("smtpd"), "-d", "-f", site.conf, "--state", site.state, "--same-user"];
  const start = async (line: string, ...more: readonly number[]) => {
    const child = spawn("/bin/sh", ["-c", `${line} exec "$DENO" "$@"`, "sh", ...words], {
      stdio: ["ignore", "ignore", "pipe", ...more],
      env: { DENO: Deno.execPath(), DENO_DIR: Deno.env.get("DENO_DIR") ?? "", HOME: Deno.env.get("HOME") ?? "/" },
    });
    const said = { text: "", isOver: false };
    child.stderr?.on("data", (bytes) => void (said.text += String(bytes)));
    child.on("close", () => void (said.isOver = true));
    await until("it is ready or ends", () => /\bready\b/.test(said.text) || said.isOver);
    return { child, said };
  };
  const taken = await start("");
  match(taken.said.text, /cannot-start reason="Cannot listen on 127\.0\.0\.1 port \d+: another program listens there;/);
  const handed = await start("export LISTEN_PID=$$ LISTEN_FDS=1;", duplicate(server));
  // What is left of it is the daemon's.
  server.close();
  const client = await Client.open(port);
  await client.send("ann@client.test", ["bob@example.org"], "Subject: x\r\n\r\nHello\r\n");
  await client.quit();
  await site.delivered(1);
  handed.child.kill("SIGTERM");
  await until("it ends", () => handed.said.isOver);
  match(handed.said.text, /exiting/);
});

/** Each role is tried for what it must not be able to do: the probe runs under the very flags of the running process. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "@std/path";
import { runProgram } from "../support/command.ts";
import { Client } from "./client.ts";
import { type Daemon, Site } from "./daemon.ts";
import { Sink } from "./sink.ts";

const probe = join(import.meta.dirname ?? "", "probe.ts");

/** Takes questions and answers none. */
const helper = "#!/bin/sh\nprintf 'register|string\\nregister|ready\\n'\nwhile read -r _line; do :; done\n";

/** A daemon in which every role runs, an agent and the host of a table too. */
async function withRoles(use: (site: Site, daemon: Daemon, sink: Sink) => Promise<void>): Promise<void> {
  using sink = new Sink();
  await using site = await Site.make((site) => [
    ...site.localLines(),
    `table aliases file:${site.dir}/aliases`,
    `table helped "proc:${site.dir}/helper"`,
    `action "out" relay host "smtp://127.0.0.1:${sink.port}"`,
    ...site.matchLocal(),
    `match from any for rcpt-to <aliases> action "local"`,
    `match from any for any action "out"`,
  ]);
  await Deno.writeTextFile(join(site.dir, "aliases"), "nobody@nowhere.test\n");
  await Deno.writeTextFile(join(site.dir, "helper"), helper, { mode: 0o755 });
  const daemon = await site.start();
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["bob@example.org"], "Subject: x\r\n\r\nHello\r\n");
  await client.quit();
  await site.delivered(1);
  await use(site, daemon, sink);
  await daemon.stop();
}

/** Makes the attempts under the flags that the role's process was started with. */
async function tryAs(daemon: Daemon, role: string, attempts: readonly string[]): Promise<Record<string, string>> {
  const [process] = daemon.role(role);
  ok(process, `no process of ${role} runs`);
  const script = process.argv.findIndex((word) => /\/daemon\/main_\w+\.ts$/.test(word));
  const [deno = "", ...flags] = process.argv.slice(0, script);
  const { stdout, stderr } = await runProgram(deno, [...flags, probe, ...attempts]);
  ok(stdout.startsWith("{"), stderr);
  return JSON.parse(stdout);
}

/** What no role may do whatever its work is. */
const forbidden = [
  "read:/etc/passwd",
  "list:/",
  "write:/tmp/postern-probe",
  "connect:127.0.0.2:25",
  "connect:10.0.0.1:25",
  "connect:169.254.169.254:80",
  "run:/bin/sh",
  "env:HOME",
  "sys:",
];

for (const role of ["smtp-in", "lookup", "queue", "delivery", "agent", "table-host"]) {
  Deno.test(`${role} is refused files, addresses and programs that are not in its row`, async () => {
    await withRoles(async (site, daemon, sink) => {
      const attempts = [
        ...forbidden,
        `read:${site.conf}`,
        ...(role === "lookup" ? [] : [`read:${site.dir}/aliases`]),
        ...(role === "table-host" ? [] : [`run:${site.dir}/helper`]),
        ...(role === "queue" ? [] : [`list:${site.state}/queue`]),
        ...(role === "agent" ? [] : [`list:${site.home("bob")}`, `write:${site.home("bob")}/x`]),
        // The right to open connections cannot be bound to ports, and includes listening.
        ...(role === "delivery"
          ? []
          : [`connect:127.0.0.1:${sink.port}`, "connect:192.0.2.1:25", "listen:127.0.0.1:0"]),
      ];
      const verdicts = await tryAs(daemon, role, attempts);
      deepEqual(verdicts, Object.fromEntries(attempts.map((one) => [one, "refused"])));
    });
  });
}

Deno.test("each role can do its own work: the refusals above are not for want of a working probe", async () => {
  await withRoles(async (site, daemon, sink) => {
    const own: Record<string, string[]> = {
      lookup: [`read:${site.dir}/aliases`],
      delivery: [`connect:127.0.0.1:${sink.port}`],
      "table-host": [`run:${site.dir}/helper`],
      agent: [`list:${site.home("bob")}/Maildir/new`, `write:${site.home("bob")}/Maildir/tmp/probe`],
    };
    for (const [role, attempts] of Object.entries(own)) {
      deepEqual(await tryAs(daemon, role, attempts), Object.fromEntries(attempts.map((one) => [one, "done"])));
    }
  });
});

Deno.test("smtp-in runs once for every two cores, and holds no right at all", async () => {
  await withRoles(async (_site, daemon) => {
    const all = daemon.role("smtp-in");
    equal(all.length, Math.ceil(navigator.hardwareConcurrency / 2));
    for (const { argv } of all) equal(argv.some((word) => word.startsWith("--allow")), false);
    await Promise.resolve();
  });
});

Deno.test("no role holds a right without a bound, but for delivery's addresses", async () => {
  await withRoles(async (_site, daemon) => {
    const roles = daemon.processes().filter(({ argv }) => argv.some((word) => /\/daemon\/main_\w+\.ts$/.test(word)));
    ok(roles.length >= 5);
    for (const { argv } of roles) {
      const wide = argv.filter((word) => /^(--allow-\w+|-\w*A\w*)$/.test(word));
      deepEqual(wide, argv.at(-1) === "delivery" ? ["--allow-net"] : [], argv.join(" "));
      for (const word of ["--no-prompt", "--cached-only", "--frozen", "--ignore-env"]) ok(argv.includes(word), word);
    }
    await Promise.resolve();
  });
});

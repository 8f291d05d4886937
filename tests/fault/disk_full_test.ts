/** A full disk: 452, nothing half-written, and mail goes on once there is room. Needs a small file system of its own. */

import { equal, match, ok } from "node:assert/strict";
import { join } from "@std/path";
import { Client } from "../e2e/client.ts";
import { Site } from "../e2e/daemon.ts";
import { runProgram } from "../support/command.ts";

const size = 64 * 1024 * 1024;

/** Mounts a small file system; false when that is not allowed here (no root, or a container without the right). */
async function mountSmall(folder: string): Promise<boolean> {
  await Deno.mkdir(folder, { recursive: true });
  const options = ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", folder];
  return await runProgram("mount", options).then(({ code }) => code === 0, () => false);
}

async function mayMount(): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "postern-mount-" });
  const mounted = await mountSmall(folder);
  if (mounted) await runProgram("umount", [folder]);
  await Deno.remove(folder);
  return mounted;
}

// Ignored where mount(8) is refused: only root may mount, and not in every container.
Deno.test(
  { name: "a full disk is answered 452, and what was promised is delivered", ignore: !await mayMount() },
  async () => {
    await using site = await Site.local();
    ok(await mountSmall(site.state));
    try {
      await fillAndRecover(site);
    } finally {
      // Lazily: after a failure the daemon still runs.
      await runProgram("umount", ["-l", site.state]);
    }
  },
);

async function fillAndRecover(site: Site): Promise<void> {
  const daemon = await site.start();
  await site.run("smtpctl", ["pause", "mda"]);
  const client = await Client.open(site.port);
  const body = `Subject: big\r\n\r\n${"x".repeat(70).concat("\r\n").repeat(14_000)}`;
  let promised = 0;
  let refused = "";
  for (let i = 0; i < 100 && refused === ""; i++) {
    await client.command("MAIL FROM:<ann@client.test>", 250);
    await client.command("RCPT TO:<bob@example.org>", 250);
    await client.command("DATA", 354);
    await client.write(body + ".\r\n");
    const answer = await client.answer();
    if (answer.code === 250) promised++;
    else refused = `${answer.code} ${answer.lines.join(" ")}`;
  }
  match(refused, /^452 4\.3\.1 /);
  ok(promised > 0, "some messages fit");
  // The queue lists what was promised and nothing half-written, and still answers.
  const listed = (await site.run("smtpctl", ["show", "queue"])).stdout.trimEnd().split("\n");
  equal(listed.length, promised);
  await site.run("smtpctl", ["resume", "mda"]);
  equal((await site.delivered(promised)).length, promised);
  await site.queueEmpties();
  // With room again, the same session goes on.
  await client.send("ann@client.test", ["bob@example.org"], "Subject: after\r\n\r\nHello\r\n");
  await client.quit();
  await site.delivered(promised + 1);
  for (const text of site.mail()) ok(text.endsWith(`${"x".repeat(70)}\n`) || text.includes("Subject: after"), "whole");
  equal([...Deno.readDirSync(join(site.home("bob"), "Maildir/tmp"))].length, 0);
  await daemon.stop();
}

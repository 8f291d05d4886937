/** The daemon as root, each role under its own account. Ignored unless root runs it and the accounts _smtpd and _smtpq
 * exist (.ci/run makes them): tests make no accounts. */

import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "@std/path";
import { publicPlace, statusOf, uidOf } from "./accounts.ts";
import { Client } from "./client.ts";
import { type Daemon, Site } from "./daemon.ts";

const smtpd = await uidOf("_smtpd");
const smtpq = await uidOf("_smtpq");
const options = { ignore: Deno.uid() !== 0 || smtpd === null || smtpq === null };
/** Any uid that is neither root's nor a role's will do for a recipient. */
const bob = 54_321;

async function assertAccount(daemon: Daemon, role: string, uid: number | null): Promise<void> {
  const processes = daemon.role(role);
  equal(processes.length > 0, true, `${role} runs`);
  for (const { pid } of processes) {
    const status = await statusOf(pid);
    deepEqual(status.get("Uid")?.split(/\s+/).map(Number), [uid, uid, uid, uid], role);
    equal(status.get("NoNewPrivs"), "1", role);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) match(status.get(set) ?? "", /^0+$/, role);
  }
}

Deno.test({
  name: "as root each role runs under its account without any capability, and mail arrives as its owner's",
  ...options,
  fn: async () => {
    await using site = await Site.make((site) => [
      `table users { bob = "${bob}:${bob}:${site.home("bob")}" }`,
      // One socket for both.
      `listen on 0.0.0.0 port ${site.port}`,
      `listen on :: port ${site.port}`,
      `action "local" maildir userbase <users>`,
      ...site.matchLocal(),
    ]);
    await Deno.chmod(site.dir, 0o755);
    await Deno.chown(site.home("bob"), bob, bob);
    const place = await publicPlace(site.dir);
    const daemon = await site.start([], place);
    const client = await Client.open(site.port);
    await client.send("ann@client.test", ["bob@example.org"], "Subject: mine\r\n\r\nHello\r\n");
    await client.quit();
    match((await site.delivered(1))[0] ?? "", /\nSubject: mine\n/);
    const file = [...Deno.readDirSync(join(site.home("bob"), "Maildir/new"))][0]?.name ?? "";
    const stat = await Deno.stat(join(site.home("bob"), "Maildir/new", file));
    deepEqual([stat.uid, stat.gid, (stat.mode ?? 0) & 0o777], [bob, bob, 0o600]);
    for (const role of ["smtp-in", "lookup", "delivery"]) await assertAccount(daemon, role, smtpd);
    await assertAccount(daemon, "queue", smtpq);
    await assertAccount(daemon, "agent", bob);
    equal((await Deno.stat(join(site.state, "smtpd.sock"))).uid, 0);
    const modes = ["", "run", "spool", "offline"].map((name) =>
      (Deno.statSync(join(site.state, name)).mode ?? 0) & 0o7777
    );
    deepEqual(modes, [0o711, 0o700, 0o700, 0o1733]);
    await daemon.stop();
  },
});

Deno.test({
  name: "as root without the accounts' reach to Deno the daemon says what to do",
  ...options,
  fn: async () => {
    await using site = await Site.local();
    const hidden = join(site.dir, "hidden");
    await Deno.mkdir(hidden, { mode: 0o700 });
    const place = await publicPlace(hidden);
    await Deno.chmod(hidden, 0o700);
    const daemon = await site.start([], place).catch((error) => String(error));
    equal(typeof daemon, "string");
    match(String(daemon), new RegExp(`${hidden}|${site.dir}`));
  },
});

Deno.test({
  name: "as root a .forward is read and its command run as its owner, and an alias's command as _smtpd",
  ...options,
  fn: async () => {
    await using site = await Site.make((site) => [
      `table users { bob = "${bob}:${bob}:${site.home("bob")}", eve = "${bob + 1}:${bob + 1}:${site.home("eve")}" }`,
      `table aliases { who = "\\"|id -un > ${site.dir}/open/alias\\"" }`,
      `listen on 127.0.0.1 port ${site.port}`,
      `action "local" maildir userbase <users> alias <aliases>`,
      ...site.matchLocal(),
    ], ["bob", "eve"]);
    await Deno.chmod(site.dir, 0o755);
    for (const [user, uid] of [["bob", bob], ["eve", bob + 1]] as const) {
      // Nobody but the owner, and root, sees what is in it.
      await Deno.chmod(site.home(user), 0o700);
      await Deno.writeTextFile(join(site.home(user), ".forward"), `${user}\n"|id -u > ran; id -G > groups"\n`);
      await Deno.chmod(join(site.home(user), ".forward"), 0o600);
      await Deno.chown(site.home(user), uid, uid);
      await Deno.chown(join(site.home(user), ".forward"), user === "bob" ? bob : 0, bob);
    }
    await Deno.mkdir(join(site.dir, "open"));
    await Deno.chmod(join(site.dir, "open"), 0o777);
    const daemon = await site.start([], await publicPlace(site.dir));
    const client = await Client.open(site.port);
    for (const rcpt of ["bob", "who"]) {
      await client.send("ann@client.test", [`${rcpt}@example.org`], "Subject: x\r\n\r\nHello\r\n");
    }
    // Eve's is not hers: root wrote it.
    await client.command("MAIL FROM:<a@client.test>", 250);
    await client.command("RCPT TO:<eve@example.org>", 550);
    await client.quit();
    await daemon.logs(/to=<bob@example\.org>.*result=Ok(.*\n)+.*to=<bob@example\.org>.*result=Ok/);
    await daemon.logs(/to=<who@example\.org>.*result=Ok/);
    equal(Deno.readTextFileSync(join(site.home("bob"), "ran")), `${bob}\n`);
    equal(Deno.readTextFileSync(join(site.home("bob"), "groups")), `${bob}\n`);
    equal((await Deno.stat(join(site.home("bob"), "ran"))).uid, bob);
    equal(Deno.readTextFileSync(join(site.dir, "open/alias")), "_smtpd\n");
    equal(site.mailCount("bob"), 1);
    // Lines are gathered for a moment before they are written.
    await daemon.logs(/\.forward of eve: /);
    await daemon.stop();
  },
});

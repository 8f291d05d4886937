import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { join } from "@std/path";
import { until } from "../support/wait.ts";
import { Client } from "./client.ts";
import { type Daemon, freePort, kill, Site } from "./daemon.ts";

const message = "From: <ann@client.test>\r\nSubject: hello\r\n\r\nBody\r\n";

/** Changes the configuration. */
async function edit(site: Site, change: (text: string) => string): Promise<void> {
  await Deno.writeTextFile(site.conf, change(await Deno.readTextFile(site.conf)));
}

/** `smtpctl reload`, which has to end with this status. */
async function reload(
  site: Site,
  status: number,
  ...options: readonly string[]
): Promise<{ out: string; err: string }> {
  const { code, stdout, stderr } = await site.run("smtpctl", ["reload", ...options]);
  equal(code, status, stdout + stderr);
  return { out: stdout, err: stderr };
}

async function sendTo(site: Site, rcpt: string, port = site.port): Promise<void> {
  const client = await Client.open(port);
  await client.send("ann@client.test", [rcpt], message);
  await client.quit();
}

/** Status of RCPT for a recipient. */
async function answerTo(port: number, rcpt: string): Promise<number> {
  using client = await Client.open(port);
  await client.command("MAIL FROM:<ann@client.test>", 250);
  return (await client.command(`RCPT TO:<${rcpt}>`)).code;
}

function pidsOf(daemon: Daemon, role: string): readonly number[] {
  return daemon.role(role).map(({ pid }) => pid);
}

Deno.test("smtpctl reload opens a new listener and closes one that is gone, and the others never stop", async () => {
  await using site = await Site.local();
  const [second, third] = [freePort(), freePort()];
  const daemon = await site.start();
  const [queue, delivery] = [pidsOf(daemon, "queue"), pidsOf(daemon, "delivery")];
  await edit(site, (text) => `${text}listen on 127.0.0.1 port ${second} tag NEW\n`);
  const { out } = await reload(site, 0);
  match(
    out,
    new RegExp(`^\\+ listen on 127\\.0\\.0\\.1 port ${second} tag NEW hostname \\S+\\nversion 2 is in force\\n$`),
  );
  for (const port of [site.port, second]) await sendTo(site, "bob@example.org", port);
  await edit(site, (text) => text.replace(`port ${second} tag NEW`, `port ${third}`));
  await reload(site, 0);
  await until("the old port is closed", () =>
    Client.connect(second).then((one) => one.close(), () => "refused")
      .then((how) => how === "refused"));
  for (const port of [site.port, third]) await sendTo(site, "bob@example.org", port);
  await site.delivered(4);
  deepEqual([pidsOf(daemon, "queue"), pidsOf(daemon, "delivery")], [queue, delivery], "these go on");
  await daemon.logs(/smtpd: reload-change group=listener count=2 changes="- listen on .*; \+ listen on /);
  await daemon.logs(/smtpd: reloaded version=3 file=\S+ changes=2/);
  await daemon.stop();
});

Deno.test("SIGHUP reloads, and what changed is in the log", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  equal(await answerTo(site.port, "bob@example.net"), 550);
  await edit(site, (text) => `${text}match from any for domain "example.net" action "local"\n`);
  Deno.kill(daemon.pid, "SIGHUP");
  await daemon.logs(/reloaded version=2/);
  await daemon.logs(/reload-change group=rule count=1 changes="\+ match from any for domain example\.net action/);
  equal(await answerTo(site.port, "bob@example.net"), 250);
  await daemon.stop();
});

Deno.test("a session that is open at a reload finishes under the rules and limits that it began with, new ones do not", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  using client = await Client.open(site.port);
  await client.command("MAIL FROM:<ann@client.test>", 250);
  await client.command("RCPT TO:<bob@example.org>", 250);
  await client.command("DATA", 354);
  await client.write("Subject: before\r\n\r\nHel");
  await edit(
    site,
    (text) =>
      `${text.replace(/match .*/, 'match from any for domain "example.com" action "local"')}smtp limit max-rcpt 1\n`,
  );
  const { out } = await reload(site, 0);
  match(out, /^- match from any for domain example\.org action "local"\n\+ match .* example\.com action "local"\n/m);
  match(out, /^~ smtp limit max-rcpt: 1000 -> 1$/m);
  await client.write("lo\r\n.\r\n");
  await client.expect(250);
  await site.delivered(1);
  await client.send("ann@client.test", ["bob@example.org", "BOB@example.org"], message);
  await site.delivered(2);
  using other = await Client.open(site.port);
  await other.command("MAIL FROM:<ann@client.test>", 250);
  await other.command("RCPT TO:<bob@example.com>", 250);
  await other.command("RCPT TO:<bob@example.com>", 452);
  await other.quit();
  deepEqual([await answerTo(site.port, "bob@example.org"), await answerTo(site.port, "bob@example.com")], [550, 250]);
  equal(daemon.role("smtp-in").length > 1, true, "the session's process is there");
  await client.quit();
  await until(
    "the former smtp-in and lookup end",
    () =>
      [...daemon.role("smtp-in"), ...daemon.role("lookup")].every(({ argv }) => argv.at(-1)?.includes("#v2") === true),
  );
  await daemon.stop();
});

Deno.test("a new table gives lookup the right to read it, and nobody else", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const path = join(site.dir, "domains");
  await Deno.writeTextFile(path, "example.net\n");
  await edit(
    site,
    (text) =>
      text.replace("listen on", `table more file:${path}\nlisten on`) +
      `match from any for domain <more> action "local"\n`,
  );
  const { out } = await reload(site, 0);
  match(out, new RegExp(`^\\+ lookup: read ${path}$`, "m"));
  match(out, new RegExp(`^\\+ table more file:${path}$`, "m"));
  equal(await answerTo(site.port, "bob@example.net"), 250);
  const holds = (role: string) => daemon.role(role).filter(({ argv }) => argv.some((word) => word.includes(path)));
  await until("the former lookup ends", () => daemon.role("lookup").length === 1);
  equal(holds("lookup").length, 1);
  for (const role of ["smtp-in", "queue", "delivery"]) equal(holds(role).length, 0, role);
  await daemon.stop();
});

Deno.test("a broken file changes nothing and says all that is wrong, on the spot and in show status", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const good = await Deno.readTextFile(site.conf);
  const before = daemon.processes().map(({ pid }) => pid);
  await edit(site, (text) => `${text}listen on 127.0.0.1 prot 25\naction "x" maildr\n`);
  const { out, err } = await reload(site, 1);
  equal(out, "");
  match(err, new RegExp(`${site.conf}:5:21: error: .*\n.*\n +\\| +\\^\\^\\^\\^\n.*did you mean \`port\``));
  match(err, new RegExp(`${site.conf}:6:12: error: `));
  match(err, /\nsmtpctl: nothing is changed: what was in force is\n$/);
  const told = JSON.parse((await reload(site, 1, "--json")).out);
  deepEqual([told.outcome, told.version, told.problems.length], ["refused", null, 2]);
  deepEqual(daemon.processes().map(({ pid }) => pid), before);
  const status = (await site.run("smtpctl", ["show", "status"])).stdout;
  match(
    status,
    new RegExp(`^configuration ${site.conf} version 1, loaded \\S+\nreload failed \\S+: ${site.conf}:5:21: `, "m"),
  );
  await sendTo(site, "bob@example.org");
  await Deno.writeTextFile(site.conf, good);
  match((await reload(site, 0)).out, /^version 2 is in force: nothing has changed; tables were read anew\n$/);
  equal((await site.run("smtpctl", ["show", "status"])).stdout.includes("failed"), false);
  await daemon.stop();
});

Deno.test("what cannot be had changes nothing: a table that is not there, a port that is taken, another queue", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const good = await Deno.readTextFile(site.conf);
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const missing = join(site.dir, "missing");
  const cases: readonly (readonly [line: string, want: RegExp])[] = [
    [
      `table gone file:${missing}\nmatch from any for domain <gone> action "local"`,
      /Cannot open .*missing: no such file or directory \(ENOENT\)/,
    ],
    [`listen on 127.0.0.1 port ${taken.addr.port}`, new RegExp(`Cannot listen on 127.0.0.1 port ${taken.addr.port}`)],
    [`queue directory "${site.dir}/other"`, /The queue cannot move from .* by a reload: stop smtpd/],
  ];
  for (const [line, want] of cases) {
    await Deno.writeTextFile(site.conf, `${good}${line}\n`);
    match((await reload(site, 1)).err, want);
    await until("the newcomers are gone", () => daemon.role("smtp-in").length + daemon.role("lookup").length === 2);
  }
  equal(await answerTo(site.port, "bob@example.org"), 250);
  await daemon.stop();
});

Deno.test("smtpctl reload -n only shows what would change", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  await edit(site, (text) => `${text}smtp max-message-size 1000\n`);
  for (const option of ["-n", "--check"]) {
    equal(
      (await reload(site, 0, option)).out,
      "~ smtp max-message-size: 36700160 -> 1000\nthis would change; nothing is changed yet\n",
    );
  }
  match((await site.run("smtpctl", ["show", "status"])).stdout, / version 1, /);
  await daemon.stop();
});

Deno.test("a changed action has delivery followed by another one; mail for a removed one waits and is not lost", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const before = pidsOf(daemon, "delivery");
  equal((await site.run("smtpctl", ["pause", "mda"])).code, 0);
  await sendTo(site, "bob@example.org");
  await edit(site, (text) => text.replaceAll(`"local"`, `"other"`));
  match((await reload(site, 0)).out, /^- action "local" maildir .*\n\+ action "other" maildir/m);
  await until("the former delivery ends", () => daemon.role("delivery").every(({ pid }) => !before.includes(pid)));
  equal((await site.run("smtpctl", ["resume", "mda"])).code, 0);
  await sendTo(site, "bob@example.org");
  await site.delivered(1);
  await until(
    "the envelope is put off",
    async () => /\|pending\|.*action "?local/.test((await site.run("smtpctl", ["show", "queue"])).stdout),
  );
  await edit(site, (text) => text.replaceAll(`"other"`, `"local"`));
  await reload(site, 0);
  equal((await site.run("smtpctl", ["schedule", "all"])).code, 0);
  await site.delivered(2);
  await site.queueEmpties();
  await daemon.stop();
});

Deno.test("roles that die after a reload come back with what it brought", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  await edit(site, (text) => text.replace("example.org", "example.com"));
  await reload(site, 0);
  for (const role of ["smtp-in", "lookup", "queue", "delivery"]) {
    const before = pidsOf(daemon, role);
    for (const pid of before) kill(pid);
    await until(`${role} is back`, () => {
      const now = pidsOf(daemon, role);
      return now.length > 0 && !now.some((pid) => before.includes(pid));
    });
  }
  await until("the new rules hold", async () => {
    try {
      return await answerTo(site.port, "bob@example.com") === 250 &&
        await answerTo(site.port, "bob@example.org") === 550;
    } catch {
      return false;
    }
  });
  match((await site.run("smtpctl", ["show", "status"])).stdout, / version 2, /);
  await daemon.stop();
});

Deno.test("the daemon ends in order while it reloads", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  using client = await Client.open(site.port);
  Deno.kill(daemon.pid, "SIGHUP");
  Deno.kill(daemon.pid, "SIGHUP");
  await until("a newcomer starts", () => daemon.role("lookup").length > 1, { everyMs: 5 });
  await daemon.stop();
  match(await client.ended(), /^(421 .*\r\n)?$/);
  await rejects(Client.connect(site.port));
  ok(!daemon.log.includes("failure"));
});

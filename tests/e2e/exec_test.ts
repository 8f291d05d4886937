/** Files, commands, Maildirs and .forward files, through a real daemon. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "@std/path";
import { runProgram } from "../support/command.ts";
import { until } from "../support/wait.ts";
import { Client } from "./client.ts";
import { kill, Site } from "./daemon.ts";

/** Not 0: nothing is run for who is root in the userbase. In these daemons every role keeps the caller's account. */
const uid = 1000;

/** A site with aliases for mail to example.org. */
function siteWith(aliases: (site: Site) => readonly string[], users: readonly string[] = ["bob"]): Promise<Site> {
  return Site.make((site) => [
    `table users { ${users.map((user) => `${user} = "${uid}:${uid}:${site.home(user)}"`).join(", ")} }`,
    `table aliases { ${aliases(site).join(", ")} }`,
    `listen on 127.0.0.1 port ${site.port}`,
    `action "local" maildir userbase <users> alias <aliases>`,
    ...site.matchLocal(),
    `match for any reject`,
  ], users);
}

async function send(site: Site, ...rcpts: readonly string[]): Promise<void> {
  const client = await Client.open(site.port);
  for (const rcpt of rcpts) {
    await client.send("ann@client.test", [`${rcpt}@example.org`], "Subject: x\r\n\r\nHello\r\nFrom here\r\n");
  }
  await client.quit();
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

Deno.test("an alias appends to a file, runs a command, and writes a Maildir", async () => {
  await using site = await siteWith((site) => [
    `file = "${site.dir}/log"`,
    `cmd = "\\"|cat > ${site.dir}/got; env > ${site.dir}/env; echo %{rcpt.user:raw}'%{sender}' > ${site.dir}/args\\""`,
    `box = "maildir:${site.dir}/box"`,
  ]);
  const daemon = await site.start();
  await send(site, "file", "file", "cmd", "box");
  await site.queueEmpties();
  const log = textOf(join(site.dir, "log"));
  equal(log.match(/^From ann@client\.test \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/gm)?.length, 2);
  equal(log.match(/^>From here$/gm)?.length, 2);
  match(textOf(join(site.dir, "got")), /^Return-Path: <ann@client\.test>\nDelivered-To: cmd@example\.org\nReceived: /);
  equal(textOf(join(site.dir, "args")), "cmdann@client.test\n");
  const names = textOf(join(site.dir, "env")).split("\n").map((line) => line.split("=")[0] ?? "");
  deepEqual(names.filter((name) => !["", "PWD", "_", "SHLVL"].includes(name)).sort(), [
    "DOMAIN",
    "HOME",
    "LOCAL",
    "LOGNAME",
    "ORIGINAL_RECIPIENT",
    "PATH",
    "RECIPIENT",
    "SENDER",
    "SHELL",
    "USER",
  ]);
  equal([...Deno.readDirSync(join(site.dir, "box/new"))].length, 1);
  await daemon.stop();
});

Deno.test("a .forward keeps a copy and runs a command, in the user's name and home", async () => {
  await using site = await siteWith(() => ["x = y"]);
  await Deno.writeTextFile(
    join(site.home("bob"), ".forward"),
    `bob\n"|cat > got; echo $USER $HOME $EXTENSION > who"\n`,
    { mode: 0o600 },
  );
  const daemon = await site.start();
  await send(site, "bob+news");
  await site.queueEmpties();
  equal(site.mailCount(), 1);
  match(textOf(join(site.home("bob"), "got")), /\nSubject: x\n\nHello\n/);
  equal(textOf(join(site.home("bob"), "who")), `bob ${site.home("bob")} news\n`);
  await daemon.stop();
});

Deno.test("a .forward that is a link, or that others may write, is not followed", async () => {
  await using site = await siteWith(() => ["x = y"], ["bob", "ann", "carl"]);
  await Deno.writeTextFile(join(site.dir, "forward"), `|touch ${site.dir}/ran\n`);
  await runProgram("ln", ["-s", join(site.dir, "forward"), join(site.home("bob"), ".forward")]);
  await Deno.writeTextFile(join(site.home("ann"), ".forward"), `|touch ${site.dir}/ran\n`);
  await Deno.chmod(join(site.home("ann"), ".forward"), 0o666);
  // A home that is a link is looked through.
  await Deno.rename(site.home("carl"), join(site.dir, "real"));
  await runProgram("ln", ["-s", join(site.dir, "real"), site.home("carl")]);
  await Deno.writeTextFile(join(site.dir, "real/.forward"), "/dev/null/x, carl");
  const daemon = await site.start();
  const client = await Client.open(site.port);
  for (const user of ["bob", "ann"]) {
    await client.command("MAIL FROM:<a@client.test>");
    await client.command(`RCPT TO:<${user}@example.org>`, 550);
    await client.command("RSET");
  }
  await client.command("MAIL FROM:<a@client.test>");
  await client.command("RCPT TO:<carl@example.org>", 250);
  await client.quit();
  await daemon.logs(/\.forward of bob: it is not a regular file; links are not followed/);
  await daemon.logs(/\.forward of ann: others may write it; run chmod go-w/);
  equal(textOf(join(site.dir, "ran")), "");
  await daemon.stop();
});

Deno.test("a file that is a link, or has a second name, gets no mail", async () => {
  await using site = await siteWith((site) => [`link = "${site.dir}/link"`, `hard = "${site.dir}/hard"`]);
  await Deno.writeTextFile(join(site.dir, "target"), "");
  await runProgram("ln", ["-s", join(site.dir, "target"), join(site.dir, "link")]);
  await Deno.writeTextFile(join(site.dir, "first"), "");
  await runProgram("ln", [join(site.dir, "first"), join(site.dir, "hard")]);
  const daemon = await site.start();
  await send(site, "link", "hard");
  await daemon.logs(/to=<link@example\.org>.*result=TempFail.*regular file of one name/);
  await daemon.logs(/to=<hard@example\.org>.*result=TempFail.*second name/);
  deepEqual([textOf(join(site.dir, "target")), textOf(join(site.dir, "first"))], ["", ""]);
  await daemon.stop();
});

Deno.test("a command's exit says what becomes of the mail", async () => {
  await using site = await siteWith(() => [
    `later = "\\"|echo come again >&2; exit 75\\""`,
    `never = "\\"|echo gone for good; exit 67\\""`,
    `early = "\\"|exec <&-; sleep 1; exit 0\\""`,
  ]);
  const daemon = await site.start();
  await send(site, "later", "never");
  await daemon.logs(/to=<later@example\.org>.*result=TempFail stat="Error \(temporary failure: \\"come again\\"\)"/);
  await daemon.logs(/to=<never@example\.org>.*result=PermFail stat="Error \(user unknown: \\"gone for good\\"\)"/);
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["early@example.org"], `Subject: x\r\n\r\n${"long\r\n".repeat(60_000)}`);
  await client.quit();
  await daemon.logs(/to=<early@example\.org>.*result=TempFail stat="Error \(mda exited prematurely\)"/);
  await daemon.stop();
});

Deno.test("an agent that is killed in the middle of a command loses no mail", async () => {
  await using site = await siteWith((site) => [
    `cmd = "\\"|if test -e ${site.dir}/again; then cat > ${site.dir}/got; else touch ${site.dir}/again; sleep 60; fi\\""`,
  ]);
  const daemon = await site.start();
  await send(site, "cmd");
  await until("the command runs", () => exists(join(site.dir, "again")));
  for (const { pid } of daemon.role("agent")) kill(pid);
  await daemon.logs(/to=<cmd@example\.org>.*result=TempFail/);
  await until("it is delivered", async () => {
    await site.run("smtpctl", ["schedule", "all"]);
    return textOf(join(site.dir, "got")).includes("Hello");
  }, { everyMs: 200 });
  ok(exists(join(site.dir, "again")));
  await daemon.stop();
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

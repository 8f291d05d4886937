/** Tables of each local kind, asked by a lookup that may read just their files, and followed as they change. */

import { equal, match } from "node:assert/strict";
import { join } from "@std/path";
import { runTask } from "../support/command.ts";
import { replaceFile } from "../support/folder.ts";
import { runSql, whileLocked } from "../support/sqlite.ts";
import { until } from "../support/wait.ts";
import { Client } from "./client.ts";
import { Site } from "./daemon.ts";

const message = "Subject: x\r\n\r\nHello\r\n";

/** What a client hears for a recipient. */
async function replyFor(site: Site, rcpt: string): Promise<number> {
  const client = await Client.open(site.port);
  await client.command("MAIL FROM:<ann@client.test>", 250);
  const { code } = await client.command(`RCPT TO:<${rcpt}>`);
  await client.quit();
  return code;
}

const hears = (site: Site, rcpt: string, code: number) =>
  until(`${rcpt} hears ${code}`, async () => await replyFor(site, rcpt) === code, { everyMs: 50 });

/** Users in a passwd file, aliases in an SQLite map of makemap, domains in a text, addresses in a database. */
async function tablesSite(): Promise<Site> {
  const site = await Site.make((site) => [
    `table users "passwd:${site.dir}/passwd"`,
    `table aliases "sqlite:${site.dir}/aliases.sqlite"`,
    `table domains "${site.dir}/domains"`,
    `table addresses "sqlite:${site.dir}/sqlite.conf"`,
    `listen on 127.0.0.1 port ${site.port}`,
    `action "local" maildir userbase <users> alias <aliases>`,
    `match from any for domain <domains> action "local"`,
    `match from any for any rcpt-to <addresses> action "local"`,
  ]);
  const path = (name: string) => join(site.dir, name);
  await Deno.writeTextFile(path("passwd"), `bob:*:${Deno.uid()}:${Deno.gid()}::${site.home("bob")}:/bin/sh\n`);
  await Deno.writeTextFile(path("aliases"), "root: bob\n");
  equal((await runTask("makemap", ["-d", "sqlite", "-t", "aliases", path("aliases")])).code, 0);
  await Deno.writeTextFile(path("domains"), "example.org\n");
  runSql(path("mail.db"), "CREATE TABLE addresses (address TEXT); INSERT INTO addresses VALUES ('bob@db.test')");
  await Deno.writeTextFile(
    path("sqlite.conf"),
    `dbpath ${path("mail.db")}\nquery_mailaddr SELECT address FROM addresses WHERE address = ?\n`,
  );
  return site;
}

Deno.test("passwd, SQLite and file tables bring mail to its users", async () => {
  await using site = await tablesSite();
  const daemon = await site.start();
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["Root@Example.org"], message);
  await client.send("ann@client.test", ["bob@db.test"], message);
  await client.quit();
  await site.delivered(2);
  equal(await replyFor(site, "eve@example.org"), 550);
  equal(await replyFor(site, "eve@db.test"), 550);
  await daemon.stop();
});

Deno.test("tables follow their files while the daemon runs; a broken file leaves the old one in use", async () => {
  await using site = await tablesSite();
  const daemon = await site.start();
  const path = (name: string) => join(site.dir, name);
  equal(await replyFor(site, "bob@late.test"), 550);
  await replaceFile(path("domains"), "example.org\nlate.test\n");
  await hears(site, "bob@late.test", 250);
  await replaceFile(path("domains"), "example.org\n\0\n");
  await until("the daemon tells the bad line", async () => {
    equal(await replyFor(site, "bob@late.test"), 250);
    return /table reason="\S+domains:2: invalid map entry"/.test(daemon.log);
  }, { everyMs: 50 });
  runSql(path("mail.db"), "INSERT INTO addresses VALUES ('root@db.test')");
  equal(await replyFor(site, "root@db.test"), 250);
  await Deno.writeTextFile(path("aliases"), "root: bob\ninfo: bob\n");
  equal((await runTask("makemap", ["-d", "sqlite", "-t", "aliases", path("aliases")])).code, 0);
  await hears(site, "info@example.org", 250);
  await Deno.writeTextFile(path("passwd"), "broken\n");
  const { code, stderr } = await site.run("smtpctl", ["update", "table", "users"]);
  equal(code, 1);
  match(stderr, /passwd:1: not name:password:uid:gid:gecos:home:shell/);
  equal(await replyFor(site, "root@example.org"), 250);
  await daemon.stop();
});

Deno.test("a database that is locked is a 4xx and no 5xx", async () => {
  await using site = await tablesSite();
  const daemon = await site.start();
  await whileLocked(join(site.dir, "mail.db"), async () => {
    equal(await replyFor(site, "bob@db.test"), 451);
  });
  equal(await replyFor(site, "bob@db.test"), 250);
  await daemon.stop();
});

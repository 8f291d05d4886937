/** Logging in at a real daemon: tables, verifiers as processes, senders, rules, limits. */

import { X509Certificate } from "node:crypto";
import { equal, match } from "node:assert/strict";
import { Certificates, openssl } from "../support/certificates.ts";
import { Client } from "./client.ts";
import { freePort, Site } from "./daemon.ts";
import { until } from "../support/wait.ts";

const ignore = openssl === null;

/** bcrypt of cost 5, of `Hello world!`. */
const stored = "$2b$05$abcdefghijklmnopqrstuu7nFISH/8YdwlXD3lw69A4iBUf6fvWAW";
const password = "Hello world!";
const text = "Subject: submitted\r\n\r\nHello\r\n";

async function authSite(made: Certificates) {
  await made.issue("ca", { isAuthority: true });
  await made.issue("main", { names: ["mx.test"], by: "ca" });
  const machine = await made.issue("machine", { by: "ca", usage: "clientAuth" });
  const print = new X509Certificate(machine.chain).fingerprint256.replaceAll(":", "");
  const [port, bound] = [freePort(), freePort()];
  const site = await Site.make((site) => [
    `pki main cert "${made.path("main", "crt")}" key "${made.path("main", "key")}"`,
    ...site.localLines(),
    `table logins file:${site.dir}/logins`,
    `table own { ann = "ann@example.org" }`,
    "smtp limit max-auth-failures 3",
    `listen on 127.0.0.1 port ${port} tls-require pki main auth <logins> senders <own> received-auth`,
    `ca clients cert "${made.path("ca", "crt")}"`,
    `table certificates { "${print}" = "ann" }`,
    `listen on 127.0.0.1 port ${bound} smtps pki main ca clients auth <logins> auth-external <certificates> ` +
    "senders <own> header-from",
    'match auth from any for domain "example.org" action "local"',
  ]);
  await Deno.writeTextFile(`${site.dir}/logins`, `ann ann:${stored}\nold $y$j9T$abc$def\n`);
  return { site, port, bound, machine, authority: await made.text("ca", "crt") };
}

/** A machine logs in with its certificate, and writes under its own address only. */
async function bindAuthor({ bound, machine, authority }: Awaited<ReturnType<typeof authSite>>): Promise<void> {
  const client = await Client.connectTls(bound, authority, machine);
  await client.expect(220);
  const { lines } = await client.command("EHLO client.test", 250);
  equal(lines.includes("AUTH PLAIN LOGIN EXTERNAL"), true);
  await client.command(`AUTH EXTERNAL ${btoa("bob")}`, 535);
  await client.command("AUTH EXTERNAL =", 235);
  for (const [from, want] of [["ann@example.org", 250], ['"eve@example.org" <ann@example.org>', 550]] as const) {
    await client.command("MAIL FROM:<>", 250);
    await client.command("RCPT TO:<bob@example.org>", 250);
    await client.command("DATA", 354);
    await client.write(`From: ${from}\r\n\r\nbound\r\n.\r\n`);
    await client.expect(want);
  }
  await client.quit();
}

async function open(port: number, authority: string): Promise<Client> {
  const client = await Client.open(port);
  await client.command("STARTTLS", 220);
  await client.startTls("mx.test", authority);
  const { lines } = await client.command("EHLO client.test", 250);
  equal(lines.includes("AUTH PLAIN LOGIN"), true);
  return client;
}

const plain = (user: string, secret: string) => btoa(`\0${user}\0${secret}`);

Deno.test({
  name: "smtpd lets users log in, sends as them and no other, and says so; passwords are in no log",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const place = await authSite(made);
    const { site, port, authority } = place;
    await using _ends = site;
    const daemon = await site.start(["--same-user", "-v", "-T", "all"]);
    equal(daemon.role("verifier").length, 1);
    const client = await open(port, authority);
    await client.command("MAIL FROM:<ann@example.org>", 530);
    await client.command(`AUTH PLAIN ${plain("ann", "wrong")}`, 535);
    await client.command(`AUTH PLAIN ${plain("old", password)}`, 535);
    await client.command("AUTH LOGIN", 334);
    await client.command(btoa("ann"), 334);
    await client.command(btoa(password), 235);
    await client.command("MAIL FROM:<eve@example.org>", 550);
    await client.send("ann@example.org", ["bob@example.org"], text);
    await client.quit();
    const [message = ""] = await site.delivered(1);
    await bindAuthor(place);
    match((await site.delivered(2)).join("\n"), /^From: ann@example\.org$/m);
    match(message, /with ESMTPSA id [0-9a-f]{8}[^;]* auth=yes user=ann/);
    await daemon.logs(/smtp authentication user=ann result=permfail/);
    await daemon.logs(/smtp authentication user=ann result=ok/);
    await daemon.logs(/lookup: password-unusable user=old table=logins reason="its hash is yescrypt/);
    // Now the log is whole.
    await daemon.stop();
    for (const secret of ["wrong", password, plain("ann", "wrong"), btoa(password), stored]) {
      equal(daemon.log.includes(secret), false, "a secret is in the log");
    }
  },
});

Deno.test({
  name:
    "smtpd: a verifier may do nothing, and one that dies is started again; a login is good as long as its lookup lives",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const { site, port, authority } = await authSite(made);
    await using _ends = site;
    const daemon = await site.start();
    const [verifier] = daemon.role("verifier");
    equal(verifier?.argv.some((word) => word.startsWith("--allow")), false);
    Deno.kill(verifier!.pid, "SIGKILL");
    const client = await open(port, authority);
    // It waits for the next one.
    await client.command(`AUTH PLAIN ${plain("ann", password)}`, 235);
    equal(daemon.role("verifier").length, 1);
    await client.command("MAIL FROM:<ann@example.org>", 250);
    const [lookup] = daemon.role("lookup");
    Deno.kill(lookup!.pid, "SIGKILL");
    await until("somebody can log in again", async () => {
      const again = await open(port, authority);
      const { code } = await again.command(`AUTH PLAIN ${plain("ann", password)}`);
      if (code === 235) await again.send("ann@example.org", ["bob@example.org"], text);
      await again.quit();
      return code === 235;
    });
    // The next lookup has not seen this session log in.
    await client.command("RCPT TO:<bob@example.org>", 451);
    await client.command("RSET", 250);
    await client.command("MAIL FROM:<ann@example.org>", 451);
    await client.quit();
    await site.delivered(1);
    await daemon.stop();
  },
});

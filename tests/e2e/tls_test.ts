/** TLS of a real daemon: STARTTLS, TLS from the first octet, names, client certificates, and files that change. */

import { equal, match, rejects } from "node:assert/strict";
import { Certificates, openssl } from "../support/certificates.ts";
import { Client } from "./client.ts";
import { type Daemon, freePort, Site } from "./daemon.ts";

const ignore = openssl === null;

/** A site with three listeners, and what its clients need. */
async function tlsSite(made: Certificates) {
  await made.issue("ca", { isAuthority: true });
  await made.issue("main", { names: ["mx.test"], by: "ca" });
  await made.issue("more", { names: ["other.test"], by: "ca", kind: "rsa" });
  const ports = { required: freePort(), implicit: freePort(), verify: freePort(), proxy: freePort() };
  const site = await Site.make((site) => [
    ...["main", "more"].map((name) => `pki ${name} cert "${made.path(name, "crt")}" key "${made.path(name, "key")}"`),
    `ca clients cert "${made.path("ca", "crt")}"`,
    ...site.localLines(),
    `listen on 127.0.0.1 port ${ports.required} tls-require pki main pki more`,
    `listen on 127.0.0.1 port ${ports.implicit} smtps pki main`,
    `listen on 127.0.0.1 port ${ports.verify} smtps verify pki main ca clients`,
    `listen on 127.0.0.1 port ${ports.proxy} smtps pki main proxy`,
    `match tls from any for domain "example.org" action "local"`,
  ]);
  return { site, ports, authority: await made.text("ca", "crt") };
}

const text = "Subject: over TLS\r\n\r\nHello\r\n";

Deno.test({
  name:
    "smtpd serves STARTTLS and TLS from the first octet, rules see it, and it asks for certificates where it should",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const { site, ports, authority } = await tlsSite(made);
    await using _ends = site;
    const daemon = await site.start();
    for (const host of ["mx.test", "other.test"]) {
      const client = await Client.open(ports.required);
      equal(
        (await client.command("MAIL FROM:<ann@client.test>", 530)).lines[0],
        "5.7.0 Must issue a STARTTLS command first",
      );
      await client.command("STARTTLS", 220);
      await client.startTls(host, authority);
      const { lines } = await client.command("EHLO client.test", 250);
      equal(lines.includes("STARTTLS"), false);
      await client.send("ann@client.test", ["bob@example.org"], text);
      await client.quit();
    }
    const [message = ""] = await site.delivered(2);
    match(message, /with ESMTPS id [0-9a-f]{8} \(TLSv1\.3:TLS_AES_256_GCM_SHA384:256:NO\)/);
    await daemon.logs(/smtp tls ciphers=TLSv1\.3:TLS_AES_256_GCM_SHA384:256/);
    const implicit = await overTls(ports.implicit, authority);
    await implicit.send("ann@client.test", ["bob@example.org"], text);
    await implicit.quit();
    const clear = await Client.open(site.port);
    await clear.command("MAIL FROM:<ann@client.test>", 250);
    await clear.command("RCPT TO:<bob@example.org>", 550);
    clear.close();
    // The proxy's header stands before TLS.
    const proxied = await Client.connect(ports.proxy);
    await proxied.write("PROXY TCP4 192.0.2.77 127.0.0.1 40000 465\r\n");
    await proxied.startTls("mx.test", authority);
    await proxied.expect(220);
    await proxied.quit();
    await daemon.logs(/smtp connected address=192\.0\.2\.77/);
    await checkClients(ports.verify, made, authority, daemon);
    await daemon.stop();
  },
});

/** A client past EHLO on a port that begins with TLS. */
async function overTls(port: number, authority: string): Promise<Client> {
  const client = await Client.connect(port);
  await client.startTls("mx.test", authority);
  await client.expect(220);
  await client.command("EHLO client.test", 250);
  return client;
}

async function checkClients(port: number, made: Certificates, authority: string, daemon: Daemon): Promise<void> {
  const none = await Client.connect(port);
  await none.startTls("mx.test", authority);
  match((await none.expect(554)).lines.join(), /certificate is required/);
  none.close();
  const stranger = await Client.connectTls(port, authority, await made.issue("stranger"));
  match((await stranger.expect(554)).lines.join(), /not accepted/);
  stranger.close();
  const own = await made.issue("known", { by: "ca", usage: "clientAuth" });
  const known = await Client.connectTls(port, authority, own);
  await known.expect(220);
  await known.quit();
  await daemon.logs(/smtp cert-check result=unchecked fingerprint=SHA256:[0-9a-f]{64}/);
  await daemon.logs(/smtp cert-check result=verified fingerprint=SHA256:[0-9a-f]{64}/);
}

Deno.test({
  name: "smtpd takes up a certificate that was replaced, keeps it when the next one is broken, and says so",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const { site, ports, authority } = await tlsSite(made);
    await using _ends = site;
    const daemon = await site.start();
    const early = await overTls(ports.implicit, authority);
    await made.issue("ca2", { isAuthority: true });
    await made.issue("next", { names: ["mx.test"], by: "ca2" });
    await made.replace("main", "next");
    await daemon.logs(/certificate-renewed pki=main expires=/);
    const after = await made.text("ca2", "crt");
    (await overTls(ports.implicit, after)).close();
    await rejects(overTls(ports.implicit, authority), /certificate|UnknownIssuer/i);
    // Who was there before goes on.
    await early.command("NOOP", 250);
    early.close();
    await Deno.writeTextFile(made.path("main", "key"), "nonsense");
    await daemon.logs(/certificate-refused pki=main reason="[^"]*no private key in PEM form/);
    (await overTls(ports.implicit, after)).close();
    const { code, stdout, stderr } = await site.run("smtpctl", ["reload"]);
    equal(code, 1, stdout);
    match(stderr + stdout, /no private key in PEM form/);
    // Now the log is whole.
    await daemon.stop();
    equal(/BEGIN|PRIVATE KEY--/.test(daemon.log), false, "no key in the log");
  },
});

/** swaks and openssl's client against the daemon's TLS. */

import { equal, match } from "node:assert/strict";
import { freePort, Site } from "../e2e/daemon.ts";
import { Certificates, openssl } from "../support/certificates.ts";
import { runProgram } from "../support/command.ts";
import { findProgram } from "../support/programs.ts";

const swaks = findProgram("swaks") ?? "";
const ignore = swaks === "" || openssl === null;

Deno.test({
  name: "swaks sends by STARTTLS and by TLS from the first octet, and openssl verifies the certificate",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    await made.issue("ca", { isAuthority: true });
    await made.issue("main", { names: ["mx.test"], by: "ca" });
    const [tls, smtps] = [freePort(), freePort()];
    await using site = await Site.make((site) => [
      `pki main cert "${made.path("main", "crt")}" key "${made.path("main", "key")}"`,
      ...site.localLines(),
      `listen on 127.0.0.1 port ${tls} tls pki main`,
      `listen on 127.0.0.1 port ${smtps} smtps pki main`,
      ...site.matchLocal(),
    ]);
    const daemon = await site.start();
    for (const [port, how] of [[tls, "--tls"], [smtps, "--tls-on-connect"]] as const) {
      const { code, stdout } = await runProgram(swaks, [
        ...["--server", "127.0.0.1", "--port", String(port), how, "--ehlo", "client.test"],
        ...["--from", "ann@client.test", "--to", "bob@example.org", "--header", `Subject: ${how}`],
      ]);
      equal(code, 0, stdout);
      match(stdout, /TLS started with cipher TLSv1\.3/);
    }
    for (const text of await site.delivered(2)) match(text, /with ESMTPS id/);
    const { stdout } = await runProgram(openssl ?? "", [
      ...["s_client", "-connect", `127.0.0.1:${tls}`, "-starttls", "smtp", "-servername", "mx.test"],
      ...["-CAfile", made.path("ca", "crt"), "-verify_hostname", "mx.test", "-verify_return_error"],
    ]);
    match(stdout, /Verify return code: 0 \(ok\)/);
    await daemon.stop();
  },
});

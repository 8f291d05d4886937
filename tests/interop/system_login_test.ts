/** Users of the system log in: the daemon runs as root, passwd(5)'s tools and OpenSSL make the passwords, swaks is the
 * client. Ignored unless root runs it and the accounts are there (.ci/run makes them). The account _smtptest is for this
 * test alone: its password is made up each time, and it is locked at the end. */

import { deepEqual, equal, match } from "node:assert/strict";
import { publicPlace, statusOf, uidOf } from "../e2e/accounts.ts";
import { freePort, Site } from "../e2e/daemon.ts";
import { Certificates, openssl } from "../support/certificates.ts";
import { runProgram } from "../support/command.ts";
import { findProgram } from "../support/programs.ts";

const swaks = findProgram("swaks") ?? "";
const usermod = findProgram("usermod") ?? "";
const user = "_smtptest";
const hasAccounts = (await Promise.all(["_smtpd", "_smtpq", user].map(uidOf))).every((uid) => uid !== null);

/** Of a password that nobody knows. */
const yescrypt = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC";
/** With what swaks ends when it cannot log in. */
const swaksMayNot = 28;

async function change(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(usermod, [...args, user]);
  equal(code, 0, stderr);
}

Deno.test({
  name: "as root the system's users log in by /etc/shadow, which one role alone can read",
  ignore: Deno.uid() !== 0 || !hasAccounts || swaks === "" || usermod === "" || openssl === null,
  async fn() {
    await using made = await Certificates.make();
    await made.issue("main", { names: ["mx.test"] });
    const port = freePort();
    await using site = await Site.make((site) => [
      `pki main cert "${made.path("main", "crt")}" key "${made.path("main", "key")}"`,
      `listen on 127.0.0.1 port ${port} tls-require pki main auth`,
      ...site.localLines(),
      ...site.matchLocal(),
    ]);
    await Deno.chmod(site.dir, 0o755);
    const password = crypto.randomUUID();
    let client = 1;
    const login = async (secret: string): Promise<number> => {
      // Failures of one source are answered later and later.
      client++;
      const { code } = await runProgram(swaks, [
        ...["--server", "127.0.0.1", "--port", String(port), "--ehlo", "client.test", "--tls", "--quit-after", "AUTH"],
        ...[
          "--local-interface",
          `127.0.0.${client}`,
          "--auth",
          "PLAIN",
          "--auth-user",
          user,
          "--auth-password",
          secret,
        ],
      ]);
      return code;
    };
    const { stdout: hash } = await runProgram(openssl ?? "", ["passwd", "-6", "-stdin"], { stdin: `${password}\n` });
    match(hash, /^\$6\$/);
    try {
      const daemon = await site.start(["-v"], await publicPlace(site.dir));
      await change("--password", hash.trimEnd());
      equal(await login(password), 0);
      equal(await login("wrong"), swaksMayNot);
      await change("--lock");
      equal(await login(password), swaksMayNot, "a locked account");
      await change("--unlock");
      equal(await login(password), 0);
      await change("--expiredate", "1");
      equal(await login(password), swaksMayNot, "an expired account");
      await daemon.logs(/password-unusable .*the account has expired/);
      await change("--expiredate", "");
      await change("--password", yescrypt);
      equal(await login(password), swaksMayNot, "a hash that cannot be checked");
      await daemon.logs(/password-unusable .*yescrypt.*have passwd\(1\) store it as SHA-512/);
      equal(daemon.log.includes(password), false);
      await assertReaders(daemon.processes());
      await daemon.stop();
    } finally {
      await change("--password", "!", "--expiredate", "");
    }
  },
});

/** The verifier alone may read /etc/shadow, in Deno's eyes and in the system's. */
async function assertReaders(processes: readonly { readonly pid: number; readonly argv: readonly string[] }[]) {
  const { gid } = await Deno.stat("/etc/shadow");
  const smtpd = await uidOf("_smtpd");
  const roles = processes.filter(({ argv }) => argv.some((word) => /\/daemon\/main_\w+\.ts$/.test(word)));
  const readers = [];
  for (const { pid, argv } of roles) {
    const status = await statusOf(pid);
    const ids = (field: string) => (status.get(field) ?? "").split(/\s+/).filter((id) => id !== "").map(Number);
    const isAllowed = argv.some((word) => word.includes("/etc/shadow"));
    const isGroups = [...ids("Gid"), ...ids("Groups")].includes(gid ?? -1) || ids("Uid").includes(0);
    match(status.get("CapEff") ?? "", /^0+$/);
    if (isAllowed || isGroups) readers.push([argv.at(-1), isAllowed, isGroups, ids("Uid")[0]]);
  }
  equal(roles.length >= 5, true);
  // Where the file has no group of its own only root reads it.
  deepEqual(readers, [["verifier#system", true, true, gid === 0 ? 0 : smtpd]]);
}

import { equal, match, ok } from "node:assert/strict";
import { join } from "@std/path";
import { supervisorFlags } from "../../cli/smtpd_run.ts";
import { Site } from "../e2e/daemon.ts";
import { type Ended, runTask, taskArgs } from "../support/command.ts";
import { until } from "../support/wait.ts";

/** Runs smtpd from inside the site's folder, with relative paths. */
function smtpd(site: Site, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return runTask("smtpd", args, { cwd: site.dir, env });
}

/** Stops the daemon in the background and waits for its end. */
async function stopBackground(site: Site): Promise<void> {
  equal((await site.run("smtpctl", ["stop"])).code, 0);
  await until("the daemon ends", async () => (await site.run("smtpctl", ["show", "status"])).code === 1);
}

Deno.test("the daemon in the background has the rights of the task smtpd, and no others", () => {
  const flags = taskArgs("smtpd").filter((word) => word.startsWith("--"));
  equal([...supervisorFlags].sort().join(" "), flags.sort().join(" "));
});

Deno.test("smtpd goes to the background, with the caller's paths, macros and pauses, and runs on", async () => {
  await using site = await Site.make((site) => [
    ...site.localLines().map((line) => line.replace(`port ${site.port}`, "port $p")),
    ...site.matchLocal(),
  ]);
  const options = ["-f", "smtpd.conf", "-D", `p=${site.port}`, "-P", "mda", "-P", "mta", "--same-user"];
  const { code, stdout, stderr } = await smtpd(site, options, { SMTPD_STATE: "state" });
  equal(code, 0, stderr);
  equal(stdout, "");
  try {
    if (stderr !== "") {
      equal(stderr, `smtpd: runs in the background; there is no syslog, so it logs to ${site.state}/smtpd.log\n`);
      const log = join(site.state, "smtpd.log");
      await until(
        "the log has a line",
        async () => /^20\d\d-\d\d-\d\dT[\d:.]+Z smtpd: ready pid=\d+ /.test(await Deno.readTextFile(log)),
      );
      equal(((await Deno.stat(log)).mode ?? 0) & 0o777, 0o600);
    }
    match(
      (await site.run("smtpctl", ["show", "status"])).stdout,
      /^MDA paused\nMTA paused\nSMTP running\nconfiguration /,
    );
    const sent = await site.run("sendmail", ["-f", "ann@client.test", "bob@example.org"], "Subject: x\n\nHello\n");
    equal(sent.code, 0, sent.stderr);
    equal((await site.run("smtpctl", ["resume", "mda"])).code, 0);
    await site.delivered(1);
  } finally {
    await stopBackground(site);
  }
});

Deno.test("smtpd says at once that it cannot start in the background, and where to look", async () => {
  await using site = await Site.local();
  using _taken = Deno.listen({ hostname: "127.0.0.1", port: site.port });
  const started = performance.now();
  const { code, stderr } = await smtpd(site, ["-f", "smtpd.conf", "--state", "state", "--same-user"]);
  ok(performance.now() - started < 10_000, "it waited for the end of its patience");
  equal(code, 1);
  match(stderr, /^smtpd: it ended at once; see .*, or run smtpd -d to see why\n$/);
  const inFront = await smtpd(site, ["-d", "-f", "smtpd.conf", "--state", "state", "--same-user"]);
  equal(inFront.code, 1);
  equal(
    inFront.stderr,
    `smtpd: cannot-start reason="Cannot listen on 127.0.0.1 port ${site.port}: another program listens there; \`ss -ltnp sport = :${site.port}\` shows which: stop it, or change the \`listen\` line"\n`,
  );
});

Deno.test("a second smtpd on the same state is refused, and the first one runs on", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  for (const mode of [["-d"], []]) {
    const { code, stderr } = await smtpd(site, [...mode, "-f", "smtpd.conf", "--state", "state", "--same-user"]);
    equal(code, 1);
    equal(
      stderr,
      `smtpd: Cannot start: smtpd runs already and answers on ${site.state}/smtpd.sock; ` +
        "stop it with smtpctl stop, or use --state DIR\n",
    );
  }
  equal((await site.run("smtpctl", ["show", "status"])).code, 0);
  await daemon.stop();
});

Deno.test("smtpd -P smtp takes no mail at first, and a wrong system for -P is refused", async () => {
  await using site = await Site.local();
  const daemon = await site.start(["--same-user", "-P", "smtp"]);
  match(
    (await site.run("smtpctl", ["show", "status"])).stdout,
    /^MDA running\nMTA running\nSMTP paused\nconfiguration \/.*smtpd\.conf version 1, loaded \S+\n$/,
  );
  await daemon.stop();
  const { code, stderr } = await smtpd(site, ["-d", "-P", "mail", "-f", "smtpd.conf"]);
  equal(code, 1);
  match(stderr, /^smtpd: -P takes mda, mta or smtp, not mail\nusage: smtpd /);
});

import { deepEqual, equal, match } from "node:assert/strict";
import { until } from "../support/wait.ts";
import { Client } from "./client.ts";
import { kill, Site } from "./daemon.ts";

const message = "From: <ann@client.test>\r\nSubject: held\r\n\r\nBody\r\n";

async function sendOne(site: Site, to: readonly string[] = ["bob@example.org"]): Promise<void> {
  const client = await Client.open(site.port);
  await client.send("ann@client.test", to, message);
  await client.quit();
}

/** Resolves once new clients are greeted with `code`: smtp-in hears of a pause a moment after smtpctl does. */
async function greets(site: Site, code: number): Promise<void> {
  await until(`new clients hear ${code}`, async () => {
    using client = await Client.connect(site.port);
    return (await client.answer().catch(() => null))?.code === code;
  });
}

Deno.test("smtpctl holds deliveries, shows the queue, and lets them go", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  equal((await site.run("smtpctl", ["pause", "mda"])).code, 0);
  match(
    (await site.run("smtpctl", ["show", "status"])).stdout,
    /^MDA paused\nMTA running\nSMTP running\nconfiguration /,
  );
  await sendOne(site);
  const { stdout, code } = await site.run("smtpctl", ["show", "queue"]);
  equal(code, 0);
  const columns = stdout.trimEnd().split("|");
  equal(columns.length, 14, stdout);
  match(columns[0] ?? "", /^[0-9a-f]{16}$/);
  deepEqual(columns.slice(1, 7), ["inet4", "mda", "", "ann@client.test", "bob@example.org", "bob@example.org"]);
  const mailq = await site.run("mailq", []);
  equal(mailq.stdout.split("|")[0], columns[0]);
  const list = JSON.parse((await site.run("smtpctl", ["show", "queue", "--json"])).stdout);
  equal(JSON.stringify(list).includes(columns[0] ?? "?"), true);
  match((await site.run("smtpctl", ["show", "message", columns[0]?.slice(0, 8) ?? ""])).stdout, /\nSubject: held\r?\n/);
  match((await site.run("smtpctl", ["show", "envelope", columns[0] ?? ""])).stdout, /bob@example\.org/);
  equal(site.mail().length, 0);
  equal((await site.run("smtpctl", ["resume", "mda"])).code, 0);
  await site.delivered(1);
  await site.queueEmpties();
  await daemon.stop();
});

Deno.test("smtpctl removes what it is told to, and only that", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  await site.run("smtpctl", ["pause", "mda"]);
  await sendOne(site);
  await sendOne(site);
  const ids = (await site.run("smtpctl", ["show", "queue"])).stdout.trimEnd().split("\n").map((line) =>
    line.split("|")[0]
  );
  equal(ids.length, 2);
  equal((await site.run("smtpctl", ["remove", ids[0] ?? ""])).code, 0);
  equal((await site.run("smtpctl", ["remove", ids[0] ?? ""])).code === 0, false);
  const left = await site.run("smtpctl", ["show", "queue"]);
  equal(left.stdout.split("|")[0], ids[1]);
  await site.run("smtpctl", ["resume", "mda"]);
  equal((await site.delivered(1)).length, 1);
  await daemon.stop();
});

Deno.test("smtpctl explain says what becomes of mail, by the roles that decide it, and trace logs it", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const ask = ["--from", "ann@client.test", "--rcpt", "bob@example.org", "--src", "192.0.2.1"];
  const { code, stdout, stderr } = await site.run("smtpctl", ["explain", ...ask, "--json"]);
  equal(code, 0, stderr);
  const { answer, recipient } = JSON.parse(stdout);
  deepEqual(answer.envelopes.map((one: { kind: string; local: unknown }) => [one.kind, one.local]), [
    ["mda", { user: "bob", subAddress: "", exec: null }],
  ]);
  equal(recipient.text, "bob@example.org");
  const unknown = await site.run("smtpctl", ["explain", ...ask, "--listener", "nowhere"]);
  deepEqual([unknown.code, /There is no such listener; there are socket/.test(unknown.stderr)], [1, true]);
  equal((await site.run("smtpctl", ["trace", "rules"])).code, 0);
  await sendOne(site);
  await site.delivered(1);
  await daemon.logs(/trace-rules from=<ann@client\.test> to=<bob@example\.org> .* verdict=matched /);
  await daemon.stop();
});

Deno.test("smtpctl takes unique beginnings of words and names the choices otherwise", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  equal((await site.run("smtpctl", ["sh", "stat"])).code === 0, false);
  equal((await site.run("smtpctl", ["sh", "statu"])).code, 0);
  const wrong = await site.run("smtpctl", ["shwo", "queue"]);
  equal(wrong.code === 0, false);
  match(wrong.stderr, /show/);
  await daemon.stop();
});

Deno.test("smtpctl pauses taking mail: SMTP clients hear 421 and mail goes on after resume", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  equal((await site.run("smtpctl", ["pause", "smtp"])).code, 0);
  await greets(site, 421);
  equal((await site.run("smtpctl", ["resume", "smtp"])).code, 0);
  await greets(site, 220);
  await sendOne(site);
  await site.delivered(1);
  await daemon.stop();
});

Deno.test("what smtpctl paused stays paused when queue is killed", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  for (const what of ["mda", "smtp"]) equal((await site.run("smtpctl", ["pause", what])).code, 0);
  const before = daemon.role("queue").map(({ pid }) => pid);
  for (const pid of before) kill(pid);
  await until("queue answers again", async () => {
    const { code, stdout } = await site.run("smtpctl", ["show", "status"]);
    return code === 0 && stdout.startsWith("MDA paused\nMTA running\nSMTP paused\n");
  });
  equal(daemon.role("queue").some(({ pid }) => before.includes(pid)), false);
  await greets(site, 421);
  equal((await site.run("smtpctl", ["resume", "smtp"])).code, 0);
  await greets(site, 220);
  await sendOne(site);
  equal(site.mail().length, 0);
  equal((await site.run("smtpctl", ["resume", "mda"])).code, 0);
  await site.delivered(1);
  await daemon.stop();
});

Deno.test("smtpctl counts: show stats knows the delivery", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  await sendOne(site);
  await site.delivered(1);
  await site.queueEmpties();
  const { stdout } = await site.run("smtpctl", ["show", "stats"]);
  match(stdout, /^scheduler\.delivery\.ok=1$/m);
  match(stdout, /^uptime=\d+$/m);
  await daemon.stop();
});

Deno.test("smtpctl stop ends the daemon, and without one says what to do", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  equal((await site.run("smtpctl", ["stop"])).code, 0);
  equal((await daemon.ended()).code, 0);
  const gone = await site.run("smtpctl", ["show", "status"]);
  equal(gone.code, 1);
  match(gone.stderr, /smtpd/);
});

import { equal, match, ok } from "node:assert/strict";
import { join } from "@std/path";
import { Client } from "./client.ts";
import { Site } from "./daemon.ts";
import { Sink } from "./sink.ts";

const message = "From: <ann@client.test>\r\nTo: <bob@example.org>\r\nSubject: hello\r\n\r\nOne line\r\n.dot\r\n";

Deno.test("a message that comes by SMTP is in its Maildir, with its trace", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["bob@example.org"], message);
  await client.quit();
  const [text = ""] = await site.delivered(1);
  match(text, /^Return-Path: <ann@client\.test>\nDelivered-To: bob@example\.org\nReceived: from client\.test /);
  match(text, /\n\tby \S+ .*\(Postern\) with ESMTP id [0-9a-f]{8}\n\tfor <bob@example\.org>;\n/);
  ok(text.endsWith("Subject: hello\n\nOne line\n.dot\n"), text);
  equal(text.includes("\r"), false);
  const box = join(site.home("bob"), "Maildir");
  for (const folder of [".", "tmp", "new", "cur"]) equal((Deno.statSync(join(box, folder)).mode ?? 0) & 0o777, 0o700);
  equal([...Deno.readDirSync(join(box, "tmp"))].length, 0);
  await daemon.stop();
});

Deno.test("a message that comes by sendmail is in its Maildir", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const { code, stderr } = await site.run(
    "sendmail",
    ["-f", "ann@client.test", "-t", "-i"],
    "To: bob@example.org\nBcc: carl@example.org\nSubject: local\n\nHello\n.\nstill here\n",
  );
  // carl is nobody: a recipient that is refused is told at once.
  equal(code, 70, stderr);
  const again = await site.run(
    "sendmail",
    ["-fann@client.test", "-oi", "bob@example.org"],
    "Subject: local\n\nHello\n.\nend\n",
  );
  equal(again.code, 0, again.stderr);
  const [text = ""] = await site.delivered(1);
  match(text, /^Return-Path: <ann@client\.test>\n/);
  match(text, /\nMessage-ID: <.+>\n/i);
  match(text, /\nDate: .+\n/);
  ok(text.endsWith("\nHello\n.\nend\n"), text);
  await daemon.stop();
});

Deno.test("aliases lead to their users, tags to the user without the tag, and nobody to 550 5.1.1", async () => {
  await using site = await Site.make((site) => [
    ...site.localLines(["bob", "eve"]).slice(0, 2),
    `table aliases file:${site.dir}/aliases`,
    `action "local" maildir alias <aliases> userbase <users>`,
    ...site.matchLocal(),
  ], ["bob", "eve"]);
  await Deno.writeTextFile(join(site.dir, "aliases"), "sales: bob, eve\nroot: bob\n");
  const daemon = await site.start();
  const client = await Client.open(site.port);
  await client.command("MAIL FROM:<ann@client.test>", 250);
  await client.command("RCPT TO:<SALES@Example.ORG>", 250);
  await client.command("RCPT TO:<bob+list@example.org>", 250);
  const refused = await client.command("RCPT TO:<nobody@example.org>", 550);
  match(refused.lines.join("\n"), /^5\.1\.1 /);
  await client.command("DATA", 354);
  await client.write(message + ".\r\n");
  await client.expect(250);
  await client.quit();
  equal((await site.delivered(1, "eve")).length, 1);
  equal((await site.delivered(2, "bob")).length, 2);
  await daemon.stop();
});

Deno.test("a table that makemap built routes mail", async () => {
  await using site = await Site.make((site) => [
    ...site.localLines().slice(0, 2),
    `table aliases db:${site.dir}/aliases.db`,
    `action "local" maildir alias <aliases> userbase <users>`,
    ...site.matchLocal(),
  ]);
  await Deno.writeTextFile(join(site.dir, "aliases"), "postmaster: bob\n");
  const made = await site.run("makemap", ["-t", "aliases", join(site.dir, "aliases")]);
  equal(made.code, 0, made.stderr);
  const daemon = await site.start();
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["postmaster@example.org"], message);
  await client.quit();
  await site.delivered(1);
  await daemon.stop();
});

Deno.test("mail for elsewhere goes to the relay as it came, and its retry waits for schedule", async () => {
  using sink = new Sink((command) => command === "." ? "451 4.7.1 Later" : null);
  await using site = await Site.relaying(sink.port);
  const daemon = await site.start();
  const client = await Client.open(site.port);
  await client.send("bob@example.org", ["x@far.test", "y@far.test"], message);
  await client.quit();
  await daemon.logs(/451 4\.7\.1 Later/);
  equal(sink.messages.length, 0);
  sink.script = () => null;
  const scheduled = await site.run("smtpctl", ["schedule", "all"]);
  equal(scheduled.code, 0, scheduled.stderr);
  const [got] = await sink.received(1);
  equal(got?.from, "bob@example.org");
  equal([...got?.to ?? []].sort().join(" "), "x@far.test y@far.test");
  match(got?.data ?? "", /^Received: from client\.test /);
  ok(got?.data.endsWith(message), got?.data);
  await daemon.stop();
});

Deno.test("a relay's refusal for good comes back to the sender as a report", async () => {
  using sink = new Sink((command) => command.startsWith("RCPT TO:<x@") ? "550 5.1.1 No such person" : null);
  await using site = await Site.relaying(sink.port);
  const daemon = await site.start();
  const client = await Client.open(site.port);
  await client.send("bob@example.org", ["x@far.test", "y@far.test"], message);
  // A null sender is told nothing.
  await client.send("", ["x@far.test"], message);
  await client.quit();
  const [report = ""] = await site.delivered(1);
  match(report, /^Return-Path: <>\n/);
  match(report, /\nContent-Type: multipart\/report;/i);
  match(report, /\nFinal-Recipient: rfc822; ?x@far\.test\n/i);
  match(report, /\nAction: failed\n/i);
  match(report, /\nStatus: 5\.1\.1\n/i);
  match(report, /Diagnostic-Code: smtp; ?550 5\.1\.1 No such person/i);
  match(report, /\nSubject: hello\n/);
  equal((await sink.received(1))[0]?.to.join(), "y@far.test");
  // The queue empties: the report of a report that nobody may get is never made.
  await site.queueEmpties();
  equal(site.mail().length, 1);
  await daemon.stop();
});

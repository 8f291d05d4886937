/** Built-in filters and leniences in a real daemon: what clients are told, where junk goes, what the log and the counters
 * say. */

import { equal, match, ok } from "node:assert/strict";
import { until } from "../support/wait.ts";
import { Client } from "./client.ts";
import { Site } from "./daemon.ts";

const message = "From: <ann@client.test>\r\nSubject: x\r\n\r\nHello\r\n";

async function site(): Promise<Site> {
  return await Site.make((site) => {
    const [users = "", listen = ""] = site.localLines();
    return [
      users,
      'table "bad" { "spammer@bad.test" }',
      "smtp lenient no-brackets",
      "smtp lenient bare-lf from 127.0.0.1",
      'filter no-liar phase ehlo match helo { liar.test } reject "550 5.7.1 liar"',
      'filter from-bad phase mail-from match mail-from <bad> reject "550 5.7.1 no thanks"',
      'filter spam phase mail-from match mail-from regex { "^junk" } junk',
      'filter trap phase rcpt-to match rcpt-to { "trap@example.org" } disconnect "421 4.7.0 caught"',
      'filter seen phase rcpt-to match rdns { localhost } report "from here"',
      "filter all chain { no-liar, from-bad, spam, seen, trap }",
      `${listen} filter all`,
      'action "local" maildir junk userbase <users>',
      ...site.matchLocal(),
    ];
  });
}

async function junk(site: Site): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(`${site.home("bob")}/Maildir/.Junk/new`)) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.map((name) => Deno.readTextFileSync(`${site.home("bob")}/Maildir/.Junk/new/${name}`));
}

Deno.test("filters refuse, mark and report; quirks pass where they may; all of it is told", async () => {
  await using place = await site();
  const daemon = await place.start();
  const client = await Client.connect(place.port);
  await client.expect(220);
  await client.command("EHLO liar.test", 550);
  await client.command("EHLO client.test", 250);
  await client.command("MAIL FROM:<spammer@bad.test>", 550);
  await client.send("junk@client.test", ["bob@example.org"], message);
  await client.command("MAIL FROM:ann@client.test", 250);
  await client.command("RCPT TO:<bob@example.org>", 250);
  await client.write("DATA\n");
  await client.expect(354);
  await client.write("Subject: bare\n\nHello\n.\n");
  await client.expect(250);
  await client.command("MAIL FROM:<ann@client.test>", 250);
  await client.command("RCPT TO:<trap@example.org>", 421);
  client.close();
  const [plain = ""] = await place.delivered(1);
  match(plain, /^Subject: bare$/m);
  ok(!plain.includes("X-Spam"));
  await until("the junk is delivered", async () => (await junk(place)).length === 1);
  match((await junk(place))[0] ?? "", /^X-Spam: Yes\nReceived: from client\.test \(localhost \[127\.0\.0\.1\]\)/m);
  for (
    const pattern of [
      / smtp filter phase=ehlo filter=no-liar decision=reject subject=liar\.test result="550 5\.7\.1 liar"/,
      / smtp filter phase=mail-from filter=spam decision=junk subject=junk@client\.test/,
      / smtp filter phase=rcpt-to filter=seen decision=report subject=localhost message="from here"/,
      / smtp filter phase=rcpt-to filter=trap decision=disconnect /,
      / smtp lenient quirk=bare-lf/,
      / smtp connected address=127\.0\.0\.1 host=localhost/,
    ]
  ) await daemon.logs(pattern);
  await until("the counters are told", async () => {
    const { stdout } = await place.run("smtpctl", ["show", "stats"]);
    return /smtp\.lenient\.no-brackets=1\b/.test(stdout) && /smtp\.lenient\.bare-lf=2\b/.test(stdout);
  });
  const explained = await place.run("smtpctl", [
    ...["explain", "--from", "spammer@bad.test", "--rcpt", "bob@example.org", "--src", "127.0.0.1"],
  ]);
  equal(explained.code, 2, explained.stdout + explained.stderr);
  match(explained.stdout, /filter from-bad phase mail-from match mail-from <bad> reject/);
  await daemon.stop();
});

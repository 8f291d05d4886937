import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { includeLengthMax, openTables } from "../../lib/daemon/tables.ts";
import { noBackends } from "../support/backends.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDisk } from "../sim/disk.ts";
import { KeptLog, policyOf } from "./rig.ts";

const text = `
table aliases file:/etc/mail/aliases
table users { ann = 1001:100:/home/ann }
action "box" maildir userbase <users> alias <aliases>
match from any for any action "box"
`;
const withSystemUsers = 'action "box" maildir\nmatch from any for any action "box"\n';

async function open(config: string, files: Readonly<Record<string, string>>) {
  const disk = new FakeDisk();
  for (const [path, content] of Object.entries(files)) disk.plant(path, content);
  const clock = new FakeClock();
  const log = new KeptLog();
  return { disk, clock, log, tables: await openTables(policyOf(config), disk, clock, log.log, noBackends) };
}

Deno.test("openTables() opens every table of the configuration, of each kind", async () => {
  const { tables } = await open(text, { "/etc/mail/aliases": "root: ann\n" });
  equal(await tables.table("aliases").lookup("alias", "root"), "ann");
  equal(await tables.table("users").lookup("userinfo", "ann"), "1001:100:/home/ann");
  equal(await tables.table("<localnames>").check("domain", "mx.example.org"), true);
});

Deno.test("openTables() rejects when a file is missing, or makes no sense, and names it", async () => {
  await rejects(open(text, { "/etc/mail/other": "" }), /\/etc\/mail\/aliases/);
  await rejects(open(text, { "/etc/mail/aliases": "root ann\nbad\n" }), /\/etc\/mail\/aliases:2/);
});

Deno.test("openTables() reads system users only where an action looks them up", async () => {
  const unread = await open(text, { "/etc/mail/aliases": "" });
  equal(unread.disk.count("read", "/etc/passwd"), 0);
  await rejects(open(withSystemUsers, { "/etc/group": "" }), /\/etc\/passwd/);
  const { tables } = await open(withSystemUsers, {
    "/etc/passwd": "ann:x:1001:100:Ann:/home/ann:/bin/sh\n",
  });
  equal(await tables.table("<getpwnam>").lookup("userinfo", "ann"), "1001:100:/home/ann");
});

Deno.test("a table that the configuration has not is a mistake of ours", async () => {
  const { tables } = await open(text, { "/etc/mail/aliases": "" });
  for (const name of ["nothing", "constructor", "<getpwnam>"]) throws(() => tables.table(name), /Assertion failed/);
});

Deno.test("a changed file that cannot be read is in the log, and its old content stays", async () => {
  const { disk, clock, log, tables } = await open(withSystemUsers, {
    "/etc/passwd": "ann:x:1001:100:Ann:/home/ann:/bin/sh\n",
  });
  disk.plant("/etc/passwd", "bob:x:1002:100:Bob:/home/bob:/bin/sh\n");
  disk.faults = ({ op, path }) => op !== "stat" && path === "/etc/passwd" ? "io" : null;
  await clock.advance(2_000);
  equal(await tables.table("<getpwnam>").lookup("userinfo", "ann"), "1001:100:/home/ann");
  deepEqual(log.of("table").map(({ priority }) => priority), ["err"]);
  match(String(log.of("table")[0]?.fields["reason"]), /\/etc\/passwd/);
});

Deno.test("readInclude() gives the text of a file, null without one, and refuses a large one", async () => {
  const { tables } = await open(text, {
    "/etc/mail/aliases": "",
    "/etc/mail/list": "ann\nzoë\n",
    "/etc/mail/full": "x".repeat(includeLengthMax),
    "/etc/mail/large": "x".repeat(includeLengthMax + 1),
  });
  equal(await tables.readInclude("/etc/mail/list"), "ann\nzoë\n");
  equal(await tables.readInclude("/etc/mail/none"), null);
  equal((await tables.readInclude("/etc/mail/full"))?.length, includeLengthMax);
  await rejects(tables.readInclude("/etc/mail/large"), { kind: "malformed" });
});

Deno.test("readInclude() rejects when the file cannot be read: that is not an empty list", async () => {
  const { disk, tables } = await open(text, { "/etc/mail/aliases": "", "/etc/mail/list": "ann\n" });
  disk.faults = ({ path }) => path === "/etc/mail/list" ? "denied" : null;
  await rejects(tables.readInclude("/etc/mail/list"), { kind: "denied" });
});

Deno.test("an alias that makes no sense is told of and keeps no other entry back, at the start as later", async () => {
  const { disk, clock, log, tables } = await open(text, { "/etc/mail/aliases": "root: ann\nstaff: ann, bob!\n" });
  const told = () => log.of("table").map(({ fields }) => String(fields["reason"]));
  const wrong = /^\/etc\/mail\/aliases:2: .*bob!.*: mail for staff is answered 451$/;
  equal(told().length, 1);
  match(told()[0] ?? "", wrong);
  disk.plant("/etc/mail/aliases", "root: carl\nstaff: ann, bob!\n");
  await clock.advance(5_000);
  await tables.table("aliases").lookup("alias", "root");
  await clock.advance(2_000);
  equal(await tables.table("aliases").lookup("alias", "root"), "carl");
  equal(told().length, 2);
  disk.plant("/etc/mail/aliases", "root: dora\nstaff: ann, bob!\n");
  await tables.table("aliases").update();
  equal(await tables.table("aliases").lookup("alias", "root"), "dora");
  equal(told().length, 3);
  match(told()[2] ?? "", wrong);
});

Deno.test("a file whose entries are of the wrong shape stops the start, and is not taken later", async () => {
  const wrong = /table "<aliases>" may not be used for alias lookups/;
  await rejects(open(text, { "/etc/mail/aliases": "root\n" }), wrong);
  const { disk, tables } = await open(text, { "/etc/mail/aliases": "" });
  disk.plant("/etc/mail/aliases", "root\n");
  await rejects(tables.table("aliases").update(), wrong);
  disk.plant("/etc/mail/aliases", "root: ann\n");
  await tables.table("aliases").update();
  equal(await tables.table("aliases").lookup("alias", "root"), "ann");
});

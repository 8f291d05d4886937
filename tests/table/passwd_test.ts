import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import { parsePasswd, parseSystemPasswd, PasswdTable } from "../../lib/table/passwd.ts";
import { watchIntervalMs } from "../../lib/table/watch.ts";
import { testAskedTable } from "../contract/table.ts";
import { inFolder, replaceFile } from "../support/folder.ts";

const text = `root:x:0:0:root:/root:/bin/bash
# a comment
+@nis::::::
short:x:1:1
bob:x:1000:100:Bob,,,:/home/bob:/bin/sh
bob:x:1001:100:Bob again:/home/other:/bin/sh
bad:x:abc:1::/home/bad:/bin/sh
nohome:x:5:5:::/bin/sh
Caps:x:6:6::/home/caps:/bin/sh
`;

async function openTable(path: string, kind: "getpwnam" | "passwd" = "getpwnam") {
  const clock = { now: 0 };
  const reports: Fault[] = [];
  const table = await PasswdTable.open(hostDisk, {
    kind,
    name: "t",
    path,
    clock: { monotonic: () => clock.now, now: () => Date.now() + clock.now },
    report: (fault) => reports.push(fault),
  });
  return { table, clock, reports };
}

Deno.test("parseSystemPasswd() takes lines of seven fields, the first of each name", () => {
  assert.deepEqual([...parseSystemPasswd(text)].map(([name, line]) => `${name} ${line.split(":")[5]}`), [
    "root /root",
    "bob /home/bob",
    "nohome ",
    "Caps /home/caps",
  ]);
});

Deno.test("parsePasswd() takes six fields or more, skips comments, and names a line that is none", () => {
  const users = parsePasswd("/p", "# users\nAnn:h:1:2::/a\n\nbob:h:1:2::/b:/bin/sh:extra=1 # note\nann:i:3:4::/c\n");
  assert.deepEqual([...users], [["ann", "ann:i:3:4::/c"], ["bob", "bob:h:1:2::/b:/bin/sh:extra=1"]]);
  for (const bad of ["ann", "ann:h:1:2:/home", ":h:1:2::/home:"]) {
    assert.throws(() => parsePasswd("/p", `# one\n${bad}\n`), /^Fault: \/p:2: not name:password:uid:gid/);
  }
});

const users = "Bob:$6$x:1000:100:Bob:/home/bob:/bin/sh\nnopass::1:1::/n\nnoids:$6$y:::: /x\n";

testAskedTable(
  "passwd",
  [["credentials", "bob:$6$x"], ["userinfo", "1000:100:/home/bob"]],
  (run) =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/passwd`, users.replace("Bob:", "bob:"));
      await run((await openTable(`${folder}/passwd`, "passwd")).table);
    }),
);

Deno.test("PasswdTable of kind passwd: names in capitals are found and kept in credentials", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/passwd`, users);
    const { table } = await openTable(`${folder}/passwd`, "passwd");
    assert.equal(await table.lookup("credentials", "bob"), "Bob:$6$x");
    assert.equal(await table.check("string", "bob"), true);
    assert.equal(await table.check("string", "eve"), false);
    assert.equal(await table.lookup("credentials", "nopass"), null);
    assert.equal(await table.lookup("userinfo", "nopass"), "1:1:/n");
    await assert.rejects(table.lookup("userinfo", "noids"), /has no uid, gid and home/);
  }));

Deno.test("PasswdTable of kind passwd: a broken file stops the opening, and later keeps the old one", () =>
  inFolder(async (folder) => {
    const path = `${folder}/passwd`;
    await Deno.writeTextFile(path, "bad\n");
    await assert.rejects(openTable(path, "passwd"), /passwd:1: not name/);
    await Deno.writeTextFile(path, users);
    const { table, clock, reports } = await openTable(path, "passwd");
    await replaceFile(path, "bad\n");
    for (let i = 0; i < 2; i++) {
      clock.now += watchIntervalMs;
      assert.equal(await table.check("userinfo", "bob"), true);
    }
    assert.equal(reports.length, 1);
  }));

Deno.test("PasswdTable looks users up in lower case", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/passwd`, text);
    const { table } = await openTable(`${folder}/passwd`);
    assert.equal(table.shape, "dynamic");
    assert.equal(await table.lookup("userinfo", "BOB"), "1000:100:/home/bob");
    assert.equal(await table.check("userinfo", "root"), true);
    assert.equal(await table.check("userinfo", "eve"), false);
    assert.equal(await table.lookup("userinfo", "Caps"), null);
    table.close();
  }));

Deno.test("PasswdTable reads a changed file within its interval", () =>
  inFolder(async (folder) => {
    const path = `${folder}/passwd`;
    await Deno.writeTextFile(path, text);
    const { table, clock, reports } = await openTable(path);
    await replaceFile(path, `${text}eve:x:7:7::/home/eve:/bin/sh\n`);
    assert.equal(await table.lookup("userinfo", "eve"), null);
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("userinfo", "eve"), "7:7:/home/eve");
    await Deno.remove(path);
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("userinfo", "eve"), "7:7:/home/eve");
    assert.deepEqual(reports, []);
    await assert.rejects(table.update(), (error) => error instanceof Fault && error.kind === "notFound");
    assert.equal(await table.lookup("userinfo", "eve"), "7:7:/home/eve");
  }));

Deno.test("PasswdTable does not take a file that is being written for one without users", () =>
  inFolder(async (folder) => {
    const path = `${folder}/passwd`;
    await Deno.writeTextFile(path, text);
    const { table, clock, reports } = await openTable(path);
    await Deno.writeTextFile(path, "");
    clock.now += watchIntervalMs;
    const justNow = (Date.now() + clock.now - 100) / 1000;
    await Deno.utime(path, justNow, justNow);
    assert.equal(await table.lookup("userinfo", "bob"), "1000:100:/home/bob");
    await Deno.writeTextFile(path, `${text}eve:x:7:7::/home/eve:/bin/sh\n`);
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("userinfo", "eve"), "7:7:/home/eve");
    assert.deepEqual(reports, []);
    await Deno.writeTextFile(path, "");
    await table.update();
    assert.equal(await table.lookup("userinfo", "bob"), null);
  }));

Deno.test("PasswdTable reports a changed file that it cannot read, and keeps what it has", () =>
  inFolder(async (folder) => {
    const path = `${folder}/passwd`;
    await Deno.writeTextFile(path, text);
    const { table, clock, reports } = await openTable(path);
    await Deno.remove(path);
    await Deno.mkdir(path);
    clock.now += watchIntervalMs;
    assert.equal(await table.lookup("userinfo", "root"), "0:0:/root");
    assert.equal(reports.length, 1);
  }));

Deno.test("PasswdTable faults on services other than userinfo", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/passwd`, text);
    const { table } = await openTable(`${folder}/passwd`);
    const isOurs = (error: unknown) => error instanceof Fault && error.kind === "unavailable" && error.blame === "ours";
    await assert.rejects(table.check("alias", "root"), isOurs);
    await assert.rejects(table.fetch("userinfo"), isOurs);
  }));

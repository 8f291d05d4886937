import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import { parsePasswd, PasswdTable } from "../../lib/table/passwd.ts";
import { watchIntervalMs } from "../../lib/table/watch.ts";
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

async function openTable(path: string) {
  const clock = { now: 0 };
  const reports: Fault[] = [];
  const table = await PasswdTable.open(hostDisk, "<getpwnam>", path, () => clock.now, (fault) => reports.push(fault));
  return { table, clock, reports };
}

Deno.test("parsePasswd() takes lines of seven fields, the first of each name", () => {
  assert.deepEqual(
    [...parsePasswd(text)],
    [["root", "0:0:/root"], ["bob", "1000:100:/home/bob"], ["nohome", "5:5:"], ["Caps", "6:6:/home/caps"]],
  );
});

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

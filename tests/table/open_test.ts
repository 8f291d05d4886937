import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import type { Disk } from "../../lib/port.ts";
import { openTable, passwdPath } from "../../lib/table/open.ts";
import type { TableSpec } from "../../lib/table/table.ts";
import { writeCdb } from "../support/cdb.ts";
import { inFolder } from "../support/folder.ts";

const options = { subAddressDelimiter: "-", monotonic: () => 0, report: () => {} };

Deno.test("openTable() opens each kind", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "bob one\n");
    await writeCdb(`${folder}/cdb`, [["bob", "one"]]);
    await Deno.writeTextFile(`${folder}/passwd`, "bob:x:1:2::/home/bob:/bin/sh\n");
    const disk: Disk = {
      ...hostDisk,
      open: (path, how) => hostDisk.open(path === passwdPath ? `${folder}/passwd` : path, how),
    };
    const specs: readonly TableSpec[] = [
      { kind: "static", name: "t", shape: "map", entries: [["bob", "one"]] },
      { kind: "file", name: "t", path: `${folder}/file` },
      { kind: "cdb", name: "t", path: `${folder}/cdb` },
    ];
    for (const spec of specs) {
      const table = await openTable(spec, disk, options);
      assert.equal(table.name, "t");
      assert.equal(await table.lookup("alias", "bob"), "one", spec.kind);
      assert.equal(await table.check("mailaddr", "bob-tag@a.test"), true, spec.kind);
      assert.equal(await table.check("mailaddr", "bob+tag@a.test"), false, spec.kind);
      table.close();
    }
    const users = await openTable({ kind: "getpwnam", name: "<getpwnam>" }, disk, options);
    assert.equal(await users.lookup("userinfo", "bob"), "1:2:/home/bob");
    users.close();
  }));

Deno.test("openTable() faults when the file is not there", () =>
  inFolder(async (folder) => {
    for (const kind of ["file", "cdb"] as const) {
      await assert.rejects(
        openTable({ kind, name: "t", path: `${folder}/none` }, hostDisk, options),
        (error) => error instanceof Fault && error.kind === "notFound",
      );
    }
  }));

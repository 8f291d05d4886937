import { deepEqual, equal, ok } from "node:assert/strict";
import { checkGrant } from "../../lib/daemon/grant_check.ts";
import { denoFlags } from "../../lib/daemon/grant_flags.ts";
import { processWith, relayTo, rowOf, rows, servers } from "./privilege_rig.ts";

Deno.test("checkGrant() finds a server that is missing, and one too many", () => {
  const flags = denoFlags(servers);
  const less = flags.map((flag) => flag.replace("db.example.org:5432,", ""));
  deepEqual(checkGrant(servers, processWith(less)), ["net db.example.org:5432 is missing"]);
  const more = flags.map((flag) => flag.replace("db.example.org:5432,", "$&db.example.org:25,"));
  deepEqual(checkGrant(servers, processWith(more)), ["net db.example.org:25 is held but not in its row"]);
});

Deno.test("checkGrant() is content with a process that was started with the flags of its row", () => {
  for (const row of rows) deepEqual(checkGrant(row, processWith(denoFlags(row))), [], row.role);
});

Deno.test("checkGrant() finds each right that is missing", () => {
  for (const row of rows) {
    const flags = denoFlags(row);
    for (const flag of flags.filter((one) => one.startsWith("--allow-"))) {
      const faults = checkGrant(row, processWith(flags.filter((one) => one !== flag)));
      ok(faults.length > 0 && faults.every((fault) => fault.endsWith("is missing")), `${row.role} ${flag}: ${faults}`);
    }
  }
});

Deno.test("checkGrant() finds each right too many", () => {
  const more = ["read", "write", "run", "env", "sys", "ffi", "import"].map((name) => `--allow-${name}`);
  const narrow = ["--allow-read=/etc", "--allow-write=/etc", "--allow-read=/home", "--allow-run=/bin/sh"];
  for (const row of rows) {
    for (const flag of [...more, ...narrow].filter((one) => !denoFlags(row).includes(one))) {
      const faults = checkGrant(row, processWith([flag, ...denoFlags(row)]));
      ok(faults.some((fault) => fault.endsWith("held but not in its row")), `${row.role} ${flag}: ${faults}`);
    }
    if (row.net.kind === "out") continue;
    ok(checkGrant(row, processWith(["--allow-net", ...denoFlags(row)])).length > 0, `${row.role} net`);
  }
});

Deno.test("checkGrant() finds a denied range that is open, and an exception that is not", () => {
  const row = rowOf("delivery", relayTo("10.0.0.25"), { resolvers: ["127.0.0.53"] });
  const flags = denoFlags(row);
  const deny = flags.find((flag) => flag.startsWith("--deny-net="))!;
  const ranges = deny.slice("--deny-net=".length).split(",");
  ok(ranges.length > 40);
  for (const range of ranges) {
    const less = flags.map((flag) => flag === deny ? `--deny-net=${ranges.filter((one) => one !== range)}` : flag);
    equal(checkGrant(row, processWith(less)).length, 1, range);
  }
  const whole = flags.map((flag) => flag === deny ? `${deny},10.0.0.0/8` : flag);
  deepEqual(checkGrant(row, processWith(whole)), ["net 10.0.0.25:25 is missing"]);
});

Deno.test("checkGrant() is not content with a process that holds everything, or nothing", () => {
  for (const row of rows) ok(checkGrant(row, () => true).length > 5, row.role);
  const needy = rows.filter((row) => row.role !== "smtp-in" && !(row.role === "lookup" && row.read.length === 0));
  for (const row of needy) ok(checkGrant(row, () => false).length > 0, row.role);
});

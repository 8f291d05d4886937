/** Postfix's postmap reads our maps as its type cdb, and we read what postmap and postalias made. */

import { equal } from "node:assert/strict";
import { join } from "@std/path";
import { hostDisk } from "../../lib/host/disk.ts";
import { openTable } from "../../lib/table/open.ts";
import { noBackends } from "../support/backends.ts";
import { type Ended, runProgram, runTask } from "../support/command.ts";
import { inFolder } from "../support/folder.ts";
import { findPostfix, findProgram } from "../support/programs.ts";

const options = {
  subAddressDelimiter: "+",
  clock: { monotonic: () => 0, now: () => 0 },
  report: () => {},
  ...noBackends,
};
const unpacked = findPostfix();
const installed = findProgram("postmap");

/** Runs one of Postfix's programs with a configuration of its own in `folder`. */
async function postfix(folder: string, name: string, args: readonly string[], stdin = ""): Promise<Ended> {
  const config = join(folder, "postfix");
  await Deno.mkdir(config, { recursive: true });
  // postconf(5) wants accounts that differ; nothing is delivered here.
  const lines = ["compatibility_level = 3.6", "mail_owner = daemon", "setgid_group = mail", "default_privs = nobody"];
  // Without these it asks the DNS for the name of this machine, and waits.
  lines.push("myhostname = mail.test", "mynetworks = 127.0.0.1/32", "inet_interfaces = 127.0.0.1");
  if (unpacked !== null) {
    lines.push(`shlib_directory = ${unpacked.libraries}`, `meta_directory = ${config}`, `queue_directory = ${folder}`);
    lines.push(`daemon_directory = ${unpacked.daemons}`, `command_directory = ${unpacked.programs}`);
    const plugin = join(unpacked.libraries, "postfix-cdb.so");
    await Deno.writeTextFile(join(config, "dynamicmaps.cf"), `cdb ${plugin} dict_cdb_open mkmap_cdb_open\n`);
  }
  const file = join(config, "main.cf");
  await Deno.writeTextFile(file, `${lines.join("\n")}\n`);
  // A file that is younger than two seconds may still be written to: Postfix would wait.
  await Deno.utime(file, 0, 0);
  const program = unpacked === null ? findProgram(name) ?? name : join(unpacked.programs, name);
  return await runProgram(program, ["-c", config, ...args], {
    cwd: folder,
    stdin,
    env: unpacked === null ? {} : { LD_LIBRARY_PATH: unpacked.libraries },
  });
}

async function hasCdb(): Promise<boolean> {
  if (unpacked === null && installed === null) return false;
  return await inFolder(async (folder) =>
    (await postfix(folder, "postconf", ["-m"])).stdout.split("\n").includes("cdb")
  );
}

const ignore = !await hasCdb();
const needs = ignore ? " (needs the packages postfix and postfix-cdb)" : "";

Deno.test({
  name: `postmap -q reads what makemap made${needs}`,
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const entries = Array.from({ length: 300 }, (_, i) => [`user${i}`, `target${i}@example.org`] as const);
      await Deno.writeTextFile(`${folder}/al`, entries.map(([key, value]) => `${key}: ${value}\n`).join(""));
      equal((await runTask("makemap", ["-t", "aliases", "-o", `${folder}/al.cdb`, `${folder}/al`])).code, 0);
      const one = await postfix(folder, "postmap", ["-q", "user7", "cdb:al"]);
      equal(one.stdout, "target7@example.org\n", one.stderr);
      equal((await postfix(folder, "postmap", ["-q", "nobody", "cdb:al"])).code, 1);
      const keys = [...entries.map(([key]) => key), "nobody"].map((key) => `${key}\n`).join("");
      const all = await postfix(folder, "postmap", ["-q", "-", "cdb:al"], keys);
      equal(all.stdout, entries.map(([key, value]) => `${key}\t${value}\n`).join(""));
    }),
});

Deno.test({
  name: `a table reads what postmap and postalias made${needs}`,
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/map`, "bob carl@example.org\n.example.org relay\n");
      await Deno.writeTextFile(`${folder}/al`, 'Root: ann, "|prog, with comma"\nann: ann@example.org\n');
      for (const [program, name] of [["postmap", "map"], ["postalias", "al"]] as const) {
        const made = await postfix(folder, program, [`cdb:${name}`]);
        equal(made.code, 0, made.stderr);
      }
      const open = (name: string) => openTable({ kind: "cdb", name, path: `${folder}/${name}.cdb` }, hostDisk, options);
      const map = await open("map");
      equal(await map.lookup("string", "BOB"), "carl@example.org");
      equal(await map.lookup("string", ".example.org"), "relay");
      equal(await map.lookup("string", "eve"), null);
      map.close();
      const aliases = await open("al");
      equal(await aliases.lookup("alias", "root"), 'ann, "|prog, with comma"');
      equal(await aliases.lookup("alias", "ann"), "ann@example.org");
      aliases.close();
    }),
});

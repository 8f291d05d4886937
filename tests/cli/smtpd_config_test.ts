import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "@std/path";
import {
  helperDirectories,
  isProgram,
  loadConfiguration,
  parseConfiguration,
  tableHelper,
} from "../../cli/smtpd_config.ts";

async function load(text: string, macros: ReadonlyMap<string, string> = new Map()) {
  const path = join(await Deno.makeTempDir(), "smtpd.conf");
  await Deno.writeTextFile(path, text);
  return await loadConfiguration(path, macros);
}

Deno.test("loadConfiguration() resolves interfaces, /etc/hosts and macros of this machine", async () => {
  const text = 'listen on localhost port $p\naction "a" relay\nmatch for any action "a"\n';
  const loaded = await load(text, new Map([["p", "2525"]]));
  ok(loaded.kind === "ok");
  ok(loaded.policy.listeners.some((one) => one.kind === "inet" && one.address === "127.0.0.1" && one.port === 2525));
  ok(loaded.policy.serverName.length > 0);
});

Deno.test("loadConfiguration() says why a file cannot be read", async () => {
  const loaded = await loadConfiguration(join(await Deno.makeTempDir(), "none.conf"), new Map());
  ok(loaded.kind === "errors");
  match(loaded.errors[0]?.message ?? "", /no such file/);
});

Deno.test("parseConfiguration() gives what stands there, with files that it includes, whatever this machine is like", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "smtpd.conf");
  await Deno.writeTextFile(path, 'listen on nowhere0\ninclude "more.conf"\n');
  await Deno.writeTextFile(join(folder, "more.conf"), 'queue directory "/q"\n');
  const { directives, problems, isAbsent } = parseConfiguration(path);
  deepEqual([directives.map(({ kind }) => kind), problems, isAbsent], [["listen", "queue-directory"], [], false]);
  await Deno.remove(join(folder, "more.conf"));
  const broken = parseConfiguration(path);
  deepEqual([broken.problems.length, broken.isAbsent], [1, false]);
  equal(parseConfiguration(join(folder, "none.conf")).isAbsent, true);
});

Deno.test("isProgram() is true of files that may be executed, and of nothing else", async () => {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "file");
  await Deno.writeTextFile(file, "#!/bin/sh\n", { mode: 0o644 });
  deepEqual(["/bin/sh", file, folder, join(folder, "none"), join(file, "below")].map(isProgram), [
    true,
    false,
    false,
    false,
    false,
  ]);
  await Deno.chmod(file, 0o755);
  equal(isProgram(file), true);
});

Deno.test("tableHelper() finds no program that is not there, and no directory in place of one", () => {
  equal(tableHelper("no-such-kind-of-table"), null);
  for (const directory of helperDirectories) ok(directory.startsWith("/usr/"), directory);
});

Deno.test("loadConfiguration() reads the settings of a database", async () => {
  const settings = join(await Deno.makeTempDir(), "sqlite.conf");
  await Deno.writeTextFile(settings, "dbpath /var/db/mail.sqlite\nquery_domain SELECT 1 FROM d WHERE n = ?\n");
  const loaded = await load(`table t sqlite:${settings}\nmatch reject\n`);
  ok(loaded.kind === "ok");
  const table = loaded.policy.tables["t"];
  deepEqual(table?.kind === "sqlite" && table.settings[0], ["dbpath", "/var/db/mail.sqlite"]);
});

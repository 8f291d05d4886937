import { equal, match, ok } from "node:assert/strict";
import { join } from "@std/path";
import { configPaths, defaultConfigPath, loadConfiguration } from "../../cli/smtpd_config.ts";

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

Deno.test("defaultConfigPath() is one of the usual places", () => {
  equal(configPaths.some((path) => path === defaultConfigPath()), true);
});

import { equal, match, ok } from "node:assert/strict";
import { printGrants } from "../../cli/smtpd_grants.ts";
import type { Premises } from "../../lib/daemon/privilege.ts";
import { loadConfiguration } from "../../cli/smtpd_config.ts";
import { programSpec } from "../../lib/table/spec.ts";

const text = `table users { bob = "1000:1000:/home/bob" }
listen on 127.0.0.1 port 2525
action "local" maildir "/var/vmail/%{dest.domain}/%{dest.user}" userbase <users>
action "out" relay host "smtp://127.0.0.1:2626"
match from any for domain "example.org" action "local"
match for any action "out"
`;
const premises: Premises = { spool: "/s/spool", state: "/s", accounts: null, includes: [], resolvers: [] };

async function grants(json: boolean): Promise<string> {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, text);
  const loaded = await loadConfiguration(path, new Map());
  ok(loaded.kind === "ok");
  const helped = programSpec("helped", "/usr/libexec/table-x", null);
  return printGrants({ ...loaded.policy, tables: { ...loaded.policy.tables, helped } }, premises, json);
}

Deno.test("printGrants() shows each role, an agent's directory, and ranges with their exceptions", async () => {
  const table = await grants(false);
  for (const role of ["queue", "lookup", "delivery", "smtp-in", "table-host", "agent"]) {
    match(table, new RegExp(`^${role}$`, "m"));
  }
  match(table, /\/var\/vmail/);
  match(table, /^ {2}run {6}\/usr\/libexec\/table-x$/m);
  match(table, /127\.0\.0\.0\/8, except 127\.0\.0\.1/);
});

Deno.test("printGrants() gives the flags of Deno as JSON", async () => {
  const rows: { role: string; flags: string[] }[] = JSON.parse(await grants(true));
  equal(rows.find((row) => row.role === "queue")?.flags.includes("--allow-read=/s/spool"), true);
});

Deno.test("printGrants() lays ranges out one a line, while the flags split them around what is let through", async () => {
  const lines = (await grants(false)).split("\n");
  const at = lines.indexOf("  network  connect to any address but");
  ok(at > 0, lines.join("\n"));
  equal(lines[at + 1], "             127.0.0.0/8, except 127.0.0.1");
  equal(lines[at + 2], "             10.0.0.0/8");
  const rows: { role: string; flags: string[] }[] = JSON.parse(await grants(true));
  const denied = rows.find((row) => row.role === "delivery")?.flags.find((flag) => flag.startsWith("--deny-net=")) ??
    "";
  const ranges = denied.slice("--deny-net=".length).split(",");
  ok(ranges.includes("127.0.0.0/32") && ranges.includes("127.0.0.2/31") && ranges.includes("10.0.0.0/8"), denied);
  equal(ranges.some((range) => range === "127.0.0.0/8" || range.startsWith("127.0.0.1/")), false);
  equal(ranges.filter((range) => range.startsWith("127.")).length, 24);
});

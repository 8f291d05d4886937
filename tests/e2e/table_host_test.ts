/** A table behind a real helper, asked through the real daemon, with a helper that dies, hangs and talks nonsense. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "@std/path";
import { anyAlive } from "../support/processes.ts";
import { until } from "../support/wait.ts";
import { Client } from "./client.ts";
import { type Daemon, kill, Site } from "./daemon.ts";

/** Speaks smtpd-tables(7). Beside it stand its entries (`key: value`), and how it is to behave. */
const script = `#!/bin/sh
dir=\${0%/*}
echo "helper of $dir starts" >&2
echo $$ > "$dir/pid"
while read -r line && [ "$line" != "config|ready" ]; do :; done
printf 'register|alias\\nregister|string\\nregister|ready\\n'
while IFS='|' read -r _table _version _time _name op service id key; do
  case $(cat "$dir/mode") in
    slow) read -r _never < "$dir/fifo" ;;
    garbage) echo "what?"; continue ;;
  esac
  if [ "$op" = update ]; then echo "update-result|$service|ok"; echo updated >&2; continue; fi
  value=$(sed -n "s/^$key: //p" "$dir/entries")
  if [ -z "$value" ]; then echo "$op-result|$id|not-found"
  elif [ "$op" = check ]; then echo "check-result|$id|found"
  else echo "lookup-result|$id|found|$value"
  fi
done
`;

/** A site whose aliases are the helper's. */
async function helpedSite(): Promise<Site> {
  const site = await Site.make((site) => [
    `table aliases "proc:${site.dir}/helper"`,
    ...site.localLines().map((line) => line.replace("userbase", "alias <aliases> userbase")),
    ...site.matchLocal(),
  ]);
  await Deno.writeTextFile(join(site.dir, "helper"), script, { mode: 0o755 });
  await Deno.writeTextFile(join(site.dir, "entries"), "root: bob\n");
  await behave(site, "well");
  return site;
}

/** Changes how the helper behaves from the next question on. */
async function behave(site: Site, mode: "well" | "slow" | "garbage"): Promise<void> {
  await Deno.writeTextFile(join(site.dir, "mode.new"), mode);
  await Deno.rename(join(site.dir, "mode.new"), join(site.dir, "mode"));
}

const helperPid = (site: Site) => Number(Deno.readTextFileSync(join(site.dir, "pid")));

/** What a client hears for a recipient. Each name is asked for once only: answers are remembered. */
async function replyFor(site: Site, rcpt: string): Promise<number> {
  const client = await Client.open(site.port);
  await client.command("MAIL FROM:<ann@client.test>", 250);
  const { code } = await client.command(`RCPT TO:<${rcpt}@example.org>`);
  await client.quit();
  return code;
}

/** Resolves once mail for the alias `name` is taken again. */
async function recovers(site: Site, daemon: Daemon, name: string): Promise<void> {
  let last = 0;
  try {
    await until(`${name} is taken`, async () => (last = await replyFor(site, name)) === 250, { everyMs: 50 });
  } catch (error) {
    throw new Error(`${error}; last reply ${last}; log:\n${daemon.log}`);
  }
}

Deno.test("a helper answers for the aliases of the daemon, which logs what it says", async () => {
  await using site = await helpedSite();
  const daemon = await site.start();
  await recovers(site, daemon, "root");
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["Root@example.org", "bob@example.org"], "Subject: x\r\n\r\nHello\r\n");
  equal((await client.command("RSET")).code, 250);
  await client.quit();
  await site.delivered(1);
  equal(await replyFor(site, "nobody"), 550);
  await daemon.logs(/helper-says table=aliases text="helper of \S+ starts"/);
  await daemon.logs(/helper-ready table=aliases services=alias,string/);
  equal(daemon.role("table-host").length, 1);
  const pid = helperPid(site);
  await daemon.stop();
  await until("the helper ends with the daemon", () => !anyAlive([pid]));
});

Deno.test("smtpctl update table reaches the helper and empties the memory of its answers", async () => {
  await using site = await helpedSite();
  const daemon = await site.start();
  await recovers(site, daemon, "root");
  equal(await replyFor(site, "info"), 550);
  await Deno.writeTextFile(join(site.dir, "entries"), "root: bob\ninfo: bob\n");
  const { code, stderr } = await site.run("smtpctl", ["update", "table", "aliases"]);
  deepEqual({ code, stderr }, { code: 0, stderr: "" });
  equal(await replyFor(site, "info"), 250);
  await daemon.logs(/helper-says table=aliases text=updated/);
  await daemon.stop();
});

Deno.test("kill -9 of the helper, and of its host: senders hear 4xx at most, and all is well soon", async () => {
  await using site = await helpedSite();
  await Deno.writeTextFile(join(site.dir, "entries"), "a: bob\nb: bob\nc: bob\n");
  const daemon = await site.start();
  await recovers(site, daemon, "a");
  const first = helperPid(site);
  kill(first);
  const meanwhile = await replyFor(site, "b");
  ok(meanwhile === 250 || Math.floor(meanwhile / 100) === 4, String(meanwhile));
  await recovers(site, daemon, "b");
  const second = helperPid(site);
  ok(second !== first);
  await daemon.logs(/helper-failed table=aliases reason="it ended with SIGKILL"/);
  const [host] = daemon.role("table-host");
  ok(host);
  kill(host.pid);
  await recovers(site, daemon, "c");
  await until("the helper ends with its host", () => !anyAlive([second]));
  await daemon.logs(/role-died role=table-host#aliases/);
  await daemon.stop();
});

Deno.test("a helper that talks nonsense or hangs is ended and started again: 4xx meanwhile, never 5xx", async () => {
  await using site = await helpedSite();
  await Deno.writeTextFile(join(site.dir, "entries"), "a: bob\nb: bob\nc: bob\n");
  equal((await new Deno.Command("mkfifo", { args: [join(site.dir, "fifo")] }).output()).code, 0);
  const daemon = await site.start();
  await recovers(site, daemon, "a");
  await behave(site, "garbage");
  equal(await replyFor(site, "b"), 451);
  await daemon.logs(/helper-failed table=aliases reason="it answers something else than it was asked/);
  await behave(site, "well");
  await recovers(site, daemon, "b");
  await behave(site, "slow");
  equal(await replyFor(site, "c"), 451);
  await daemon.logs(/helper-failed table=aliases reason="it took longer than 5 s to answer"/);
  await behave(site, "well");
  await recovers(site, daemon, "c");
  equal(daemon.role("lookup").length, 1);
  await daemon.stop();
});
